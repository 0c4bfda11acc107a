//! A stateful Salesforce, written from the reference: what it refuses, Salesforce refuses.
//!
//! Plays accounts, contacts, leads, opportunities with their stages, users, notes and their links, permissions, and what
//! callers make by the Metadata and Tooling APIs: rows, SOQL, composites, batches and collections, what was deleted or
//! changed, the login host, in every API version from 59.0 on. Fields come from real describe answers. Knows nothing of
//! the proxy's translators.
//!
//! | setting, beside those of every sandbox | |
//! | --- | --- |
//! | `clock_offset_ms` | how far the clock is ahead of the machine's |
//! | `clock_stopped` | true: the time stands still, so that all that is written has one time stamp |
//! | `daily_limit`, `calls_today` | past the limit every call is 403 `REQUEST_LIMIT_EXCEEDED` |
//! | `hidden_fields` | by object: what field-level security hides from the user, taking its `FieldPermissions` away; who grants a field again shows it |
//! | `custom_fields` | by object: `name`, `label`, `type`, `length`, `precision`, `scale`, `values`, `restricted`, `required`, `unique`, `externalId`, `idLookup`, `referenceTo`, `relationshipName`; everybody sees them |
//! | `duplicate_rules` | `off`, `alert` (a call can say that it saves all the same) or `block` |
//! | `enhanced_notes` | `false`: the org has classic notes only |
//! | `commit_lag_seconds` | after how many seconds a query sees a write; a list is taken in turn, `[3, 0]`: the first write is seen after the second |
//! | `rate_limits` | `real`: the daily limit of a developer org; `off`: none; the same as setting `daily_limit` |
//! | `rotate_refresh_tokens` | each refresh answers a new refresh token; using an old one kills the grant's current pair |
//! | `consent` | `page` asks the user, `at_once` asks nobody and redirects |
//! | `deny_consent` | the user says no, at once |
//! | `require_pkce` | `true`: a consent without a code challenge is refused |
//! | `redirect_uris` | the callbacks that the app has registered; null takes any that is https or on loopback |
//! | `app_scopes` | the scopes that the app has; null is all that there are |
//! | `approvals_per_user` | how many consents of a user live: a further one ends the oldest; null is any number |
//! | `session_seconds` | how long a session lasts that is not used |
//!
//! A reset brings back the rows, the tokens and the schema, and forgets what was made and granted by API; all settings
//! stay, `hidden_fields` and `custom_fields` too, only `calls_today` begins anew.
//!
//! | command, `POST /_sandbox/…` | |
//! | --- | --- |
//! | `merge` `{"master":"001…","losers":["001…"]}` | the losers are deleted and name their master; what referred to them refers to it |
//! | `undelete`, `purge` `{"ids":["001…"]}` | out of the recycle bin: back, or gone for good |
//! | `fill`, `churn`, and `GET records` | many invented rows; changes; all rows: see the sandbox's `bulk.rs` |
//! | `revoke`, and `GET grants` | grants end; the grants: see `control.rs` |
//!
//! Not played: Bulk, sharing beyond that of notes, GROUP BY, queries of children inside of others, relative dates,
//! formulas, record types, trees and graphs, conditional writes, `updateMetadata`.

mod access;
mod batch;
mod bulk;
mod collections;
mod composite;
mod describe;
mod encoding;
mod fault;
mod history;
mod id;
mod locators;
mod metadata;
mod number;
mod oauth;
mod route;
mod rows;
mod rules;
mod sample;
mod schema;
mod settings;
mod soap;
mod soql;
mod stamp;
mod state;
mod tooling;

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    clock::Clock,
    http::{Call, Provider, Reply},
};
use fault::Fault;
use oauth::{Admission, Sessions};
use route::{Context, Request};
use soap::SoapFault;
use state::State;

/// The session that is accepted without asking for one.
pub const ACCESS_TOKEN: &str = "00DSANDBOX!demo";
/// The OAuth client and its refresh token.
pub const CLIENT_ID: &str = "sandbox-client";
pub const CLIENT_SECRET: &str = "sandbox-secret";
pub const REFRESH_TOKEN: &str = "sandbox-refresh";

/// Calls a day of a developer org.
const DAILY_LIMIT: u64 = 15_000;

/// How a new Salesforce begins.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether there are accounts and contacts to look at.
    pub sample: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { sample: true }
    }
}

/// The org.
#[derive(Debug)]
pub struct Salesforce {
    clock: Clock,
    org: Mutex<Org>,
}

#[derive(Debug)]
struct Org {
    state: State,
    /// What the settings added to the schema.
    added: settings::Added,
    sessions: Sessions,
    calls: u64,
    daily_limit: u64,
}

