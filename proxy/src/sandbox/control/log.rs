//! The calls so far, for assertions. Bounded in number and in bytes; the oldest go first.
//!
//! Headers are never kept, and the values of keys that hold a secret are blanked when the log is read.

use std::{collections::VecDeque, io::Read};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::http::Call;

const MAX_CALLS: usize = 10_000;
/// Bodies of pages are large; without this a benchmark would fill the memory with them.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What a body begins with that is packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The most bytes that a packed body is read as.
const MAX_UNPACKED: u64 = 64 * 1024 * 1024;

const SECRETS: [&str; 11] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "tokenKey",
    "client_secret",
    "client_assertion",
    "code",
    "code_verifier",
    "password",
    "assertion",
];
/// Segments of a path after which a token stands (hubspot.md §1.3).
const BEFORE_TOKENS: [&str; 2] = ["access-tokens", "refresh-tokens"];

#[derive(Debug, Default)]
pub(super) struct CallLog {
    calls: VecDeque<Recorded>,
    bytes: usize,
    last: u64,
}

#[derive(Debug)]
struct Recorded {
    seq: u64,
    method: String,
    path: String,
    query: String,
    form: bool,
    status: Option<StatusCode>,
    request: Bytes,
    response: Bytes,
}

impl CallLog {
    /// `status` is `None` when the connection was closed without an answer.
    pub(super) fn push(&mut self, call: &Call, status: Option<StatusCode>, response: Bytes) {
        self.last += 1;
        self.bytes += call.body.len() + response.len();
        self.calls.push_back(Recorded {
            seq: self.last,
            method: call.method.to_string(),
            path: path(&call.path),
            query: query(&call.query),
            form: call
                .media_type()
                .is_some_and(|media| media == "application/x-www-form-urlencoded"),
            status,
            request: call.body.clone(),
            response,
        });
        while self.calls.len() > MAX_CALLS || self.bytes > MAX_BYTES {
            let Some(dropped) = self.calls.pop_front() else {
                break;
            };
            self.bytes -= dropped.request.len() + dropped.response.len();
        }
    }

    pub(super) fn since(&self, seq: u64) -> Value {
        let calls: Vec<Value> = self
            .calls
            .iter()
            .filter(|call| call.seq > seq)
            .map(Recorded::to_json)
            .collect();
        json!({ "calls": calls })
    }

    /// Forgets the calls; numbers go on, so that a `since` from before stays true.
    pub(super) fn clear(&mut self) {
        self.calls.clear();
        self.bytes = 0;
    }
}

impl Recorded {
    fn to_json(&self) -> Value {
        json!({
            "seq": self.seq,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": self.status.map(|status| status.as_u16()),
            "request": if self.form { form(&self.request) } else { readable(&self.request) },
            "response": readable(&self.response),
        })
    }
}

/// JSON as JSON, the rest as text, nothing as null; what was packed on the way is unpacked.
fn readable(body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let mut unpacked = Vec::new();
    let is_packed = body.starts_with(&GZIP)
        && GzDecoder::new(body.as_ref())
            .take(MAX_UNPACKED)
            .read_to_end(&mut unpacked)
            .is_ok();
    let body = if is_packed { &unpacked } else { body.as_ref() };
    let Ok(mut json) = serde_json::from_slice(body) else {
        return Value::String(String::from_utf8_lossy(body).into_owned());
    };
    if let Value::Object(fields) = &mut json {
        for (name, value) in fields {
            if SECRETS.contains(&name.as_str()) {
                *value = json!("***");
            }
        }
    }
    json
}

fn form(body: &Bytes) -> Value {
    let blanked = blanked(body).map(|(name, value)| (name, Value::String(value)));
    Value::Object(blanked.collect())
}

/// The pairs of a form or a query, without the secrets.
fn blanked(pairs: &[u8]) -> impl Iterator<Item = (String, String)> {
    let pairs = url::form_urlencoded::parse(pairs).into_owned();
    pairs.map(|(name, value)| {
        let is_secret = SECRETS.contains(&name.as_str());
        let value = if is_secret { "***".to_owned() } else { value };
        (name, value)
    })
}

fn path(path: &str) -> String {
    let mut segments: Vec<&str> = path.split('/').collect();
    for at in 1..segments.len() {
        if BEFORE_TOKENS.contains(&segments[at - 1]) {
            segments[at] = "***";
        }
    }
    segments.join("/")
}

/// The query as it was sent, unless a secret stands in it.
fn query(query: &str) -> String {
    let mut names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    if !names.any(|name| SECRETS.contains(&name.as_ref())) {
        return query.to_owned();
    }
    let mut safe = url::form_urlencoded::Serializer::new(String::new());
    safe.extend_pairs(blanked(query.as_bytes()));
    safe.finish()
}
