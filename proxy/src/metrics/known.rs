//! Metrics by their labels, found again without a look at the families that they are of.
//!
//! Labels are bounded, so what is known is never forgotten.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

use super::labels::Status;

/// What was made for each key, once.
#[derive(Debug)]
pub(super) struct Known<K, V>(RwLock<HashMap<K, Arc<V>, foldhash::fast::RandomState>>);

/// What each call of an operation at a provider counts.
#[derive(Debug)]
pub(super) struct OfOperation {
    pub(super) calls: ByStatus,
    /// None where there was none yet: what has not happened is not shown.
    pub(super) native_calls: OnceLock<Counter>,
    pub(super) durations: Histogram,
}

/// What each call to a provider counts.
#[derive(Debug, Default)]
pub(super) struct OfProvider {
    pub(super) calls: ByStatus,
    /// None where there was none yet, and so of the waits.
    pub(super) durations: OnceLock<Histogram>,
    pub(super) waits: OnceLock<Histogram>,
}

/// Calls by the class of their status, none where there was none yet.
#[derive(Debug, Default)]
pub(super) struct ByStatus([OnceLock<Counter>; Status::COUNT]);

impl<K: Copy + Eq + Hash, V> Known<K, V> {
    pub(super) fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        // Values are put in one by one and never changed, so what is there is right.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known.get(&key) {
            return Arc::clone(value);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key).or_insert_with(|| Arc::new(make())))
    }
}

impl ByStatus {
    pub(super) fn of(&self, status: Status, make: impl FnOnce(Status) -> Counter) -> &Counter {
        self.0[status as usize].get_or_init(|| make(status))
    }
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}
