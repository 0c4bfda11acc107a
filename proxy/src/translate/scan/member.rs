//! Objects of which some members are wanted.

use super::{Scan, Stop};

/// An object of which some members are wanted.
pub trait Native<'a>: Default + 'a {
    /// The members, in the order in which they are likely to come: one that comes behind the one before it is known at a
    /// glance. Any order is right, and none is relied upon.
    const MEMBERS: &'a [Member<'a, Self>];
}

/// Takes the value of a member, exactly one.
pub type Take<'a, T> = fn(&mut T, &mut Scan<'a>) -> Result<(), Stop>;

/// A member that is wanted: its name, and what takes its value.
#[derive(Debug)]
pub struct Member<'a, T> {
    pub(super) name: &'static str,
    pub(super) take: Take<'a, T>,
    glance: Glance,
}

impl<'a, T> Member<'a, T> {
    pub const fn new(name: &'static str, take: Take<'a, T>) -> Self {
        Self {
            name,
            take,
            glance: Glance::at(name.as_bytes()),
        }
    }

    /// How many bytes the key and its colon take, if they stand here in the shortest way; none where that is not known.
    #[inline]
    pub(super) fn stands_at(&self, text: &[u8]) -> Option<usize> {
        let next = text.first_chunk()?;
        self.glance.is_of(next).then_some(self.name.len() + 3)
    }
}

/// How many bytes are looked at together.
const WIDTH: usize = 32;

/// `"name":` as words that are compared at once, without a loop or a branch.
#[derive(Debug)]
struct Glance {
    words: [u64; WIDTH / 8],
    /// The bytes of the words that count.
    counts: [u64; WIDTH / 8],
}

impl Glance {
    /// A name that is too long looks like nothing.
    const fn at(name: &[u8]) -> Self {
        let mut text = [0; WIDTH];
        let mut counts = [0; WIDTH];
        if name.len() + 3 > WIDTH {
            return Self {
                words: [1; WIDTH / 8],
                counts: [0; WIDTH / 8],
            };
        }
        text[0] = b'"';
        let mut at = 0;
        while at < name.len() {
            text[at + 1] = name[at];
            at += 1;
        }
        text[at + 1] = b'"';
        text[at + 2] = b':';
        let mut at = 0;
        while at < name.len() + 3 {
            counts[at] = 0xff;
            at += 1;
        }
        Self {
            words: words(&text),
            counts: words(&counts),
        }
    }

    #[inline]
    fn is_of(&self, next: &[u8; WIDTH]) -> bool {
        let next = words(next);
        let mut other = 0;
        for (at, word) in next.iter().enumerate() {
            other |= (word & self.counts[at]) ^ self.words[at];
        }
        other == 0
    }
}

const fn words(bytes: &[u8; WIDTH]) -> [u64; WIDTH / 8] {
    let (words, _) = bytes.as_chunks::<8>();
    [
        u64::from_le_bytes(words[0]),
        u64::from_le_bytes(words[1]),
        u64::from_le_bytes(words[2]),
        u64::from_le_bytes(words[3]),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stands(name: &'static str, text: &str) -> Option<usize> {
        let member: Member<'_, ()> = Member::new(name, |(), _| Ok(()));
        member.stands_at(text.as_bytes())
    }

    #[test]
    fn a_key_is_known_when_enough_follows() {
        let rest = " ".repeat(WIDTH);
        assert_eq!(stands("id", &format!("\"id\":{rest}")), Some(5));
        assert_eq!(stands("id", "\"id\":7}"), None);
        let longest = "a234567890123456789012345678b";
        assert_eq!(stands(longest, &format!("\"{longest}\":{rest}")), Some(32));
        let longer = "a2345678901234567890123456789b";
        assert_eq!(stands(longer, &format!("\"{longer}\":{rest}")), None);
    }

    proptest! {
        #[test]
        fn no_other_key_is_taken_for_it(text in "\"?[name]{0,6}\"?:?\"?", rest in "[ -~]{32}") {
            let text = format!("{text}{rest}");
            let stood = stands("name", &text);
            prop_assert_eq!(stood.is_some(), text.starts_with("\"name\":"));
        }
    }
}
