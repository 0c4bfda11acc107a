//! The routes of the unified API, as data that codegen writes from `specs/unified.yaml`, and the lookup in them.

use bytes::Bytes;
use http::Method;

use crate::{
    error::Error,
    translate::{Context, Translator},
    upstream::provider::{Effect, Provider},
};

/// One operation of the unified API and where it is reached.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// With parameters in braces: `/unified/crm/account/{id}`.
    pub path: &'static str,
    /// As in `crm.account.get`.
    pub operation: &'static str,
    pub effect: Effect,
}

/// A request of the app, found to be for one route and not yet decoded.
#[derive(Debug)]
pub struct UnifiedRequest {
    /// The path parameters, percent-decoded, by name.
    pub path: Vec<(&'static str, String)>,
    /// The query, percent-decoded, in the order sent.
    pub query: Vec<(String, String)>,
    pub body: Bytes,
}

/// Everything that codegen wrote, as the one value that the proxy is built from.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    pub routes: &'static [Route],
    pub providers: &'static [&'static Provider],
    /// Decodes a request and makes its translator. A wrong request is refused here, before anything is sent.
    pub translator:
        fn(operation: &'static str, Context, UnifiedRequest) -> Result<Box<dyn Translator>, Error>,
}
