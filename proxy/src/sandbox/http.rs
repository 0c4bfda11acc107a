//! What a sandbox provider sees of HTTP: a call in, a reply out. Knows no provider.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// One request as a provider sees it, read to its end.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The query string as sent, without `?`, still percent-encoded; empty when there was none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What the provider answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A provider that the sandbox plays.
pub trait Provider: Send + Sync + 'static {
    /// Answers one call. Runs on a server task and must not block for long.
    fn handle(&self, call: &Call) -> Reply;
}
