//! Fields of a native record, as the tokens that they were written in.

use std::fmt;

use super::{
    scalar::{Scalar, Text, kind, shorten},
    warning::Warnings,
};

/// A field of a native record: the JSON it was written in, none where it is not set. What is meant by it, the place that
/// it is taken to says.
#[derive(Clone, Copy, Default)]
pub struct Leaf<'a>(Found<'a>);

/// What was found of a field.
#[derive(Clone, Copy, Default)]
enum Found<'a> {
    /// It is not there.
    #[default]
    Nothing,
    /// It is there, and not set.
    Null,
    Value(Token<'a>),
}

/// A JSON value that is not null.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    /// The text that it stands in, from where it begins.
    text: &'a [u8],
    length: usize,
    kind: Kind,
}

/// What a token is, as far as it matters how it is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A string in which nothing is escaped.
    Plain,
    /// A string in which something is escaped by a character, as in `\n`.
    Escaped,
    /// A string in which something is escaped by a number, as in `\u000a`: it may be half a pair of surrogates.
    Numbered,
    /// A number, a truth value, an object or a list.
    Other,
}

/// The first present of several fields.
#[derive(Debug, Clone, Copy)]
pub struct First<'a, const N: usize>(pub [Leaf<'a>; N]);

/// The first present of several fields.
pub fn first<const N: usize>(leaves: [Leaf<'_>; N]) -> First<'_, N> {
    First(leaves)
}

/// What is seen of a source at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance<'a> {
    Unset,
    /// A string that can be copied as it is written; it is not empty.
    Text(Token<'a>),
    /// Another token.
    Other(Token<'a>),
    /// Several leaves, to be looked at.
    Several,
}

/// Where the value of a unified field comes from.
pub trait Source<'a>: Copy {
    /// Nearly every text is unset or plain.
    fn glance(self) -> Glance<'a>;

    /// The token of a scalar of this kind, empty where there is none. Something odd is none, and is told of as `field`.
    fn scalar<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a>;
}

impl<'a> Token<'a> {
    /// Of the value that a text begins with.
    #[inline]
    pub(super) fn new(text: &'a [u8], length: usize, kind: Kind) -> Self {
        Self { text, length, kind }
    }

    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        &self.text[..self.length]
    }

    /// What is in the quotation marks, where it is a string.
    #[inline]
    pub fn inside(self) -> Option<&'a [u8]> {
        match self.bytes() {
            [b'"', inside @ .., b'"'] => Some(inside),
            _ => None,
        }
    }

    /// The text that it stands in, from where it begins, and how much of it is the token: a short one is copied together
    /// with what follows, since to copy so many bytes and not one less takes longer.
    #[inline]
    pub(super) fn in_text(self) -> (&'a [u8], usize) {
        (self.text, self.length)
    }

    /// Whether it is a string in which nothing is escaped by a number.
    #[inline]
    pub(super) fn is_simple(self) -> bool {
        matches!(self.kind, Kind::Plain | Kind::Escaped)
    }
}

impl PartialEq for Token<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Token<'_> {}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.bytes()))
    }
}

impl<'a> From<Token<'a>> for Leaf<'a> {
    fn from(token: Token<'a>) -> Self {
        Self(Found::Value(token))
    }
}

/// Whether a field is not there or not set makes no difference to what is read of it.
impl PartialEq for Leaf<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.token() == other.token()
    }
}

impl Eq for Leaf<'_> {}

impl<'a> Leaf<'a> {
    /// Of a field that is not set.
    pub(super) const NULL: Self = Self(Found::Null);

    /// Of a JSON value.
    pub fn of(value: &'a str) -> Self {
        let kind = match (value.contains('\\'), value.contains("\\u")) {
            (false, _) => Kind::Plain,
            (true, false) => Kind::Escaped,
            // It may be a backslash and the letter.
            (true, true) => Kind::Numbered,
        };
        Self::written(value, kind)
    }

    /// Of a JSON value. If it is a string, its kind is known.
    pub(super) fn written(json: &'a str, string: Kind) -> Self {
        let kind = match json.as_bytes() {
            // No other word begins so.
            [] | [b'n', ..] => return Self::NULL,
            [b'"', ..] => string,
            _ => Kind::Other,
        };
        Token::new(json.as_bytes(), json.len(), kind).into()
    }

