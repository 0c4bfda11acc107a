//! Native calls as HTTP: what is sent, and what of an answer is looked at.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, AsHeaderName, CONTENT_LENGTH, CONTENT_TYPE, DATE,
        HOST, USER_AGENT,
    },
};
use http_body_util::Full;

use super::{
    client::Response,
    fault,
    provider::{Content, Provider},
    token::Token,
};
use crate::{
    error::{Code, Error},
    translate::{NativeRequest, NativeResponse},
};

pub(super) const AGENT: &str = concat!("crosswalk/", env!("CARGO_PKG_VERSION"));

/// What all calls with a credential have in their heads, where they are JSON: built once for all connections, since the
/// thousands of them would each have it at another place in memory. The credential is put in by each call, and the host by
/// the connection that it goes over. Both have a place here: a map that has to grow is moved, and glibc's `realloc` moves
/// what is small into memory that was left unused for longest, and so is in no cache.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let own = HeaderValue::from_static("");
    let mut headers = HeaderMap::with_capacity(MOST_HEADERS);
    headers.insert(HOST, own.clone());
    headers.insert(AUTHORIZATION, own);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers
});

/// The same of calls with a body.
static HEADERS_OF_BODIES: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HEADERS.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static(""));
    headers
});

/// Of nearly every call.
const MOST_HEADERS: usize = 8;

/// A native call, whose host is still to be put into its head.
pub(super) fn http_request(
    token: &Token,
    request: &NativeRequest,
) -> Result<Request<Full<Bytes>>, Error> {
    // Put together from parts, so that no target can change the host.
    let uri = Uri::builder()
        .scheme(token.scheme.clone())
        .authority(token.host().clone())
        .path_and_query(request.target.as_str())
        .build()
        .map_err(|error| {
            Error::new(
                Code::InternalServerError,
                "the native call has no proper address",
            )
            .with_detail(format!("{}: {error}", request.operation.id))
        })?;
    let body = match (&request.body, request.credential_at) {
        (Some(body), Some(at)) => with_credential(token, body, at),
        (body, _) => body.clone().unwrap_or_default(),
    };
    let mut headers = if request.body.is_some() {
        let mut headers = HEADERS_OF_BODIES.clone();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers
    } else {
        HEADERS.clone()
    };
    headers.insert(AUTHORIZATION, token.authorization.clone());
    if request.operation.content == Content::Soap {
        headers.insert(ACCEPT, HeaderValue::from_static("text/xml"));
        headers.insert("soapaction", HeaderValue::from_static("\"\""));
        if request.body.is_some() {
            let kind = HeaderValue::from_static("text/xml; charset=UTF-8");
            headers.insert(CONTENT_TYPE, kind);
        }
    }
    let mut native = Request::new(Full::from(body));
    *native.method_mut() = request.operation.method.clone();
    *native.uri_mut() = uri;
    *native.headers_mut() = headers;
    Ok(native)
}

/// Puts headers of a caller into a call, in the place of ours. Who calls has seen to it that none of them is a
/// credential's or a hop's.
pub(super) fn pass_on(headers: &mut HeaderMap, passed: &HeaderMap) {
    for name in passed.keys() {
        headers.remove(name);
    }
    for (name, value) in passed {
        headers.append(name, value.clone());
    }
}

/// A body with the credential at its place. Only what goes to the provider ever has it.
fn with_credential(token: &Token, body: &Bytes, at: usize) -> Bytes {
    let credential = crate::translate::xml::escape(token.secret());
    let (before, after) = body.split_at(at.min(body.len()));
    [before, credential.as_bytes(), after].concat().into()
}

pub(super) fn native_response(provider: &'static Provider, response: &Response) -> NativeResponse {
    let correlation_id = provider
        .errors
        .correlation_header
        .and_then(|name| text(&response.headers, name))
        .map(|id| fault::short(id, 200).into());
    NativeResponse {
        status: response.status.as_u16(),
        body: response.body.clone(),
        date: response.headers.get(DATE).cloned(),
        correlation_id,
        parts: Vec::new(),
    }
}

pub(super) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
