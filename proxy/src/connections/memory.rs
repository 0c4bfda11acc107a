//! The connections of the store that are in memory. Finding one is one look-up, whoever else looks; at most so many are
//! held, and one that nobody uses gives its place back.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{Found, IDLE};
use crate::store::Stamp;

/// How often those are looked for that nobody uses.
const SWEEP: Duration = IDLE.checked_div(60).expect("sixty is not zero");

/// A connection as it was read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) found: Found,
    pub(super) stamp: Stamp,
    /// Known to have changed.
    is_outdated: AtomicBool,
    /// When it was used last, in milliseconds since the start.
    used: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Memory {
    connections: RwLock<HashMap<String, Arc<Loaded>>>,
    most: usize,
    /// Moments are counted from here.
    start: Instant,
    swept: AtomicU64,
}

impl Loaded {
    pub(super) fn new(found: Found, stamp: Stamp) -> Self {
        Self {
            found,
            stamp,
            is_outdated: AtomicBool::new(false),
            used: AtomicU64::new(0),
        }
    }

    pub(super) fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::SeqCst)
    }

    pub(super) fn outdated(&self, is: bool) {
        self.is_outdated.store(is, Ordering::SeqCst);
    }
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
    pub(super) fn get(&self, id: &str) -> Option<Arc<Loaded>> {
        let found = Arc::clone(self.read().get(id)?);
        found.used.store(self.now(), Ordering::Relaxed);
        Some(found)
    }

    pub(super) fn put(&self, id: &str, loaded: &Arc<Loaded>) {
        loaded.used.store(self.now(), Ordering::Relaxed);
        let mut connections = self.write();
        if connections.len() >= self.most && !connections.contains_key(id) {
            make_room(&mut connections);
        }
        connections.insert(id.to_owned(), Arc::clone(loaded));
    }

    pub(super) fn remove(&self, id: &str) {
        self.write().remove(id);
    }

    /// Some of them, or all, are known to have changed.
    pub(super) fn outdated<'a>(&self, ids: Option<impl Iterator<Item = &'a str>>) {
        let connections = self.read();
        match ids {
            Some(ids) => ids
                .filter_map(|id| connections.get(id))
                .for_each(|loaded| loaded.outdated(true)),
            None => connections
                .values()
                .for_each(|loaded| loaded.outdated(true)),
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
        connections.retain(|_, loaded| now < loaded.used.load(Ordering::Relaxed) + long);
        if connections.len() < connections.capacity() / 4 {
            connections.shrink_to_fit();
        }
    }

    fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }

    /// A panic while the lock was held leaves what is whole: every change is one call.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Arc<Loaded>>> {
        self.connections
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Arc<Loaded>>> {
        self.connections
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives up that tenth which was used longest ago: so many at once that each new one costs little.
fn make_room(connections: &mut HashMap<String, Arc<Loaded>>) {
    let used = |loaded: &Arc<Loaded>| loaded.used.load(Ordering::Relaxed);
    let mut moments: Vec<_> = connections.values().map(used).collect();
    let tenth = connections.len() / 10;
    let (_, &mut last, _) = moments.select_nth_unstable(tenth);
    // Many may have been used in the same moment.
    let mut room = tenth + 1;
    connections.retain(|_, loaded| {
        let goes = room > 0 && used(loaded) <= last;
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

    fn loaded() -> Arc<Loaded> {
        let found = Found {
            upstream: None,
            customer_id: None,
            disabled: None,
        };
        let stamp = Stamp {
            version: 1,
            config_at: 1,
        };
        Arc::new(Loaded::new(found, stamp))
    }

    fn ids(memory: &Memory) -> Vec<String> {
        let mut ids: Vec<_> = memory.read().keys().cloned().collect();
        ids.sort();
        ids
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_memory_gives_up_what_was_used_longest_ago() {
        let memory = Memory::new(3);
        for id in ["a", "b", "c"] {
            memory.put(id, &loaded());
            tokio::time::advance(Duration::from_millis(5)).await;
        }
        assert!(memory.get("a").is_some());
        memory.put("c", &loaded());
        assert_eq!(ids(&memory), ["a", "b", "c"], "it was there already");
        memory.put("d", &loaded());
        assert_eq!(ids(&memory), ["a", "c", "d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_held_than_allowed_however_they_come() {
        let memory = Memory::new(100);
        for index in 0..1_000 {
            memory.put(&format!("{index}"), &loaded());
            assert!(memory.read().len() <= 100);
        }
        assert!(memory.read().len() > 80);
        assert!(memory.get("999").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_uses_gives_its_place_back() {
        let memory = Memory::new(10);
        memory.put("a", &loaded());
        memory.put("b", &loaded());
        tokio::time::advance(IDLE / 2).await;
        assert!(memory.get("b").is_some());
        memory.sweep();
        assert_eq!(ids(&memory), ["a", "b"]);
        tokio::time::advance(IDLE / 2).await;
        memory.sweep();
        assert_eq!(ids(&memory), ["b"]);
    }
}
