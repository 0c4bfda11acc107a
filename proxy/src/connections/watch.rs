//! Learns which connections have changed: one small question to the store for all that are in memory.
//!
//! Nobody asks while nobody calls. The first who comes when what is known is older than [`EARLY`] asks, and others go on
//! meanwhile with what is known; from [`FRESH_FOR`] on they wait for the answer, so that no call is made with a
//! connection that was changed longer ago.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::Mutex;

use super::{Directory, FRESH_FOR};
use crate::store::{ConnectionChanges, Store, StoreError};

/// What is known is used without a question for so long.
pub(super) const EARLY: Duration = FRESH_FOR.checked_div(2).expect("two is not zero");
/// How long the store may take to answer before what is in memory is used.
const PATIENCE: Duration = Duration::from_millis(500);
/// No moment.
const NEVER: u64 = u64::MAX;

/// How far this process knows what has changed.
#[derive(Debug)]
pub(super) struct Watch {
    /// The number of the newest change that is known, once one is. Held by who asks for newer ones.
    newest: Mutex<Option<i64>>,
    /// When it was last asked, in milliseconds since the directory's start.
    asked: AtomicU64,
    /// When the store did not answer the last time.
    failed: AtomicU64,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            newest: Mutex::default(),
            asked: AtomicU64::new(NEVER),
            failed: AtomicU64::new(NEVER),
        }
    }
}

impl Watch {
    pub(super) fn failed(&self, now: u64) {
        self.failed.store(now, Ordering::Relaxed);
    }
}

impl Directory {
    /// Whether what is in memory may be used without a question.
    pub(super) fn is_fresh(&self) -> bool {
        self.since(&self.watch.asked) < EARLY
    }

    /// Whether the store has failed so short a while ago that it need not be asked again.
    pub(super) fn store_failed(&self) -> bool {
        self.since(&self.watch.failed) < EARLY
    }

    /// Learns what has changed, unless somebody does so who need not be waited for. Where the store does not answer,
    /// what is known goes on being used.
    pub(super) async fn catch_up(&self, store: &Store) {
        let mut newest = match self.watch.newest.try_lock() {
            Ok(free) => free,
            Err(_) if self.since(&self.watch.asked) < FRESH_FOR || self.store_failed() => return,
            Err(_) => self.watch.newest.lock().await,
        };
        if self.is_fresh() || self.store_failed() {
            return;
        }
        let now = self.now();
        let asked = async {
            match *newest {
                Some(known) => store.connection_changes(known).await,
                // What may be in memory already may have changed since.
                None => Ok(ConnectionChanges {
                    newest: store.newest_connection_change().await?,
                    of: None,
                }),
            }
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        match answer.unwrap_or(Err(StoreError::Unreachable(sqlx::Error::PoolTimedOut))) {
            Ok(changes) => {
                *newest = Some(changes.newest);
                self.note_changes(&changes);
                self.watch.asked.store(now, Ordering::SeqCst);
                self.store_answers();
            }
            Err(error) => self.store_does_not_answer(&error.to_string()),
        }
        self.loaded.sweep();
    }

    fn note_changes(&self, changes: &ConnectionChanges) {
        let ids = changes.of.as_ref();
        if ids.is_some_and(Vec::is_empty) {
            return;
        }
        // Before they are marked: who is reading one of them marks it himself.
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.loaded
            .outdated(ids.map(|ids| ids.iter().map(String::as_str)));
    }

    /// How long ago a moment was.
    fn since(&self, moment: &AtomicU64) -> Duration {
        match moment.load(Ordering::SeqCst) {
            NEVER => Duration::MAX,
            moment => self
                .start
                .elapsed()
                .saturating_sub(Duration::from_millis(moment)),
        }
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

    const MANY: usize = 50;

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

    async fn disable(store: &Store, index: usize) {
        let change = ConnectionChange {
            disabled: Some(true),
            ..ConnectionChange::default()
        };
        store.update_connection(&id(index), &change).await.unwrap();
    }

    /// Has the store without the connections, so that nothing can be read of one.
    async fn hide(folder: &std::path::Path, hides: bool) {
        use sqlx::{Connection as _, Executor as _};
        let url = format!("sqlite:{}", folder.join("crosswalk.db").display());
        let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let rename = if hides {
            "ALTER TABLE connections RENAME TO away"
        } else {
            "ALTER TABLE away RENAME TO connections"
        };
        other.execute(rename).await.unwrap();
        other.close().await.unwrap();
    }

    #[tokio::test]
    async fn what_has_not_changed_is_not_read_again_and_what_has_is() {
        let folder = tempfile::tempdir().unwrap();
        let (store, directory) = stage(folder.path()).await;
        for index in 0..MANY {
            directory.connection(&id(index)).await.unwrap();
        }
        disable(&store, 1).await;
        store.delete_connection(&id(2)).await.unwrap();
        tokio::time::sleep(FRESH_FOR).await;
        hide(folder.path(), true).await;
        for index in (0..MANY).filter(|index| ![1, 2].contains(index)) {
            directory.connection(&id(index)).await.unwrap();
        }
        hide(folder.path(), false).await;
        let error = directory.connection(&id(1)).await.unwrap_err();
        assert!(error.message.contains("disabled"), "{error}");
        assert!(directory.find(&id(2)).await.is_err(), "gone");
    }

    #[tokio::test]
    async fn what_changed_while_nobody_called_is_seen_by_the_first_who_does() {
        let folder = tempfile::tempdir().unwrap();
        let (store, directory) = stage(folder.path()).await;
        directory.connection(&id(0)).await.unwrap();
        tokio::time::sleep(FRESH_FOR).await;
        disable(&store, 0).await;
        assert!(directory.connection(&id(0)).await.is_err());
    }

    #[tokio::test]
    async fn a_change_that_is_told_during_a_read_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (store, directory) = stage(folder.path()).await;
        let id = id(0);
        for enabled in [false, true].repeat(10) {
            let change = ConnectionChange {
                disabled: Some(!enabled),
                ..ConnectionChange::default()
            };
            let (looked, ()) = tokio::join!(directory.find(&id), async {
                store.update_connection(&id, &change).await.unwrap();
                directory.forget(&id);
            });
            looked.unwrap();
            let found = directory.find(&id).await.unwrap();
            assert_eq!(found.must_be_enabled(&id).is_ok(), enabled);
        }
    }
}