impl Salesforce {
    pub fn new(options: &Options) -> Self {
        let salesforce = Self {
            clock: Clock::default(),
            org: Mutex::new(Org {
                state: State::new(),
                added: Vec::new(),
                sessions: Sessions::new(),
                calls: 0,
                daily_limit: DAILY_LIMIT,
            }),
        };
        sample::load(&mut salesforce.org().state, options.sample);
        salesforce
    }

    fn org(&self) -> MutexGuard<'_, Org> {
        self.org.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, in whole seconds, as Salesforce writes it.
    fn now(&self) -> String {
        let instant = jiff::Timestamp::from_millisecond(self.clock.now_ms())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        stamp::seconds(instant)
    }

    /// The answer of the login host, if the call is for it.
    fn login(&self, call: &Call) -> Option<Reply> {
        let now_ms = self.clock.now_ms();
        let mut org = self.org();
        let Org {
            sessions, state, ..
        } = &mut *org;
        Some(match (call.method.as_str(), call.path.as_str()) {
            ("GET" | "POST", "/services/oauth2/authorize") => {
                sessions.authorize(call, state, now_ms)
            }
            ("POST", "/services/oauth2/token") => sessions.token(call, now_ms),
            ("POST", "/services/oauth2/introspect") => sessions.introspect(call, state, now_ms),
            ("GET" | "POST", "/services/oauth2/revoke") => sessions.revoke(call),
            ("GET" | "POST", "/services/oauth2/userinfo") => {
                sessions.user_info(call, state, now_ms)
            }
            ("GET", path) if path.starts_with("/id/") => sessions.user_info(call, state, now_ms),
            _ => return None,
        })
    }

    fn answer(&self, call: &Call) -> Reply {
        if matches!(call.path.as_str(), "/services/data" | "/services/data/") && is_read(call) {
            return Reply::json(StatusCode::OK, &describe::versions());
        }
        if let Some(reply) = self.login(call) {
            return reply;
        }
        if soap::is_metadata(&call.path) && call.method == Method::POST {
            return self.soap(call).unwrap_or_else(|fault| fault.reply());
        }
        let reply = self.data(call).unwrap_or_else(|fault| fault.reply());
        let org = self.org();
        reply.with_header(
            "sforce-limit-info",
            &format!("api-usage={}/{}", org.calls, org.daily_limit),
        )
    }

    fn soap(&self, call: &Call) -> Result<Reply, SoapFault> {
        let asked = soap::read(call)?;
        let now = self.now();
        let mut org = self.org();
        let admission = org.sessions.admit(&asked.session, self.clock.now_ms());
        if admission != Admission::Admitted {
            return Err(SoapFault::session());
        }
        org.count().map_err(|_| SoapFault::limit())?;
        soap::answer(&mut org.state, &asked, &now)
    }

    fn data(&self, call: &Call) -> Result<Reply, Fault> {
        let (version, rest) = versioned(&call.path).ok_or_else(Fault::not_found)?;
        let is_played = version
            .strip_suffix(".0")
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| (59..=99).contains(&major));
        if !is_played {
            return Err(Fault::not_found());
        }
        let now = self.now();
        let mut org = self.org();
        org.admit(call.bearer(), self.clock.now_ms())?;
        let context = Context {
            api: soql::Api::Data,
            now: &now,
            headers: &call.headers,
            daily_limit: org.daily_limit,
            calls: org.calls,
        };
        let body = body(call)?;
        if rest == "/composite/batch" {
            // Each part counts, and the whole does not.
            org.calls += batch::count(body.as_ref()).saturating_sub(1);
        }
        Request {
            // The server sends no body in answer to a HEAD.
            method: if call.method == Method::HEAD {
                Method::GET
            } else {
                call.method.clone()
            },
            root: &call.path[..call.path.len() - rest.len()],
            rest,
            query: &call.query,
            body,
            org: context,
        }
        .handle(&mut org.state)
    }
}

impl Org {
    /// Counts a call of a live session, or says why it may not be.
    fn admit(&mut self, token: Option<&str>, now_ms: i64) -> Result<(), Fault> {
        let admission = token.map(|token| self.sessions.admit(token, now_ms));
        let message = match admission {
            Some(Admission::Admitted) => return self.count(),
            Some(Admission::NotForApi) => "This session is not valid for use with the REST API",
            Some(Admission::Dead) | None => "Session expired or invalid",
        };
        Err(Fault::new(401, "INVALID_SESSION_ID", message))
    }

    fn count(&mut self) -> Result<(), Fault> {
        if self.calls >= self.daily_limit {
            let message = "TotalRequests Limit exceeded.";
            return Err(Fault::new(403, "REQUEST_LIMIT_EXCEEDED", message));
        }
        self.calls += 1;
        Ok(())
    }
}

