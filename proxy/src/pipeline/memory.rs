//! What a connection was told and is worth remembering for a few minutes: answers that change seldom, and the native
//! fields that its user may not see. Nothing of one connection is ever seen by another: the connection is in every key.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::translate::{Freshness, NativeRequest, NativeResponse, hidden::HiddenField};

/// How long a description or a table of labels is good for.
const REMEMBERED: Duration = Duration::from_mins(5);
/// An answer that is younger is not asked for again, even where it did not help: a label that does not exist would
/// otherwise cost a call with every page. Short, since a record whose label is not known yet is told without it, and
/// may not be told again.
const RENEWED_AT_MOST_EVERY: Duration = Duration::from_secs(2);
/// Connections whose hidden fields are remembered.
const MOST_CONNECTIONS: usize = 100_000;

/// An answer of one connection: its id, the target, and the body of the request.
type Key = (Arc<str>, String, Option<Bytes>);

#[derive(Debug, Clone)]
struct Remembered {
    response: NativeResponse,
    since: Instant,
}

/// What a connection's user may not see.
#[derive(Debug)]
struct Hidden {
    fields: Arc<[HiddenField]>,
    since: Instant,
}

impl Hidden {
    fn is_good(&self) -> bool {
        self.since.elapsed() < REMEMBERED
    }
}

#[derive(Debug)]
pub(super) struct Memory {
    answers: Cache<Key, Remembered>,
    /// By connection. Most have none, and every call asks.
    hidden: RwLock<HashMap<Arc<str>, Hidden>>,
    /// What a connection without hidden fields is given.
    none: Arc<[HiddenField]>,
}

impl Memory {
    /// Of remembered answers, over all connections, at most so many bytes are kept.
    pub(super) fn new(most_bytes: usize) -> Self {
        let size = |(_, target, body): &Key, remembered: &Remembered| {
            let request = target.len() + body.as_ref().map_or(0, Bytes::len);
            u32::try_from(request + remembered.response.body.len() + 200).unwrap_or(u32::MAX)
        };
        Self {
            answers: Cache::builder()
                .max_capacity(u64::try_from(most_bytes).unwrap_or(u64::MAX))
                .weigher(size)
                .time_to_live(REMEMBERED)
                .support_invalidation_closures()
                .build(),
            hidden: RwLock::default(),
            none: Arc::default(),
        }
    }

    /// What the connection was answered before, where that will do.
    pub(super) fn recall(
        &self,
        connection: &str,
        request: &NativeRequest,
    ) -> Option<NativeResponse> {
        if request.freshness == Freshness::Asked {
            return None;
        }
        let known = self.answers.get(&key(connection, request))?;
        let will_do = match request.freshness {
            Freshness::Asked => false,
            Freshness::Remembered => true,
            Freshness::Renewed => known.since.elapsed() < RENEWED_AT_MOST_EVERY,
        };
        will_do.then_some(known.response)
    }

    /// Remembers an answer that may be asked for again.
    pub(super) fn remember(
        &self,
        connection: &str,
        request: &NativeRequest,
        response: &NativeResponse,
    ) {
        if request.freshness != Freshness::Asked && response.is_success() {
            let remembered = Remembered {
                // A copy, so that no larger buffer is held on to.
                response: NativeResponse {
                    body: Bytes::copy_from_slice(&response.body),
                    date: None,
                    parts: Vec::new(),
                    ..response.clone()
                },
                since: Instant::now(),
            };
            self.answers.insert(key(connection, request), remembered);
        }
    }

    /// Forgets all that a connection was answered: what it describes has been changed.
    pub(super) fn forget(&self, connection: &str) {
        let connection: Arc<str> = connection.into();
        let mut hidden = self.hidden.write().unwrap_or_else(PoisonError::into_inner);
        hidden.remove(&connection);
        drop(hidden);
        // Refused only where the cache was built without support for it.
        let _ = self
            .answers
            .invalidate_entries_if(move |(known, ..), _| *known == connection);
    }

    pub(super) fn hidden(&self, connection: &str) -> Arc<[HiddenField]> {
        let hidden = self.hidden.read().unwrap_or_else(PoisonError::into_inner);
        match hidden.get(connection) {
            Some(known) if known.is_good() => Arc::clone(&known.fields),
            _ => Arc::clone(&self.none),
        }
    }

    /// Remembers more hidden fields.
    pub(super) fn hide(&self, connection: &str, fields: &[HiddenField]) {
        if fields.is_empty() {
            return;
        }
        let mut all = self.hidden(connection).to_vec();
        all.extend(
            fields
                .iter()
                .filter(|field| !all.contains(field))
                .cloned()
                .collect::<Vec<_>>(),
        );
        let mut hidden = self.hidden.write().unwrap_or_else(PoisonError::into_inner);
        if hidden.len() == hidden.capacity() || hidden.len() >= MOST_CONNECTIONS {
            hidden.retain(|_, known| known.is_good());
        }
        // Without a place they are found out again, which costs a call.
        if hidden.len() < MOST_CONNECTIONS || hidden.contains_key(connection) {
            let known = Hidden {
                fields: all.into(),
                since: Instant::now(),
            };
            hidden.insert(connection.into(), known);
        }
    }
}

fn key(connection: &str, request: &NativeRequest) -> Key {
    (
        connection.into(),
        request.target.clone(),
        request.body.clone(),
    )
}
