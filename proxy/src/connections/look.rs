//! One look at the store: who takes it, what it finds, and what is done where the store does not answer.

use std::{
    sync::{
        Arc, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Directory, FRESH_FOR, Found, Loaded, OUTDATED, PREFIX, Place,
    settings::{self, Stored},
};
use crate::{
    error::{Code, Error},
    store::{Store, StoreError},
    upstream::Newest,
};

/// While one caller looks, the others go on for so long with what there is; after that they wait for the look.
const STALE_FOR: Duration = Duration::from_secs(4);
/// How long a look at the store may take before what is in memory is used.
const LOOK: Duration = Duration::from_millis(500);
/// The same where there is nothing in memory, or what there is has changed.
const LOAD: Duration = Duration::from_secs(6);
/// With so many places, those that nobody waits at are cleared away.
const MOST_PLACES: usize = 1024;
const LONGEST_ID: usize = 128;
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
    /// Looks at the store, or waits for who does so already.
    pub(super) async fn look(&self, id: &str, known: Option<Arc<Loaded>>) -> Result<Found, Error> {
        let Some(store) = self.store.as_ref().filter(|_| may_be_kept(id)) else {
            return Err(Self::unknown(id));
        };
        let place = self.place(id);
        let mut last_failure = match (place.try_lock(), known) {
            (Ok(free), _) => free,
            (Err(_), Some(known)) if self.age(&known) < STALE_FOR => {
                return Ok(known.found.clone());
            }
            (Err(_), _) => place.lock().await,
        };
        let known = self.loaded.get(id);
        if let Some(known) = known.as_ref().filter(|known| self.age(known) < FRESH_FOR) {
            return Ok(known.found.clone());
        }
        if let Some((at, error)) = &*last_failure
            && at.elapsed() < STORE_IS_BACK
        {
            return Err(error.clone());
        }
        let before = self.forgotten.load(Ordering::SeqCst);
        let is_told = |known: &Arc<Loaded>| self.age(known) == Duration::MAX;
        let time = match &known {
            // What is known to have changed is not used again for the asking being slow.
            Some(known) if !is_told(known) => LOOK,
            _ => LOAD,
        };
        let read = tokio::time::timeout(time, self.read(store, id, known.as_ref()));
        let looked = read.await.unwrap_or(Err(Blind::TooSlow));
        match self.note(looked, known) {
            Ok(Some(loaded)) => {
                self.loaded.insert(id.to_owned(), Arc::clone(&loaded));
                loaded.checked.store(self.now(), Ordering::SeqCst);
                if self.forgotten.load(Ordering::SeqCst) != before {
                    // It may have been read before the change that was told meanwhile.
                    loaded.checked.store(OUTDATED, Ordering::SeqCst);
                }
                loaded.is_used.store(true, Ordering::Relaxed);
                self.rounds.list(&loaded);
                Ok(loaded.found.clone())
            }
            Ok(None) => {
                self.loaded.invalidate(id);
                Err(Self::unknown(id))
            }
            Err(error) => {
                *last_failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
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
        known: Option<&Arc<Loaded>>,
    ) -> Result<Option<Arc<Loaded>>, Blind> {
        // Before all else, so that a change that comes between is seen the next time.
        let Some(stamp) = self.stamp(store, id).await? else {
            return Ok(None);
        };
        if let Some(known) = known.filter(|known| known.stamp == stamp) {
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
                let before = known.and_then(|known| known.found.upstream.as_deref());
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
        Ok(Some(Arc::new(Loaded {
            id: id.to_owned(),
            found: Found {
                upstream,
                customer_id: row.customer_id.as_deref().map(Arc::from),
                disabled,
            },
            stamp,
            checked: AtomicU64::new(OUTDATED),
            is_used: AtomicBool::new(true),
            is_listed: AtomicBool::new(false),
        })))
    }

    async fn cursor_key(&self, store: &Store) -> Result<&[u8; 32], StoreError> {
        let key = self
            .cursor_key
            .get_or_try_init(|| store.installation_secret("cursors"));
        Ok(&**key.await?)
    }

    /// Falls back on what is known where the store does not answer; says so once.
    fn note(
        &self,
        looked: Result<Option<Arc<Loaded>>, Blind>,
        known: Option<Arc<Loaded>>,
    ) -> Result<Option<Arc<Loaded>>, Error> {
        let detail = match looked {
            Ok(found) => {
                if self.store_is_down.swap(false, Ordering::Relaxed) {
                    tracing::info!("the store answers again");
                }
                return Ok(found);
            }
            Err(Blind::Unusable(error)) => return Err(error),
            Err(Blind::Store(error)) => error.to_string(),
            Err(Blind::TooSlow) => "it took too long".to_owned(),
        };
        if !self.store_is_down.swap(true, Ordering::Relaxed) {
            tracing::error!(
                error = detail,
                "the store does not answer: connections in memory go on, others cannot be used"
            );
        }
        known.map(Some).ok_or_else(|| {
            Error::new(
                Code::ServiceUnavailable,
                "the connection could not be looked up, since the store does not answer; try again",
            )
            .with_detail(detail)
            .with_retry_after(STORE_IS_BACK)
        })
    }
}

/// Whether the store may have a connection with an id; nothing else is looked up.
fn may_be_kept(id: &str) -> bool {
    id.starts_with(PREFIX)
        && id.len() <= LONGEST_ID
        && id.bytes().all(|byte| byte.is_ascii_graphic())
}
