//! A stateful Salesforce, written from the reference: what it refuses, Salesforce refuses.
//!
//! Plays accounts, contacts and users: rows, SOQL, composites and collections, the token endpoint, in every API version
//! from 59.0 on. Fields come from real describe answers. Knows nothing of the proxy's translators.
//!
//! Settings, beside those of every sandbox: `clock_offset_ms`; `clock_stopped` (true: the time stands still, so that all
//! that is written has one time stamp); `daily_limit` and `calls_today` (past the limit: 403
//! `REQUEST_LIMIT_EXCEEDED`); `hidden_fields` by object (field-level security); `custom_fields` by object (`name`,
//! `type`, `length`, `values`, `restricted`, `idLookup`); `rotate_refresh_tokens` (each refresh answers a new one; using
//! an old one kills the current pair). Not played: Bulk, Metadata and Tooling calls, aggregates and conditions on
//! parents in SOQL, sharing, duplicate rules.

mod collections;
mod composite;
mod describe;
mod fault;
mod id;
mod keys;
mod locators;
mod route;
mod rows;
mod sample;
mod schema;
mod settings;
mod soql;
mod state;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    clock::Clock,
    http::{Call, Provider, Reply},
};
use fault::Fault;
use route::{Context, Request};
use state::State;

/// The session that is accepted without asking for one.
pub const ACCESS_TOKEN: &str = "00DSANDBOX!demo";
/// The OAuth client and its refresh token.
pub const CLIENT_ID: &str = "sandbox-client";
pub const CLIENT_SECRET: &str = "sandbox-secret";
pub const REFRESH_TOKEN: &str = "sandbox-refresh";

/// URIs of more bytes are refused.
const LONGEST_URI: usize = 16_384;
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
    tokens: BTreeSet<String>,
    /// The one refresh token that is good; none is, after one that was rotated out was used.
    refresh_token: Option<String>,
    rotated_out: BTreeSet<String>,
    rotates: bool,
    issued: u64,
    calls: u64,
    daily_limit: u64,
}

