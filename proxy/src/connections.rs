//! The directory of connections: those of the configuration, and those of the store.

use std::{collections::HashMap, sync::Arc};

use crate::{error::Error, store::Store, upstream};

pub mod settings;

/// What `x-connection-id` leads to.
#[derive(Debug, Default)]
pub struct Directory {
    configured: HashMap<String, Found>,
    store: Option<Store>,
}

/// A connection that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// None where it is a destination.
    pub upstream: Option<Arc<upstream::Connection>>,
    pub customer_id: Option<String>,
}

impl Directory {
    pub fn new(
        configured: impl IntoIterator<Item = upstream::Connection>,
        store: Option<Store>,
    ) -> Self {
        let configured = configured.into_iter().map(|connection| {
            let found = Found {
                upstream: Some(Arc::new(connection)),
                customer_id: None,
            };
            let id = found.upstream.as_ref().map(|it| it.settings.id.clone());
            (id.unwrap_or_default(), found)
        });
        Self {
            configured: configured.collect(),
            store,
        }
    }

    /// The connection with an id.
    pub async fn connection(&self, id: &str) -> Result<Found, Error> {
        if let Some(found) = self.configured.get(id) {
            return Ok(found.clone());
        }
        Err(Self::unknown(id))
    }

    /// There is no such connection, or none that the caller may know of.
    pub fn unknown(_id: &str) -> Error {
        Error::not_found("no connection has the id in x-connection-id")
    }
}
