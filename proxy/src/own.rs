//! The operations that the proxy answers by itself: those with `x-own: true` in `specs/unified.yaml`.
//!
//! Assumes that the caller has shown who it is. Nothing here needs a translator or the connection of a call, but for
//! what is about that connection.

use std::sync::Arc;

use http::HeaderMap;
use tokio::time::Instant;

use crate::{
    auth::Auth,
    capability,
    config::Limits,
    error::{Code, Error},
    log::CallLog,
    route::{Api, UnifiedRequest},
};

/// What these operations share.
#[derive(Debug)]
pub struct Own {
    api: Api,
    auth: Arc<Auth>,
    limits: Limits,
}

/// One call of such an operation.
#[derive(Debug)]
pub struct OwnCall {
    /// As in `core.connection.get`.
    pub operation: &'static str,
    pub request: UnifiedRequest,
    pub headers: HeaderMap,
    /// When the caller has waited long enough.
    pub deadline: Instant,
    pub log: Arc<CallLog>,
}

impl Own {
    pub fn new(api: Api, auth: Arc<Auth>, limits: Limits) -> Self {
        Self { api, auth, limits }
    }

    /// The body of the answer.
    #[expect(
        clippy::unused_async,
        reason = "operations that are still to come ask a database"
    )]
    pub async fn answer(&self, call: &OwnCall) -> Result<Vec<u8>, Error> {
        match call.operation {
            "capabilities" => self.capabilities(call),
            "connect.file_picker.create" => Err(Error::new(
                Code::NotImplemented,
                "there are no files to pick: no connector of this proxy stores files",
            )),
            other => Err(Error::new(
                Code::NotImplemented,
                format!("the operation `{other}` is not implemented by this version of Crosswalk"),
            )),
        }
    }

    /// What a connection can do. Tells what was generated and configured: no native call, and no token is needed.
    fn capabilities(&self, call: &OwnCall) -> Result<Vec<u8>, Error> {
        let connection = self.auth.connection(&call.headers)?;
        call.log.note(&connection);
        capability::answer(
            &self.api,
            connection.provider,
            &connection.api_version,
            &connection.settings.id,
            &self.limits,
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
