//! Credentials as they are found in the store, and the clock that they are dated by.

use std::time::Duration;

use tokio::time::Instant;

use super::{Kept, endpoint::LONGEST_LIFE};
use crate::store::{self, Store, StoreError};

/// Credentials as they were found.
#[derive(Debug, Clone)]
pub struct Newest {
    pub kept: Kept,
    /// Grows with each change of them.
    pub version: i64,
    pub clock: Clock,
}

/// The store's clock, and ours at the same moment: what is kept has a date that all sidecars read alike, and what is in
/// memory has none that a jump of a clock could move.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// In milliseconds since the epoch.
    pub now: i64,
    pub read_at: Instant,
}

impl Clock {
    /// The date of a moment to come.
    pub(super) fn at(&self, moment: Instant) -> i64 {
        let ahead = moment.saturating_duration_since(self.read_at).as_millis();
        self.now
            .saturating_add(i64::try_from(ahead).unwrap_or(i64::MAX))
    }

    /// How long it was to a date; nothing, where it had passed.
    pub(super) fn until(&self, date: i64) -> Duration {
        let left = u64::try_from(date.saturating_sub(self.now)).unwrap_or_default();
        Duration::from_millis(left).min(LONGEST_LIFE)
    }
}

impl Newest {
    /// The credentials of a connection as they are now; none where it is gone or has none.
    pub async fn read(store: &Store, id: &str) -> Result<Option<Self>, StoreError> {
        let Some(connection) = store.connection(id).await? else {
            return Ok(None);
        };
        Self::of(store, &connection).await
    }

    /// The same for a row that is at hand.
    pub async fn of(
        store: &Store,
        connection: &store::Connection,
    ) -> Result<Option<Self>, StoreError> {
        let Some(json) = store.credentials(connection).await? else {
            return Ok(None);
        };
        let kept = Kept::from_json(&json)
            .ok_or_else(|| StoreError::Corrupt(format!("the credentials of {}", connection.id)))?;
        Ok(Some(Self {
            kept,
            version: connection.credentials_version,
            clock: Clock {
                now: store.now().await?,
                read_at: Instant::now(),
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: token-clock
    #[tokio::test]
    async fn a_date_is_read_as_it_was_written_and_nonsense_is_bounded() {
        let read_at = Instant::now();
        let clock = Clock {
            now: 1_700_000_000_000,
            read_at,
        };
        let life = Duration::from_mins(30);
        assert_eq!(clock.until(clock.at(read_at + life)), life);
        // The store's clock was put back, or ahead, since the date was written.
        assert_eq!(clock.until(i64::MAX), LONGEST_LIFE);
        assert_eq!(clock.until(i64::MIN), Duration::ZERO);
    }
}