impl Salesforce {
    pub fn new(options: &Options) -> Self {
        let salesforce = Self {
            clock: Clock::default(),
            org: Mutex::new(Org {
                state: State::new(),
                tokens: BTreeSet::from([ACCESS_TOKEN.to_owned()]),
                refresh_token: Some(REFRESH_TOKEN.to_owned()),
                rotated_out: BTreeSet::new(),
                rotates: false,
                issued: 0,
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
        let instant = jiff::Timestamp::from_second(self.clock.now_ms() / 1000)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        instant.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
    }

    fn token(&self, call: &Call) -> Reply {
        let form = call.form_pairs();
        let value = |name: &str| {
            form.iter()
                .find(|(known, _)| known == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let refused = |error: &str, description: &str| {
            Reply::json(
                StatusCode::BAD_REQUEST,
                &json!({ "error": error, "error_description": description }),
            )
        };
        let (client, secret) = basic(call).unwrap_or_else(|| {
            (
                value("client_id").to_owned(),
                value("client_secret").to_owned(),
            )
        });
        let grant = value("grant_type");
        let mut org = self.org();
        if !matches!(grant, "refresh_token" | "client_credentials") {
            return refused("unsupported_grant_type", "grant type not supported");
        }
        if client != CLIENT_ID {
            return refused("invalid_client_id", "client identifier invalid");
        }
        if secret != CLIENT_SECRET {
            return refused("invalid_client", "invalid client credentials");
        }
        let refreshes = grant == "refresh_token";
        if refreshes && org.refresh_token.as_deref() != Some(value("refresh_token")) {
            // One that was rotated out takes the current pair with it.
            if org.rotated_out.contains(value("refresh_token")) {
                let current = org.refresh_token.take();
                org.rotated_out.extend(current);
                org.tokens.clear();
            }
            return refused("invalid_grant", "expired access/refresh token");
        }
        org.issued += 1;
        let token = format!("00DSANDBOX!session{}", org.issued);
        org.tokens.insert(token.clone());
        // There is no `expires_in`.
        let mut answer = json!({
            "access_token": token, "signature": "c2lnbmF0dXJl", "scope": "id api refresh_token", "instance_url": call.base_url(),
            "id": format!("{}/id/00D5g0000000001EAA/{}", call.base_url(), State::user_id()), "token_type": "Bearer",
            "issued_at": self.clock.now_ms().to_string(),
        });
        if org.rotates && refreshes {
            let next = format!("{REFRESH_TOKEN}-{}", org.issued);
            answer["refresh_token"] = json!(next);
            let old = org.refresh_token.replace(next);
            org.rotated_out.extend(old);
        }
        Reply::json(StatusCode::OK, &answer)
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
        org.admit(call)?;
        let context = Context {
            now: &now,
            page: soql::page_size(call.header("sforce-query-options")),
            daily_limit: org.daily_limit,
            calls: org.calls,
        };
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
            body: body(call)?,
            org: context,
        }
        .handle(&mut org.state)
    }
}

impl Org {
    /// Counts a call of a live session, or says why it may not be.
    fn admit(&mut self, call: &Call) -> Result<(), Fault> {
        let is_live = call
            .bearer()
            .is_some_and(|token| self.tokens.contains(token));
        if !is_live {
            let message = "Session expired or invalid";
            return Err(Fault::new(401, "INVALID_SESSION_ID", message));
        }
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
        if call.path.len() + call.query.len() > LONGEST_URI {
            return Reply::html(
                StatusCode::URI_TOO_LONG,
                "<html><body><h1>414 URI Too Long</h1></body></html>",
            );
        }
        let reply = match (call.method.as_str(), call.path.as_str()) {
            ("POST", "/services/oauth2/token") => return self.token(call),
            ("GET", "/services/data" | "/services/data/") => {
                return Reply::json(StatusCode::OK, &describe::versions());
            }
            _ => self.data(call).unwrap_or_else(|fault| fault.reply()),
        };
        let org = self.org();
        reply
            .with_header("date", &self.clock.http_date())
            .with_header(
                "sforce-limit-info",
                &format!("api-usage={}/{}", org.calls, org.daily_limit),
            )
    }

    fn settings(&self) -> Value {
        let mut shown = settings::shown(&self.org());
        shown.insert("clock_offset_ms".to_owned(), json!(self.clock.offset_ms()));
        shown.insert("clock_stopped".to_owned(), json!(self.clock.is_stopped()));
        Value::Object(shown)
    }

    fn configure(&self, patch: &Value) -> Result<(), String> {
        let time = settings::set(&mut self.org(), patch)?;
        if let Some(offset_ms) = time.offset_ms {
            self.clock.set_offset_ms(offset_ms);
        }
        if let Some(stopped) = time.stopped {
            self.clock.set_stopped(stopped);
        }
        Ok(())
    }

    fn reset(&self, empty: bool) {
        let mut org = self.org();
        org.state = State::new();
        org.calls = 0;
        org.tokens = BTreeSet::from([ACCESS_TOKEN.to_owned()]);
        org.refresh_token = Some(REFRESH_TOKEN.to_owned());
        org.rotated_out.clear();
        sample::load(&mut org.state, !empty);
    }

    fn expire_tokens(&self) {
        self.org().tokens.clear();
    }
}

/// `/services/data/v59.0/rest` → `59.0`, `/rest`.
fn versioned(path: &str) -> Option<(&str, &str)> {
    let after = path.strip_prefix("/services/data/v")?;
    let end = after.find('/').unwrap_or(after.len());
    Some((&after[..end], &after[end..]))
}

/// The client of `Authorization: Basic …`, which the token endpoint takes as well.
fn basic(call: &Call) -> Option<(String, String)> {
    let (scheme, coded) = call.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (client, secret) = text.split_once(':')?;
    Some((client.to_owned(), secret.to_owned()))
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
