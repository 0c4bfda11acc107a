//! From native values to unified ones.
//!
//! A value that can't be what the unified field is becomes null, with a warning that names it: a wrong value would be
//! worse, and one bad field must not cost the caller the record. The native record is in `raw_data` all the same.

use std::borrow::Cow;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{
    decimal,
    scalar::{Flag, Number, Text, shorten},
    warning::Warnings,
};
use crate::error::Error;

/// A text; an empty one means unset at every provider.
pub fn text<'a>(value: Option<&Text<'a>>) -> Option<Cow<'a, str>> {
    value
        .filter(|text| !text.0.is_empty())
        .map(|text| text.0.clone())
}

/// The first present of several.
pub fn first<'t, 'a, const N: usize>(values: [Option<&'t Text<'a>>; N]) -> Option<&'t Text<'a>> {
    values.into_iter().flatten().find(|text| !text.0.is_empty())
}

/// Texts joined by a space, the unset ones left out.
pub fn join<'a, const N: usize>(values: [Option<&Text<'a>>; N]) -> Option<Cow<'a, str>> {
    let present: Vec<Cow<'a, str>> = values.into_iter().filter_map(text).collect();
    (!present.is_empty()).then(|| Cow::Owned(present.join(" ")))
}

/// The first line of a text of several.
pub fn first_line<'a>(value: Option<&Text<'a>>) -> Option<Cow<'a, str>> {
    let text = text(value)?;
    let (first, _) = split_line(&text);
    (!first.is_empty()).then(|| Cow::Owned(first.to_owned()))
}

/// All lines of a text but the first, with LF between them.
pub fn rest_lines<'a>(value: Option<&Text<'a>>) -> Option<Cow<'a, str>> {
    let text = text(value)?;
    let (_, rest) = split_line(&text);
    (!rest.is_empty()).then(|| Cow::Owned(rest.replace("\r\n", "\n")))
}

fn split_line(text: &str) -> (&str, &str) {
    text.split_once('\n').map_or((text, ""), |(first, rest)| {
        (first.trim_end_matches('\r'), rest)
    })
}

/// A truth value.
pub fn flag(value: Option<&Flag>) -> Option<bool> {
    value.map(|flag| flag.0)
}

/// A number that is a number natively too.
pub fn number<'a>(value: Option<&Number<'a>>) -> Option<Number<'a>> {
    value.map(|number| {
        decimal::plain(&number.0).map_or_else(
            || number.clone(),
            |plain| Number(Cow::Owned(plain.into_owned())),
        )
    })
}

/// A number that is a text natively.
pub fn number_of_text<'a>(
    field: &str,
    value: Option<&Text<'a>>,
    warnings: &mut Warnings,
) -> Option<Number<'a>> {
    let text = text(value)?;
    match decimal::plain(text.trim()) {
        Some(plain) => Some(Number(Cow::Owned(plain.into_owned()))),
        None => unread(field, "a number", &text, warnings),
    }
}

/// A truth value that is a text natively.
pub fn flag_of_text(
    field: &str,
    value: Option<&Text<'_>>,
    warnings: &mut Warnings,
) -> Option<bool> {
    let text = text(value)?;
    match &*text {
        "true" => Some(true),
        "false" => Some(false),
        _ => unread(field, "true or false", &text, warnings),
    }
}

/// An instant in any form that providers use, as RFC 3339 in UTC with milliseconds.
pub fn timestamp<'a>(
    field: &str,
    value: Option<&Text<'a>>,
    warnings: &mut Warnings,
) -> Option<Cow<'a, str>> {
    let text = text(value)?;
    match parse_timestamp(&text) {
        Some(instant) => Some(Cow::Owned(format_timestamp(instant))),
        None => unread(field, "a date and time", &text, warnings),
    }
}

/// An instant that is a number natively: seconds or milliseconds since the epoch.
pub fn timestamp_of_number<'a>(
    field: &str,
    value: Option<&Number<'a>>,
    warnings: &mut Warnings,
) -> Option<Cow<'a, str>> {
    timestamp(
        field,
        value.map(|number| Text(number.0.clone())).as_ref(),
        warnings,
    )
}

/// A date, as midnight UTC of that day.
pub fn date_as_timestamp<'a>(
    field: &str,
    value: Option<&Text<'a>>,
    warnings: &mut Warnings,
) -> Option<Cow<'a, str>> {
    let text = text(value)?;
    match text.parse::<Date>() {
        Ok(date) => Some(Cow::Owned(format!("{date}T00:00:00.000Z"))),
        Err(_) => unread(field, "a date", &text, warnings),
    }
}

/// The day of a date or an instant, in UTC.
pub fn date<'a>(
    field: &str,
    value: Option<&Text<'a>>,
    warnings: &mut Warnings,
) -> Option<Cow<'a, str>> {
    let text = text(value)?;
    if text.parse::<Date>().is_ok() && text.len() == 10 {
        return Some(text);
    }
    match parse_timestamp(&text) {
        Some(instant) => {
            let date = instant.to_zoned(TimeZone::UTC).date();
            Some(Cow::Owned(date.to_string()))
        }
        None => unread(field, "a date", &text, warnings),
    }
}

/// The text that HTML shows, where it shows nothing but text; otherwise the HTML.
pub fn html<'a>(value: Option<&Text<'a>>) -> Option<Cow<'a, str>> {
    text(value).map(|html| match html {
        Cow::Borrowed(html) => super::html::to_text(html),
        Cow::Owned(html) => Cow::Owned(super::html::to_text(&html).into_owned()),
    })
}

