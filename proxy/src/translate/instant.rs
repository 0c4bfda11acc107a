//! Instants in the forms that providers send nearly always, brought into ours by copying digits.

use wide::u8x16;

/// The characters of a date and a time in seconds, as in `2024-01-31T12:34:56`.
pub const SECONDS: usize = 19;
/// The same with milliseconds, as in `2024-01-31T12:34:56.789`.
pub const MILLISECONDS: usize = 23;

/// How much of an instant can be copied, to make RFC 3339 in UTC with milliseconds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    AsItIs,
    /// Up to its milliseconds.
    Milliseconds,
    /// Up to its seconds, and there are no milliseconds.
    Seconds,
}

/// Whether a text is in one of the forms `2024-01-31T12:34:56.789Z`, the same with `+0000` or `+00:00`, and each without
/// a fraction. None for every other text, also where it is an instant: whoever asks has a slower way for those.
#[inline(never)]
pub fn written(text: &[u8]) -> Option<Written> {
    if let Some((instant, zone)) = text.split_first_chunk::<MILLISECONDS>() {
        let written = match zone {
            b"Z" => Written::AsItIs,
            b"+0000" | b"+00:00" => Written::Milliseconds,
            _ => return in_seconds(text),
        };
        let is_one = TO_MILLISECONDS.fits(instant.last_chunk()?) && is_real(instant.first_chunk()?);
        return is_one.then_some(written);
    }
    in_seconds(text)
}

fn in_seconds(text: &[u8]) -> Option<Written> {
    let (instant, zone) = text.split_first_chunk::<SECONDS>()?;
    let is_utc = matches!(zone, b"Z" | b"+0000" | b"+00:00");
    let is_one =
        is_utc && TO_SECONDS.fits(instant.last_chunk()?) && is_real(instant.first_chunk()?);
    is_one.then_some(Written::Seconds)
}

/// Whether a text is a day, as in `2024-01-31`, that is on a calendar. Not for every one, as with [`written`].
pub fn is_day(text: &[u8]) -> bool {
    let Ok(day) = <&[u8; 10]>::try_from(text) else {
        return false;
    };
    let mut begins = *b"0000-00-00T00:00";
    begins[..10].copy_from_slice(day);
    is_real(&begins)
}

/// A form of sixteen characters.
struct Form {
    /// With a `0` for each digit.
    pattern: [u8; 16],
    /// The largest digit at each place; 0 at that of a sign.
    largest: [u8; 16],
}

const TO_MINUTES: Form = Form {
    pattern: *b"0000-00-00T00:00",
    largest: [9, 9, 9, 9, 0, 1, 9, 0, 3, 9, 0, 2, 9, 0, 5, 9],
};
const TO_SECONDS: Form = Form {
    pattern: *b"0-00-00T00:00:00",
    largest: [9, 0, 1, 9, 0, 3, 9, 0, 2, 9, 0, 5, 9, 0, 5, 9],
};
const TO_MILLISECONDS: Form = Form {
    pattern: *b"-00T00:00:00.000",
    largest: [0, 3, 9, 0, 2, 9, 0, 5, 9, 0, 5, 9, 0, 9, 9, 9],
};

impl Form {
    #[inline]
    fn fits(&self, text: &[u8; 16]) -> bool {
        // A digit becomes its number, a sign that is the right one 0, and every other character something larger.
        let digits = u8x16::from(*text) ^ u8x16::from(self.pattern);
        let fits = digits.min(u8x16::from(self.largest)).simd_eq(digits);
        fits.to_bitmask() == 0xffff
    }
}

/// Whether `2024-01-31T12:34` is on a calendar and on a clock.
#[inline]
fn is_real(text: &[u8; 16]) -> bool {
    let number = |at: usize| (text[at] & 0xf) * 10 + (text[at + 1] & 0xf);
    let (month, day, hour) = (number(5), number(8), number(11));
    // The last years of the calendar are left to the slower way, which knows where exactly it ends.
    TO_MINUTES.fits(text)
        && !text.starts_with(b"99")
        && (1..=12).contains(&month)
        && hour <= 23
        && ((1..=28).contains(&day) || (day > 28 && day <= days(number(0), number(2), month)))
}

/// The days of a month.
fn days(century: u8, year: u8, month: u8) -> u8 {
    let is_leap = year.is_multiple_of(4) && (year != 0 || century.is_multiple_of(4));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(is_leap),
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::translate::read::{format_timestamp, parse_timestamp};

    fn slow(text: &str) -> Option<String> {
        parse_timestamp(text).map(format_timestamp)
    }

    fn fast(text: &str) -> Option<String> {
        written(text.as_bytes()).map(|it| match it {
            Written::AsItIs => text.to_owned(),
            Written::Milliseconds => format!("{}Z", &text[..MILLISECONDS]),
            Written::Seconds => format!("{}.000Z", &text[..SECONDS]),
        })
    }

    #[test]
    fn the_usual_forms_are_copied() {
        for text in [
            "2024-01-31T12:34:56.789Z",
            "2024-01-31T12:34:56.789+0000",
            "2024-01-31T12:34:56.789+00:00",
            "2024-01-31T12:34:56Z",
            "2000-02-29T00:00:00Z",
            "1969-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00Z",
        ] {
            assert!(fast(text).is_some(), "{text}");
            assert_eq!(fast(text), slow(text));
        }
    }

    #[test]
    fn what_is_on_no_calendar_is_not_copied() {
        for text in [
            "",
            "2024-02-30T12:34:56Z",
            "1900-02-29T12:34:56Z",
            "2024-13-01T12:34:56Z",
            "2024-00-01T12:34:56Z",
            "2024-01-00T12:34:56Z",
            "2024-01-31T24:00:00Z",
            "2024-01-31T12:60:00Z",
            "2024-01-31T12:34:60Z",
            "2024-01-31 12:34:56Z",
            "2024-01-31T12:34:56.7é",
            "2024-01-31T12:34:56.789",
            "2024-01-31T12:34:56.789+0100",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(written(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_tell_the_same(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,4})?(Z|\\+0000|\\+00:00|-0000|z)?",
        ) {
            if let Some(fast) = fast(&text) {
                prop_assert_eq!(Some(fast), slow(&text));
            }
        }

        #[test]
        fn a_day_is_one_that_is_on_the_calendar(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]") {
            let parsed = text.parse::<jiff::civil::Date>();
            if is_day(text.as_bytes()) {
                prop_assert_eq!(parsed.unwrap().to_string(), text);
            } else {
                prop_assert!(text.starts_with("99") || parsed.is_err());
            }
        }

        #[test]
        fn every_day_of_the_calendar_is_copied(second in -62_167_219_200i64..250_246_713_600) {
            let instant = jiff::Timestamp::from_second(second).unwrap();
            let text = format_timestamp(instant);
            prop_assert_eq!(fast(&text), Some(text));
        }
    }
}
