//! When a native call is made again, and after how long. Pure: chance comes in as a number.
//!
//! A read may be repeated after anything that can pass. A write may be repeated only where the provider says, or the
//! socket proves, that nothing was carried out.

use std::time::{Duration, SystemTime};

use super::provider::{Effect, ErrorRule};
use crate::{error::Code, metrics::Reason};

mod budget;

pub(super) use budget::{RetryBudget, RetryBudgets};

/// The first try and two more: a provider that fails three times in a row is better left alone for a while.
pub(super) const MOST_TRIES: u32 = 3;

/// What went wrong with a try.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble<'a> {
    /// The provider answered with this status, and perhaps this rule about it.
    Refused(u16, Option<&'a ErrorRule>),
    /// No connection came about.
    NotConnected,
    /// The connection broke, or the time was up, once the request may have been sent.
    Lost,
}

impl Trouble<'_> {
    /// The provider asks for fewer calls, or for a pause.
    pub(super) fn is_throttling(self) -> bool {
        match self {
            Self::Refused(429, _) => true,
            Self::Refused(_, Some(rule)) => {
                matches!(rule.code, Code::TooManyRequests | Code::ServiceUnavailable)
            }
            _ => false,
        }
    }

    /// As it is counted.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::NotConnected => Reason::NotConnected,
            Self::Lost => Reason::Lost,
            Self::Refused(..) if self.is_throttling() => Reason::Throttled,
            Self::Refused(..) => Reason::Refused,
        }
    }

    fn may_be_repeated(self, effect: Effect) -> bool {
        if matches!(self, Self::Refused(_, Some(rule)) if rule.never_again) {
            return false;
        }
        let not_carried_out = match self {
            Self::Refused(_, rule) => rule.is_some_and(|rule| rule.not_carried_out),
            Self::NotConnected => true,
            Self::Lost => false,
        };
        let may_pass = match self {
            Self::Refused(status, _) => status >= 500 || self.is_throttling(),
            Self::NotConnected | Self::Lost => true,
        };
        not_carried_out || (effect == Effect::Read && may_pass)
    }
}

/// How long to wait before try number `tries + 1`; none where there must not be one. `chance` is in 0..1.
pub(super) fn pause(
    trouble: Trouble<'_>,
    effect: Effect,
    tries: u32,
    retry_after: Option<Duration>,
    chance: f64,
) -> Option<Duration> {
    if tries >= MOST_TRIES || !trouble.may_be_repeated(effect) {
        return None;
    }
    // Windows of providers are 1 to 10 seconds long; a fault of a server or a lock of a row passes faster.
    let base = if trouble.is_throttling() {
        Duration::from_secs(1)
    } else {
        Duration::from_millis(100)
    };
    let backoff = base * 3_u32.pow(tries - 1);
    let backoff = backoff + backoff.mul_f64(chance);
    // Many waited for the same moment, so the jitter comes on top.
    Some(match retry_after {
        Some(after) => after + base.mul_f64(chance),
        None => backoff,
    })
}

/// No provider has a limit that lasts longer, and a greater number would be no time that can be reckoned with.
const LONGEST_TOLD: Duration = Duration::from_hours(24);

/// A `Retry-After`: seconds, or a date; a day at most.
pub(super) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST_TOLD));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(
        date.duration_since(now)
            .unwrap_or_default()
            .min(LONGEST_TOLD),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: ErrorRule = ErrorRule {
        not_carried_out: true,
        ..ErrorRule::new(Code::TooManyRequests)
    };
    const DOWN: ErrorRule = ErrorRule::new(Code::ServiceUnavailable);
    const SPENT: ErrorRule = ErrorRule {
        never_again: true,
        ..LOCKED
    };

    fn repeats(trouble: Trouble<'_>, effect: Effect) -> bool {
        pause(trouble, effect, 1, None, 0.5).is_some()
    }

    #[test]
    fn reads_are_repeated_after_what_may_pass() {
        for trouble in [
            Trouble::Refused(429, None),
            Trouble::Refused(500, None),
            Trouble::Refused(502, None),
            Trouble::Refused(503, Some(&DOWN)),
            Trouble::Refused(423, Some(&LOCKED)),
            Trouble::NotConnected,
            Trouble::Lost,
        ] {
            assert!(repeats(trouble, Effect::Read), "{trouble:?}");
        }
        // The day's calls are spent: that does not pass within a call.
        assert!(!repeats(Trouble::Refused(429, Some(&SPENT)), Effect::Read));
        for status in [200, 400, 401, 403, 404, 409] {
            assert!(!repeats(Trouble::Refused(status, None), Effect::Read));
        }
    }

    /// Covers: write-not-carried-out, write-cut
    #[test]
    fn writes_are_repeated_only_when_nothing_was_carried_out() {
        assert!(repeats(Trouble::NotConnected, Effect::Write));
        assert!(repeats(Trouble::Refused(423, Some(&LOCKED)), Effect::Write));
        for trouble in [
            Trouble::Lost,
            Trouble::Refused(500, None),
            Trouble::Refused(503, Some(&DOWN)),
            Trouble::Refused(504, None),
            Trouble::Refused(429, None),
        ] {
            assert!(!repeats(trouble, Effect::Write), "{trouble:?}");
        }
    }

    /// Covers: throttled
    #[test]
    fn there_are_three_tries_with_growing_pauses() {
        let at = |tries| pause(Trouble::Lost, Effect::Read, tries, None, 0.0);
        assert_eq!(at(1), Some(Duration::from_millis(100)));
        assert_eq!(at(2), Some(Duration::from_millis(300)));
        assert_eq!(at(3), None);
    }

    #[test]
    fn retry_after_is_the_least_pause() {
        let wait = pause(
            Trouble::Refused(429, None),
            Effect::Read,
            1,
            Some(Duration::from_secs(7)),
            0.9,
        );
        assert!(wait.unwrap() >= Duration::from_secs(7));
    }

    /// Covers: retry-after-forms
    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let parse = |value| parse_retry_after(value, now);
        assert_eq!(parse("3"), Some(Duration::from_secs(3)));
        assert_eq!(
            parse("Sun, 06 Nov 1994 08:49:40 GMT"),
            Some(Duration::from_secs(3))
        );
        assert_eq!(parse("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(parse("18446744073709551615"), Some(LONGEST_TOLD));
        assert_eq!(
            parse("Sun, 06 Nov 9994 08:49:40 GMT").map(|it| it <= LONGEST_TOLD),
            Some(true)
        );
        assert_eq!(parse("-1"), None);
        assert_eq!(parse("soon"), None);
    }
}
