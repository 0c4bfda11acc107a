//! From a JSON value to what a column takes, as text: PostgreSQL casts it, SQLite is given the storage class that fits.
//!
//! Everything is checked here, so that no value can make a database refuse a page: what does not fit is told as a
//! [`Problem`] and becomes NULL.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{clean, table::Kind};

/// Why a value, or a record, is not in the destination as the provider has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// It is of another kind than the column, such as a text for an instant. It became NULL.
    OtherKind,
    /// A number or an instant beyond what the column can hold. It became NULL.
    OutOfRange,
    /// JSON nested deeper than databases read. It became NULL.
    TooDeep,
    /// It had NUL characters, halves of characters, or numbers beyond any database. They were replaced.
    Replaced,
    /// The record has no usable id. It was left out.
    NoId,
}

impl Problem {
    /// In words for a person, after the name of the column.
    pub fn words(self) -> &'static str {
        match self {
            Self::OtherKind => "is of another kind than its column; it is NULL in the destination",
            Self::OutOfRange => "is beyond what its column holds; it is NULL in the destination",
            Self::TooDeep => "is nested too deeply; it is NULL in the destination",
            Self::Replaced => {
                "has characters or numbers that no database takes; they were replaced"
            }
            Self::NoId => "is missing, empty or longer than 1,000 bytes; the record was left out",
        }
    }
}

/// The text for a column of this kind; `None` is NULL. `json` has been cleaned.
pub(super) fn to_column(kind: Kind, json: &str) -> Result<Option<String>, Problem> {
    if json == "null" {
        return Ok(None);
    }
    if matches!(json.as_bytes().first(), Some(b'[' | b'{')) && clean::is_too_deep(json) {
        return Err(Problem::TooDeep);
    }
    if kind == Kind::Json {
        return Ok(Some(json.to_owned()));
    }
    let is_text = json.starts_with('"');
    let text: String = if is_text {
        serde_json::from_str(json).map_err(|_| Problem::OtherKind)?
    } else {
        json.to_owned()
    };
    match kind {
        // A number or a list in a column of text is kept as its JSON; nothing is lost.
        Kind::Text | Kind::Json => Ok(text),
        Kind::Integer => integer(&text),
        Kind::Number => number(text),
        Kind::Boolean => match text.as_str() {
            "true" | "false" => Ok(text),
            _ => Err(Problem::OtherKind),
        },
        Kind::Timestamp if is_text => timestamp(&text),
        Kind::Date if is_text => date(&text),
        Kind::Timestamp | Kind::Date => Err(Problem::OtherKind),
    }
    .map(Some)
}

fn integer(text: &str) -> Result<String, Problem> {
    let decimal = Decimal::of(text).ok_or(Problem::OtherKind)?;
    let integer = decimal.integer().ok_or(if decimal.exponent < 0 {
        Problem::OtherKind
    } else {
        Problem::OutOfRange
    })?;
    Ok(integer.to_string())
}

fn number(text: String) -> Result<String, Problem> {
    Decimal::of(&text).ok_or(Problem::OtherKind)?;
    if clean::is_storable(&text) {
        Ok(text)
    } else {
        Err(Problem::OutOfRange)
    }
}

/// An instant in UTC with microseconds, as many as PostgreSQL keeps; always equally long, so that it sorts as text.
fn timestamp(text: &str) -> Result<String, Problem> {
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) => instant,
        // A day alone is the instant of its beginning.
        Err(_) => Date::strptime("%Y-%m-%d", text)
            .and_then(|day| day.to_zoned(TimeZone::UTC))
            .map_err(|_| not_an_instant(text))?
            .timestamp(),
    };
    if instant.to_zoned(TimeZone::UTC).year() < 1 {
        return Err(Problem::OutOfRange);
    }
    Ok(instant.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// A day, also of an instant as it is written.
fn date(text: &str) -> Result<String, Problem> {
    let day = text.split_once('T').map_or(text, |(day, _)| day);
    let date = Date::strptime("%Y-%m-%d", day).map_err(|_| not_an_instant(text))?;
    if date.year() < 1 {
        return Err(Problem::OutOfRange);
    }
    Ok(date.to_string())
}

/// A year of more digits than four is written as ISO 8601 has it (`+300000-01-01`) or plainly.
fn not_an_instant(text: &str) -> Problem {
    let digits = text.trim_start_matches(['+', '-']);
    let year = digits.bytes().take_while(u8::is_ascii_digit).count();
    if year > 4 && digits[year..].starts_with('-') {
        Problem::OutOfRange
    } else {
        Problem::OtherKind
    }
}

/// A decimal number as digits without zeros at either end, times a power of ten: equal numbers are equal here.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn of(literal: &str) -> Option<Self> {
        let (is_negative, rest) = match literal.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, literal),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, power(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let all = format!("{whole}{fraction}");
        if whole.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_end_matches('0');
        let zeros = i64::try_from(all.len() - digits.len()).ok()?;
        let behind = i64::try_from(fraction.len()).ok()?;
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self {
                is_negative: false,
                digits,
                exponent: 0,
            });
        }
        Some(Self {
            is_negative,
            digits,
            exponent: exponent + zeros - behind,
        })
    }

    fn integer(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(self.exponent).ok().filter(|n| *n < 20)?;
        let sign = if self.is_negative { "-" } else { "" };
        format!("{sign}{}{}", self.digits, "0".repeat(zeros))
            .parse()
            .ok()
    }
}

