//! The forms of record ids. An id that can't be one is answered without asking the provider, and before it can spoil a
//! batch for others.

use std::borrow::Cow;

/// The form of a provider's record ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordIdForm {
    /// Any text.
    Text,
    /// Decimal digits.
    Decimal,
    /// 15 characters of base 62 that tell upper from lower case, or 18 that need not: three check characters say which
    /// of the others are upper-case letters.
    Base62Checked,
}

impl RecordIdForm {
    /// The id in its normal form; none where it can't be an id.
    pub fn normalize<'a>(self, id: &'a str, prefix: Option<&str>) -> Option<Cow<'a, str>> {
        let id = match self {
            Self::Text => (!id.is_empty() && id.len() <= 255 && !id.contains(char::is_control))
                .then_some(Cow::Borrowed(id)),
            Self::Decimal => {
                (!id.is_empty() && id.len() <= 40 && id.bytes().all(|byte| byte.is_ascii_digit()))
                    .then_some(Cow::Borrowed(id))
            }
            Self::Base62Checked => base62_checked(id),
        }?;
        prefix
            .is_none_or(|prefix| id.starts_with(prefix))
            .then_some(id)
    }
}

const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

fn base62_checked(id: &str) -> Option<Cow<'_, str>> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        15 => {
            let mut full = id.to_owned();
            for group in id.as_bytes().chunks(5) {
                full.push(char::from(CHECK[check_index(group)]));
            }
            Some(Cow::Owned(full))
        }
        18 => restore_case(id),
        _ => None,
    }
}

/// An 18-character id whose letters have the case that its check characters say.
fn restore_case(id: &str) -> Option<Cow<'_, str>> {
    let (base, check) = id.as_bytes().split_at(15);
    // As the provider itself writes it: nearly every id that comes back.
    let mut groups = base.chunks(5).zip(check);
    if groups.all(|(group, check)| CHECK[check_index(group)] == *check) {
        return Some(Cow::Borrowed(id));
    }
    let mut restored = base.to_vec();
    for (group, check) in restored.chunks_mut(5).zip(check) {
        let index = CHECK
            .iter()
            .position(|known| *known == check.to_ascii_uppercase())?;
        for (bit, byte) in group.iter_mut().enumerate() {
            if index & (1 << bit) == 0 {
                byte.make_ascii_lowercase();
            } else if byte.is_ascii_alphabetic() {
                byte.make_ascii_uppercase();
            } else {
                // The check says upper-case letter, and this is a digit.
                return None;
            }
        }
    }
    restored.extend(check.iter().map(u8::to_ascii_uppercase));
    String::from_utf8(restored).ok().map(Cow::Owned)
}

fn check_index(group: &[u8]) -> usize {
    group
        .iter()
        .enumerate()
        .filter(|(_, byte)| byte.is_ascii_uppercase())
        .map(|(bit, _)| 1 << bit)
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Worked examples of the reference, `salesforce.md` §5.4.
    const VECTORS: [(&str, &str); 5] = [
        ("a0D30000001n7Pi", "EAI"),
        ("0015500001QdQWa", "AAN"),
        ("0031i000013x2TE", "AAY"),
        ("0035500001H9cak", "AAB"),
        ("00120000001Yzti", "AAC"),
    ];

    /// Covers: id-odd
    #[test]
    fn fifteen_characters_get_their_check() {
        for (id, check) in VECTORS {
            assert_eq!(
                RecordIdForm::Base62Checked.normalize(id, None).unwrap(),
                format!("{id}{check}")
            );
        }
    }

    #[test]
    fn eighteen_characters_get_their_case_back() {
        for (id, check) in VECTORS {
            let full = format!("{id}{check}");
            assert_eq!(
                RecordIdForm::Base62Checked
                    .normalize(&full.to_lowercase(), None)
                    .unwrap(),
                full
            );
        }
    }

    /// Covers: id-odd
    #[test]
    fn what_cannot_be_an_id_is_none() {
        for id in [
            "",
            "1",
            "0015500001QdQW",
            "0015500001QdQWa'",
            "0015500001QdQWaZZZ",
            "../../etc/passwd",
            "001550000/QdQWa",
        ] {
            assert_eq!(
                RecordIdForm::Base62Checked.normalize(id, None),
                None,
                "{id}"
            );
        }
        for id in ["", "abc", "12a", "-1", "1/2", "١٢"] {
            assert_eq!(RecordIdForm::Decimal.normalize(id, None), None, "{id}");
        }
    }

    /// Covers: id-odd
    #[test]
    fn another_objects_prefix_is_refused() {
        assert_eq!(
            RecordIdForm::Base62Checked.normalize("0015500001QdQWa", Some("003")),
            None
        );
    }

    proptest! {
        #[test]
        fn normal_form_is_a_fixed_point(id in "[a-zA-Z0-9]{15}") {
            let full = RecordIdForm::Base62Checked.normalize(&id, None).unwrap().into_owned();
            prop_assert_eq!(RecordIdForm::Base62Checked.normalize(&full, None).unwrap(), full.clone());
            let upper = full.to_uppercase();
            prop_assert_eq!(RecordIdForm::Base62Checked.normalize(&upper, None).unwrap(), full);
        }
    }
}
