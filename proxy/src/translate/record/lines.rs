//! The lines of a text, without decoding it: most that have several are written with no escapes but the usual ones.

use crate::translate::leaf::Leaf;

/// The first line of a text, and the lines after it, as [`split`] finds them.
#[inline]
pub(super) fn of(leaf: Leaf<'_>) -> Option<(&str, &str)> {
    let inside = leaf.inside()?;
    if leaf.is_escaped() {
        split(inside)
    } else {
        Some((inside, ""))
    }
}

/// The first line of the inside of a string token, and the lines after it. None where something in it is escaped in
/// another way than we would write it; then it is to be decoded.
fn split(inside: &str) -> Option<(&str, &str)> {
    let mut returns = 0;
    let mut plain = 0;
    let mut found = None;
    for (at, escape) in escapes(inside) {
        if found.is_none() {
            if at > plain {
                returns = at;
            }
            match escape {
                b'n' => found = Some((&inside[..returns], &inside[at + 2..])),
                b'r' => {}
                _ => returns = at + 2,
            }
        }
        if !matches!(escape, b'n' | b'r' | b't' | b'b' | b'f' | b'"' | b'\\') {
            return None;
        }
        plain = at + 2;
    }
    Some(found.unwrap_or((inside, "")))
}

/// Appends lines to `json`, with LF between them.
pub(super) fn push(json: &mut Vec<u8>, lines: &str) {
    let mut copied = 0;
    let mut before = None;
    for (at, escape) in escapes(lines) {
        // A carriage return just before a line feed is left out.
        if escape == b'n' && before == Some((at.wrapping_sub(2), b'r')) {
            json.extend_from_slice(&lines.as_bytes()[copied..at - 2]);
            copied = at;
        }
        before = Some((at, escape));
    }
    json.extend_from_slice(&lines.as_bytes()[copied..]);
}

/// The places of the backslashes that escape something, and what comes after each.
fn escapes(inside: &str) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = inside.as_bytes().get(from..)?;
        let at = from + memchr::memchr(b'\\', rest)?;
        from = at + 2;
        Some((at, *inside.as_bytes().get(at + 1)?))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::translate::{
        read::{first_line, rest_lines},
        scalar::Text,
    };

    fn fast(inside: &str) -> Option<(String, String)> {
        let (first, rest) = split(inside)?;
        let mut json = Vec::new();
        push(&mut json, rest);
        Some((first.to_owned(), String::from_utf8(json).unwrap()))
    }

    fn slow(inside: &str) -> (String, String) {
        let text: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
        let text = Text(text.into());
        let json = |line: Option<std::borrow::Cow<'_, str>>| {
            let json = serde_json::to_string(&line.unwrap_or_default()).unwrap();
            json[1..json.len() - 1].to_owned()
        };
        (json(first_line(Some(&text))), json(rest_lines(Some(&text))))
    }

    #[test]
    fn lines_are_found_between_escapes() {
        let one = |first: &str, rest: &str| Some((first.to_owned(), rest.to_owned()));
        assert_eq!(fast(r"1 Main\r\n2\r\n\r3"), one("1 Main", r"2\n\r3"));
        assert_eq!(fast(r"a\\n\r\r\nb"), one(r"a\\n", "b"));
        assert_eq!(fast(r"\na"), one("", "a"));
        assert_eq!(fast(r"a\r"), one(r"a\r", ""));
        assert_eq!(fast(r"a\/b"), None);
        assert_eq!(fast(r"a\nb\u00e9"), None);
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_decoded_text(inside in r#"([a-zé]{0,3}|\\[nrtbf"\\]|\\r\\n|\\/|\\u000a){0,9}"#) {
            if let Some(fast) = fast(&inside) {
                prop_assert_eq!(fast, slow(&inside));
            } else {
                prop_assert!(inside.contains(r"\/") || inside.contains(r"\u"));
            }
        }
    }
}
