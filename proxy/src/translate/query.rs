//! A text in a query language whose string literals stand in single quotes with backslash escapes.
//!
//! Every value is written by its type. There is no way to put text into a query but as a literal, so nothing that a
//! caller sends can change a query's structure.

use std::fmt::Write as _;

use jiff::Timestamp;

/// A query in the making.
#[derive(Debug, Default)]
pub struct Query {
    out: String,
}

impl Query {
    /// A part of the query that the mapping has word for word.
    #[must_use]
    pub fn literal(mut self, text: &str) -> Self {
        self.out.push_str(text);
        self
    }

    /// A string literal.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.push_text(text);
        self
    }

    /// String literals with commas between them.
    #[must_use]
    pub fn texts<'t>(mut self, texts: impl IntoIterator<Item = &'t str>) -> Self {
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.push_text(text);
        }
        self
    }

    /// Names with commas between them. What is not a legal name was refused when the request was decoded.
    #[must_use]
    pub fn names<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        for (index, name) in names.into_iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            // The decoder's check again, where it counts: a name that is none is left out, never pasted.
            if is_name(name) {
                self.out.push_str(name);
            }
        }
        self
    }

    #[must_use]
    pub fn integer(mut self, number: u32) -> Self {
        self.out.push_str(itoa::Buffer::new().format(number));
        self
    }

    /// An instant, unquoted.
    #[must_use]
    pub fn instant(mut self, instant: Timestamp) -> Self {
        self.out.push_str(&super::read::format_timestamp(instant));
        self
    }

    pub fn build(self) -> String {
        self.out
    }

    fn push_text(&mut self, text: &str) {
        self.out.push('\'');
        for character in text.chars() {
            match character {
                '\\' => self.out.push_str("\\\\"),
                '\'' => self.out.push_str("\\'"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                control if control < ' ' || control == '\u{7f}' => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(control));
                }
                other => self.out.push(other),
            }
        }
        self.out.push('\'');
    }
}

/// Whether a text can be the name of a native field: letters, digits, `_`, and `.` between the parts of a path.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 255
        && text.split('.').all(|part| {
            part.starts_with(|first: char| first.is_ascii_alphabetic())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a literal back by the rules of the reference, `salesforce.md` §4.3; none where it is not one literal.
    fn parse_literal(literal: &str) -> Option<String> {
        let mut characters = literal.strip_prefix('\'')?.chars();
        let mut text = String::new();
        loop {
            match characters.next()? {
                '\'' => return characters.next().is_none().then_some(text),
                '\\' => text.push(match characters.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    same @ ('\'' | '"' | '\\') => same,
                    'u' => {
                        let digits: String = characters.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                    }
                    _ => return None,
                }),
                other => text.push(other),
            }
        }
    }

    /// Covers: soql-literal
    #[test]
    fn a_backslash_at_the_end_does_not_open_the_quote() {
        assert_eq!(Query::default().text("\\").build(), r"'\\'");
        assert_eq!(Query::default().text("O'Dell").build(), r"'O\'Dell'");
    }

    /// Covers: soql-identifier
    #[test]
    fn names_are_names() {
        for name in ["Id", "Tier__c", "Owner.Name"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "a b",
            "Id FROM User--",
            "1a",
            ".a",
            "a.",
            "a'",
            "a,b",
            "é",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    proptest! {
        /// Covers: soql-literal
        #[test]
        fn any_text_comes_back_from_its_literal(text: String) {
            prop_assert_eq!(parse_literal(&Query::default().text(&text).build()), Some(text));
        }
    }
}
