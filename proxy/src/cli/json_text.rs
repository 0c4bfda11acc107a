//! JSON for people: one member a line, in colours where there are any.
//!
//! Works on the text and not on values, so that numbers keep their digits and members their order.

use super::paint::{Ink, Paint};
use std::fmt::Write as _;

const STEP: usize = 2;

/// A JSON text, laid out anew. What is no JSON is given back as it is, but for what would steer a terminal.
pub(super) fn pretty(text: &str, paint: Paint) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return harmless(text, paint);
    }
    let mut writer = Writer {
        out: String::with_capacity(text.len() * 2),
        depth: 0,
        paint,
    };
    writer.write(text);
    writer.out
}

/// A text that does nothing to a terminal. Elsewhere it stays as it is.
pub(super) fn harmless(text: &str, paint: Paint) -> String {
    if !paint.is_terminal() {
        return text.to_owned();
    }
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            other if other.is_control() || is_bidi(other) => char::REPLACEMENT_CHARACTER,
            other => other,
        })
        .collect()
}

/// What makes a terminal show text in another order.
fn is_bidi(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

struct Writer {
    out: String,
    depth: usize,
    paint: Paint,
}

impl Writer {
    fn write(&mut self, text: &str) {
        let mut rest = text;
        // Whether the text that comes is the name of a member: after `{` and after `,` in an object.
        let mut is_name = false;
        let mut objects = Vec::new();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '{' | '[' => {
                    let closing = if first == '{' { '}' } else { ']' };
                    let inside = rest[1..].trim_start();
                    if inside.starts_with(closing) {
                        self.out.push(first);
                        self.out.push(closing);
                        rest.len() - inside.len() + 1
                    } else {
                        objects.push(first == '{');
                        is_name = first == '{';
                        self.out.push(first);
                        self.depth += 1;
                        self.line();
                        1
                    }
                }
                '}' | ']' => {
                    objects.pop();
                    self.depth = self.depth.saturating_sub(1);
                    self.line();
                    self.out.push(first);
                    1
                }
                ',' => {
                    is_name = objects.last() == Some(&true);
                    self.out.push(',');
                    self.line();
                    1
                }
                ':' => {
                    is_name = false;
                    self.out.push_str(": ");
                    1
                }
                '"' => {
                    let end = end_of_text(rest);
                    let ink = if is_name { Ink::Name } else { Ink::Text };
                    let escaped = self.escaped(&rest[..end]);
                    self.ink(ink, &escaped);
                    end
                }
                space if space.is_ascii_whitespace() => 1,
                _ => {
                    let end = rest
                        .find(|other: char| ",]}".contains(other) || other.is_ascii_whitespace())
                        .unwrap_or(rest.len());
                    let is_word = first.is_ascii_alphabetic();
                    self.ink(if is_word { Ink::Word } else { Ink::Number }, &rest[..end]);
                    end
                }
            };
            rest = &rest[length..];
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', self.depth * STEP));
    }

    fn ink(&mut self, ink: Ink, text: &str) {
        self.out.push_str(&self.paint.ink(ink, text));
    }

    /// JSON may hold characters that steer a terminal; written as `\u009b` they are the same text.
    fn escaped(&self, text: &str) -> String {
        let is_steering = |character: char| character.is_control() || is_bidi(character);
        if !self.paint.is_terminal() || !text.contains(is_steering) {
            return text.to_owned();
        }
        let mut escaped = String::new();
        for character in text.chars() {
            if is_steering(character) {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            } else {
                escaped.push(character);
            }
        }
        escaped
    }
}

/// Where a text that begins with a quote ends, quotes included.
fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_has_a_line_and_numbers_keep_their_digits() {
        let text = r#"{"a":[1.10,12345678901234567890,{}],"b":{"c" : "x\"}]"},"d":[],"e":null}"#;
        let expected = "{\n  \"a\": [\n    1.10,\n    12345678901234567890,\n    {}\n  ],\n  \"b\": {\n    \"c\": \"x\\\"}]\"\n  },\n  \"d\": [],\n  \"e\": null\n}";
        assert_eq!(pretty(text, Paint::PLAIN), expected);
        assert_eq!(pretty("\"a\"", Paint::PLAIN), "\"a\"");
    }

    #[test]
    fn names_texts_and_numbers_have_colours_of_their_own() {
        let shown = pretty(r#"{"a":"b","c":[1,true]}"#, Paint::COLOURED);
        for part in [
            "\u{1b}[34m\"a\"",
            "\u{1b}[32m\"b\"",
            "\u{1b}[36m1",
            "\u{1b}[35mtrue",
        ] {
            assert!(shown.contains(part), "{shown:?} has {part:?}");
        }
    }

    #[test]
    fn no_text_of_a_record_steers_a_terminal() {
        let record = "{\"name\":\"a\u{9b}2J\u{202e}b\"}";
        let shown = pretty(record, Paint::COLOURED);
        assert!(shown.contains("\"a\\u009b2J\\u202eb\""), "{shown:?}");
        assert!(
            pretty(record, Paint::PLAIN).contains('\u{9b}'),
            "a file gets what there is"
        );
        assert_eq!(
            pretty("no\u{1b}[2Jjson", Paint::COLOURED),
            "no\u{fffd}[2Jjson"
        );
    }
}