/// The value of the first truth that holds. Where one before it is not known, neither is the value.
pub fn first_true<T: Copy, const N: usize>(
    cases: [(Option<bool>, T); N],
    otherwise: T,
) -> Option<T> {
    for (holds, value) in cases {
        if holds? {
            return Some(value);
        }
    }
    Some(otherwise)
}

/// A value of an enumeration by its counterpart.
pub fn value<T: Copy>(
    field: &str,
    pairs: &[(&str, T)],
    value: Option<&Text<'_>>,
    warnings: &mut Warnings,
) -> Option<T> {
    let text = text(value)?;
    match pairs.iter().find(|(native, _)| *native == text) {
        Some((_, unified)) => Some(*unified),
        None => unread(field, "a value that has a counterpart", &text, warnings),
    }
}

/// A field that a record must have.
pub fn required<T>(field: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| {
        Error::bad_gateway(format!(
            "the provider's record has no usable value for `{field}`"
        ))
    })
}

/// Entries of a list, the empty ones left out; none at all is null.
pub fn entries<T: Entry, const N: usize>(entries: [Option<T>; N]) -> Option<Vec<T>> {
    let present: Vec<T> = entries
        .into_iter()
        .flatten()
        .filter(|entry| !entry.is_empty())
        .collect();
    (!present.is_empty()).then_some(present)
}

/// An entry of a list that is made of flat native fields.
pub trait Entry {
    /// Whether none of its native fields has a value.
    fn is_empty(&self) -> bool;
}

fn unread<T>(field: &str, expected: &str, found: &str, warnings: &mut Warnings) -> Option<T> {
    warnings.not_read(
        field,
        format!(
            "expected {expected}, found {:?}; see raw_data",
            shorten(found)
        ),
    );
    None
}

/// Reads RFC 3339, offsets without a colon, dates, and seconds or milliseconds since the epoch.
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 40 {
        return None;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        // Ten digits of seconds last until the year 2286; milliseconds have had more since 1970-04-26.
        return if digits.len() <= 10 {
            Timestamp::from_second(number).ok()
        } else {
            Timestamp::from_millisecond(number).ok()
        };
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if text.len() == 10 {
        return text
            .parse::<Date>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp());
    }
    None
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn format_timestamp(instant: Timestamp) -> String {
    format!("{instant:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let mut warnings = Warnings::default();
        let read = timestamp("at", Some(&Text(text.into())), &mut warnings).map(Cow::into_owned);
        assert_eq!(read.is_none() && !text.is_empty(), !warnings.is_empty());
        read
    }

    /// Covers: instants, absent-date-null
    #[test]
    fn every_form_of_an_instant_becomes_rfc_3339_in_utc() {
        let noon = Some("2024-01-31T12:34:56.789Z".to_owned());
        assert_eq!(read("2024-01-31T12:34:56.789Z"), noon);
        assert_eq!(read("2024-01-31T12:34:56.789+0000"), noon);
        assert_eq!(read("2024-01-31T14:34:56.789+02:00"), noon);
        assert_eq!(read("2024-01-31T07:04:56.789-0530"), noon);
        assert_eq!(read("1706704496789"), noon);
        assert_eq!(
            read("1706704496").as_deref(),
            Some("2024-01-31T12:34:56.000Z")
        );
        assert_eq!(
            read("2024-01-31T12:34:56Z").as_deref(),
            Some("2024-01-31T12:34:56.000Z")
        );
        assert_eq!(
            read("2024-01-31").as_deref(),
            Some("2024-01-31T00:00:00.000Z")
        );
        assert_eq!(read(""), None);
        assert_eq!(read("yesterday"), None);
        assert_eq!(
            read("2024-01-31T12:34:56"),
            None,
            "without a zone it is not an instant"
        );
    }

    #[test]
    fn a_street_is_its_first_line_and_the_rest() {
        let street = Text("1 Market St\r\nSuite 300\nFloor 2".into());
        assert_eq!(first_line(Some(&street)).as_deref(), Some("1 Market St"));
        assert_eq!(
            rest_lines(Some(&street)).as_deref(),
            Some("Suite 300\nFloor 2")
        );
        let one = Text("1 Market St".into());
        assert_eq!(rest_lines(Some(&one)), None);
    }

    #[test]
    fn the_day_of_an_instant_is_that_of_utc() {
        let mut warnings = Warnings::default();
        for (native, day) in [
            ("2024-01-31", "2024-01-31"),
            ("2024-01-31T23:59:59.999Z", "2024-01-31"),
            ("2024-01-31T23:30:00-0100", "2024-02-01"),
            ("1706745599999", "2024-01-31"),
        ] {
            let read = date("on", Some(&Text(native.into())), &mut warnings);
            assert_eq!(read.as_deref(), Some(day), "{native}");
        }
        assert!(warnings.is_empty());
        assert_eq!(date("on", Some(&Text("soon".into())), &mut warnings), None);
        assert!(!warnings.is_empty());
    }

    #[test]
    fn the_first_truth_decides_and_an_unknown_one_leaves_it_open() {
        let of = |won, lost| first_true([(won, 'w'), (lost, 'l')], 'o');
        assert_eq!(of(Some(true), None), Some('w'));
        assert_eq!(of(Some(false), Some(true)), Some('l'));
        assert_eq!(of(Some(false), Some(false)), Some('o'));
        assert_eq!(of(Some(false), None), None);
        assert_eq!(of(None, Some(true)), None);
    }

    #[test]
    fn a_value_without_counterpart_is_null_with_a_warning() {
        let mut warnings = Warnings::default();
        let read = value(
            "stage",
            &[("lead", 1)],
            Some(&Text("98755291".into())),
            &mut warnings,
        );
        assert_eq!(read, None);
        assert_eq!(warnings.as_slice()[0].field.as_deref(), Some("stage"));
    }
}
