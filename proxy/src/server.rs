//! Listens, speaks HTTP/1.1, drains. Knows bytes and connections, and no operation.
//!
//! Assumes that what listens beyond loopback was decided by the configuration. Speaks no TLS to callers.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    auth::Auth,
    config::{Config, Limits, StoreSettings},
    connections::Directory,
    error::Error,
    pipeline::{Explain, Origins, Parts, Pipeline},
    route::Api,
    store::{Store, StoreError, keys::KeyRing},
    upstream::Upstream,
    webhook,
};

/// So many headers are more than any client sends.
const MOST_HEADERS: usize = 100;
/// After a failed accept: out of descriptors is not cured by trying at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A proxy that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    pipeline: Arc<Pipeline>,
    limits: Limits,
}

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
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
        let listen_error = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let upstream = Upstream::new(&config.limits, config.tls.roots).map_err(StartError::Tls)?;
        let webhooks = webhook::Sender::new(
            &config.limits,
            config.tls.roots,
            config.state.private_webhooks,
        )
        .map_err(StartError::Tls)?;
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
        let mut pipeline = Pipeline::new(Parts {
            api,
            auth,
            origins,
            limits: config.limits.clone(),
            upstream,
            webhooks,
            store,
            state: config.state.clone(),
            directory,
            address,
        });
        if let Some(explain) = explain {
            pipeline = pipeline.with_explain(explain);
        }
        Ok(Self {
            listener,
            address,
            pipeline: Arc::new(pipeline),
            limits: config.limits.clone(),
        })
    }

    /// The address in use; its port is the real one where the configuration says 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` resolves, then lets open calls end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let mut connections = JoinSet::new();
        let (stop, stopped) = watch::channel(false);
        let mut background = self.pipeline.start(&stopped);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accept = async {
                // A full house leaves newcomers in the listener's backlog.
                let place = Arc::clone(&places).acquire_owned().await;
                (self.listener.accept().await, place)
            };
            tokio::select! {
                () = &mut shutdown => break,
                (accepted, place) = accept => match accepted {
                    Ok((stream, _)) => {
                        let (pipeline, watcher) = (Arc::clone(&self.pipeline), graceful.watcher());
                        let limits = self.limits.clone();
                        connections.spawn(async move {
                            converse(stream, pipeline, watcher, &limits).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        let Self {
            listener,
            pipeline,
            limits,
            ..
        } = self;
        drop(listener);
        pipeline.start_draining();
        let _ = stop.send(true);
        let until = Instant::now() + limits.drain_timeout;
        let drained = async {
            graceful.shutdown().await;
            // Writes whose callers are gone have no connection and still count.
            pipeline.idle().await;
            while background.join_next().await.is_some() {}
        };
        match tokio::time::timeout_at(until, drained).await {
            Ok(()) => Drained::Fully,
            Err(_) => Drained::Partly,
        }
    }
}

/// Opens the store that a configuration names.
pub async fn open_store(settings: &StoreSettings) -> Result<Store, StoreError> {
    let keys = KeyRing::load(settings.keys.clone())?;
    Store::open(&settings.location, keys).await
}

async fn converse(stream: TcpStream, pipeline: Arc<Pipeline>, watcher: Watcher, limits: &Limits) {
    // Answers are small and go out at once; where this fails it only costs time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let pipeline = Arc::clone(&pipeline);
        async move { Ok::<_, std::convert::Infallible>(pipeline.handle(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(limits.header_bytes)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    // An error is a caller that left, was too slow, or sent what is not HTTP; hyper has answered where it could.
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
