//! Whether what was read of one field can have been there: a check of linearizability for values that are all different.
//!
//! The operations on a value are its one write and its reads. A set of them has a zone, from the first end to the last
//! begin of its operations. Where the end comes before the begin, the value must have been there all that while; two such
//! values exclude each other, and so does a value whose operations all lie within that while (Gibbons and Korach,
//! "Testing Shared Memories", 1997). For values that are all different the check is complete: what it lets through has an
//! order in which all of it happened one after the other.

use std::collections::BTreeMap;

/// A moment, in microseconds since the beginning.
pub(super) type Moment = u64;

/// A value was written in this time; or, where nobody knows whether it was, at any time from then on, or never.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) value: Option<String>,
    pub(super) from: Moment,
    pub(super) to: Option<Moment>,
}

/// A value was read in this time.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) value: Option<String>,
    pub(super) from: Moment,
    pub(super) to: Moment,
}

#[derive(Debug, Clone, Copy)]
struct Zone {
    first_end: Moment,
    last_begin: Moment,
}

/// What cannot have been, in words; none where all can.
pub(super) fn fault(writes: &[Write], reads: &[Read]) -> Option<String> {
    let mut zones: BTreeMap<&Option<String>, Zone> = BTreeMap::new();
    for write in writes {
        let zone = Zone {
            first_end: write.to.unwrap_or(Moment::MAX),
            last_begin: write.from,
        };
        if zones.insert(&write.value, zone).is_some() {
            return Some(format!(
                "{:?} was written twice by the plan itself",
                write.value
            ));
        }
    }
    for read in reads {
        let Some(write) = writes.iter().find(|write| write.value == read.value) else {
            return Some(format!("{:?} was read, and never written", read.value));
        };
        if read.to < write.from {
            return Some(format!("{:?} was read before it was written", read.value));
        }
        let zone = zones.get_mut(&read.value)?;
        zone.first_end = zone.first_end.min(read.to);
        zone.last_begin = zone.last_begin.max(read.from);
    }
    // What is not known to have been written, and was never seen, need not have been.
    zones.retain(|_, zone| zone.first_end < Moment::MAX);
    for (value, zone) in &zones {
        let held = zone.first_end < zone.last_begin;
        for (other, theirs) in &zones {
            if value == other || !held {
                continue;
            }
            let overlaps = theirs.first_end < theirs.last_begin
                && zone.first_end < theirs.last_begin
                && theirs.first_end < zone.last_begin;
            let is_within = theirs.first_end >= theirs.last_begin
                && zone.first_end < theirs.last_begin
                && theirs.first_end < zone.last_begin;
            if overlaps || is_within {
                return Some(format!(
                    "{value:?} must have been there from {} to {}, and so must {other:?} at some time between {} and {}",
                    zone.first_end, zone.last_begin, theirs.last_begin, theirs.first_end
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(value: &str, from: Moment, to: Option<Moment>) -> Write {
        let value = Some(value.to_owned());
        Write { value, from, to }
    }

    fn read(value: &str, from: Moment, to: Moment) -> Read {
        let value = Some(value.to_owned());
        Read { value, from, to }
    }

    fn is_right(writes: &[Write], reads: &[Read]) -> bool {
        fault(writes, reads).is_none()
    }

    #[test]
    fn a_read_sees_what_was_there_at_some_time_of_it() {
        let writes = [write("a", 0, Some(10)), write("b", 20, Some(30))];
        for (value, from, to, right) in [
            ("a", 11, 19, true),
            ("a", 25, 40, true),
            ("b", 25, 40, true),
            ("b", 31, 40, true),
            // Before it was written, and after it was written over.
            ("b", 11, 19, false),
            ("a", 31, 40, false),
            ("c", 31, 40, false),
        ] {
            let reads = [read(value, from, to)];
            assert_eq!(is_right(&writes, &reads), right, "{value} {from} {to}");
        }
    }

    #[test]
    fn what_is_not_known_may_come_late_or_never() {
        let writes = [write("a", 0, Some(10)), write("b", 20, None)];
        assert!(is_right(&writes, &[read("a", 50, 60)]));
        assert!(is_right(&writes, &[read("a", 50, 60), read("b", 70, 80)]));
        // But not come and go.
        assert!(!is_right(&writes, &[read("b", 50, 60), read("a", 70, 80)]));
    }

    #[test]
    fn nobody_sees_the_old_after_somebody_has_seen_the_new() {
        let writes = [write("a", 0, Some(10)), write("b", 20, Some(100))];
        assert!(!is_right(&writes, &[read("b", 30, 40), read("a", 50, 60)]));
        assert!(is_right(&writes, &[read("b", 30, 40), read("a", 35, 60)]));
    }

    #[test]
    fn a_write_between_two_reads_of_another_value_is_lost() {
        let writes = [
            write("a", 0, Some(10)),
            write("b", 20, Some(30)),
            write("c", 25, Some(50)),
        ];
        assert!(is_right(&writes, &[read("c", 60, 70)]));
        assert!(is_right(&writes, &[read("b", 60, 70)]));
        assert!(!is_right(&writes, &[read("a", 60, 70)]));
    }
}
