//! Bodies in gzip, both ways (`salesforce.md` §0.1), and how long a head may be.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY},
};

use super::fault::Fault;
use crate::sandbox::http::{Call, Reply};

/// The most bytes of a URI, and of a URI together with the headers.
const LONGEST_HEAD: usize = 16_384;
/// The most bytes of a body after it was unpacked.
const LONGEST_BODY: u64 = 50 * 1024 * 1024;

/// The refusal of a head that is too long; gateways send it, so it is a page and no error list.
pub(super) fn too_long(call: &Call) -> Option<Reply> {
    let mark = usize::from(!call.query.is_empty());
    let uri = call.path.len() + mark + call.query.len();
    let headers: usize = call
        .headers
        .iter()
        // `name: value`, and the end of its line.
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let (status, page) = if uri > LONGEST_HEAD {
        (
            StatusCode::URI_TOO_LONG,
            "<html><body><h1>414 URI Too Long</h1></body></html>",
        )
    } else if uri + headers > LONGEST_HEAD {
        (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "<html><body><h1>431 Request Header Fields Too Large</h1></body></html>",
        )
    } else {
        return None;
    };
    Some(Reply::html(status, page))
}

/// The body of a call as it was before it was packed.
pub(super) fn unpacked(call: &Call) -> Result<Bytes, Fault> {
    if !names_gzip(&call.headers, CONTENT_ENCODING.as_str()) {
        return Ok(call.body.clone());
    }
    let mut body = Vec::new();
    let mut decoder = GzDecoder::new(call.body.as_ref()).take(LONGEST_BODY);
    // The words are unconfirmed.
    decoder
        .read_to_end(&mut body)
        .map_err(|_| Fault::unparsable("The request body is not in gzip format"))?;
    Ok(body.into())
}

/// Packs an answer for a caller who takes it so.
pub(super) fn packed(call: &Call, mut reply: Reply) -> Reply {
    let takes = names_gzip(&call.headers, ACCEPT_ENCODING.as_str());
    if !takes || reply.body.is_empty() {
        return reply;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail; if it did, the plain body would be as good.
    if encoder.write_all(&reply.body).is_err() {
        return reply;
    }
    let Ok(body) = encoder.finish() else {
        return reply;
    };
    reply.body = body.into();
    let headers = &mut reply.headers;
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    reply
}

fn names_gzip(headers: &HeaderMap, name: &str) -> bool {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let is_refused = weight
                .trim()
                .strip_prefix("q=")
                .and_then(|weight| weight.parse::<f32>().ok())
                .is_some_and(|weight| weight <= 0.0);
            name.trim().eq_ignore_ascii_case("gzip") && !is_refused
        })
}
