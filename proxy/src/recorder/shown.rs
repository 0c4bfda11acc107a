//! Recorded calls as JSON.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use super::{Recorded, Whole, mask};
use crate::upstream::Exchange;

/// What is told of every call.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    number: u64,
    request_id: &'a str,
    operation: Option<&'static str>,
    connection: Option<&'a str>,
    provider: Option<&'static str>,
    method: &'a str,
    path: &'a str,
    status: u16,
    code: Option<&'static str>,
    started_at: String,
    duration_us: u64,
    native_calls: u32,
    /// Native calls that were not made, since another call had the answer.
    joined: u32,
    /// Whether bodies and headers are kept.
    is_full: bool,
}

/// All that is known of one call.
#[derive(Debug, Serialize)]
pub(crate) struct Call<'a> {
    #[serde(flatten)]
    line: Line<'a>,
    /// Whether there was no room for its bodies.
    is_cut: bool,
    request: Request<'a>,
    answer: Answer,
    native: Vec<Native<'a>>,
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    headers: Headers<'a>,
    body: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Answer {
    status: u16,
    body: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Native<'a> {
    operation: &'static str,
    method: &'a str,
    url: String,
    headers: Headers<'a>,
    request_body: Option<Box<RawValue>>,
    status: Option<u16>,
    response_headers: Headers<'a>,
    response_body: Option<Box<RawValue>>,
    /// Since the call began; less than nothing for one that had begun before, which the call was joined with.
    started_us: i64,
    duration_us: u64,
    attempt: u32,
    error: Option<&'a str>,
}

/// Pairs as an object; what is there several times is joined, as headers are.
#[derive(Debug)]
struct Headers<'a>(&'a [(String, String)]);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut joined: indexmap::IndexMap<&str, String> = indexmap::IndexMap::new();
        for (name, value) in self.0 {
            let known = joined.entry(name).or_default();
            if !known.is_empty() {
                known.push_str(", ");
            }
            known.push_str(value);
        }
        let mut map = serializer.serialize_map(Some(joined.len()))?;
        for (name, value) in &joined {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Recorded {
    pub(crate) fn line(&self) -> Line<'_> {
        Line {
            number: self.number,
            request_id: &self.request_id,
            operation: self.operation,
            connection: self.connection.as_deref(),
            provider: self.provider,
            method: &self.method,
            path: &self.path,
            status: self.status,
            code: self.code,
            started_at: format!("{:.3}", self.started_at),
            duration_us: micros(self.took),
            native_calls: self.native_calls,
            joined: self.joined,
            is_full: self.whole.is_some(),
        }
    }

    pub(crate) fn call(&self) -> Call<'_> {
        let whole = self.whole.as_ref();
        let kept = whole.filter(|whole| !whole.is_cut);
        Call {
            line: self.line(),
            is_cut: whole.is_some_and(|whole| whole.is_cut),
            request: Request {
                method: &self.method,
                path: whole.map_or(&self.path, |whole| &whole.target),
                headers: Headers(whole.map_or(&[], |whole: &Whole| &whole.headers)),
                body: kept.map(|whole| mask::body(&whole.request)),
            },
            answer: Answer {
                status: self.status,
                body: kept.map(|whole| mask::body(&whole.answer)),
            },
            native: self.native.iter().map(|it| self.native(it)).collect(),
        }
    }

    fn native<'a>(&self, exchange: &'a Exchange) -> Native<'a> {
        let heads = exchange.heads.as_deref();
        let body = |bytes: &[u8]| heads.map(|_| mask::body(bytes));
        Native {
            operation: exchange.operation.id,
            method: exchange.operation.method.as_str(),
            url: mask::target(heads.map_or(&exchange.target, |heads| &heads.url)),
            headers: Headers(heads.map_or(&[], |heads| &heads.request)),
            request_body: exchange.request.as_deref().and_then(body),
            status: exchange.response.as_ref().map(|(status, _)| *status),
            response_headers: Headers(heads.map_or(&[], |heads| &heads.response)),
            response_body: exchange
                .response
                .as_ref()
                .and_then(|(_, bytes)| body(bytes)),
            started_us: match exchange.began.checked_duration_since(self.started) {
                Some(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
                None => i64::try_from((self.started - exchange.began).as_micros())
                    .map_or(i64::MIN, |before| -before),
            },
            duration_us: micros(exchange.took),
            attempt: exchange.attempt,
            error: exchange.error.as_deref(),
        }
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
