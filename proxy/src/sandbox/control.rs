//! The door for tests and demos: `/_sandbox/…` on each provider's port. No credentials; loopback only.
//!
//! | endpoint | |
//! | --- | --- |
//! | `GET /_sandbox/calls?since=N` | the calls so far, those with a `seq` above `N`; `DELETE` forgets them |
//! | `POST /_sandbox/faults` | queues a fault (see `faults.rs`); `GET` counts those that are left, `DELETE` drops them |
//! | `GET`, `PATCH /_sandbox/settings` | the provider's own settings |
//! | `POST /_sandbox/reset` | back to the sample data, or `{"empty":true}`: no records |
//! | `POST /_sandbox/expire_tokens` | every access token issued so far is expired |
//! | `GET /_sandbox/grants` | the consents so far, how often each was refreshed, and the calls of the token endpoint |
//! | `POST /_sandbox/revoke` | `{"grant": 3}`: that grant ends with all its tokens; without a number all do |
//! | `GET`, `POST /_sandbox/<command>` | what the provider has of its own; every provider documents it |
//!
//! Calls to the door itself are not recorded, and no fault touches them. Headers are never recorded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::http::{Call, Provider, Reply};

mod faults;
mod log;

use faults::{Action, Fault, Moment};
use log::CallLog;

const PREFIX: &str = "/_sandbox/";

/// A provider with its log and its queue of faults.
pub(super) struct Control {
    provider: Arc<dyn Provider>,
    log: Mutex<CallLog>,
    faults: Mutex<Vec<Fault>>,
}

/// What the server is to do with one call.
pub(super) struct Served {
    pub(super) delay: Option<Duration>,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    Answer(Reply),
    /// Only so many bytes of the body, then the connection ends.
    Truncated(Reply, usize),
    /// The connection ends without an answer.
    Reset,
}

impl Control {
    pub(super) fn new(provider: Arc<dyn Provider>) -> Self {
        Self {
            provider,
            log: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    /// The time of the provider's clock, where it is not the machine's.
    pub(super) fn date(&self) -> Option<SystemTime> {
        let offset = self.provider.clock_offset_ms();
        let by = Duration::from_millis(offset.unsigned_abs());
        match offset {
            0 => None,
            1.. => SystemTime::now().checked_add(by),
            _ => SystemTime::now().checked_sub(by),
        }
    }

    pub(super) fn serve(&self, call: &Call) -> Served {
        if let Some(command) = call.path.strip_prefix(PREFIX) {
            return Served {
                delay: None,
                outcome: Outcome::Answer(self.command(command, call)),
            };
        }
        let action = faults::next(&mut lock(&self.faults), call);
        let (delay, outcome) = self.carry_out(call, action);
        let (status, body) = match &outcome {
            Outcome::Answer(reply) | Outcome::Truncated(reply, _) => {
                (Some(reply.status), reply.body.clone())
            }
            Outcome::Reset => (None, bytes::Bytes::new()),
        };
        lock(&self.log).push(call, status, body);
        Served { delay, outcome }
    }

    fn carry_out(&self, call: &Call, action: Option<Action>) -> (Option<Duration>, Outcome) {
        let outcome = match action {
            None => Outcome::Answer(self.provider.handle(call)),
            Some(Action::Reply(canned)) => Outcome::Answer(canned.into_reply()),
            Some(Action::Replace(canned)) => {
                self.provider.handle(call);
                Outcome::Answer(canned.into_reply())
            }
            Some(Action::Garbage(_)) => Outcome::Answer(faults::garbage()),
            Some(Action::DelayMs(delay)) => {
                let reply = self.provider.handle(call);
                return (Some(Duration::from_millis(delay)), Outcome::Answer(reply));
            }
            Some(Action::Truncate(length)) => {
                Outcome::Truncated(self.provider.handle(call), length)
            }
            Some(Action::Reset(Moment::Before)) => Outcome::Reset,
            Some(Action::Reset(Moment::After)) => {
                self.provider.handle(call);
                Outcome::Reset
            }
        };
        (None, outcome)
    }

    fn command(&self, command: &str, call: &Call) -> Reply {
        match self.try_command(command, call) {
            Ok(Some(body)) => Reply::json(StatusCode::OK, &body),
            Ok(None) => Reply::empty(StatusCode::NO_CONTENT),
            Err((status, message)) => Reply::json(status, &json!({ "error": message })),
        }
    }

    fn try_command(
        &self,
        command: &str,
        call: &Call,
    ) -> Result<Option<Value>, (StatusCode, String)> {
        match (&call.method, command) {
            (&Method::GET, "calls") => {
                let since = call
                    .query_pairs()
                    .into_iter()
                    .find(|(name, _)| name == "since");
                let since = since.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
                return Ok(Some(lock(&self.log).since(since)));
            }
            (&Method::DELETE, "calls") => lock(&self.log).clear(),
            (&Method::POST, "faults") => {
                let fault = serde_json::from_slice(&call.body)
                    .map_err(|e| bad_request(format!("a fault: {e}")))?;
                lock(&self.faults).push(fault);
            }
            (&Method::GET, "faults") => {
                return Ok(Some(json!({ "left": lock(&self.faults).len() })));
            }
            (&Method::DELETE, "faults") => lock(&self.faults).clear(),
            (&Method::GET, "settings") => return Ok(Some(self.provider.settings())),
            (&Method::PATCH, "settings") => {
                self.provider.configure(&body(call)?).map_err(bad_request)?;
                return Ok(Some(self.provider.settings()));
            }
            (&Method::POST, "reset") => self.provider.reset(body(call)?["empty"] == json!(true)),
            (&Method::POST, "expire_tokens") => self.provider.expire_tokens(),
            (&Method::GET, name) => {
                let seen = self.provider.look(name, &call.query_pairs());
                let seen = seen.ok_or_else(|| unknown(call, command))?;
                return seen.map(Some).map_err(bad_request);
            }
            (&Method::POST, name) => {
                let done = self.provider.command(name, &body(call)?);
                let done = done.ok_or_else(|| unknown(call, command))?;
                return done.map(Some).map_err(bad_request);
            }
            _ => return Err(unknown(call, command)),
        }
        Ok(None)
    }
}

/// A body that may be left out.
fn body(call: &Call) -> Result<Value, (StatusCode, String)> {
    if call.body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(&call.body)
        .map_err(|e| bad_request(format!("the body is not JSON: {e}")))
}

fn unknown(call: &Call, command: &str) -> (StatusCode, String) {
    let message = format!("the sandbox has no {} {PREFIX}{command}", call.method);
    (StatusCode::NOT_FOUND, message)
}

fn bad_request(message: String) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, message)
}

/// A lock that a panic elsewhere poisoned still guards whole values here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
