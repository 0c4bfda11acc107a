//! Conversions of texts. None means that the text is not what it should be.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// An instant, as RFC 3339 in UTC with milliseconds.
pub(crate) fn timestamp(text: &str) -> Option<String> {
    Some(format!("{:.3}", instant(text)?))
}

/// RFC 3339, with or without a colon in the offset; a day; or seconds (up to ten digits) or milliseconds since 1970.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 40 {
        return None;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit()) {
        let number = text.parse().ok()?;
        return match digits.len() {
            ..=10 => Timestamp::from_second(number).ok(),
            _ => Timestamp::from_millisecond(number).ok(),
        };
    }
    text.parse().ok().or_else(|| {
        let date: Date = text.parse().ok().filter(|_| text.len() == 10)?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

/// The day of a day or an instant, in UTC.
pub(crate) fn date(text: &str) -> Option<String> {
    if text.len() == 10 && text.parse::<Date>().is_ok() {
        return Some(text.to_owned());
    }
    Some(instant(text)?.to_zoned(TimeZone::UTC).date().to_string())
}

/// Midnight of a day.
pub(crate) fn date_as_timestamp(text: &str) -> Option<String> {
    let date: Date = text.parse().ok()?;
    Some(format!("{date}T00:00:00.000Z"))
}

/// A number in its plainest form: written out where that takes 64 digits at most on either side of the point, and
/// without zeros that say nothing. Beyond that it is digits and an exponent.
pub(crate) fn number(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !exponent_digits.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let exponent: i64 = exponent.parse().ok()?;
    if exponent.abs() >= 100_000 {
        return None;
    }
    // The number is `digits` × 10^shift, without zeros at either end.
    let mut shift = exponent - i64::try_from(fraction.len()).ok()?;
    while digits.ends_with('0') {
        digits.pop();
        shift += 1;
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    let length = i64::try_from(digits.len()).ok()?;
    let before_the_point = length + shift;
    Some(if !(-64..=64).contains(&before_the_point) {
        format!("{sign}{digits}e{shift}")
    } else if before_the_point <= 0 {
        let zeros = "0".repeat(usize::try_from(-before_the_point).ok()?);
        format!("{sign}0.{zeros}{digits}")
    } else if shift >= 0 {
        let zeros = "0".repeat(usize::try_from(shift).ok()?);
        format!("{sign}{digits}{zeros}")
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(before_the_point).ok()?);
        format!("{sign}{whole}.{fraction}")
    })
}

/// The first line.
pub(crate) fn first_line(text: &str) -> &str {
    match text.split_once('\n') {
        Some((first, _)) => first.trim_end_matches('\r'),
        None => text,
    }
}

/// The other lines, with LF between them.
pub(crate) fn rest_lines(text: &str) -> String {
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    rest.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_is_written_plainly() {
        for (text, plain) in [
            ("12.0", "12"),
            ("1.0E7", "10000000"),
            ("-0.00", "0"),
            ("1e-3", "0.001"),
            ("+5.", "5"),
            (".5", "0.5"),
            ("123.450", "123.45"),
            ("10e99", "1e100"),
            ("1.5e-70", "15e-71"),
        ] {
            assert_eq!(number(text).as_deref(), Some(plain), "{text}");
        }
        for text in ["", ".", "e1", "1e", "1e100000", "1_000", "--1", "١"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