    /// The JSON it was written in, where it is set.
    #[inline]
    pub fn token(self) -> Option<Token<'a>> {
        match self.0 {
            Found::Value(token) => Some(token),
            Found::Nothing | Found::Null => None,
        }
    }

    /// The JSON it was written in, empty where it is not set.
    pub fn json(self) -> &'a str {
        let bytes = self.token().map(Token::bytes).unwrap_or_default();
        std::str::from_utf8(bytes).expect("a leaf is a whole value of a text")
    }

    /// Whether it may be a string with half a pair of surrogates in it.
    pub(super) fn may_be_no_unicode(self) -> bool {
        self.token()
            .is_some_and(|token| token.kind == Kind::Numbered)
    }

    /// Whether it is set.
    #[inline]
    pub fn is_set(self) -> bool {
        matches!(self.0, Found::Value(_))
    }

    /// Whether it is there, be it as null.
    #[inline]
    pub(super) fn is_there(self) -> bool {
        !matches!(self.0, Found::Nothing)
    }

    /// What is in the quotation marks, where it is a string.
    pub fn inside(self) -> Option<&'a str> {
        self.json().strip_prefix('"')?.strip_suffix('"')
    }

    /// As a scalar of some kind. Something odd is none, and is told of as `field`.
    pub fn get<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Option<S> {
        if !self.is_set() {
            return None;
        }
        let value = S::from_token(self.json());
        if value.is_none() {
            self.is_odd(S::EXPECTED, field, warnings);
        }
        value
    }

    /// As a text.
    pub fn text(self, field: &str, warnings: &mut Warnings) -> Option<Text<'a>> {
        self.get(field, warnings)
    }

    #[cold]
    fn is_odd(self, expected: &str, field: &str, warnings: &mut Warnings) -> Leaf<'a> {
        let found = match kind(self.json()) {
            found @ ("an object" | "a list") => found.into(),
            _ => shorten(self.json()),
        };
        warnings.not_read(
            field,
            format!("expected {expected}, found {found}; see raw_data"),
        );
        Leaf::default()
    }
}

impl fmt::Debug for Leaf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leaf").field(&self.json()).finish()
    }
}

impl<'a> Source<'a> for Leaf<'a> {
    #[inline]
    fn glance(self) -> Glance<'a> {
        match self.token() {
            None => Glance::Unset,
            Some(token) if token.is_simple() && token.length > 2 => Glance::Text(token),
            Some(token) => Glance::Other(token),
        }
    }

    #[inline]
    fn scalar<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a> {
        if self.is_set() && !S::fits(self) {
            return self.is_odd(S::EXPECTED, field, warnings);
        }
        self
    }
}

impl<'a, const N: usize> Source<'a> for First<'a, N> {
    #[inline]
    fn glance(self) -> Glance<'a> {
        let mut first = Glance::Unset;
        for leaf in self.0 {
            match (leaf.glance(), first) {
                (Glance::Unset, _) | (Glance::Text(_), Glance::Text(_)) => {}
                (text @ Glance::Text(_), _) => first = text,
                _ => return Glance::Several,
            }
        }
        first
    }

    fn scalar<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a> {
        // All are looked at, so that what is odd is told whether or not it is needed.
        let leaves = self.0.map(|leaf| leaf.scalar::<S>(field, warnings));
        let mut present = leaves
            .into_iter()
            .filter(|leaf| !matches!(leaf.json(), "" | "\"\""));
        present.next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::scalar::{Flag, Number};

    /// Covers: answer-retyped
    #[test]
    fn an_odd_value_costs_its_field_and_no_more() {
        let mut warnings = Warnings::default();
        assert_eq!(Leaf::of("7").text("id", &mut warnings).unwrap().0, "7");
        assert_eq!(
            Leaf::of("null").get::<Number<'_>>("size", &mut warnings),
            None
        );
        assert!(warnings.is_empty());
        let archived = Leaf::of("\"maybe\"").scalar::<Flag>("is_deleted", &mut warnings);
        assert_eq!(archived, Leaf::default());
        assert_eq!(Leaf::of("{\"a\":1}").text("name", &mut warnings), None);
        let told: Vec<_> = warnings
            .as_slice()
            .iter()
            .map(|warning| (warning.field.as_deref().unwrap(), warning.detail.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "is_deleted",
                    "expected true or false, found \"maybe\"; see raw_data"
                ),
                ("name", "expected text, found an object; see raw_data"),
            ]
        );
    }

    #[test]
    fn the_first_present_field_counts_and_every_odd_one_is_told() {
        let mut warnings = Warnings::default();
        let leaves = [
            Leaf::default(),
            Leaf::of("\"\""),
            Leaf::of("\"a\""),
            Leaf::of("[1]"),
        ];
        let found = first(leaves).scalar::<Text<'_>>("name", &mut warnings);
        assert_eq!(found, Leaf::of("\"a\""));
        assert_eq!(warnings.as_slice().len(), 1);
    }

    #[test]
    fn half_a_pair_of_surrogates_is_no_text() {
        let mut warnings = Warnings::default();
        for odd in [r#""\ud800""#, r#""a\udc00b""#, r#""\ud83d x \ude00""#] {
            let token = Leaf::of(odd).scalar::<Text<'_>>("name", &mut warnings);
            assert_eq!(token, Leaf::default(), "{odd}");
        }
        assert_eq!(warnings.as_slice().len(), 1);
        let whole = Leaf::of(r#""\ud83d\ude00 \\ud800 \u00e9""#);
        assert_eq!(whole.scalar::<Text<'_>>("name", &mut warnings), whole);
    }
}
