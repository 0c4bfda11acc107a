//! The live rows of a table by the time of their last change, so that an incremental search need not look at them all.
//!
//! A sorted list and no tree: almost every change is the newest, so that it goes to the end.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Rows that the search index may be behind of, from which on those are looked for that it no longer is.
const MOST_LAGGING: usize = 256;

#[derive(Debug, Default)]
pub(in crate::sandbox::hubspot) struct Recent {
    /// Milliseconds and id.
    sorted: Vec<(i64, u64)>,
    /// Rows whose last write the search finds only from a time on.
    lagging: BTreeMap<u64, i64>,
    /// How many of them there were when they were last gone through.
    settled: usize,
}

impl Recent {
    /// A row that was written at `now`, and is found as it is from `index_at` on.
    pub(super) fn insert(&mut self, id: u64, ms: i64, now: i64, index_at: i64) {
        if let Err(at) = self.sorted.binary_search(&(ms, id)) {
            self.sorted.insert(at, (ms, id));
        }
        if index_at <= now {
            return;
        }
        self.lagging.insert(id, index_at);
        if self.lagging.len() > MOST_LAGGING.max(2 * self.settled) {
            self.lagging.retain(|_, due| *due > now);
            self.settled = self.lagging.len();
        }
    }

    pub(super) fn remove(&mut self, id: u64, ms: i64) {
        if let Ok(at) = self.sorted.binary_search(&(ms, id)) {
            self.sorted.remove(at);
        }
        self.lagging.remove(&id);
    }

    /// Time and id of the rows that changed in a time.
    pub(in crate::sandbox::hubspot) fn within(&self, times: &RangeInclusive<i64>) -> &[(i64, u64)] {
        let from = self.sorted.partition_point(|(ms, _)| ms < times.start());
        let to = self.sorted.partition_point(|(ms, _)| ms <= times.end());
        &self.sorted[from..to.max(from)]
    }

    /// Whether the search may know a row by another time than its last change's.
    pub(in crate::sandbox::hubspot) fn is_lagging(&self, id: u64) -> bool {
        !self.lagging.is_empty() && self.lagging.contains_key(&id)
    }

    pub(in crate::sandbox::hubspot) fn lagging(&self) -> impl Iterator<Item = u64> {
        self.lagging.keys().copied()
    }
}
