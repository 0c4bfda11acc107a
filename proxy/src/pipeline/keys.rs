//! Calls that match records by the same key run one after the other, and the later one is told what the earlier one
//! wrote: a provider whose search lags behind would find nothing for both and be given two records.

use std::{
    collections::{HashMap, hash_map},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore},
    time::Instant,
};

use crate::{
    error::{Code, Error},
    translate::{MatchKey, Recent, Written},
};

/// Longer than any lag that is documented of a search.
const REMEMBERED: Duration = Duration::from_mins(2);
/// Keys that are remembered; the oldest are forgotten first. About 20 MB.
const MOST_REMEMBERED: u64 = 100_000;
/// Records that are remembered for one key.
const MOST_IDS: usize = 8;
/// Keys that are locked or waited for at one time.
const MOST_LOCKED: usize = 100_000;
/// Calls that work on one key or wait for it: each takes a place of the calls in flight for as long as it waits.
const MOST_OF_ONE_KEY: usize = 32;
/// When one who was not let wait may come back: a call takes about so long.
const COME_BACK: Duration = Duration::from_secs(1);

/// A key of one connection.
type Key = (Arc<str>, MatchKey);

#[derive(Debug)]
pub(super) struct Keys {
    locks: Arc<Locks>,
    /// One place for each call that waits, over all keys.
    waiting: Semaphore,
    written: Cache<Key, Arc<[String]>>,
    /// Keys of records that may have been written and whose ids are not known, and since when.
    uncertain: Cache<Key, Instant>,
}

#[derive(Debug, Default)]
struct Locks(Mutex<HashMap<Arc<Key>, Entry>>);

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
    keys: Vec<Arc<Key>>,
    guards: Vec<OwnedMutexGuard<()>>,
}

impl Keys {
    /// Forgets what was written by a connection that leads somewhere else now.
    pub(super) fn forget(&self, connection: &str) {
        let id: Arc<str> = connection.into();
        let same = Arc::clone(&id);
        // Refused only where the caches were built without support for it.
        let _ = self
            .written
            .invalidate_entries_if(move |(known, _), _| *known == id);
        let _ = self
            .uncertain
            .invalidate_entries_if(move |(known, _), _| *known == same);
    }

    /// At most `most_waiting` calls wait at one time.
    pub(super) fn new(most_waiting: usize) -> Self {
        Self {
            locks: Arc::default(),
            waiting: Semaphore::new(most_waiting.min(Semaphore::MAX_PERMITS)),
            written: Cache::builder()
                .max_capacity(MOST_REMEMBERED)
                .time_to_live(REMEMBERED)
                .support_invalidation_closures()
                .build(),
            uncertain: Cache::builder()
                .max_capacity(MOST_REMEMBERED)
                .time_to_live(REMEMBERED)
                .support_invalidation_closures()
                .build(),
        }
    }

    /// Waits until nobody else works on one of the keys. Where too many wait already, the call is refused at once.
    pub(super) async fn hold(
        &self,
        connection: &str,
        keys: &[MatchKey],
        deadline: Instant,
    ) -> Result<Held, Error> {
        // One order for all, so that no two calls wait for each other.
        let mut keys: Vec<&MatchKey> = keys.iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut held = Held {
            locks: Arc::clone(&self.locks),
            guards: Vec::with_capacity(keys.len()),
            keys: Vec::with_capacity(keys.len()),
        };
        for key in keyed(connection, keys) {
            let key = Arc::new(key);
            let lock = self.locks.join(Arc::clone(&key))?;
            held.keys.push(key);
            held.guards.push(self.lock(lock, deadline).await?);
        }
        Ok(held)
    }

    async fn lock(
        &self,
        lock: Arc<AsyncMutex<()>>,
        deadline: Instant,
    ) -> Result<OwnedMutexGuard<()>, Error> {
        if let Ok(guard) = Arc::clone(&lock).try_lock_owned() {
            return Ok(guard);
        }
        let _place = self.waiting.try_acquire().map_err(|_| too_many())?;
        let locked = tokio::time::timeout_at(deadline, lock.lock_owned()).await;
        locked.map_err(|_| {
            Error::new(
                Code::Timeout,
                "another call that matches by the same key did not end in time; nothing was sent",
            )
        })
    }

    /// What was written under these keys a moment ago.
    pub(super) fn recent(&self, connection: &str, keys: &[MatchKey]) -> Recent {
        let mut ids: Vec<String> = Vec::new();
        let mut since: Option<Instant> = None;
        for key in keyed(connection, keys) {
            since = since.max(self.uncertain.get(&key));
            for id in self.written.get(&key).iter().flat_map(|ids| ids.iter()) {
                if !ids.contains(id) {
                    ids.push(id.clone());
                }
            }
        }
        Recent {
            ids,
            uncertain_for: since.map(|since| REMEMBERED.saturating_sub(since.elapsed())),
        }
    }

    pub(super) fn remember(&self, connection: &str, written: &Written) {
        for key in keyed(connection, &written.keys) {
            let Some(id) = &written.id else {
                self.uncertain.insert(key, Instant::now());
                continue;
            };
            // The newest first, since it is the likeliest.
            let mut ids = vec![id.clone()];
            if let Some(known) = self.written.get(&key) {
                ids.extend(known.iter().filter(|known| *known != id).cloned());
            }
            ids.truncate(MOST_IDS);
            self.written.insert(key, ids.into());
        }
    }
}

