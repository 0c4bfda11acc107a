//! Listens, speaks HTTP/1.1, drains. Knows bytes and connections, and no operation.
//!
//! Assumes that what listens beyond loopback was decided by the configuration. Speaks no TLS to callers.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{runtime::Handle, sync::watch, task::JoinSet, time::Instant};

use crate::{
    admin::Admin,
    auth::Auth,
    config::{Config, Limits, LiveLimits, StoreSettings},
    connections::Directory,
    error::Error,
    pipeline::{Explain, Origins, Parts, Pipeline},
    recorder::Recorder,
    reload::Reloader,
    route::Api,
    store::{Store, StoreError, keys::KeyRing},
    telemetry::{self, Exporting},
    upstream::Upstream,
    webhook,
};

mod framing;
mod handed;
mod house;
mod listener;

pub use handed::Handed;
pub use listener::Listener;

pub(crate) use listener::Stream;

use house::House;

/// How long the end of the process waits for the collector of traces.
const LAST_SPANS: Duration = Duration::from_secs(3);
/// The same for the store, which loses nothing where it is not closed.
const CLOSE: Duration = Duration::from_secs(1);

/// A proxy that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    address: SocketAddr,
    admin: Option<Listener>,
    admin_origins: Option<Arc<Origins>>,
    pipeline: Arc<Pipeline>,
    limits: Limits,
    background: Option<Handle>,
    /// Runtimes that answer callers as well as the one that the server runs on.
    hands: Vec<Handle>,
    exporting: Option<Exporting>,
}

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {place}: {source}")]
    Listen { place: String, source: io::Error },
    #[error("the sockets that were handed over cannot be used: {0}")]
    Handed(io::Error),
    #[error("{0}")]
    Tls(String),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("connection `{id}`: {source}")]
    Connection { id: String, source: Box<Error> },
}

/// How a proxy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every call was answered.
    Fully,
    /// The time was up; what was open was closed.
    Partly,
}

impl Server {
    /// Puts a proxy together and binds its address. Needs a tokio runtime.
    pub async fn bind(
        api: Api,
        config: &Config,
        explain: Option<Explain>,
    ) -> Result<Self, StartError> {
        Self::bind_handed(api, config, explain, Handed::default()).await
    }

