//! The time as a sandbox provider sees it: the machine's, moved by an offset that a test can set, or standing still.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A clock that can be moved and stopped. Starts at the machine's time.
#[derive(Debug)]
pub struct Clock {
    offset_ms: AtomicI64,
    /// Where the machine's time was when the clock was stopped; [`RUNS`] while it runs.
    stopped_at: AtomicI64,
}

/// No time that a machine has.
const RUNS: i64 = i64::MIN;

impl Default for Clock {
    fn default() -> Self {
        Self {
            offset_ms: AtomicI64::new(0),
            stopped_at: AtomicI64::new(RUNS),
        }
    }
}

impl Clock {
    /// Milliseconds since the epoch, offset included.
    pub fn now_ms(&self) -> i64 {
        let machine = match self.stopped_at.load(Ordering::Relaxed) {
            RUNS => machine_ms(),
            stopped_at => stopped_at,
        };
        machine.saturating_add(self.offset_ms())
    }

    /// Now, as the `Date` header of an answer says it.
    pub fn http_date(&self) -> String {
        let since = u64::try_from(self.now_ms()).unwrap_or(0);
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(since))
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped_at.load(Ordering::Relaxed) != RUNS
    }

    /// Stops the clock, so that whatever is written has one and the same time, or lets it run again.
    pub fn set_stopped(&self, stopped: bool) {
        if stopped != self.is_stopped() {
            let at = if stopped { machine_ms() } else { RUNS };
            self.stopped_at.store(at, Ordering::Relaxed);
        }
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

fn machine_ms() -> i64 {
    let machine = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    i64::try_from(machine).unwrap_or(i64::MAX)
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
    fn a_stopped_clock_can_be_moved_and_runs_on() {
        let clock = Clock::default();
        clock.set_stopped(true);
        let at = clock.now_ms();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(clock.now_ms(), at);
        clock.set_offset_ms(-1000);
        assert_eq!(clock.now_ms(), at - 1000);
        clock.set_stopped(false);
        clock.set_offset_ms(0);
        assert!(clock.now_ms() > at);
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(iso_ms(1_706_704_496_789), "2024-01-31T12:34:56.789Z");
        assert_eq!(iso_ms(0), "1970-01-01T00:00:00.000Z");
    }
}