/// Most calls have no keys, and then nothing is made of the connection.
fn keyed<'k>(
    connection: &str,
    keys: impl IntoIterator<Item = &'k MatchKey>,
) -> impl Iterator<Item = Key> {
    let mut shared: Option<Arc<str>> = None;
    keys.into_iter().map(move |key| {
        let connection = shared.get_or_insert_with(|| connection.into());
        (Arc::clone(connection), key.clone())
    })
}

fn too_many() -> Error {
    Error::new(
        Code::ServiceUnavailable,
        "too many upserts wait for each other; nothing was sent, try again",
    )
    .with_retry_after(COME_BACK)
}

impl Locks {
    fn join(&self, key: Arc<Key>) -> Result<Arc<AsyncMutex<()>>, Error> {
        let mut entries = self.entries();
        let has_room = entries.len() < MOST_LOCKED;
        let entry = match entries.entry(key) {
            hash_map::Entry::Occupied(entry) if entry.get().users < MOST_OF_ONE_KEY => {
                entry.into_mut()
            }
            hash_map::Entry::Vacant(entry) if has_room => entry.insert(Entry::default()),
            _ => return Err(too_many()),
        };
        entry.users += 1;
        Ok(Arc::clone(&entry.lock))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Arc<Key>, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        self.guards.clear();
        let mut entries = self.locks.entries();
        for key in self.keys.drain(..) {
            if let hash_map::Entry::Occupied(mut entry) = entries.entry(key) {
                entry.get_mut().users -= 1;
                if entry.get().users == 0 {
                    entry.remove();
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
        let keys = Keys::new(1000);
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
        let keys = Arc::new(Keys::new(1000));
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..MOST_OF_ONE_KEY {
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
        let keys = Keys::new(1000);
        keys.hold("acme", &[key("a"), key("a")], soon())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn giving_up_leaves_nothing_behind() {
        let keys = Keys::new(1000);
        let held = keys.hold("acme", &[key("b")], soon()).await.unwrap();
        keys.hold("acme", &[key("a"), key("b")], soon())
            .await
            .unwrap_err();
        keys.hold("acme", &[key("a")], soon()).await.unwrap();
        drop(held);
        assert!(keys.locks.entries().is_empty());
    }

    /// Covers: tenant-cache
    #[test]
    fn what_was_written_is_remembered_by_connection_and_key() {
        let keys = Keys::new(1000);
        for id in ["1", "2", "1"] {
            keys.remember(
                "acme",
                &Written {
                    id: Some(id.to_owned()),
                    keys: vec![key("a")],
                },
            );
        }
        let recent = |connection, keys_of: &[MatchKey]| keys.recent(connection, keys_of).ids;
        assert_eq!(recent("acme", &[key("a"), key("a")]), ["1", "2"]);
        assert!(recent("other", &[key("a")]).is_empty());
        assert!(recent("acme", &[key("b")]).is_empty());
    }

    #[tokio::test]
    async fn only_so_many_wait_for_one_key() {
        let keys = Arc::new(Keys::new(1000));
        let held = keys.hold("acme", &[key("a")], soon()).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 1..MOST_OF_ONE_KEY {
            let keys = Arc::clone(&keys);
            waiting.spawn(async move { keys.hold("acme", &[key("a")], deadline).await.is_ok() });
        }
        while keys
            .locks
            .entries()
            .values()
            .any(|entry| entry.users < MOST_OF_ONE_KEY)
        {
            tokio::task::yield_now().await;
        }
        let error = keys.hold("acme", &[key("a")], deadline).await.unwrap_err();
        assert_eq!(error.code, Code::ServiceUnavailable);
        assert!(error.retry_after.is_some());
        keys.hold("acme", &[key("b")], soon()).await.unwrap();
        drop(held);
        assert!(waiting.join_all().await.into_iter().all(|held| held));
    }

    #[tokio::test]
    async fn only_so_many_wait_for_all_keys() {
        let keys = Arc::new(Keys::new(1));
        let held = keys
            .hold("acme", &[key("a"), key("b")], soon())
            .await
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let waiting = tokio::spawn({
            let keys = Arc::clone(&keys);
            async move { keys.hold("acme", &[key("a")], deadline).await.is_ok() }
        });
        while keys.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let error = keys.hold("acme", &[key("b")], deadline).await.unwrap_err();
        assert_eq!(error.code, Code::ServiceUnavailable);
        drop(held);
        assert!(waiting.await.unwrap());
        keys.hold("acme", &[key("b")], soon()).await.unwrap();
    }

    #[test]
    fn a_record_without_an_id_makes_its_keys_uncertain() {
        let keys = Keys::new(1);
        let written = Written {
            id: None,
            keys: vec![key("a")],
        };
        keys.remember("acme", &written);
        let recent = keys.recent("acme", &[key("b"), key("a")]);
        assert!(recent.ids.is_empty());
        assert!(recent.uncertain_for.is_some_and(|left| left <= REMEMBERED));
        assert_eq!(keys.recent("acme", &[key("b")]), Recent::default());
        assert_eq!(keys.recent("other", &[key("a")]), Recent::default());
    }
}
