//! Record ids: 15 characters of base 62 and three that check their case (`salesforce.md` §5.4).

const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The id of the `number`th record of an object.
pub(super) fn make(prefix: &str, number: u64) -> String {
    let mut digits = [b'0'; 7];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = BASE_62[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    with_check(&format!(
        "{prefix}5g000{}",
        String::from_utf8_lossy(&digits)
    ))
}

/// The 18 characters of an id that may have 15; none where it is no id.
pub(super) fn normalize(id: &str) -> Option<String> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        15 => Some(with_check(id)),
        18 => {
            let full = with_check(&id[..15]);
            full.eq_ignore_ascii_case(id).then_some(full)
        }
        _ => None,
    }
}

fn with_check(id: &str) -> String {
    let mut full = id.to_owned();
    for group in id.as_bytes().chunks(5) {
        let index: usize = group
            .iter()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_uppercase())
            .map(|(bit, _)| 1 << bit)
            .sum();
        full.push(char::from(CHECK[index]));
    }
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_examples_check() {
        for (id, check) in [
            ("a0D30000001n7Pi", "EAI"),
            ("0015500001QdQWa", "AAN"),
            ("0031i000013x2TE", "AAY"),
            ("00120000001Yzti", "AAC"),
        ] {
            assert_eq!(normalize(id), Some(format!("{id}{check}")));
        }
        assert_eq!(normalize("0015500001QdQWaZZZ"), None);
        assert_eq!(make("001", 1).len(), 18);
    }
}
