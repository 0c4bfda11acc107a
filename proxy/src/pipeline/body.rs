//! A request's body: its kind, its size and the time it may take.

use bytes::Bytes;
use http::{
    HeaderMap, Method,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    request,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

use crate::{
    config::Limits,
    error::{Code, Error},
};

/// The body of a request, empty where it has none. Does not look into it.
pub(super) async fn read<B>(head: &request::Parts, body: B, limits: &Limits) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // With these methods a body means nothing, and some clients send an empty object all the same.
    let is_ignored = matches!(head.method, Method::GET | Method::HEAD | Method::DELETE);
    if is_ignored || body.is_end_stream() {
        return Ok(Bytes::new());
    }
    check_kind(&head.headers)?;
    let limit = limits.request_body_bytes;
    let too_large = || {
        Error::new(
            Code::PayloadTooLarge,
            format!("expected a body of at most {limit} bytes (limits.request_body_bytes)"),
        )
    };
    // Refused before a byte is read, where the size is told.
    if content_length(&head.headers).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let body = Limited::new(body, limit).collect();
    match tokio::time::timeout(limits.body_timeout, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Error::bad_request("the body ended before it was complete")
            .with_detail(error.to_string())),
        Err(_) => Err(Error::bad_request(format!(
            "expected the whole body within {:?} (limits.body_timeout)",
            limits.body_timeout
        ))),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A browser sends any other kind without asking first, so this is a guard as well as a courtesy.
fn check_kind(headers: &HeaderMap) -> Result<(), Error> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_utf_8 = parts
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| name.eq_ignore_ascii_case("charset"))
        .all(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"));
    if !media_type.eq_ignore_ascii_case("application/json") || !is_utf_8 {
        return Err(Error::new(
            Code::UnsupportedMediaType,
            "expected content-type: application/json, in UTF-8",
        ));
    }
    let is_plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if !is_plain {
        return Err(Error::new(
            Code::UnsupportedMediaType,
            "expected a body without content-encoding",
        ));
    }
    Ok(())
}
