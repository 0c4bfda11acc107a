//! One look at the store: who takes it, what it finds, and what is done where the store does not answer.

use std::{
    sync::{Arc, PoisonError, Weak, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Directory, Found, PREFIX, Place,
    settings::{self, Stored},
};
use crate::{
    error::{Code, Error},
    store::{Store, StoreError},
    upstream::Newest,
};

/// How long a look at the store may take.
const LOAD: Duration = Duration::from_secs(6);
/// With so many places, those that nobody waits at are cleared away.
const MOST_PLACES: usize = 1024;
const LONGEST_ID: usize = 128;
const TOO_SLOW: &str = "it took too long";
/// When to ask again for what the store could not tell.
const STORE_IS_BACK: Duration = Duration::from_secs(1);

/// Why a look at the store told nothing.
enum Blind {
    /// The connection is there, and cannot be used.
    Unusable(Error),
    Store(StoreError),
    TooSlow,
}

impl From<StoreError> for Blind {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Directory {
    /// Looks at the store, or waits for who does so already. What is `known` has changed.
    pub(super) async fn look(
        &self,
        store: &Store,
        id: &str,
        known: Option<Arc<Found>>,
    ) -> Result<Arc<Found>, Error> {
        if !may_be_kept(id) {
            return Err(Self::unknown(id));
        }
        if let Some(known) = known.filter(|_| self.store_failed()) {
            return Ok(known);
        }
        let place = self.place(id);
        let mut last_failure = place.lock().await;
        let known = self.loaded.get(id);
        if let Some(known) = known.as_ref().filter(|known| !known.is_outdated()) {
            return Ok(Arc::clone(known));
        }
        if let Some((at, error)) = &*last_failure
            && at.elapsed() < STORE_IS_BACK
        {
            return self.or_known(known, error.clone());
        }
        let before = self.forgotten.load(Ordering::SeqCst);
        let read = tokio::time::timeout(LOAD, self.read(store, id, known.as_ref()));
        let error = match read.await.unwrap_or(Err(Blind::TooSlow)) {
            Ok(Some(found)) => {
                self.store_answers();
                found.outdated(false);
                self.loaded.put(&found);
                if self.forgotten.load(Ordering::SeqCst) != before {
                    // It may have been read before a change that was told meanwhile.
                    found.outdated(true);
                }
                return Ok(found);
            }
            Ok(None) => {
                self.store_answers();
                self.loaded.remove(id);
                return Err(Self::unknown(id));
            }
            Err(Blind::Unusable(error)) => {
                self.store_answers();
                error
            }
            Err(Blind::Store(error)) => {
                self.store_does_not_answer(&error.to_string());
                unavailable(&error.to_string())
            }
            Err(Blind::TooSlow) => {
                self.store_does_not_answer(TOO_SLOW);
                unavailable(TOO_SLOW)
            }
        };
        *last_failure = Some((Instant::now(), error.clone()));
        self.or_known(known, error)
    }

    /// While the store is down, what there is goes on being used.
    fn or_known(&self, known: Option<Arc<Found>>, error: Error) -> Result<Arc<Found>, Error> {
        match known {
            Some(known) if self.store_is_down.load(Ordering::Relaxed) => Ok(known),
            _ => Err(error),
        }
    }

    fn place(&self, id: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(id).and_then(Weak::upgrade) {
            return place;
        }
        // Those whose callers are gone are of no use.
        if places.len() >= MOST_PLACES {
            places.retain(|_, place| place.strong_count() > 0);
        }
        let place = Arc::default();
        places.insert(id.to_owned(), Arc::downgrade(&place));
        place
    }

    /// The connection as it is in the store, which is the one that is known unless it has changed.
    async fn read(
        &self,
        store: &Store,
        id: &str,
        known: Option<&Arc<Found>>,
    ) -> Result<Option<Arc<Found>>, Blind> {
        // Before all else, so that a change that comes between is seen the next time.
        let Some(stamp) = store.connection_stamp(id).await? else {
            return Ok(None);
        };
        if let Some(known) = known.filter(|known| known.stamp == Some(stamp)) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(row) = store.connection(id).await? else {
            return Ok(None);
        };
        let Some(config) = store.connector_config(&row.connector_config_id).await? else {
            return Ok(None);
        };
        let upstream = match self.api.provider(&row.connector_name) {
            Some(provider) => {
                let newest = Newest::of(store, &row).await?;
                let newest = newest.ok_or_else(|| Blind::Unusable(settings::no_credentials(id)))?;
                let stored = Stored {
                    provider,
                    connection: &row,
                    config: config.config.as_ref(),
                    config_secrets: store.connector_config_secrets(&config).await?,
                    kept: &newest.kept,
                    cursor_key: self.cursor_key(store).await?,
                };
                let connection = stored.connection().map_err(Blind::Unusable)?;
                let before = known.and_then(|known| known.upstream.as_deref());
                let upstream = self
                    .upstream
                    .connect_kept(&connection, store, &newest, before);
                Some(Arc::new(upstream))
            }
            // A destination has no API that calls could go to.
            None => None,
        };
        let disabled = match (row.disabled, config.disabled) {
            (true, _) => Some("connection"),
            (false, true) => Some("the connector config of connection"),
            (false, false) => None,
        };
        Ok(Some(Arc::new(Found {
            disabled,
            customer_id: row.customer_id.map(String::into_boxed_str),
            stamp: Some(stamp),
            ..Found::new(id, upstream)
        })))
    }

    async fn cursor_key(&self, store: &Store) -> Result<&[u8; 32], StoreError> {
        let key = self
            .cursor_key
            .get_or_try_init(|| store.installation_secret("cursors"));
        Ok(&**key.await?)
    }

    pub(super) fn store_answers(&self) {
        if self.store_is_down.swap(false, Ordering::Relaxed) {
            tracing::info!("the store answers again");
        }
    }

    /// Says so once.
    pub(super) fn store_does_not_answer(&self, error: &str) {
        self.watch.failed(self.now());
        if !self.store_is_down.swap(true, Ordering::Relaxed) {
            tracing::error!(
                error,
                "the store does not answer: connections in memory go on, others cannot be used"
            );
        }
    }
}

fn unavailable(detail: &str) -> Error {
    Error::new(
        Code::ServiceUnavailable,
        "the connection could not be looked up, since the store does not answer; try again",
    )
    .with_detail(detail)
    .with_retry_after(STORE_IS_BACK)
}

/// Whether the store may have a connection with an id; nothing else is looked up.
fn may_be_kept(id: &str) -> bool {
    id.starts_with(PREFIX)
        && id.len() <= LONGEST_ID
        && id.bytes().all(|byte| byte.is_ascii_graphic())
}