    /// The same with sockets that somebody else has opened, which go before those of the configuration.
    pub async fn bind_handed(
        api: Api,
        config: &Config,
        explain: Option<Explain>,
        handed: Handed,
    ) -> Result<Self, StartError> {
        let listener = match (handed.api, &config.listen_unix) {
            (Some(handed), _) => handed,
            (None, Some(socket)) => {
                Listener::unix(socket).map_err(|source| StartError::Listen {
                    place: format!("unix:{}", socket.path.display()),
                    source,
                })?
            }
            (None, None) => listen(config.listen).await?,
        };
        let address = listener.address();
        let admin = match (handed.admin, config.admin_listen) {
            (Some(handed), _) => Some(handed),
            (None, Some(address)) => Some(listen(address).await?),
            (None, None) => None,
        };
        let upstream = Upstream::new(&config.limits, config.tls).map_err(StartError::Tls)?;
        let trust = upstream.trust().clone();
        let webhooks = webhook::Sender::new(&config.limits, &trust, config.state.private_webhooks);
        let store = match &config.state.store {
            Some(settings) => Some(open_store(settings).await?),
            None => None,
        };
        let upstream = upstream.with_limits(config.provider_limits.clone(), store.clone());
        let connections = config
            .connections
            .iter()
            .map(|connection| {
                upstream
                    .connect(connection)
                    .map_err(|source| StartError::Connection {
                        id: connection.settings.id.clone(),
                        source: Box::new(source),
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let directory = Arc::new(Directory::new(
            api,
            upstream.clone(),
            connections,
            store.clone(),
            &config.limits,
        ));
        let auth = Auth::new(&config.api_keys, store.clone(), Arc::clone(&directory));
        if !auth.has_key().await? {
            tracing::warn!(
                "there is no API key yet, so nobody can call; `crosswalk keys create --scope admin` makes the first"
            );
        }
        let origins = Origins::new(
            address,
            &config.allowed_hosts,
            &config.allowed_origins,
            config.state.public_url.as_ref(),
        );
        let admin_origins = admin
            .as_ref()
            .map(|admin| Origins::new(admin.address(), &config.allowed_hosts, &[], None))
            .map(Arc::new);
        let mut pipeline = Pipeline::new(Parts {
            api,
            auth,
            origins,
            limits: LiveLimits::new(config.limits.clone()),
            upstream,
            webhooks,
            store,
            state: config.state.clone(),
            directory,
            address,
            native_door: config.native_door,
        });
        // Only who may look needs it.
        if admin.is_some()
            && let Some(recorder) = Recorder::new(&config.limits)
        {
            pipeline = pipeline.with_recorder(Arc::new(recorder));
        }
        if let Some(explain) = explain {
            pipeline = pipeline.with_explain(explain);
        }
        let endpoint = telemetry::Endpoint::new(&config.telemetry, &config.limits, &trust);
        let mut exporting = None;
        if let Some(endpoint) = endpoint {
            let (exporter, delivers) = telemetry::exporter(api, pipeline.counters(), endpoint);
            pipeline = pipeline.with_exporter(exporter);
            exporting = Some(delivers);
        }
        Ok(Self {
            listener,
            address,
            admin,
            admin_origins,
            pipeline: Arc::new(pipeline),
            limits: config.limits.clone(),
            background: None,
            hands: Vec::new(),
            exporting,
        })
    }

    /// The same, doing what is done beside calls on another runtime.
    #[must_use]
    pub fn with_background(mut self, runtime: Handle) -> Self {
        self.background = Some(runtime);
        self
    }

    /// The same, with callers shared out between its own runtime and these, one after the other. Each is to be driven by a
    /// thread of its own.
    #[must_use]
    pub fn with_hands(mut self, runtimes: Vec<Handle>) -> Self {
        self.hands = runtimes;
        self
    }

    /// What puts a configuration that was read again in the place of `config`, with which the server was made.
    pub fn reloader(&self, config: Config) -> Reloader {
        let admin = self.admin.as_ref().map(Listener::address);
        Reloader::new(
            Arc::clone(&self.pipeline),
            self.address,
            admin.zip(self.admin_origins.clone()),
            config,
        )
    }

    /// The address in use; its port is the real one where the configuration says 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where callers are answered, as people write it.
    pub fn place(&self) -> String {
        self.listener.to_string()
    }

    /// Where those who watch are answered, if anywhere.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Listener::address)
    }

    /// The same, as people write it.
    pub fn admin_place(&self) -> Option<String> {
        self.admin.as_ref().map(ToString::to_string)
    }

    /// Serves until `shutdown` resolves, then lets open calls end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let Self {
            listener,
            admin,
            pipeline,
            limits,
            admin_origins,
            background,
            hands,
            exporting,
            ..
        } = self;
        // Ends with the set, at the very end.
        let mut watchers = JoinSet::new();
        if let (Some(listener), Some(origins)) = (admin, admin_origins) {
            let admin = Admin {
                pipeline: Arc::clone(&pipeline),
                origins,
            };
            watchers.spawn(admin.serve(listener));
        }
        let (end, ended) = watch::channel(false);
        let exporting = exporting.map(|exporting| tokio::spawn(exporting.run(ended)));
        let (stop, stopped) = watch::channel(false);
        let handle = background.unwrap_or_else(Handle::current);
        let mut background = pipeline.start(&stopped, &handle);
        let mut house = House::new(Arc::clone(&pipeline), &limits, hands, stopped);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = house.welcome(&listener) => {}
            }
        }
        // Whoever has connected before may have sent a call already.
        house.let_in_who_waits(listener);
        pipeline.start_draining();
        let _ = stop.send(true);
        let until = Instant::now() + limits.drain_timeout;
        let drained = async {
            house.close().await;
            // Writes whose callers are gone have no connection and still count.
            pipeline.idle().await;
            while background.join_next().await.is_some() {}
        };
        let drained = match tokio::time::timeout_at(until, drained).await {
            Ok(()) => Drained::Fully,
            Err(_) => Drained::Partly,
        };
        // What the last calls left is delivered as well; it takes its own short time at most.
        let _ = end.send(true);
        if let Some(exporting) = exporting {
            let _ = tokio::time::timeout(LAST_SPANS, exporting).await;
        }
        // What still runs may be about to keep what a provider has answered.
        if drained == Drained::Fully {
            let _ = tokio::time::timeout(CLOSE, pipeline.close()).await;
        }
        drained
    }
}

async fn listen(address: SocketAddr) -> Result<Listener, StartError> {
    let listener = Listener::tcp(address).await;
    listener.map_err(|source| StartError::Listen {
        place: address.to_string(),
        source,
    })
}

/// Opens the store that a configuration names.
pub async fn open_store(settings: &StoreSettings) -> Result<Store, StoreError> {
    let keys = KeyRing::load(settings.keys.clone())?;
    Store::open(&settings.location, keys).await
}
