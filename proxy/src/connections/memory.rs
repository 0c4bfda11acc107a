//! The connections of the store that are in memory. Finding one is one look-up, whoever else looks; at most so many are
//! held, and one that nobody uses gives its place back.

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{Found, IDLE, Key};

/// How often those are looked for that nobody uses.
const SWEEP: Duration = IDLE.checked_div(60).expect("sixty is not zero");

/// A connection as it is looked up: by the key that it has itself, so that the table is small and finding one leads to no
/// other place.
#[derive(Debug)]
struct ByKey(Arc<Found>);

impl Borrow<Key> for ByKey {
    fn borrow(&self) -> &Key {
        &self.0.key
    }
}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for ByKey {}

#[derive(Debug)]
pub(super) struct Memory {
    connections: RwLock<HashSet<ByKey>>,
    most: usize,
    /// Moments are counted from here.
    start: Instant,
    swept: AtomicU64,
}

impl Memory {
    /// At most so many connections.
    pub(super) fn new(most: usize) -> Self {
        Self {
            connections: RwLock::default(),
            most: most.max(1),
            start: Instant::now(),
            swept: AtomicU64::new(0),
        }
    }

    /// One that is used now.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Found>> {
        let found = Arc::clone(&self.read().get(&Key::of(id))?.0);
        found.used.store(self.now(), Ordering::Relaxed);
        Some(found)
    }

    pub(super) fn put(&self, found: &Arc<Found>) {
        found.used.store(self.now(), Ordering::Relaxed);
        let mut connections = self.write();
        if connections.len() >= self.most && !connections.contains(&found.key) {
            make_room(&mut connections);
        }
        connections.replace(ByKey(Arc::clone(found)));
    }

    pub(super) fn remove(&self, id: &str) {
        self.write().remove(&Key::of(id));
    }

    /// Some of them, or all, are known to have changed.
    pub(super) fn outdated<'a>(&self, ids: Option<impl Iterator<Item = &'a str>>) {
        let connections = self.read();
        match ids {
            Some(ids) => ids
                .filter_map(|id| connections.get(&Key::of(id)))
                .for_each(|known| known.0.outdated(true)),
            None => connections.iter().for_each(|known| known.0.outdated(true)),
        }
    }

    /// Gives those up that nobody has used for long. To be called now and then.
    pub(super) fn sweep(&self) {
        let (now, long) = (self.now(), millis(IDLE));
        let swept = self.swept.load(Ordering::Relaxed);
        if now.saturating_sub(swept) < millis(SWEEP) {
            return;
        }
        self.swept.store(now, Ordering::Relaxed);
        let mut connections = self.write();
        connections.retain(|known| now < known.0.used.load(Ordering::Relaxed) + long);
        if connections.len() < connections.capacity() / 4 {
            connections.shrink_to_fit();
        }
    }

    fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }

    /// A panic while the lock was held leaves what is whole: every change is one call.
    fn read(&self) -> RwLockReadGuard<'_, HashSet<ByKey>> {
        self.connections
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashSet<ByKey>> {
        self.connections
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives up that tenth which was used longest ago: so many at once that each new one costs little.
#[allow(clippy::mutable_key_type)] // The key of a connection never changes.
fn make_room(connections: &mut HashSet<ByKey>) {
    let used = |known: &ByKey| known.0.used.load(Ordering::Relaxed);
    let mut moments: Vec<_> = connections.iter().map(used).collect();
    let tenth = connections.len() / 10;
    let (_, &mut last, _) = moments.select_nth_unstable(tenth);
    // Many may have been used in the same moment.
    let mut room = tenth + 1;
    connections.retain(|known| {
        let goes = room > 0 && used(known) <= last;
        room -= usize::from(goes);
        !goes
    });
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(memory: &Memory, id: &str) {
        memory.put(&Arc::new(Found::new(id, None)));
    }

    fn ids(memory: &Memory) -> Vec<String> {
        let read = memory.read();
        let ids = read.iter().map(|known| match &known.0.key {
            Key::Other(id) => id.to_string(),
            made @ Key::Made(_) => format!("{made:?}"),
        });
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        ids
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_memory_gives_up_what_was_used_longest_ago() {
        let memory = Memory::new(3);
        for id in ["a", "b", "c"] {
            put(&memory, id);
            tokio::time::advance(Duration::from_millis(5)).await;
        }
        assert!(memory.get("a").is_some());
        put(&memory, "c");
        assert_eq!(ids(&memory), ["a", "b", "c"], "it was there already");
        put(&memory, "d");
        assert_eq!(ids(&memory), ["a", "c", "d"]);
    }

    /// Covers: tenant-cache
    #[tokio::test(start_paused = true)]
    async fn a_connection_is_found_by_its_own_id_alone_and_replaced_by_a_newer_one() {
        let memory = Memory::new(10);
        let made = ["0", "1"].map(|last| format!("conn_{}{last}", "0".repeat(31)));
        for id in [&made[0], "a"] {
            put(&memory, id);
            let first = memory.get(id).unwrap();
            put(&memory, id);
            assert!(!Arc::ptr_eq(&first, &memory.get(id).unwrap()));
        }
        assert_eq!(memory.read().len(), 2);
        assert!(memory.get(&made[1]).is_none() && memory.get("b").is_none());
        memory.outdated(Some(["a", "b"].into_iter()));
        assert!(memory.get("a").unwrap().is_outdated());
        assert!(!memory.get(&made[0]).unwrap().is_outdated());
        memory.remove(&made[0]);
        assert_eq!(ids(&memory), ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_held_than_allowed_however_they_come() {
        let memory = Memory::new(100);
        for index in 0..1_000 {
            put(&memory, &format!("{index}"));
            assert!(memory.read().len() <= 100);
        }
        assert!(memory.read().len() > 80);
        assert!(memory.get("999").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_uses_gives_its_place_back() {
        let memory = Memory::new(10);
        put(&memory, "a");
        put(&memory, "b");
        tokio::time::advance(IDLE / 2).await;
        assert!(memory.get("b").is_some());
        memory.sweep();
        assert_eq!(ids(&memory), ["a", "b"]);
        tokio::time::advance(IDLE / 2).await;
        memory.sweep();
        assert_eq!(ids(&memory), ["b"]);
    }
}
