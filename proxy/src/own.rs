//! The operations that the proxy answers by itself: those with `x-own: true` in `specs/unified.yaml`.
//!
//! Assumes that the caller has shown who it is. Nothing here needs a translator or the connection of a call, but for
//! what is about that connection.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::HeaderMap;
use tokio::{runtime::Handle, sync::watch, task::JoinSet, time::Instant};

use crate::{
    auth::{Auth, Principal},
    capability,
    config::{LiveLimits, State},
    connect,
    connections::Directory,
    core,
    error::{Code, Error},
    idempotency,
    log::CallLog,
    pipeline::Unified,
    route::{Api, UnifiedRequest},
    store::Store,
    sync,
    upstream::Upstream,
    webhook,
};

/// When what nobody waits for begins, one after the other: the first callers need the store as well, and each who comes
/// while it is in use would have a connection of its own made.
const BEGINS_AFTER: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(150),
    Duration::from_millis(200),
];

/// What these operations share.
#[derive(Debug)]
pub struct Own {
    pub api: Api,
    pub auth: Arc<Auth>,
    pub limits: LiveLimits,
    /// None where nothing is kept.
    pub store: Option<Store>,
    pub state: State,
    pub directory: Arc<Directory>,
    pub upstream: Arc<Upstream>,
    pub unified: Arc<Unified>,
    /// The syncs of pipelines that run here.
    pub syncs: sync::Syncs,
    pub webhooks: Arc<webhook::Sender>,
    /// Where the proxy listens.
    pub address: SocketAddr,
}

/// One call of such an operation.
#[derive(Debug)]
pub struct OwnCall {
    /// As in `core.connection.get`.
    pub operation: &'static str,
    pub caller: Principal,
    pub request: UnifiedRequest,
    pub headers: HeaderMap,
    /// When the caller has waited long enough.
    pub deadline: Instant,
    pub log: Arc<CallLog>,
}

impl Own {
    /// The store, for what cannot do without.
    pub fn store(&self) -> Result<&Store, Error> {
        self.store.as_ref().ok_or_else(|| {
            Error::new(
                Code::NotImplemented,
                "this proxy keeps nothing (`store: none`): the operations under /core and /connect need a store",
            )
        })
    }

    /// The body of the answer.
    pub async fn answer(&self, call: &OwnCall) -> Result<Vec<u8>, Error> {
        match call.operation {
            "capabilities" => self.capabilities(call).await,
            name if name.starts_with("core.pipeline.") || name == "core.connection.sync" => {
                sync::answer(self, call).await
            }
            name if name.starts_with("core.webhook.") || name.starts_with("core.event.") => {
                webhook::answer(self, call).await
            }
            name if name.starts_with("core.") => core::answer(self, call).await,
            _ => connect::answer(self, call).await,
        }
    }

    /// Starts what is done without being asked, on the runtime of `handle`; it ends when `stop` says so.
    pub fn start(self: &Arc<Self>, stop: &watch::Receiver<bool>, handle: &Handle) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        if let Some(store) = &self.store {
            let [first, second, third] = BEGINS_AFTER.map(|after| (after, stop.clone()));
            let syncs = sync::run(Arc::clone(self), stop.clone());
            tasks.spawn_on(begin(first, syncs), handle);
            let events = webhook::run(Arc::clone(self), stop.clone());
            tasks.spawn_on(begin(second, events), handle);
            let purge = idempotency::purge(store.clone(), stop.clone());
            tasks.spawn_on(begin(third, purge), handle);
        }
        tasks
    }

    /// What a connection can do. Tells what was generated and configured: no native call, and no token is needed.
    async fn capabilities(&self, call: &OwnCall) -> Result<Vec<u8>, Error> {
        let connection = self.auth.connection(&call.headers, &call.caller).await?;
        call.log.note(&connection);
        capability::answer(
            &self.api,
            connection.provider,
            &connection.api_version,
            &connection.settings.id,
            &self.limits.now(),
        )
        .map_err(|error| {
            Error::new(
                Code::InternalServerError,
                "what the connection can do could not be written",
            )
            .with_detail(error.to_string())
        })
    }
}

/// Works after a while, unless `stop` says so before.
async fn begin(
    (after, mut stop): (Duration, watch::Receiver<bool>),
    work: impl Future<Output = ()>,
) {
    // Who would say so is gone where it fails, which is the same.
    let stopped = tokio::time::timeout(after, stop.wait_for(|stop| *stop));
    let is_over = stopped.await.is_ok();
    if !is_over {
        work.await;
    }
}
