//! Fields of a native record, as the tokens that they were written in.

use super::{
    scalar::{Scalar, Text, kind, shorten},
    warning::Warnings,
};

/// A field of a native record: the JSON it was written in, empty where it is not set. What is meant by it, the place
/// that it is taken to says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leaf<'a> {
    json: &'a str,
    /// It is a string in which something is escaped.
    is_escaped: bool,
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
    /// A string in which nothing is escaped, with its quotation marks; it is not empty.
    Plain(&'a str),
    /// To be looked at.
    Other,
}

/// Where the value of a unified field comes from.
pub trait Source<'a>: Copy {
    /// Nearly every text is unset or plain.
    fn glance(self) -> Glance<'a>;

    /// The token of a scalar of this kind, empty where there is none. Something odd is none, and is told of as `field`.
    fn token<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a>;
}

impl<'a> Leaf<'a> {
    /// Of a JSON value.
    pub fn of(value: &'a str) -> Self {
        // No other word begins so.
        if value.starts_with('n') {
            return Self::default();
        }
        Self::written(value, value.starts_with('"') && value.contains('\\'))
    }

    /// Of a JSON value that is not null, when it is known whether it is a string in which something is escaped.
    #[inline]
    pub(super) fn written(json: &'a str, is_escaped: bool) -> Self {
        Self { json, is_escaped }
    }

    /// The JSON it was written in, empty where it is not set.
    #[inline]
    pub fn json(self) -> &'a str {
        self.json
    }

    /// Whether it is a string in which something is escaped.
    #[inline]
    pub fn is_escaped(self) -> bool {
        self.is_escaped
    }

    /// Whether it is set.
    #[inline]
    pub fn is_set(self) -> bool {
        !self.json.is_empty()
    }

    /// What is in the quotation marks, where it is a string.
    #[inline]
    pub fn inside(self) -> Option<&'a str> {
        self.json.strip_prefix('"')?.strip_suffix('"')
    }

    /// As a scalar of some kind. Something odd is none, and is told of as `field`.
    pub fn get<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Option<S> {
        if !self.is_set() {
            return None;
        }
        let value = S::from_token(self.json);
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
        let found = match kind(self.json) {
            found @ ("an object" | "a list") => found.into(),
            _ => shorten(self.json),
        };
        warnings.not_read(
            field,
            format!("expected {expected}, found {found}; see raw_data"),
        );
        Leaf::default()
    }
}

impl<'a> Source<'a> for Leaf<'a> {
    #[inline]
    fn glance(self) -> Glance<'a> {
        match self.json.as_bytes() {
            [] => Glance::Unset,
            [b'"', _, _, ..] if !self.is_escaped => Glance::Plain(self.json),
            _ => Glance::Other,
        }
    }

    #[inline]
    fn token<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a> {
        if self.is_set() && !S::fits(self) {
            return self.is_odd(S::EXPECTED, field, warnings);
        }
        self
    }
}

impl<'a, const N: usize> Source<'a> for First<'a, N> {
    #[inline]
    fn glance(self) -> Glance<'a> {
        Glance::Other
    }

    fn token<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a> {
        // All are looked at, so that what is odd is told whether or not it is needed.
        let leaves = self.0.map(|leaf| leaf.token::<S>(field, warnings));
        let mut present = leaves
            .into_iter()
            .filter(|leaf| !matches!(leaf.json, "" | "\"\""));
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
        let archived = Leaf::of("\"maybe\"").token::<Flag>("is_deleted", &mut warnings);
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
        let found = first(leaves).token::<Text<'_>>("name", &mut warnings);
        assert_eq!(found, Leaf::of("\"a\""));
        assert_eq!(warnings.as_slice().len(), 1);
    }

    #[test]
    fn half_a_pair_of_surrogates_is_no_text() {
        let mut warnings = Warnings::default();
        for odd in [r#""\ud800""#, r#""a\udc00b""#, r#""\ud83d x \ude00""#] {
            let token = Leaf::of(odd).token::<Text<'_>>("name", &mut warnings);
            assert_eq!(token, Leaf::default(), "{odd}");
        }
        assert_eq!(warnings.as_slice().len(), 1);
        let whole = Leaf::of(r#""\ud83d\ude00 \\ud800 \u00e9""#);
        assert_eq!(whole.token::<Text<'_>>("name", &mut warnings), whole);
    }
}
