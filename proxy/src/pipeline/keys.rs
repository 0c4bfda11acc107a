//! Calls that match records by the same key run one after the other, and the later one is told what the earlier one
//! wrote: a provider whose search lags behind would find nothing for both and be given two records.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::Instant,
};

use crate::{
    error::{Code, Error},
    translate::{MatchKey, Written},
};

/// Longer than any lag that is documented of a search.
const REMEMBERED: Duration = Duration::from_secs(120);
/// Keys that are remembered; the oldest are forgotten first. About 20 MB.
const MOST_REMEMBERED: u64 = 100_000;
/// Records that are remembered for one key.
const MOST_IDS: usize = 8;
/// Keys that are locked or waited for at one time.
const MOST_LOCKED: usize = 100_000;

/// A key of one connection.
type Key = (Arc<str>, MatchKey);

#[derive(Debug)]
pub(super) struct Keys {
    locks: Arc<Locks>,
    written: Cache<Key, Arc<[String]>>,
}

#[derive(Debug, Default)]
struct Locks(Mutex<HashMap<Key, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    lock: Arc<AsyncMutex<()>>,
    /// Those who hold the lock or wait for it.
    users: usize,
}

/// The right to work on some keys; given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    locks: Arc<Locks>,
    keys: Vec<Key>,
    guards: Vec<OwnedMutexGuard<()>>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            locks: Arc::default(),
            written: Cache::builder()
                .max_capacity(MOST_REMEMBERED)
                .time_to_live(REMEMBERED)
                .build(),
        }
    }

    /// Waits until nobody else works on one of the keys.
    pub(super) async fn hold(
        &self,
        connection: &str,
        keys: &[MatchKey],
        deadline: Instant,
    ) -> Result<Held, Error> {
        let mut keys = keyed(connection, keys);
        // One order for all, so that no two calls wait for each other.
        keys.sort_unstable();
        keys.dedup();
        let mut held = Held {
            locks: Arc::clone(&self.locks),
            guards: Vec::with_capacity(keys.len()),
            keys: Vec::with_capacity(keys.len()),
        };
        for key in keys {
            let lock = self.locks.join(&key)?;
            held.keys.push(key);
            let Ok(guard) = tokio::time::timeout_at(deadline, lock.lock_owned()).await else {
                return Err(Error::new(
                    Code::Timeout,
                    "another call that matches by the same key did not end in time; nothing was sent",
                ));
            };
            held.guards.push(guard);
        }
        Ok(held)
    }

    /// The records written under these keys a moment ago.
    pub(super) fn recent(&self, connection: &str, keys: &[MatchKey]) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for key in keyed(connection, keys) {
            for id in self.written.get(&key).iter().flat_map(|ids| ids.iter()) {
                if !ids.contains(id) {
                    ids.push(id.clone());
                }
            }
        }
        ids
    }

    pub(super) fn remember(&self, connection: &str, written: &Written) {
        for key in keyed(connection, &written.keys) {
            // The newest first, since it is the likeliest.
            let mut ids = vec![written.id.clone()];
            if let Some(known) = self.written.get(&key) {
                ids.extend(known.iter().filter(|id| **id != written.id).cloned());
            }
            ids.truncate(MOST_IDS);
            self.written.insert(key, ids.into());
        }
    }
}

fn keyed(connection: &str, keys: &[MatchKey]) -> Vec<Key> {
    let connection: Arc<str> = connection.into();
    keys.iter()
        .map(|key| (Arc::clone(&connection), key.clone()))
        .collect()
}

impl Locks {
    fn join(&self, key: &Key) -> Result<Arc<AsyncMutex<()>>, Error> {
        let mut entries = self.entries();
        if entries.len() >= MOST_LOCKED && !entries.contains_key(key) {
            return Err(Error::new(
                Code::ServiceUnavailable,
                "too many upserts are in flight; try again",
            )
            .with_retry_after(Duration::from_secs(1)));
        }
        let entry = entries.entry(key.clone()).or_default();
        entry.users += 1;
        Ok(Arc::clone(&entry.lock))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.guards.clear();
        let mut entries = self.locks.entries();
        for key in &self.keys {
            if let Some(entry) = entries.get_mut(key) {
                entry.users -= 1;
                if entry.users == 0 {
                    entries.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &str) -> MatchKey {
        MatchKey {
            entity: "crm.account",
            key: "website",
            value: value.to_owned(),
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[tokio::test]
    async fn a_key_in_common_makes_calls_wait() {
        let keys = Keys::new();
        let held = keys
            .hold("acme", &[key("a"), key("b")], soon())
            .await
            .unwrap();
        assert_eq!(
            keys.hold("acme", &[key("b"), key("c")], soon())
                .await
                .unwrap_err()
                .code,
            Code::Timeout
        );
        keys.hold("acme", &[key("c")], soon()).await.unwrap();
        keys.hold("other", &[key("b")], soon()).await.unwrap();
        drop(held);
        keys.hold("acme", &[key("b")], soon()).await.unwrap();
    }

    #[tokio::test]
    async fn calls_with_keys_in_any_order_never_wait_for_each_other() {
        let keys = Arc::new(Keys::new());
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..200 {
            let keys = Arc::clone(&keys);
            let mut wanted = [key("a"), key("b"), key("c")];
            wanted.rotate_left(index % 3);
            tasks.spawn(async move {
                let _held = keys.hold("acme", &wanted, deadline).await.unwrap();
                tokio::task::yield_now().await;
            });
        }
        tasks.join_all().await;
        assert!(keys.locks.entries().is_empty());
    }

    #[tokio::test]
    async fn the_same_key_twice_is_held_once() {
        let keys = Keys::new();
        keys.hold("acme", &[key("a"), key("a")], soon())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn giving_up_leaves_nothing_behind() {
        let keys = Keys::new();
        let held = keys.hold("acme", &[key("b")], soon()).await.unwrap();
        keys.hold("acme", &[key("a"), key("b")], soon())
            .await
            .unwrap_err();
        keys.hold("acme", &[key("a")], soon()).await.unwrap();
        drop(held);
        assert!(keys.locks.entries().is_empty());
    }

    #[test]
    fn what_was_written_is_remembered_by_connection_and_key() {
        let keys = Keys::new();
        for id in ["1", "2", "1"] {
            keys.remember(
                "acme",
                &Written {
                    id: id.to_owned(),
                    keys: vec![key("a")],
                },
            );
        }
        assert_eq!(keys.recent("acme", &[key("a"), key("a")]), ["1", "2"]);
        assert!(keys.recent("other", &[key("a")]).is_empty());
        assert!(keys.recent("acme", &[key("b")]).is_empty());
    }
}
