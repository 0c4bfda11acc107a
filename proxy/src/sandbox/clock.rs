//! The time as a sandbox provider sees it: the machine's, moved by an offset that a test can set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A clock that can be moved. Starts at the machine's time.
#[derive(Debug, Default)]
pub struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    /// Milliseconds since the epoch, offset included.
    pub fn now_ms(&self) -> i64 {
        let machine = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        i64::try_from(machine)
            .unwrap_or(i64::MAX)
            .saturating_add(self.offset_ms())
    }

    /// How far this clock is ahead of the machine's.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    /// Sets how far this clock is ahead of the machine's; negative is behind.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }
}

/// `2024-01-31T12:34:56.789Z`; the nearest representable instant for values outside of jiff's range.
pub fn iso_ms(ms: i64) -> String {
    let instant = Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_moves_the_clock() {
        let clock = Clock::default();
        let before = clock.now_ms();
        clock.set_offset_ms(3_600_000);
        assert!(clock.now_ms() >= before + 3_600_000);
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(iso_ms(1_706_704_496_789), "2024-01-31T12:34:56.789Z");
        assert_eq!(iso_ms(0), "1970-01-01T00:00:00.000Z");
    }
}
