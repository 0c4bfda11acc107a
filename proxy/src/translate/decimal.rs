//! Decimal numbers as text, exact. Providers write `12`, `12.0` and `1.0E7` for whole numbers.

use std::borrow::Cow;

/// The most digits that an exponent is written out to; beyond it the number keeps its exponent.
const MAX_DIGITS: usize = 64;

/// A number in its plainest JSON form: no exponent where it can be written out, no zeros that say nothing.
/// None where the text is no number.
pub fn plain(text: &str) -> Option<Cow<'_, str>> {
    if is_plain(text.as_bytes()) {
        return Some(Cow::Borrowed(text));
    }
    written_out(text)
}

/// Whether a text is a number in its plainest form at first sight: most are.
pub(super) fn is_plain(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits.iter().take_while(|it| it.is_ascii_digit()).count();
    let begins_well = digits.first().is_some_and(|first| *first != b'0') || text == b"0";
    let ends_well = match &digits[whole..] {
        [] => true,
        [b'.', fraction @ .., last] => {
            fraction.iter().all(u8::is_ascii_digit) && matches!(last, b'1'..=b'9')
        }
        _ => false,
    };
    digits.len() < MAX_DIGITS && whole > 0 && begins_well && ends_well
}

fn written_out(text: &str) -> Option<Cow<'_, str>> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some(Cow::Borrowed("0"));
    }
    let leading_zeros = digits.len() - significant.len();
    // The number is 0.`significant` × 10^point.
    let point = i64::try_from(whole.len()).ok()? + exponent - i64::try_from(leading_zeros).ok()?;
    let significant = significant.trim_end_matches('0');
    let sign = if negative { "-" } else { "" };
    let length = i64::try_from(significant.len()).ok()?;
    let max = i64::try_from(MAX_DIGITS).ok()?;
    let plain = if point > max || point < -max {
        format!("{sign}{significant}e{}", point - length)
    } else if point <= 0 {
        format!(
            "{sign}0.{}{significant}",
            "0".repeat(usize::try_from(-point).ok()?)
        )
    } else if point >= length {
        format!(
            "{sign}{significant}{}",
            "0".repeat(usize::try_from(point - length).ok()?)
        )
    } else {
        let (whole, fraction) = significant.split_at(usize::try_from(point).ok()?);
        format!("{sign}{whole}.{fraction}")
    };
    Some(if plain == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(plain)
    })
}

/// Whether a number in its plainest form is whole.
pub fn is_whole(plain: &str) -> bool {
    !plain.contains('.') && !plain.contains("e-")
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // An exponent beyond any number that is meant is as good as not a number.
    text.parse::<i32>()
        .ok()
        .filter(|exponent| exponent.abs() < 100_000)
        .map(i64::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Covers: text-numbers
    #[test]
    fn usual_forms_become_plain() {
        for (text, expected) in [
            ("12", "12"),
            ("12.0", "12"),
            ("1.0E7", "10000000"),
            ("0012.50", "12.5"),
            (".5", "0.5"),
            ("-0.0", "0"),
            ("5.", "5"),
            ("1e-3", "0.001"),
            ("-1.25e1", "-12.5"),
            ("+7", "7"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "-",
            ".",
            "abc",
            "1,000",
            "NaN",
            "Infinity",
            "1e",
            "1e+",
            "0x10",
            "1 ",
            "--1",
            "1.2.3",
            "1e99999999999",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    /// Covers: text-numbers
    #[test]
    fn huge_numbers_keep_their_exponent() {
        assert_eq!(plain("1e400").as_deref(), Some("1e400"));
        assert!(
            serde_json::from_str::<&serde_json::value::RawValue>(&plain("12e-400").unwrap())
                .is_ok()
        );
    }

    proptest! {
        #[test]
        fn whole_numbers_stay_what_they_are(number: i128) {
            let text = number.to_string();
            let plain = plain(&text);
            prop_assert_eq!(plain.as_deref(), Some(text.as_str()));
        }

        #[test]
        fn plain_is_a_fixed_point_and_legal_json(text in "-?[0-9]{0,20}(\\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?") {
            if let Some(once) = plain(&text) {
                let twice = plain(&once);
                prop_assert_eq!(twice.as_deref(), Some(&*once));
                prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&once).is_ok());
            }
        }
    }
}
