//! What a connection was told and is worth remembering for a few minutes: answers that change seldom, and the native
//! fields that its user may not see. Nothing of one connection is ever seen by another: the connection is in every key.

use std::{sync::Arc, time::Duration};

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
const MOST_CONNECTIONS: u64 = 100_000;

/// An answer of one connection: its id, the target, and the body of the request.
type Key = (Arc<str>, String, Option<Bytes>);

#[derive(Debug, Clone)]
struct Remembered {
    response: NativeResponse,
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Memory {
    answers: Cache<Key, Remembered>,
    hidden: Cache<Arc<str>, Arc<[HiddenField]>>,
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
            hidden: Cache::builder()
                .max_capacity(MOST_CONNECTIONS)
                .time_to_live(REMEMBERED)
                .build(),
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
        self.hidden.invalidate(&connection);
        // Refused only where the cache was built without support for it.
        let _ = self
            .answers
            .invalidate_entries_if(move |(known, ..), _| *known == connection);
    }

    pub(super) fn hidden(&self, connection: &str) -> Arc<[HiddenField]> {
        self.hidden
            .get(connection)
            .unwrap_or_else(|| Arc::clone(&self.none))
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
        self.hidden.insert(connection.into(), all.into());
    }
}

fn key(connection: &str, request: &NativeRequest) -> Key {
    (
        connection.into(),
        request.target.clone(),
        request.body.clone(),
    )
}
