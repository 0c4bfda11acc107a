//! Faults that a test orders: which call they hit, how often, and what happens then.
//!
//! ```json
//! {"match":{"method":"GET","path":"contacts"},"times":2,"skip":0,"action":{"reply":{"status":429,"headers":{"Retry-After":"1"},"body":{}}}}
//! ```
//!
//! `match.path` is a part of `path?query`, `match.body` one of the body as sent (`grant_type=refresh_token`); what
//! `match` leaves out fits every call. `skip` fitting calls go through first, then `times` (default 1) are hit. The
//! oldest fault that fits wins. Actions: `reply` (nothing is carried out), `replace` (the call is carried out, and
//! another answer sent), `delay_ms` (it is carried out, and the answer waits), `reset` (`"before"` or `"after"` the call
//! was carried out), `truncate`, `garbage`.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::Value;

use crate::sandbox::http::{Call, Reply};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    #[serde(default, rename = "match")]
    matches: Match,
    #[serde(default = "once")]
    times: u32,
    #[serde(default)]
    skip: u32,
    action: Action,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Match {
    method: Option<String>,
    path: Option<String>,
    body: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Reply(Canned),
    Replace(Canned),
    DelayMs(u64),
    Reset(Moment),
    Truncate(usize),
    Garbage(Garbage),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Canned {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Moment {
    Before,
    After,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Garbage {
    Html,
}

fn once() -> u32 {
    1
}

/// Takes the action of the oldest fault that fits, and that fault's turn with it.
pub(super) fn next(faults: &mut Vec<Fault>, call: &Call) -> Option<Action> {
    let position = faults.iter_mut().position(|fault| {
        if !fault.matches.fits(call) {
            return false;
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            return false;
        }
        fault.times > 0
    })?;
    let fault = &mut faults[position];
    fault.times -= 1;
    let action = fault.action.clone();
    if fault.times == 0 {
        faults.remove(position);
    }
    Some(action)
}

impl Match {
    fn fits(&self, call: &Call) -> bool {
        let target = format!("{}?{}", call.path, call.query);
        self.method
            .as_ref()
            .is_none_or(|method| call.method.as_str().eq_ignore_ascii_case(method))
            && self
                .path
                .as_ref()
                .is_none_or(|path| target.contains(path.as_str()))
            && self.body.as_ref().is_none_or(|part| {
                let body = String::from_utf8_lossy(&call.body);
                body.contains(part.as_str())
            })
    }
}

impl Canned {
    pub(super) fn into_reply(self) -> Reply {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = match self.body {
            None => Reply::empty(status),
            Some(Value::String(text)) => Reply::text(status, "text/plain; charset=utf-8", text),
            Some(body) => Reply::json(status, &body),
        };
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                reply.headers.insert(name, value);
            }
        }
        reply
    }
}

/// What a gateway in between may send in place of the provider.
pub(super) fn garbage() -> Reply {
    let mut reply = Reply::html(
        StatusCode::OK,
        "<html><body><h1>Please wait…</h1></body></html>",
    );
    reply
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    reply
}
