//! The directory of connections: those of the configuration, and those of the store.
//!
//! A connection of the store is read when it is first asked for and then found in memory. Which of them have changed is
//! asked of the store once for all (`watch`), so a change by another sidecar is seen within `FRESH_FOR`, and one by this
//! process at once ([`Directory::forget`]). While the store is down, what is in memory goes on being used. Starting reads
//! no connection.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{sync::OnceCell, time::Instant};
use zeroize::Zeroizing;

use crate::{
    config::Limits,
    error::{Code, Error},
    route::Api,
    store::{Stamp, Store},
    upstream::{self, Upstream},
};

mod key;
mod look;
mod memory;
mod settings;
mod watch;

use key::Key;
use memory::Memory;
use watch::Watch;

/// How long a connection is used after it was changed.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// One that nobody uses gives its place back, and its secrets leave the memory.
const IDLE: Duration = Duration::from_hours(1);
/// Those of the store have ids that begin so; nothing else is looked for there.
const PREFIX: &str = "conn_";

/// Whoever holds it looks at the store; he leaves behind when and how that failed, for those who waited.
type Place = tokio::sync::Mutex<Option<(Instant, Error)>>;

/// What `x-connection-id` leads to.
#[derive(Debug)]
pub struct Directory {
    api: Api,
    upstream: Upstream,
    configured: ArcSwap<HashMap<String, Arc<Found>>>,
    store: Option<Store>,
    loaded: Memory,
    watch: Watch,
    /// One place for each connection that is being looked at, so that one caller does it for all.
    places: Mutex<HashMap<String, Weak<Place>>>,
    cursor_key: OnceCell<Zeroizing<[u8; 32]>>,
    /// Moments are counted from here.
    start: Instant,
    /// Grows with each [`Self::forget`], so that what was read before it is not put back.
    forgotten: AtomicU64,
    store_is_down: AtomicBool,
}

/// A connection that was found. What every call looks at comes first: with thousands of connections each is another place in
/// memory.
#[derive(Debug)]
#[repr(C)]
pub struct Found {
    key: Key,
    /// None where it is a destination.
    pub upstream: Option<Arc<upstream::Connection>>,
    /// When it was used last, in milliseconds since the start.
    used: AtomicU64,
    /// Known to have changed.
    is_outdated: AtomicBool,
    /// What it is that is switched off, if anything is.
    disabled: Option<&'static str>,
    /// Whose it is; none where it stands in the configuration.
    pub customer_id: Option<Box<str>>,
    /// As it was read; none where it is not of the store.
    stamp: Option<Stamp>,
}

impl Found {
    fn new(id: &str, upstream: Option<Arc<upstream::Connection>>) -> Self {
        Self {
            key: Key::of(id),
            upstream,
            used: AtomicU64::new(0),
            is_outdated: AtomicBool::new(false),
            disabled: None,
            customer_id: None,
            stamp: None,
        }
    }

    fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::SeqCst)
    }

    fn outdated(&self, is: bool) {
        self.is_outdated.store(is, Ordering::SeqCst);
    }

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
        limits: &Limits,
    ) -> Self {
        Self {
            api,
            upstream,
            configured: ArcSwap::from_pointee(by_id(configured)),
            store,
            loaded: Memory::new(limits.connections_in_memory),
            watch: Watch::default(),
            places: Mutex::default(),
            cursor_key: OnceCell::new(),
            start: Instant::now(),
            forgotten: AtomicU64::new(0),
            store_is_down: AtomicBool::new(false),
        }
    }

    /// The connection with an id, ready for use.
    pub async fn connection(&self, id: &str) -> Result<Arc<Found>, Error> {
        let found = self.find(id).await?;
        found.must_be_enabled(id)?;
        Ok(found)
    }

    /// Those of the configuration.
    pub(crate) fn all_configured(&self) -> Vec<Arc<upstream::Connection>> {
        let configured = self.configured.load();
        let found = configured.values();
        found.filter_map(|found| found.upstream.clone()).collect()
    }

    /// The connection with an id, although it may be disabled.
    pub async fn find(&self, id: &str) -> Result<Arc<Found>, Error> {
        if let Some(found) = self.configured.load().get(id) {
            return Ok(Arc::clone(found));
        }
        let Some(store) = &self.store else {
            return Err(Self::unknown(id));
        };
        if !self.is_fresh() {
            // Apart, as what is rare and large is.
            Box::pin(self.catch_up(store)).await;
        }
        match self.loaded.get(id) {
            Some(loaded) if !loaded.is_outdated() => Ok(loaded),
            loaded => Box::pin(self.look(store, id, loaded)).await,
        }
    }

    /// One of the configuration, as it is now.
    pub(crate) fn configured(&self, id: &str) -> Option<Arc<upstream::Connection>> {
        self.configured.load().get(id)?.upstream.clone()
    }

    /// From now on these are the connections of the configuration. Calls in flight go on with those that they have.
    pub(crate) fn replace_configured(
        &self,
        configured: impl IntoIterator<Item = upstream::Connection>,
    ) {
        self.configured.store(Arc::new(by_id(configured)));
    }

    /// Reads a connection anew when it is next asked for. Whoever has changed one, or deleted it, says so here.
    pub fn forget(&self, id: &str) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.loaded.outdated(Some(std::iter::once(id)));
    }

    /// The same for all of them, after a change that many follow, as that of a connector config.
    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.loaded.outdated(None::<std::iter::Empty<&str>>);
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

    /// The moment, in milliseconds since the directory's start.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn by_id(
    configured: impl IntoIterator<Item = upstream::Connection>,
) -> HashMap<String, Arc<Found>> {
    let found = configured.into_iter().map(|connection| {
        let id = connection.settings.id.clone();
        let found = Found::new(&id, Some(Arc::new(connection)));
        (id, Arc::new(found))
    });
    found.collect()
}

#[cfg(test)]
impl Default for Directory {
    fn default() -> Self {
        let limits = Limits::default();
        let upstream = Upstream::new(&limits, crate::config::Roots::Bundled);
        let upstream = upstream.expect("the bundled roots can be used");
        Self::new(crate::generated::API, upstream, [], None, &limits)
    }
}
