//! The directory of connections: those of the configuration, and those of the store.
//!
//! A connection of the store is read when it is first asked for and then found in memory. What is older than
//! [`FRESH_FOR`] is compared with the store by one small query before it is used again, so a change by another sidecar
//! is seen within that time, and one by this process at once ([`Directory::forget`]). While the store is down, what is
//! in memory goes on being used. Starting reads no connection.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use tokio::{sync::OnceCell, time::Instant};
use zeroize::Zeroizing;

use crate::{
    error::{Code, Error},
    route::Api,
    store::{Stamp, Store, StoreError},
    upstream::{self, Newest, Upstream},
};

mod settings;

use settings::Stored;

/// How long a connection is used without a look at the store.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// While one caller looks, the others go on for so long with what there is; after that they wait for the look.
const STALE_FOR: Duration = Duration::from_secs(4);
/// How long a look at the store may take before what is in memory is used.
const LOOK: Duration = Duration::from_millis(500);
/// The same where there is nothing in memory.
const LOAD: Duration = Duration::from_secs(6);
/// Connections in memory: some KiB each.
const MOST: u64 = 20_000;
/// One that nobody uses gives its place back, and its secrets leave the memory.
const IDLE: Duration = Duration::from_hours(1);
/// With so many places, those that nobody waits at are cleared away.
const MOST_PLACES: usize = 1024;
/// Those of the store have ids that begin so; nothing else is looked for there.
const PREFIX: &str = "conn_";
const LONGEST_ID: usize = 128;
/// When to ask again for what the store could not tell.
const STORE_IS_BACK: Duration = Duration::from_secs(1);

/// Whoever holds it looks at the store; he leaves behind when and how that failed, for those who waited.
type Place = tokio::sync::Mutex<Option<(Instant, Error)>>;

/// What `x-connection-id` leads to.
#[derive(Debug)]
pub struct Directory {
    api: Api,
    upstream: Upstream,
    configured: HashMap<String, Found>,
    store: Option<Store>,
    loaded: Cache<String, Arc<Loaded>>,
    /// One place for each connection that is being looked at, so that one caller does it for all.
    places: Mutex<HashMap<String, Weak<Place>>>,
    cursor_key: OnceCell<Zeroizing<[u8; 32]>>,
    /// Moments are counted from here.
    start: Instant,
    /// Grows with each [`Self::forget`], so that what was read before it is not put back.
    forgotten: AtomicU64,
    store_is_down: AtomicBool,
}

/// A connection that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// None where it is a destination.
    pub upstream: Option<Arc<upstream::Connection>>,
    pub customer_id: Option<Arc<str>>,
    /// What it is that is switched off, if anything is.
    disabled: Option<&'static str>,
}

/// A connection as it was read.
#[derive(Debug)]
struct Loaded {
    found: Found,
    stamp: Stamp,
    /// When it was last known to be as in the store, in milliseconds since the directory's start; or [`OUTDATED`].
    checked: AtomicU64,
}

/// Known to have changed.
const OUTDATED: u64 = u64::MAX;

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

impl Found {
    /// Refuses a connection that is switched off.
    pub fn must_be_enabled(&self, id: &str) -> Result<(), Error> {
        match self.disabled {
            None => Ok(()),
            Some(what) => Err(Error::new(
                Code::Conflict,
                format!("{what} `{id}` is disabled; set `disabled` to false to use it again"),
            )),
        }
    }
}

impl Directory {
    pub fn new(
        api: Api,
        upstream: Upstream,
        configured: impl IntoIterator<Item = upstream::Connection>,
        store: Option<Store>,
    ) -> Self {
        let configured = configured.into_iter().map(|connection| {
            let id = connection.settings.id.clone();
            let found = Found {
                upstream: Some(Arc::new(connection)),
                customer_id: None,
                disabled: None,
            };
            (id, found)
        });
        Self {
            api,
            upstream,
            configured: configured.collect(),
            store,
            loaded: Cache::builder()
                .max_capacity(MOST)
                .time_to_idle(IDLE)
                .build(),
            places: Mutex::default(),
            cursor_key: OnceCell::new(),
            start: Instant::now(),
            forgotten: AtomicU64::new(0),
            store_is_down: AtomicBool::new(false),
        }
    }

    /// The connection with an id, ready for use.
    pub async fn connection(&self, id: &str) -> Result<Found, Error> {
        let found = self.find(id).await?;
        found.must_be_enabled(id)?;
        Ok(found)
    }

    /// The connection with an id, although it may be disabled.
    pub async fn find(&self, id: &str) -> Result<Found, Error> {
        if let Some(found) = self.configured.get(id) {
            return Ok(found.clone());
        }
        let loaded = self.loaded.get(id);
        match loaded {
            Some(loaded) if self.age(&loaded) < FRESH_FOR => Ok(loaded.found.clone()),
            loaded => self.look(id, loaded).await,
        }
    }

    /// Reads a connection anew when it is next asked for. Whoever has changed one, or deleted it, says so here.
    pub fn forget(&self, id: &str) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        if let Some(loaded) = self.loaded.get(id) {
            loaded.checked.store(OUTDATED, Ordering::SeqCst);
        }
    }

    /// The same for all of them, after a change that many follow, as that of a connector config.
    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        for (_, loaded) in &self.loaded {
            loaded.checked.store(OUTDATED, Ordering::SeqCst);
        }
    }

    /// There is no such connection, or none that the caller may know of.
    pub fn unknown(id: &str) -> Error {
        let help = if id.starts_with(PREFIX) {
            "GET /core/connection lists those that there are"
        } else {
            "expected one of those under `connections` in the configuration, or the id of one made by POST /core/connection or a magic link, which begins with conn_"
        };
        Error::not_found(format!(
            "no connection has the id in x-connection-id; {help}"
        ))
    }

    fn age(&self, loaded: &Loaded) -> Duration {
        match loaded.checked.load(Ordering::SeqCst) {
            OUTDATED => Duration::MAX,
            checked => self
                .start
                .elapsed()
                .saturating_sub(Duration::from_millis(checked)),
        }
    }

    /// Looks at the store, or waits for who does so already.
    async fn look(&self, id: &str, known: Option<Arc<Loaded>>) -> Result<Found, Error> {
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
        let time = if known.is_some() { LOOK } else { LOAD };
        let read = tokio::time::timeout(time, self.read(store, id, known.as_ref()));
        let looked = read.await.unwrap_or(Err(Blind::TooSlow));
        match self.note(looked, known) {
            Ok(Some(loaded)) => {
                self.loaded.insert(id.to_owned(), Arc::clone(&loaded));
                let now = self.start.elapsed().as_millis();
                let now = u64::try_from(now).unwrap_or(OUTDATED);
                loaded.checked.store(now, Ordering::SeqCst);
                if self.forgotten.load(Ordering::SeqCst) != before {
                    // It may have been read before the change that was told meanwhile.
                    loaded.checked.store(OUTDATED, Ordering::SeqCst);
                }
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
        let Some(stamp) = store.connection_stamp(id).await? else {
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
            found: Found {
                upstream,
                customer_id: row.customer_id.as_deref().map(Arc::from),
                disabled,
            },
            stamp,
            checked: AtomicU64::new(OUTDATED),
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

#[cfg(test)]
impl Default for Directory {
    fn default() -> Self {
        let limits = crate::config::Limits::default();
        let upstream = Upstream::new(&limits, crate::config::Roots::Bundled);
        let upstream = upstream.expect("the bundled roots can be used");
        Self::new(crate::generated::API, upstream, [], None)
    }
}
