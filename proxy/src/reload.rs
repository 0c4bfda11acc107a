//! A configuration that was read again takes the place of the one that runs.
//!
//! All of it is prepared first; then it is exchanged piece by piece, each in one step and without a lock that a call could
//! wait for. Calls in flight end with what they began with. A connection that leads to the same account with the same
//! credentials keeps its tokens, so that none is refreshed again. What needs a restart is named and keeps its old value.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use crate::{
    config::{self, Config, ConfigError, Connection, Layers, changes},
    error::Error,
    log,
    metrics::{Metrics, Reloaded},
    pipeline::{Origins, Pipeline},
    route::Api,
};

mod watch;

pub use watch::Watch;

/// Puts configurations in place, one after the other.
#[derive(Debug)]
pub struct Reloader {
    pipeline: Arc<Pipeline>,
    address: SocketAddr,
    /// Where those who watch are answered, and to which names.
    admin: Option<(SocketAddr, Arc<Origins>)>,
    /// What the process began with.
    began: Config,
    /// What the connections are made from that are in place.
    connections: Vec<Connection>,
}

/// The files that a configuration names for its secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    pub read: Vec<PathBuf>,
    /// They could not be read.
    pub missing: Vec<PathBuf>,
}

/// Why a configuration was not put in place.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("connection `{id}`: {source}")]
    Connection { id: String, source: Box<Error> },
}

/// What became of the connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replaced {
    pub added: usize,
    /// They lead to another account, or have other credentials.
    pub changed: usize,
    pub kept: usize,
    pub removed: usize,
}

impl Reloader {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        address: SocketAddr,
        admin: Option<(SocketAddr, Arc<Origins>)>,
        mut began: Config,
    ) -> Self {
        let connections = std::mem::take(&mut began.connections);
        Self {
            pipeline,
            address,
            admin,
            began,
            connections,
        }
    }

    /// Reads everything again and puts it in place, or leaves all as it is; tells the log and the metrics either way.
    /// Returns the files to watch: those that its secrets come from, and with a refused one those of the one that stays.
    pub fn reload(&mut self, read: Result<Config, ConfigError>) -> Files {
        let metrics = Arc::clone(self.metrics());
        let mut files = match &read {
            Ok(config) => Files {
                read: config.files.clone(),
                missing: Vec::new(),
            },
            Err(error) => Files {
                read: error.files.clone(),
                missing: error.missing.clone(),
            },
        };
        match read
            .map_err(ReloadError::from)
            .and_then(|config| self.put(config))
        {
            Ok(replaced) => {
                metrics.reloaded(Reloaded::Applied);
                tracing::info!(
                    added = replaced.added,
                    changed = replaced.changed,
                    kept = replaced.kept,
                    removed = replaced.removed,
                    "the configuration was read again"
                );
                self.began.files.clone_from(&files.read);
            }
            Err(error) => {
                metrics.reloaded(Reloaded::Refused);
                for mistake in error.to_string().lines() {
                    tracing::error!(
                        mistake,
                        "the configuration was read again and is refused; the old one stays in place"
                    );
                }
                files.read.extend_from_slice(&self.began.files);
            }
        }
        files
    }

    fn metrics(&self) -> &Arc<Metrics> {
        self.pipeline.counters()
    }

    fn put(&mut self, config: Config) -> Result<Replaced, ReloadError> {
        let (auth, directory) = self.pipeline.lookups();
        let mut replaced = Replaced::default();
        let mut prepared = Vec::with_capacity(config.connections.len());
        let mut moved = Vec::new();
        for connection in &config.connections {
            let id = &connection.settings.id;
            let known = self
                .connections
                .iter()
                .find(|known| known.settings.id == *id);
            let same = known.is_some_and(|known| known.has_account_of(connection));
            let before = directory.configured(id).filter(|_| same);
            let again = self
                .pipeline
                .upstream()
                .connect_again(connection, before.as_deref())
                .map_err(|source| ReloadError::Connection {
                    id: id.clone(),
                    source: Box::new(source),
                })?;
            match (known, same) {
                (Some(_), true) => replaced.kept += 1,
                (Some(_), false) => {
                    replaced.changed += 1;
                    moved.push(id.clone());
                }
                (None, _) => {
                    replaced.added += 1;
                    // There may have been one of that name, at another account.
                    moved.push(id.clone());
                }
            }
            prepared.push(again);
        }
        replaced.removed = self.connections.len() - replaced.kept - replaced.changed;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        for setting in changes::after_restart(&self.began, &config) {
            tracing::warn!(
                setting,
                "changed in the configuration; the old value stays until a restart"
            );
        }
        // From here on nothing can fail. Connections before keys: whoever has a new key finds the new connections.
        let limits = changes::limits_now(&self.began.limits, &config.limits);
        self.pipeline.limits().replace(limits);
        self.pipeline.origins().replace(Origins::new(
            self.address,
            &config.allowed_hosts,
            &config.allowed_origins,
            self.began.state.public_url.as_ref(),
        ));
        if let Some((address, origins)) = &self.admin {
            origins.replace(Origins::new(*address, &config.allowed_hosts, &[], None));
        }
        directory.replace_configured(prepared);
        for id in &moved {
            self.pipeline.forget(id);
        }
        auth.replace_keys(&config.api_keys);
        log::set_level(config.log.level);
        self.connections = config.connections;
        Ok(replaced)
    }

    /// Reads again whenever `hangups` says so, and when a file changes unless the configuration says otherwise. Never ends.
    pub async fn run(mut self, api: Api, layers: Layers, mut watch: Watch, hangups: impl Hangups) {
        let mut hangups = hangups;
        let follows = self.began.reload == config::Reload::OnChange;
        loop {
            tokio::select! {
                () = hangups.next() => tracing::info!("SIGHUP: reading the configuration again"),
                () = watch.changed(), if follows => tracing::info!("a file changed: reading the configuration again"),
            }
            watch.mark().await;
            let again = layers.clone();
            // Off the thread that answers calls.
            let read = tokio::task::spawn_blocking(move || again.read(&api)).await;
            let Ok(read) = read else { continue };
            let files = self.reload(read);
            watch.follow(files).await;
        }
    }
}

/// Whoever asks for the configuration to be read again.
pub trait Hangups {
    /// Resolves the next time that somebody does.
    fn next(&mut self) -> impl Future<Output = ()> + Send;
}
