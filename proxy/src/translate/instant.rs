//! Instants in the forms that providers send nearly always, brought into ours by copying digits.

/// An instant as RFC 3339 in UTC with milliseconds: the date and time up to its seconds, and the milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a> {
    /// As in `2024-01-31T12:34:56`.
    pub seconds: &'a str,
    /// As in `.789`.
    pub milliseconds: &'a str,
}

/// What a text says in one of the forms `2024-01-31T12:34:56.789Z`, the same with `+0000` or `+00:00`, and each without
/// a fraction. None for every other text, also where it is an instant: whoever asks has a slower way for those.
pub fn written(text: &str) -> Option<Written<'_>> {
    let (seconds, rest) = text.split_at_checked(19)?;
    let (milliseconds, zone) = match rest.as_bytes() {
        [b'.', a, b, c, ..] if [a, b, c].iter().all(|it| it.is_ascii_digit()) => rest.split_at(4),
        _ => (".000", rest),
    };
    let is_utc = matches!(zone, "Z" | "+0000" | "+00:00");
    (is_utc && is_real(seconds.as_bytes().first_chunk()?)).then_some(Written {
        seconds,
        milliseconds,
    })
}

/// A day, as in `2024-01-31`, that is on a calendar. None for every other text, as with [`written`].
pub fn day(text: &str) -> Option<&str> {
    let day: &[u8; 10] = text.as_bytes().try_into().ok()?;
    let mut begins = *b"0000-00-00T00:00:00";
    begins[..10].copy_from_slice(day);
    is_real(&begins).then_some(text)
}

/// Eight characters of a date or a time: digits, and signs at known places.
struct Form {
    /// Makes a `0` of each sign.
    signs: u64,
    /// The bytes of the signs.
    at: u64,
}

impl Form {
    /// With a `0` for each digit.
    const fn new(pattern: [u8; 8]) -> Self {
        let mut at = [0; 8];
        let mut place = 0;
        while place < 8 {
            if pattern[place] != b'0' {
                at[place] = 0xff;
            }
            place += 1;
        }
        Self {
            signs: u64::from_le_bytes(pattern) ^ (EACH * 0x30),
            at: u64::from_le_bytes(at),
        }
    }

    /// The numbers that two digits beside each other make, by the place of the first; none where a text has another form.
    #[inline]
    fn pairs(&self, text: [u8; 8]) -> Option<[u8; 8]> {
        let digits = u64::from_le_bytes(text) ^ self.signs ^ (EACH * 0x30);
        // What is no digit has a high bit, or gets one; a sign is zero if it is the right one.
        let is_other = (digits | digits.wrapping_add(EACH * 6)) & (EACH * 0xf0) != 0;
        let is_right = !is_other && digits & self.at == 0;
        is_right.then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
    }
}

const EACH: u64 = u64::MAX / 0xff;
const MONTH: Form = Form::new(*b"0000-00-");
const HOUR: Form = Form::new(*b"00T00:00");
const SECOND: Form = Form::new(*b"00:00:00");

/// Whether `2024-01-31T12:34:56` is on a calendar and on a clock.
fn is_real(text: &[u8; 19]) -> bool {
    let eight = |at: usize| text[at..].first_chunk().copied().unwrap_or_default();
    let words = (
        MONTH.pairs(eight(0)),
        HOUR.pairs(eight(8)),
        SECOND.pairs(eight(11)),
    );
    let (Some(date), Some(middle), Some(time)) = words else {
        return false;
    };
    let (century, year, month, day) = (date[0], date[2], date[5], middle[0]);
    let (hour, minute, second) = (time[0], time[3], time[6]);
    let is_leap = year.is_multiple_of(4) && (year != 0 || century.is_multiple_of(4));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(is_leap),
        1..=12 => 31,
        _ => 0,
    };
    // The last days of the year 9999 are beyond what is told; the slower way knows where exactly.
    let is_told = (century, year) < (99, 99);
    is_told && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60
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
        written(text).map(|it| format!("{}{}Z", it.seconds, it.milliseconds))
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
            assert_eq!(written(text), None, "{text}");
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
            if let Some(day) = day(&text) {
                let parsed: jiff::civil::Date = text.parse().unwrap();
                prop_assert_eq!(day, parsed.to_string());
            } else {
                prop_assert!(text.starts_with("9999") || text.parse::<jiff::civil::Date>().is_err());
            }
        }

        #[test]
        fn every_day_of_the_calendar_is_copied(second in -62_167_219_200i64..253_370_764_800) {
            let instant = jiff::Timestamp::from_second(second).unwrap();
            let text = format_timestamp(instant);
            prop_assert_eq!(fast(&text), Some(text));
        }
    }
}
