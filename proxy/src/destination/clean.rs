//! JSON text that databases take: what PostgreSQL's `jsonb` and `text` refuse is replaced, nothing else is touched.
//!
//! Assumes that the text is well-formed JSON. Works on the text and not on a tree of values, so that no digit of a
//! number is lost and large records cost no second copy where there is nothing to replace, which is nearly always.

use std::borrow::Cow;

/// What stands for a character that no database takes.
const REPLACEMENT: &str = "\u{fffd}";
/// Numbers with more characters, or a larger exponent, are kept as text: `numeric` ends at 16,383 digits behind the
/// point, and a short exponent would become megabytes of zeros.
const NUMBER_LIMIT: usize = 1_000;
/// How deep JSON may be nested; a database's own parser gives up on some depth as well.
const DEPTH_LIMIT: usize = 500;

/// The same JSON without NUL characters and halves of surrogate pairs (each becomes U+FFFD), and with numbers that are
/// beyond any database as strings. Borrowed if nothing had to be replaced.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    // Everything before this is in `out` already.
    let mut copied = 0;
    let mut at = 0;
    let mut is_in_string = false;
    while at < bytes.len() {
        let (end, replaced) = match bytes[at] {
            b'"' => {
                is_in_string = !is_in_string;
                (at + 1, None)
            }
            b'\\' if is_in_string => escape(text, at),
            b'-' | b'0'..=b'9' if !is_in_string => number(text, at),
            _ => (at + 1, None),
        };
        if let Some(replaced) = replaced {
            out.push_str(&text[copied..at]);
            out.push_str(&replaced);
            copied = end;
        }
        at = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Where the escape that begins here ends, and what replaces it.
fn escape(text: &str, at: usize) -> (usize, Option<Cow<'static, str>>) {
    let bytes = text.as_bytes();
    let Some(unit) = code_unit(bytes, at) else {
        return (at + 2, None);
    };
    match unit {
        0xD800..=0xDBFF => match code_unit(bytes, at + 6) {
            Some(0xDC00..=0xDFFF) => (at + 12, None),
            _ => (at + 6, Some(REPLACEMENT.into())),
        },
        0 | 0xDC00..=0xDFFF => (at + 6, Some(REPLACEMENT.into())),
        _ => (at + 6, None),
    }
}

/// The number of `\uXXXX` at this place.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Where the number that begins here ends, and what replaces it.
fn number(text: &str, at: usize) -> (usize, Option<Cow<'static, str>>) {
    let length = text[at..]
        .bytes()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .count();
    let end = at + length;
    let literal = &text[at..end];
    let replaced = (!is_storable(literal)).then(|| format!("\"{literal}\"").into());
    (end, replaced)
}

/// Whether a database keeps a number with this literal.
pub(super) fn is_storable(literal: &str) -> bool {
    let exponent = literal.split_once(['e', 'E']).map(|(_, exponent)| exponent);
    let is_small = |exponent: &str| {
        exponent
            .parse::<i32>()
            .is_ok_and(|exponent| exponent.unsigned_abs() as usize <= NUMBER_LIMIT)
    };
    literal.len() <= NUMBER_LIMIT && exponent.is_none_or(is_small)
}

/// Whether arrays and objects are nested deeper than a database would read.
pub(super) fn is_too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut is_in_string = false;
    let mut is_escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_string => is_escaped = true,
            b'"' => is_in_string = !is_in_string,
            b'[' | b'{' if !is_in_string => {
                depth += 1;
                if depth > DEPTH_LIMIT {
                    return true;
                }
            }
            b']' | b'}' if !is_in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_and_lone_surrogates_are_replaced() {
        let text =
            r#"{"a\u0000":"x\u0000\ud83d\ude00\ud83d y\udc00\\u0000","b":"\ud800\ud83d\ude00"}"#;
        assert_eq!(
            json(text),
            "{\"a\u{fffd}\":\"x\u{fffd}\\ud83d\\ude00\u{fffd} y\u{fffd}\\\\u0000\",\"b\":\"\u{fffd}\\ud83d\\ude00\"}"
        );
    }

    #[test]
    fn numbers_beyond_any_database_become_strings() {
        assert_eq!(
            json(r#"[1e400000,-2E-99999,1.50,"1e400000"]"#),
            r#"["1e400000","-2E-99999",1.50,"1e400000"]"#
        );
    }

    #[test]
    fn what_is_well_is_borrowed() {
        let text = r#"{"a":[1.0,-2e5,"\n\"\\","héé\u00e9"],"b":null}"#;
        assert!(matches!(json(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn depth_is_counted_outside_of_strings() {
        assert!(is_too_deep(&"[".repeat(501)));
        assert!(!is_too_deep(&format!("\"{}\\\"[\"", "[".repeat(501))));
        assert!(!is_too_deep(&"[]".repeat(501)));
    }
}