/// The exponent of a literal; one beyond all reason is only known to be large.
fn power(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits
        .parse()
        .map_or(1 << 40, |size: i64| size.min(1 << 40));
    Some(if text.starts_with('-') { -size } else { size })
}

/// How SQLite keeps a number without losing a digit.
#[derive(Debug, PartialEq)]
pub(super) enum Exact {
    Integer(i64),
    Real(f64),
    /// As its literal, since neither of the others has enough digits.
    Text,
}

impl Exact {
    pub(super) fn of(literal: &str) -> Self {
        let Some(decimal) = Decimal::of(literal) else {
            return Self::Text;
        };
        if let Some(integer) = decimal.integer() {
            return Self::Integer(integer);
        }
        match literal.parse::<f64>() {
            // The shortest text that leads to this number: the one that it was made from, or digits were lost.
            Ok(real)
                if real.is_finite()
                    && Decimal::of(&format!("{real:e}")).as_ref() == Some(&decimal) =>
            {
                Self::Real(real)
            }
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Kind, json: &str) -> Result<String, Problem> {
        to_column(kind, json).map(|text| text.unwrap_or_else(|| "NULL".to_owned()))
    }

    #[test]
    fn integers_are_read_by_value() {
        for (json, expected) in [
            ("12", Ok("12")),
            ("12.0", Ok("12")),
            ("1.2e1", Ok("12")),
            ("\"-7\"", Ok("-7")),
            ("-0", Ok("0")),
            ("0e99999999999999999999", Ok("0")),
            ("9223372036854775807", Ok("9223372036854775807")),
            ("-9223372036854775808", Ok("-9223372036854775808")),
            ("9223372036854775808", Err(Problem::OutOfRange)),
            ("1e30", Err(Problem::OutOfRange)),
            ("1.5", Err(Problem::OtherKind)),
            ("\"about 40\"", Err(Problem::OtherKind)),
            ("\"\"", Err(Problem::OtherKind)),
            ("true", Err(Problem::OtherKind)),
            ("[1]", Err(Problem::OtherKind)),
        ] {
            assert_eq!(
                column(Kind::Integer, json),
                expected.map(str::to_owned),
                "{json}"
            );
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (json, expected) in [
            ("12.50", Ok("12.50")),
            ("\"12.50\"", Ok("12.50")),
            (
                "0.1234567890123456789012345",
                Ok("0.1234567890123456789012345"),
            ),
            ("1e400000", Err(Problem::OutOfRange)),
            ("\"NaN\"", Err(Problem::OtherKind)),
            ("\"Infinity\"", Err(Problem::OtherKind)),
            ("\"1.\"", Err(Problem::OtherKind)),
            ("\".5\"", Err(Problem::OtherKind)),
        ] {
            assert_eq!(
                column(Kind::Number, json),
                expected.map(str::to_owned),
                "{json}"
            );
        }
    }

    #[test]
    fn instants_are_utc_with_microseconds() {
        for (json, expected) in [
            (
                "\"2024-01-31T10:00:00Z\"",
                Ok("2024-01-31T10:00:00.000000Z"),
            ),
            (
                "\"2024-01-31T10:00:00.123456789+02:00\"",
                Ok("2024-01-31T08:00:00.123456Z"),
            ),
            ("\"2024-01-31\"", Ok("2024-01-31T00:00:00.000000Z")),
            ("\"+300000-01-01T00:00:00Z\"", Err(Problem::OutOfRange)),
            ("\"300000-01-01T00:00:00Z\"", Err(Problem::OutOfRange)),
            ("\"-000044-03-15T00:00:00Z\"", Err(Problem::OutOfRange)),
            ("\"infinity\"", Err(Problem::OtherKind)),
            ("1706695200000", Err(Problem::OtherKind)),
        ] {
            assert_eq!(
                column(Kind::Timestamp, json),
                expected.map(str::to_owned),
                "{json}"
            );
        }
        assert_eq!(
            column(Kind::Date, "\"2024-01-31\""),
            Ok("2024-01-31".to_owned())
        );
        assert_eq!(
            column(Kind::Date, "\"2024-02-31\""),
            Err(Problem::OtherKind)
        );
    }

    #[test]
    fn a_text_column_takes_everything() {
        assert_eq!(column(Kind::Text, "\"a\\n\\\"b\""), Ok("a\n\"b".to_owned()));
        assert_eq!(column(Kind::Text, "12.50"), Ok("12.50".to_owned()));
        assert_eq!(column(Kind::Text, "[1,null]"), Ok("[1,null]".to_owned()));
        assert_eq!(column(Kind::Text, "null"), Ok("NULL".to_owned()));
    }

    #[test]
    fn sqlite_is_given_what_keeps_every_digit() {
        assert_eq!(Exact::of("12.0"), Exact::Integer(12));
        assert_eq!(Exact::of("0.1"), Exact::Real(0.1));
        assert_eq!(Exact::of("12.50"), Exact::Real(12.5));
        assert_eq!(Exact::of("1e300"), Exact::Real(1e300));
        assert_eq!(Exact::of("0.12345678901234567890"), Exact::Text);
        assert_eq!(Exact::of("9223372036854775808"), Exact::Text);
        assert_eq!(Exact::of("9223372036854775809"), Exact::Text);
        assert_eq!(Exact::of("1e999"), Exact::Text);
    }
}
