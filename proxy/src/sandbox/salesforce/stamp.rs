//! Times as rows have them: `2024-01-31T12:34:56.000+0000` (`salesforce.md` §5.2).
//!
//! They all have the same width and zone, so the order of the texts is the order of the times.

use jiff::{SignedDuration, Timestamp};

/// A time in whole seconds, as every row has it.
pub(super) fn seconds(instant: Timestamp) -> String {
    let whole = Timestamp::from_second(instant.as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
    exact(whole)
}

/// A time in milliseconds: what a row's time is compared with.
pub(super) fn exact(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// A written time, `…Z`, `…+01:00` or `…+0000`.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// So many seconds after a time; the time itself where there is no such time.
pub(super) fn after(stamp: &str, more: i64) -> String {
    parse(stamp)
        .and_then(|instant| {
            instant
                .checked_add(SignedDuration::from_secs(more))
                .map(seconds)
                .ok()
        })
        .unwrap_or_else(|| stamp.to_owned())
}

/// The minute that a time is in.
pub(super) fn minute(stamp: &str) -> String {
    let (minute, _) = stamp.split_at(stamp.len().min(16));
    format!("{minute}:00.000+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_the_same_form() {
        let instant = parse("2024-01-31T13:34:56.789+01:00").unwrap();
        assert_eq!(seconds(instant), "2024-01-31T12:34:56.000+0000");
        assert_eq!(exact(instant), "2024-01-31T12:34:56.789+0000");
        assert_eq!(
            after("2024-01-31T23:59:59.000+0000", 2),
            "2024-02-01T00:00:01.000+0000"
        );
        assert_eq!(
            minute("2024-01-31T12:34:56.000+0000"),
            "2024-01-31T12:34:00.000+0000"
        );
    }
}
