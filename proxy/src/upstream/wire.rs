//! Native calls as HTTP: what is sent, and what of an answer is looked at.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, DATE, USER_AGENT},
};
use http_body_util::Full;
use jiff::Timestamp;

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

pub(super) fn http_request(
    token: &Token,
    request: &NativeRequest,
) -> Result<Request<Full<Bytes>>, Error> {
    // Put together from parts, so that no target can change the host.
    let uri = Uri::builder()
        .scheme(token.scheme.clone())
        .authority(token.authority.clone())
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
    let mut native = Request::new(Full::from(body));
    *native.method_mut() = request.operation.method.clone();
    *native.uri_mut() = uri;
    let headers = native.headers_mut();
    headers.insert(AUTHORIZATION, token.authorization.clone());
    let (kind, accepted) = match request.operation.content {
        Content::Json => ("application/json", "application/json"),
        Content::Soap => ("text/xml; charset=UTF-8", "text/xml"),
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accepted));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if request.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if request.operation.content == Content::Soap {
        headers.insert("soapaction", HeaderValue::from_static("\"\""));
    }
    Ok(native)
}

/// A body with the credential at its place. Only what goes to the provider ever has it.
fn with_credential(token: &Token, body: &Bytes, at: usize) -> Bytes {
    let authorization = token.authorization.to_str().unwrap_or_default();
    let credential = authorization
        .strip_prefix("Bearer ")
        .unwrap_or(authorization);
    let credential = crate::translate::xml::escape(credential);
    let (before, after) = body.split_at(at.min(body.len()));
    [before, credential.as_bytes(), after].concat().into()
}

pub(super) fn native_response(provider: &'static Provider, response: &Response) -> NativeResponse {
    let date = text(&response.headers, DATE.as_str())
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .and_then(|date| Timestamp::try_from(date).ok());
    let correlation_id = provider
        .errors
        .correlation_header
        .and_then(|name| text(&response.headers, name))
        .map(|id| fault::shorten(id, 200));
    NativeResponse {
        status: response.status.as_u16(),
        body: response.body.clone(),
        date,
        correlation_id,
    }
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
