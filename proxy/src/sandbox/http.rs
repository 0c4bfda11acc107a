//! What a sandbox provider sees of HTTP: a call in, a reply out. Knows no provider.
//!
//! [`serve`] puts a [`Provider`] on a socket, with the control endpoints of `control.rs` beside it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

mod server;

pub use server::serve;

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

impl Call {
    /// A header's value, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The query's pairs, decoded, in the order sent.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The body's pairs, when it is a form.
    pub fn form_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }

    /// The token of `Authorization: Bearer …`. The scheme's case does not matter.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// The media type of the body, in lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        let value = self.header(CONTENT_TYPE.as_str())?;
        Some(
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase(),
        )
    }

    /// The address that the caller used, `http://127.0.0.1:4010`; the sandbox speaks no TLS.
    pub fn base_url(&self) -> String {
        format!(
            "http://{}",
            self.header(HOST.as_str()).unwrap_or("localhost")
        )
    }
}

/// What the provider answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// A JSON answer. A provider that writes another content type replaces the header.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/json;charset=UTF-8", body.to_string())
    }

    /// An HTML page, as gateways send it.
    pub fn html(status: StatusCode, page: impl Into<Bytes>) -> Self {
        Self::text(status, "text/html; charset=utf-8", page)
    }

    /// A body of any content type.
    pub fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    /// The same with a header set, replacing an earlier one. A value that cannot stand in a header is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

/// A provider that the sandbox plays.
///
/// The methods beside `handle` are what the control endpoints reach; a provider overrides those that it has.
pub trait Provider: Send + Sync + 'static {
    /// Answers one call. Runs on a server task and must not block for long.
    fn handle(&self, call: &Call) -> Reply;

    /// The settings as JSON, one key for each; every provider documents its own.
    fn settings(&self) -> Value {
        Value::Object(serde_json::Map::new())
    }

    /// Sets those settings that `patch` names, all or none; the text of an error goes to the caller.
    fn configure(&self, _patch: &Value) -> Result<(), String> {
        Err("this provider has no settings".to_owned())
    }

    /// Back to the sample data, or to no records at all.
    fn reset(&self, _empty: bool) {}

    /// How far its clock is ahead of the machine's; its `Date` header says the same.
    fn clock_offset_ms(&self) -> i64 {
        0
    }

    /// Lets every access token issued so far expire.
    fn expire_tokens(&self) {}

    /// Answers a question that only this provider knows; `None` when it knows none of this name. The text of an error
    /// goes to the caller.
    fn look(&self, _name: &str, _asked: &[(String, String)]) -> Option<Result<Value, String>> {
        None
    }

    /// Carries out a command that only this provider has; `None` when it has none of this name. The text of an error
    /// goes to the caller.
    fn command(&self, _name: &str, _body: &Value) -> Option<Result<Value, String>> {
        None
    }
}
