//! What those who watch see of a pipeline beside what it counts.

use std::{net::SocketAddr, sync::Arc};

use serde::Serialize;

use super::{Pipeline, STORE_ANSWERS};
use crate::{
    auth::Auth,
    error::{Code, Error},
    openapi::Contract,
    recorder::Recorder,
    route::Api,
    store::ConnectionFilter,
    upstream::Connection,
};

/// Connections of the store that are told; the newest first.
const MOST_STORED: i64 = 200;

/// How a connection is.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    id: String,
    /// A provider, or the connector of a destination.
    connector: String,
    title: String,
    /// By name in the configuration, and not in the store.
    is_configured: bool,
    /// Whether unified calls can be made.
    is_callable: bool,
    customer_id: Option<String>,
    display_name: Option<String>,
    /// As in `standard.status`; none until it is known.
    status: Option<String>,
    status_message: Option<String>,
    is_disabled: bool,
    api_version: Option<String>,
    /// What is left of the limits of its account.
    limits: Vec<Left>,
    /// Calls of the account that wait for their turn.
    waiting: usize,
}

#[derive(Debug, Serialize)]
struct Left {
    name: &'static str,
    limit: u64,
    remaining: u64,
    window_seconds: Option<u32>,
}

impl Pipeline {
    pub(crate) fn auth(&self) -> &Auth {
        &self.auth
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    pub(crate) fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Where the API is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.own.address
    }

    /// None where no calls are remembered.
    pub(crate) fn recorder(&self) -> Option<&Arc<Recorder>> {
        self.recorder.as_ref()
    }

    /// How every connection is: those of the configuration, and the newest of the store.
    pub(crate) async fn standings(&self) -> Result<Vec<Standing>, Error> {
        let configured = self.own.directory.all_configured();
        let mut standings: Vec<Standing> = configured
            .iter()
            .map(|connection| {
                let mut standing = Standing::of(connection.settings.id.clone(), connection);
                standing.is_configured = true;
                standing
            })
            .collect();
        standings.sort_by(|one, other| one.id.cmp(&other.id));
        let Some(store) = &self.own.store else {
            return Ok(standings);
        };
        let all = ConnectionFilter {
            customer_id: None,
            connector_config_id: None,
            connector_name: None,
        };
        let stored = tokio::time::timeout(STORE_ANSWERS, store.connections(all, MOST_STORED, 0));
        let stored = stored.await.ok().and_then(Result::ok).ok_or_else(|| {
            Error::new(
                Code::ServiceUnavailable,
                "the store did not tell its connections; try again",
            )
        })?;
        for kept in stored {
            let found = match self.api.provider(&kept.connector_name) {
                Some(_) => self.own.directory.find(&kept.id).await.ok(),
                None => None,
            };
            let mut standing = match found.as_ref().and_then(|found| found.upstream.as_ref()) {
                Some(connection) => Standing::of(kept.id, connection),
                None => Standing::unknown(kept.id, &kept.connector_name),
            };
            standing.customer_id = kept.customer_id;
            standing.display_name = kept.display_name;
            standing.status = kept.status;
            standing.status_message = kept.status_message;
            standing.is_disabled = kept.disabled;
            standings.push(standing);
        }
        Ok(standings)
    }
}

impl Standing {
    /// Of one that cannot be called.
    fn unknown(id: String, connector: &str) -> Self {
        Self {
            id,
            connector: connector.to_owned(),
            title: connector.to_owned(),
            is_configured: false,
            is_callable: false,
            customer_id: None,
            display_name: None,
            status: None,
            status_message: None,
            is_disabled: false,
            api_version: None,
            limits: Vec::new(),
            waiting: 0,
        }
    }

    fn of(id: String, connection: &Connection) -> Self {
        let left = connection.left();
        let limits = left.limits.iter().map(|left| Left {
            name: left.name,
            limit: left.limit,
            remaining: left.remaining,
            window_seconds: left.window_seconds,
        });
        Self {
            title: connection.provider.title.to_owned(),
            is_callable: true,
            api_version: Some(connection.api_version.clone()),
            limits: limits.collect(),
            waiting: left.waiting,
            ..Self::unknown(id, connection.provider.name)
        }
    }
}