impl Provider for Salesforce {
    fn handle(&self, call: &Call) -> Reply {
        if let Some(refusal) = encoding::too_long(call) {
            return refusal;
        }
        let reply = match encoding::unpacked(call) {
            Ok(body) => self.answer(&Call {
                body,
                ..call.clone()
            }),
            Err(fault) => fault.reply(),
        };
        encoding::packed(call, reply).with_header("date", &self.clock.http_date())
    }

    fn settings(&self) -> Value {
        let mut shown = settings::shown(&self.org());
        shown.insert("clock_offset_ms".to_owned(), json!(self.clock.offset_ms()));
        shown.insert("clock_stopped".to_owned(), json!(self.clock.is_stopped()));
        Value::Object(shown)
    }

    fn configure(&self, patch: &Value) -> Result<(), String> {
        let now = self.now();
        let time = settings::set(&mut self.org(), patch, &now)?;
        if let Some(offset_ms) = time.offset_ms {
            self.clock.set_offset_ms(offset_ms);
        }
        if let Some(stopped) = time.stopped {
            self.clock.set_stopped(stopped);
        }
        Ok(())
    }

    fn reset(&self, empty: bool) {
        let now = self.now();
        let mut org = self.org();
        let mut state = State::new();
        for (object, field) in &org.added {
            // The settings were checked when they were set.
            let _ = settings::add(&mut state.schema, object, field);
        }
        let hidden = org.state.hidden.clone();
        sample::load(&mut state, !empty);
        state.hide(hidden);
        state.duplicate_rules = org.state.duplicate_rules;
        state.notes_off = org.state.notes_off;
        state.late.lags.clone_from(&org.state.late.lags);
        state.redescribe(&now);
        org.state = state;
        org.calls = 0;
        org.sessions.reset();
    }

    fn command(&self, command: &str, body: &Value) -> Option<Result<Value, String>> {
        let now = self.now();
        let list = |name: &str| -> Result<Vec<String>, String> {
            let list = body.get(name).cloned().unwrap_or_default();
            serde_json::from_value(list).map_err(|_| format!("{name}: expected a list of ids"))
        };
        if command == "revoke" {
            return Some(self.org().sessions.grants.revoke(body));
        }
        let state = &mut self.org().state;
        Some(match command {
            "fill" => bulk::fill(state, body, self.clock.now_ms()),
            "churn" => bulk::churn(state, body, &now),
            "merge" => {
                let master = body
                    .get("master")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                list("losers").and_then(|losers| state.merge(master, &losers, &now))
            }
            "undelete" => {
                list("ids").and_then(|ids| state.undelete(&ids, &now).map(|()| json!({})))
            }
            "purge" => list("ids").and_then(|ids| state.purge(&ids).map(|()| json!({}))),
            _ => return None,
        })
    }

    fn look(&self, name: &str, asked: &[(String, String)]) -> Option<Result<Value, String>> {
        let org = self.org();
        match name {
            "records" => Some(bulk::records(&org.state, asked)),
            "grants" => Some(Ok(org.sessions.shown(self.clock.now_ms()))),
            _ => None,
        }
    }

    fn clock_offset_ms(&self) -> i64 {
        self.clock.offset_ms()
    }

    fn expire_tokens(&self) {
        self.org().sessions.expire_all();
    }
}

fn is_read(call: &Call) -> bool {
    matches!(call.method, Method::GET | Method::HEAD)
}

/// `/services/data/v59.0/rest` → `59.0`, `/rest`.
fn versioned(path: &str) -> Option<(&str, &str)> {
    let after = path.strip_prefix("/services/data/v")?;
    let end = after.find('/').unwrap_or(after.len());
    Some((&after[..end], &after[end..]))
}

/// The JSON of a body, where there is one.
fn body(call: &Call) -> Result<Option<Value>, Fault> {
    if call.body.is_empty() {
        return Ok(None);
    }
    if call
        .media_type()
        .is_none_or(|media_type| media_type != "application/json")
    {
        return Err(Fault::new(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "The content type is not supported",
        ));
    }
    serde_json::from_slice(&call.body)
        .map(Some)
        .map_err(|error| unparsable(&call.body, &error))
}

/// What a parser of Java says of a body that is no JSON.
fn unparsable(body: &[u8], error: &serde_json::Error) -> Fault {
    let text = String::from_utf8_lossy(body);
    let place = format!("[line:{}, column:{}]", error.line(), error.column());
    let line = text.lines().nth(error.line().saturating_sub(1));
    let character = line.and_then(|line| line.chars().nth(error.column().saturating_sub(1)));
    Fault::unparsable(match character {
        Some(character) if error.is_syntax() => format!(
            "Unexpected character ('{character}' (code {})): was expecting a valid value at {place}",
            u32::from(character)
        ),
        _ => format!("Unexpected end-of-input at {place}"),
    })
}

#[cfg(test)]
mod tests;
