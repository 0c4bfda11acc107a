//! An id of a connection, as it is looked up.

/// The store makes ids of 16 random bytes. As these they are compared where they stand, and not at another place in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Made([u8; 16]),
    /// Any other id.
    Other(Box<str>),
}

impl Key {
    pub(super) fn of(id: &str) -> Self {
        match made(id) {
            Some(bytes) => Self::Made(bytes),
            None => Self::Other(id.into()),
        }
    }
}

/// The bytes that an id was made of. Digits in upper case are none of ours, or two ids would have one key.
fn made(id: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = id.strip_prefix(super::PREFIX)?.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut all = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        all |= high | low;
        *byte = high << 4 | low;
    }
    (all < 16).then_some(bytes)
}

/// The value of each character that is a digit; of all others one that no digit has.
const DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::new_id;

    #[test]
    fn an_id_that_the_store_makes_has_a_short_key() {
        let id = new_id("conn");
        assert!(matches!(Key::of(&id), Key::Made(_)), "{id}");
        for other in ["", "conn_", "conn_1", "acme", &id[1..], &id.to_uppercase()] {
            assert!(matches!(Key::of(other), Key::Other(_)), "{other}");
        }
    }

    proptest! {
        /// Covers: tenant-cache
        #[test]
        fn two_ids_never_have_one_key(
            one in "(conn_)?[0-9a-fA-F]{30,34}|conn_[0-9a-g/:@G`]{32}|.*",
            at in any::<prop::sample::Index>(),
            to in "[0-9a-fA-F/:@G`é]?",
        ) {
            let mut other = one.clone();
            let ends: Vec<_> = one.char_indices().map(|(at, it)| at..at + it.len_utf8()).collect();
            if !ends.is_empty() {
                other.replace_range(ends[at.index(ends.len())].clone(), &to);
            }
            prop_assert_eq!(Key::of(&one) == Key::of(&other), one == other);
        }
    }
}
