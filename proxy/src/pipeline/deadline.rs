//! When a call must be at its end: the caller's word, capped by the configuration.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::error::{Code, Error};

static REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");
/// The same in an error's `path`.
const PLACE: &str = "header.x-request-timeout";
/// More digits than anybody needs, and few enough for a number of 64 bits.
const MOST_DIGITS: usize = 9;
/// What notices the deadline first, and tells the most, is what waits for something. Only what waits without one is
/// ended from outside, a moment later.
const LATER: Duration = Duration::from_millis(50);

/// When a call that began at `start` must be at its end.
pub(super) fn of(headers: &HeaderMap, most: Duration, start: Instant) -> Result<Instant, Error> {
    let mut values = headers.get_all(&REQUEST_TIMEOUT).iter();
    let given = match (values.next(), values.next()) {
        (None, _) => return Ok(start + most),
        (Some(value), None) => read(value),
        (Some(_), Some(_)) => None,
    };
    match given {
        Some(given) if !given.is_zero() => Ok(start + given.min(most)),
        _ => Err(Error::issue(
            PLACE,
            "expected one time of more than zero, in seconds as in `10`, `2.5` or `10s`, or in milliseconds as in `1500ms`",
        )),
    }
}

fn read(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Some(millis) = text.strip_suffix("ms") {
        return whole(millis).map(Duration::from_millis);
    }
    let text = text.strip_suffix('s').unwrap_or(text);
    let (seconds, fraction) = match text.split_once('.') {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (text, None),
    };
    let seconds = Duration::from_secs(whole(seconds)?);
    let Some(fraction) = fraction else {
        return Some(seconds);
    };
    let scale = 10_u64.pow(u32::try_from(MOST_DIGITS.checked_sub(fraction.len())?).ok()?);
    Some(seconds + Duration::from_nanos(whole(fraction)? * scale))
}

/// Digits and nothing else: no sign, no exponent, no space.
fn whole(text: &str) -> Option<u64> {
    let is_number =
        (1..=MOST_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Ends what does not end by itself, with what is said then. For what is mostly there at once.
pub(super) async fn within<T>(
    deadline: Instant,
    said: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut work = pin!(work);
    // Then there is nothing to be timed.
    if let Poll::Ready(result) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        return result;
    }
    tokio::time::timeout_at(deadline, work)
        .await
        .unwrap_or_else(|_| Err(Error::new(Code::Timeout, said)))
}

/// The same for a read whose stages have the deadline themselves.
pub(super) async fn read_within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let said = "the call did not come to its end in time; nothing was written";
    tokio::time::timeout_at(deadline + LATER, work)
        .await
        .unwrap_or_else(|_| Err(Error::new(Code::Timeout, said)))
}

/// The same for a write, which goes on without its caller.
pub(super) async fn write_within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout_at(deadline + LATER, work)
        .await
        .unwrap_or_else(|_| {
            let said = "the call did not come to its end in time, and goes on";
            Err(Error::new(Code::Timeout, said).into_unknown())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(values: &[&str]) -> Result<Duration, Error> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&REQUEST_TIMEOUT, value.parse().unwrap());
        }
        let start = Instant::now();
        of(&headers, Duration::from_mins(1), start).map(|deadline| deadline - start)
    }

    #[test]
    fn a_timeout_is_seconds_or_milliseconds_and_is_capped() {
        for (value, expected) in [
            ("10", Duration::from_secs(10)),
            ("10s", Duration::from_secs(10)),
            ("2.5", Duration::from_millis(2500)),
            ("2.5s", Duration::from_millis(2500)),
            ("0.000000001", Duration::from_nanos(1)),
            (" 7 ", Duration::from_secs(7)),
            ("1500ms", Duration::from_millis(1500)),
            ("999999999", Duration::from_mins(1)),
        ] {
            assert_eq!(given(&[value]).unwrap(), expected, "{value}");
        }
        assert_eq!(given(&[]).unwrap(), Duration::from_mins(1));
    }

    #[test]
    fn anything_else_is_refused_with_what_is_expected() {
        for value in [
            "",
            "0",
            "0.0",
            "0ms",
            "-1",
            "+1",
            "1e3",
            "10 s",
            "1.5ms",
            "1.",
            ".5",
            "10m",
            "soon",
            "inf",
            "NaN",
            "1,5",
            "0x10",
            "9999999999",
            "1.0000000001",
            "s",
            "ms",
            "١",
        ] {
            let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
                continue;
            };
            let headers = HeaderMap::from_iter([(REQUEST_TIMEOUT.clone(), value.clone())]);
            let error = of(&headers, Duration::from_mins(1), Instant::now()).unwrap_err();
            assert_eq!(error.code, Code::BadRequest, "{value:?}");
            assert_eq!(error.issues[0].path.as_deref(), Some(PLACE));
            assert!(error.message.contains("`2.5`"), "{}", error.message);
        }
        assert!(given(&["1", "2"]).is_err(), "two of them");
    }
}
