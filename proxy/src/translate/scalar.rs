//! Scalars of a native record, borrowed from the response they came in.
//!
//! A provider's documents and its answers do not always agree on whether an id is a number or a text. Each type here
//! takes what means the same and refuses the rest, so that a surprise never becomes a wrong value; in a field of a record
//! it becomes none, with a warning.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

use super::{leaf::Leaf, scan};

/// A text. Numbers and truth values are taken as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

/// A number, exactly as it was written: no float is ever made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number<'a>(pub Cow<'a, str>);

/// A truth value, or one of the texts `true` and `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub bool);

/// A scalar that is read from one JSON token.
pub trait Scalar<'a>: Sized {
    /// In words for a caller, as in `a number`.
    const EXPECTED: &'static str;

    /// None where the token is something else.
    fn from_token(token: &'a str) -> Option<Self>;

    /// Whether [`Self::from_token`] makes something of it.
    fn fits(leaf: Leaf<'a>) -> bool {
        Self::from_token(leaf.json()).is_some()
    }
}

impl<'a> Scalar<'a> for Text<'a> {
    const EXPECTED: &'static str = "text";

    fn from_token(token: &'a str) -> Option<Self> {
        match token.as_bytes().first() {
            Some(b'"') => unquote(token).map(Text).ok(),
            Some(b'{' | b'[') => None,
            _ => Some(Text(Cow::Borrowed(token))),
        }
    }

    #[inline]
    fn fits(leaf: Leaf<'a>) -> bool {
        match leaf.json().as_bytes().first() {
            Some(b'"') => !leaf.may_be_no_unicode() || leaf.inside().is_some_and(scan::is_unicode),
            Some(b'{' | b'[') => false,
            _ => true,
        }
    }
}

impl<'a> Scalar<'a> for Number<'a> {
    const EXPECTED: &'static str = "a number";

    fn from_token(token: &'a str) -> Option<Self> {
        let is_number = token.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        is_number.then_some(Self(Cow::Borrowed(token)))
    }
}

impl<'a> Scalar<'a> for Flag {
    const EXPECTED: &'static str = "true or false";

    fn from_token(token: &'a str) -> Option<Self> {
        match token {
            "true" | "\"true\"" => Some(Self(true)),
            "false" | "\"false\"" => Some(Self(false)),
            _ => None,
        }
    }
}

/// Reads a scalar, or says what was expected and what kind of thing was found; never a customer's value.
fn scalar<'de: 'a, 'a, T: Scalar<'a>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let token = <&RawValue>::deserialize(deserializer)?.get();
    T::from_token(token).ok_or_else(|| {
        D::Error::custom(format_args!(
            "expected {}, found {}",
            T::EXPECTED,
            kind(token)
        ))
    })
}

/// What a token is.
pub(super) fn kind(token: &str) -> &'static str {
    match token.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "another text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "a truth value",
        _ => "a number",
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Number<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer)
    }
}

impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer)
    }
}

/// The text inside a JSON string token, borrowed where nothing in it is escaped.
fn unquote(token: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    if token.contains('\\') {
        serde_json::from_str(token).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(&token[1..token.len() - 1]))
    }
}

/// At most 60 characters of a text, for a message.
pub(crate) fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Result<String, String> {
        serde_json::from_str::<Text<'_>>(json)
            .map(|text| text.0.into_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn text_is_borrowed_unless_escaped() {
        assert!(matches!(
            serde_json::from_str::<Text<'_>>(r#""plain""#),
            Ok(Text(Cow::Borrowed("plain")))
        ));
        assert_eq!(text(r#""a\"\u00e9\n""#), Ok("a\"é\n".to_owned()));
    }

    /// Covers: json-numbers
    #[test]
    fn an_id_may_be_a_number_of_any_size() {
        assert_eq!(
            text("123456789012345678901234567890"),
            Ok("123456789012345678901234567890".to_owned())
        );
    }

    #[test]
    fn an_object_is_no_text() {
        assert!(text("{}").unwrap_err().contains("found an object"));
        assert!(text("[1]").unwrap_err().contains("found a list"));
    }

    /// Covers: text-booleans
    #[test]
    fn the_text_false_is_false() {
        assert_eq!(
            serde_json::from_str::<Flag>("\"false\"")
                .map(|flag| flag.0)
                .ok(),
            Some(false)
        );
        assert!(serde_json::from_str::<Flag>("\"\"").is_err());
        assert!(serde_json::from_str::<Flag>("0").is_err());
    }

    /// Covers: json-numbers
    #[test]
    fn a_number_keeps_every_digit() {
        let number: Number<'_> = serde_json::from_str("0.10000000000000000000000001").unwrap();
        assert_eq!(
            serde_json::to_string(&number).unwrap(),
            "0.10000000000000000000000001"
        );
    }
}
