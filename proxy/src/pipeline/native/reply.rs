//! A provider's answer on its way to the caller, and as it is kept for who asks again with its key.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use crate::{idempotency::REPLAYED, upstream::door::NativeReply};

/// Tells whose answer it is: an error of ours does not have it.
const ANSWERED_BY: HeaderName = HeaderName::from_static("x-answered-by");

/// What is kept before the body, in a line of its own.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

/// The response to a caller.
pub(super) fn response(
    reply: NativeReply,
    provider: &'static str,
    is_replayed: bool,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    *headers = reply.headers;
    headers.insert(ANSWERED_BY, HeaderValue::from_static(provider));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // What a provider sends may be a page; at our address it must not be one that can do anything.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let sandbox = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, sandbox);
    if is_replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The whole of an answer as bytes, to be kept.
pub(super) fn pack(reply: &NativeReply) -> Vec<u8> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.to_string(), value.to_str().ok()?.to_owned()))
    };
    let head = Head {
        status: reply.status.as_u16(),
        headers: reply.headers.iter().filter_map(text).collect(),
    };
    let mut bytes = serde_json::to_vec(&head).expect("numbers and texts serialize");
    bytes.push(b'\n');
    bytes.extend_from_slice(&reply.body);
    bytes
}

/// What [`pack`] made.
pub(super) fn unpack(bytes: &[u8]) -> Option<NativeReply> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(&value).ok()?);
    }
    Some(NativeReply {
        status: StatusCode::from_u16(head.status).ok()?,
        headers,
        body: Bytes::copy_from_slice(&bytes[end + 1..]),
        may_pass: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/csv"));
        headers.append("x-two", HeaderValue::from_static("1"));
        headers.append("x-two", HeaderValue::from_static("2"));
        let reply = NativeReply {
            status: StatusCode::CREATED,
            headers,
            body: Bytes::from_static(b"a\n\0\xff"),
            may_pass: false,
        };
        assert_eq!(unpack(&pack(&reply)), Some(reply));
        assert_eq!(unpack(b"{}"), None);
        assert_eq!(unpack(b"{\"status\":7,\"headers\":[]}\n"), None);
    }
}
