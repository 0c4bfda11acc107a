//! Fields of a native record, as the tokens that they were written in.

use super::{
    scalar::{Scalar, Text, kind, shorten},
    warning::Warnings,
};

/// A field of a native record: the JSON it was written in, empty where it is not set. What is meant by it, the place
/// that it is taken to says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leaf<'a>(pub &'a str);

/// The first present of several fields.
#[derive(Debug, Clone, Copy)]
pub struct First<'a, const N: usize>(pub [Leaf<'a>; N]);

/// The first present of several fields.
pub fn first<const N: usize>(leaves: [Leaf<'_>; N]) -> First<'_, N> {
    First(leaves)
}

/// Where the value of a unified field comes from.
pub trait Source<'a> {
    /// The token of a scalar of this kind, empty where there is none. Something odd is none, and is told of as `field`.
    fn token<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a>;
}

impl<'a> Leaf<'a> {
    /// Of a JSON value.
    #[inline]
    pub fn of(value: &'a str) -> Self {
        // No other word begins so.
        Self(if value.starts_with('n') { "" } else { value })
    }

    /// What is in the quotation marks, where it is a string.
    #[inline]
    pub fn inside(self) -> Option<&'a str> {
        self.0.strip_prefix('"')?.strip_suffix('"')
    }

    /// As a scalar of some kind. Something odd is none, and is told of as `field`.
    pub fn get<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Option<S> {
        if self.0.is_empty() {
            return None;
        }
        let value = S::from_token(self.0);
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
    fn is_odd(self, expected: &str, field: &str, warnings: &mut Warnings) {
        let found = match kind(self.0) {
            found @ ("an object" | "a list") => found.into(),
            _ => shorten(self.0),
        };
        warnings.not_read(
            field,
            format!("expected {expected}, found {found}; see raw_data"),
        );
    }
}

impl<'a> Source<'a> for Leaf<'a> {
    #[inline]
    fn token<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a> {
        if self.0.is_empty() || S::fits(self.0) {
            return self;
        }
        self.is_odd(S::EXPECTED, field, warnings);
        Leaf("")
    }
}

impl<'a, const N: usize> Source<'a> for First<'a, N> {
    fn token<S: Scalar<'a>>(self, field: &str, warnings: &mut Warnings) -> Leaf<'a> {
        // All are looked at, so that what is odd is told whether or not it is needed.
        let leaves = self.0.map(|leaf| leaf.token::<S>(field, warnings));
        let mut present = leaves
            .into_iter()
            .filter(|leaf| !matches!(leaf.0, "" | "\"\""));
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
        assert_eq!(Leaf("7").text("id", &mut warnings).unwrap().0, "7");
        assert_eq!(
            Leaf::of("null").get::<Number<'_>>("size", &mut warnings),
            None
        );
        assert!(warnings.is_empty());
        let archived = Leaf("\"maybe\"").token::<Flag>("is_deleted", &mut warnings);
        assert_eq!(archived, Leaf(""));
        assert_eq!(Leaf("{\"a\":1}").text("name", &mut warnings), None);
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
        let leaves = [Leaf(""), Leaf("\"\""), Leaf("\"a\""), Leaf("[1]")];
        let found = first(leaves).token::<Text<'_>>("name", &mut warnings);
        assert_eq!(found, Leaf("\"a\""));
        assert_eq!(warnings.as_slice().len(), 1);
    }

    #[test]
    fn half_a_pair_of_surrogates_is_no_text() {
        let mut warnings = Warnings::default();
        for odd in [r#""\ud800""#, r#""a\udc00b""#, r#""\ud83d x \ude00""#] {
            let token = Leaf(odd).token::<Text<'_>>("name", &mut warnings);
            assert_eq!(token, Leaf(""), "{odd}");
        }
        assert_eq!(warnings.as_slice().len(), 1);
        let whole = Leaf(r#""\ud83d\ude00 \\ud800 \u00e9""#);
        assert_eq!(whole.token::<Text<'_>>("name", &mut warnings), whole);
    }
}
