//! Looks at the store for many connections at one time.
//!
//! Where thousands of connections are called in turn, each would be older than `FRESH_FOR` whenever its turn comes, and
//! every call would wait for a query. So whoever looks at the store takes those along that were looked at longest ago
//! and have been asked for since: they are the ones whose turn comes next. One that nobody asks for drops out, and
//! comes back with its next look.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering},
    time::Duration,
};

use super::{Directory, FRESH_FOR, Loaded, OUTDATED};
use crate::store::{Stamp, Store, StoreError};

/// Connections that one query asks for. A hundred rows cost about as much as the way to the store and back.
const MOST: usize = 128;
/// One that was looked at more recently can wait for the next round.
const EARLY: Duration = FRESH_FOR.checked_div(2).expect("two is not zero");

/// The connections in use, by when they were looked at.
#[derive(Debug, Default)]
pub(super) struct Rounds(Mutex<VecDeque<Weak<Loaded>>>);

impl Rounds {
    /// One has just been looked at.
    pub(super) fn list(&self, loaded: &Arc<Loaded>) {
        if !loaded.is_listed.swap(true, Ordering::Relaxed) {
            self.lock().push_back(Arc::downgrade(loaded));
        }
    }

    /// Those that are to be taken along.
    fn take(&self, is_due: impl Fn(&Loaded) -> bool) -> Vec<Arc<Loaded>> {
        let mut listed = self.lock();
        let mut taken = Vec::new();
        while taken.len() < MOST
            && let Some(first) = listed.front()
        {
            // Some have been read anew, or were given up.
            let first = first.upgrade();
            if first.as_deref().is_some_and(|first| !is_due(first)) {
                break;
            }
            listed.pop_front();
            let Some(first) = first else { continue };
            first.is_listed.store(false, Ordering::Relaxed);
            if first.is_used.swap(false, Ordering::Relaxed) {
                taken.push(first);
            }
        }
        taken
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Weak<Loaded>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    /// What the store says of a connection; notes what it says of those that were taken along.
    pub(super) async fn stamp(&self, store: &Store, id: &str) -> Result<Option<Stamp>, StoreError> {
        let now = self.now();
        let others: Vec<_> = self
            .rounds
            .take(|other| self.age(other) >= EARLY)
            .into_iter()
            .map(|other| (other.checked.load(Ordering::SeqCst), other))
            // One that is known to have changed is to be read whole.
            .filter(|(before, other)| other.id != id && *before != OUTDATED)
            .collect();
        let ids: Vec<_> = std::iter::once(id)
            .chain(others.iter().map(|(_, other)| other.id.as_str()))
            .collect();
        let mut stamps = store.connection_stamps(&ids).await?;
        for (before, other) in &others {
            let is_same = stamps.get(&other.id) == Some(&other.stamp);
            let checked = if is_same { now } else { OUTDATED };
            // Not where somebody has looked at it meanwhile, or knows that it has changed.
            let _ = other.checked.compare_exchange(
                *before,
                checked,
                Ordering::SeqCst,
                Ordering::SeqCst,
            );
            self.rounds.list(other);
        }
        Ok(stamps.remove(id))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::{
        config::{Limits, Roots},
        store::{
            ConnectionChange, ConnectorConfigInput, Location, NewConnection,
            keys::{KeyRing, KeySource},
        },
        upstream::Upstream,
    };

    const MANY: usize = MOST + 20;

    /// A store with many connections to one provider, and their directory.
    async fn stage(folder: &std::path::Path) -> (Store, Directory) {
        let keys = KeyRing::load(KeySource::File(folder.join("store.key"))).unwrap();
        let location = Location::Sqlite(folder.join("crosswalk.db"));
        let store = Store::open(&location, keys).await.unwrap();
        let config = ConnectorConfigInput {
            id: "ccfg_1",
            connector_name: "hubspot",
            display_name: None,
            disabled: false,
            config: None,
            secrets: None,
            default_pipe_out: None,
            default_pipe_in: None,
        };
        store.upsert_connector_config(&config).await.unwrap();
        let credentials = SecretString::from(json!({ "access_token": "token" }).to_string());
        for index in 0..MANY {
            let new = NewConnection {
                id: &id(index),
                connector_config_id: "ccfg_1",
                connector_name: "hubspot",
                customer_id: None,
                integration_id: None,
                display_name: None,
                disabled: false,
                settings: None,
                metadata: None,
                credentials: Some(&credentials),
                status: None,
            };
            store.insert_connection(&new).await.unwrap();
        }
        let limits = Limits::default();
        let upstream = Upstream::new(&limits, Roots::Bundled).unwrap();
        let kept = Some(store.clone());
        let directory = Directory::new(crate::generated::API, upstream, [], kept, &limits);
        (store, directory)
    }

    fn id(index: usize) -> String {
        format!("conn_{index}")
    }

    fn is_fresh(directory: &Directory, index: usize) -> bool {
        let loaded = directory.loaded.get(&id(index)).unwrap();
        directory.age(&loaded) < EARLY
    }

    #[tokio::test]
    async fn a_look_takes_along_those_that_were_looked_at_longest_ago_and_are_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let (store, directory) = stage(folder.path()).await;
        for index in 0..MANY {
            directory.connection(&id(index)).await.unwrap();
        }
        let change = ConnectionChange {
            disabled: Some(true),
            ..ConnectionChange::default()
        };
        store.update_connection(&id(1), &change).await.unwrap();
        store.delete_connection(&id(2)).await.unwrap();
        tokio::time::sleep(FRESH_FOR).await;
        directory.connection(&id(0)).await.unwrap();
        // It has taken itself out, and the two that have changed are to be read whole.
        let fresh = || (0..MANY).filter(|&it| it == 2 || is_fresh(&directory, it));
        // It has taken itself out, and the two that have changed are to be read whole.
        let expected: Vec<_> = [0, 2].into_iter().chain(3..MOST).collect();
        assert_eq!(fresh().collect::<Vec<_>>(), expected);
        assert!(directory.connection(&id(1)).await.is_err(), "disabled");
        assert_eq!(fresh().count(), MANY, "the second look takes the rest");
        assert!(directory.find(&id(2)).await.is_err(), "gone");

        tokio::time::sleep(FRESH_FOR).await;
        directory.connection(&id(0)).await.unwrap();
        let fresh: Vec<_> = fresh().collect();
        assert_eq!(fresh, [0, 1, 2], "nobody has asked for the others since");
    }

    #[tokio::test]
    async fn what_is_known_to_have_changed_is_not_taken_for_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let (_store, directory) = stage(folder.path()).await;
        for index in 0..3 {
            directory.connection(&id(index)).await.unwrap();
        }
        tokio::time::sleep(FRESH_FOR).await;
        directory.forget(&id(1));
        directory.connection(&id(0)).await.unwrap();
        assert!(!is_fresh(&directory, 1));
        assert!(is_fresh(&directory, 2));
    }
}
