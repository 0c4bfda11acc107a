//! The lines of a text, without decoding it: most that have several are written with no escapes but the usual ones.

use super::push;
use crate::translate::{leaf::Token, scan};

/// The lines of a string token, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines<'a> {
    /// The token, and the text behind it.
    text: &'a [u8],
    /// Where the closing quotation mark stands.
    end: usize,
    /// Where the first line ends, and where the others begin; the end where there are none.
    first: usize,
    rest: usize,
}

impl<'a> Lines<'a> {
    /// None where something in the first line is escaped in another way than we would write it; then it is to be decoded.
    pub(super) fn of(token: Token<'a>) -> Option<Self> {
        let (text, length) = token.is_simple().then(|| token.in_text())?;
        let end = length - 1;
        // Carriage returns at the end of the line do not belong to it: where they begin.
        let mut returns = None;
        let mut at = 1;
        loop {
            let escape = scan::plain_until(text, at);
            if escape >= end {
                let first = end;
                return Some(Self {
                    text,
                    end,
                    first,
                    rest: end,
                });
            }
            if escape > at {
                returns = None;
            }
            match text[escape + 1] {
                b'n' => {
                    let first = returns.unwrap_or(escape);
                    return Some(Self {
                        text,
                        end,
                        first,
                        rest: escape + 2,
                    });
                }
                b'r' => returns = returns.or(Some(escape)),
                b'/' => return None,
                _ => returns = None,
            }
            at = escape + 2;
        }
    }

    pub(super) fn has_first(&self) -> bool {
        self.first > 1
    }

    /// Appends the first line to `json`, in quotation marks.
    pub(super) fn push_first(&self, json: &mut Vec<u8>) {
        push(json, self.text, self.first);
        json.push(b'"');
    }

    pub(super) fn has_rest(&self) -> bool {
        self.rest < self.end
    }

    /// Appends the other lines to `json`, with LF between them, in quotation marks. False where something in them is
    /// escaped in another way than we would write it.
    pub(super) fn push_rest(&self, json: &mut Vec<u8>) -> bool {
        let (text, end) = (self.text, self.end);
        let mut copied = self.rest;
        let mut at = self.rest;
        let mut returned = None;
        json.push(b'"');
        loop {
            let escape = scan::plain_until(text, at);
            if escape >= end {
                push(json, &text[copied..], end + 1 - copied);
                return true;
            }
            match text[escape + 1] {
                // A carriage return just before a line feed is left out.
                b'n' if returned == Some(escape) => {
                    json.extend_from_slice(&text[copied..escape - 2]);
                    copied = escape;
                }
                b'/' => return false,
                b'r' => returned = Some(escape + 2),
                _ => {}
            }
            at = escape + 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::translate::{
        leaf::Leaf,
        read::{first_line, rest_lines},
        scalar::Text,
    };

    fn fast(inside: &str) -> Option<(String, String)> {
        let token = format!("\"{inside}\"");
        let lines = Lines::of(Leaf::of(&token).token()?)?;
        let inside = |json: Vec<u8>| {
            let json = String::from_utf8(json).unwrap();
            json[1..json.len() - 1].to_owned()
        };
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        lines.push_first(&mut first);
        if !lines.push_rest(&mut rest) {
            return None;
        }
        let (first, rest) = (inside(first), inside(rest));
        assert_eq!(lines.has_first(), !first.is_empty());
        assert_eq!(lines.has_rest(), !rest.is_empty());
        Some((first, rest))
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
