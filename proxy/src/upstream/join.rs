//! Joins reads: identical ones under way become one, and single reads of one kind become the provider's batch read.

use std::sync::Arc;

use tokio::time::Instant;

use super::engine::{Connection, NativeLog, Upstream};
use crate::{
    error::Error,
    translate::{NativeRequest, NativeResponse},
};

/// The reads of one connection that are under way.
#[derive(Debug, Default)]
pub(super) struct Joins {}

impl Upstream {
    /// Makes a native call and hands back whatever the provider finally answered. An error is a failure to get an
    /// answer, or a provider that wants fewer calls.
    pub async fn call(
        &self,
        connection: &Arc<Connection>,
        request: &NativeRequest,
        deadline: Instant,
        log: &NativeLog,
    ) -> Result<NativeResponse, Error> {
        self.alone(connection, request, deadline, log).await
    }
}
