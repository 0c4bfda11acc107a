//! How long a token lives, and when the next one is due.

use std::{ops::RangeInclusive, time::Duration};

use tokio::time::Instant;

/// A token is renewed this long before its end. The spread keeps connections from doing so all at once.
const MARGIN_SECONDS: RangeInclusive<u64> = 60..=300;

/// The times of a token; none where nobody knows its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    renew_at: Option<Instant>,
    ends_at: Option<Instant>,
}

impl Life {
    pub(super) fn unknown() -> Self {
        Self {
            renew_at: None,
            ends_at: None,
        }
    }

    /// One of so long from a moment on.
    pub(super) fn new(from: Instant, lifetime: Option<Duration>) -> Self {
        let Some(lifetime) = lifetime else {
            return Self::unknown();
        };
        Self {
            renew_at: Some(from + lifetime.saturating_sub(margin(lifetime))),
            ends_at: Some(from + lifetime),
        }
    }

    /// Whether it is too early for the next one.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.renew_at.is_none_or(|at| now < at)
    }

    /// Whether the provider still takes it, as far as the clock tells.
    pub(super) fn is_good(&self, now: Instant) -> bool {
        self.ends_at.is_none_or(|at| now < at)
    }

    pub(super) fn has_end(&self) -> bool {
        self.ends_at.is_some()
    }
}

/// How long before its end a token is renewed: never more than a quarter of its life.
fn margin(lifetime: Duration) -> Duration {
    Duration::from_secs(rand::random_range(MARGIN_SECONDS)).min(lifetime / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: token-clock
    #[test]
    fn the_margin_leaves_most_of_a_short_life() {
        for seconds in [1, 10, 240, 1800, 7200] {
            let lifetime = Duration::from_secs(seconds);
            assert!(margin(lifetime) <= lifetime / 4);
        }
        let usual = margin(Duration::from_mins(30)).as_secs();
        assert!((60..=300).contains(&usual));
    }

    #[tokio::test]
    async fn a_token_is_due_before_it_ends() {
        let now = Instant::now();
        let life = Life::new(now, Some(Duration::from_secs(100)));
        let at = |seconds| now + Duration::from_secs(seconds);
        assert!(life.is_fresh(at(74)) && !life.is_fresh(at(76)));
        assert!(life.is_good(at(99)) && !life.is_good(at(100)));
        assert!(Life::unknown().is_fresh(at(1_000_000)) && Life::unknown().is_good(at(1_000_000)));
    }
}
