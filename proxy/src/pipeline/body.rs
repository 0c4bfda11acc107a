//! A request's body: its kind, its size and the time it may take.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, Method,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT},
    request,
};
use http_body_util::BodyExt;
use hyper::body::Body;

use crate::{
    config::Limits,
    error::{Code, Error},
    whole::{Unread, whole},
};

/// The most bytes of an unwanted body that are read for its caller's sake.
const MOST_DRAINED: usize = 16 * 1024 * 1024;
const LONGEST_DRAIN: Duration = Duration::from_secs(2);

/// The body of a request, empty where it has none. Does not look into it.
pub(super) async fn read<B>(
    head: &request::Parts,
    body: Pin<&mut B>,
    limits: &Limits,
) -> Result<Bytes, Error>
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
    collect(head, body, limits, limits.request_body_bytes).await
}

/// The body of a request, of whatever kind; it is for somebody else to read.
pub(super) async fn read_any<B>(
    head: &request::Parts,
    body: Pin<&mut B>,
    limits: &Limits,
) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if head.method.is_safe() || body.is_end_stream() {
        return Ok(Bytes::new());
    }
    collect(head, body, limits, limits.request_body_bytes).await
}

/// The body of a form, empty where it has none; of at most `limit` bytes.
pub(super) async fn read_form<B>(
    head: &request::Parts,
    body: Pin<&mut B>,
    limits: &Limits,
    limit: usize,
) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if head.method.is_safe() || body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let kind = head.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Error::new(
            Code::UnsupportedMediaType,
            "expected a form, as pages send them",
        ));
    }
    collect(head, body, limits, limit).await
}

async fn collect<B>(
    head: &request::Parts,
    body: Pin<&mut B>,
    limits: &Limits,
    limit: usize,
) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || {
        Error::new(
            Code::PayloadTooLarge,
            format!(
                "expected a body of at most {limit} bytes{}",
                if limit == limits.request_body_bytes {
                    " (limits.request_body_bytes)"
                } else {
                    ""
                }
            ),
        )
    };
    // Refused before a byte is kept, where the size is told.
    if content_length(&head.headers).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(limits.body_timeout, whole(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(Unread::TooLarge)) => Err(too_large()),
        Ok(Err(Unread::Broken(error))) => {
            let detail = error.into().to_string();
            Err(Error::bad_request("the body ended before it was complete").with_detail(detail))
        }
        Err(_) => Err(Error::bad_request(format!(
            "expected the whole body within {:?} (limits.body_timeout)",
            limits.body_timeout
        ))),
    }
}

/// After a refusal, or where a body means nothing.
pub(super) async fn drain_unless_read<B: Body<Data = Bytes>>(
    head: &request::Parts,
    body: Pin<&mut B>,
    limits: &Limits,
) {
    // Who waits to be asked for the body has not sent it.
    if !body.is_end_stream() && !head.headers.contains_key(EXPECT) {
        drain(body, limits).await;
    }
}

/// Reads a body that is not wanted, and keeps nothing of it: a connection that is closed while its caller still sends is
/// reset, and the caller may never see the answer. One that sends without end is closed all the same.
async fn drain<B: Body<Data = Bytes>>(mut body: Pin<&mut B>, limits: &Limits) {
    let mut left = MOST_DRAINED;
    let drained = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            if length > left {
                break;
            }
            left -= length;
        }
    };
    let _ = tokio::time::timeout(limits.body_timeout.min(LONGEST_DRAIN), drained).await;
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
