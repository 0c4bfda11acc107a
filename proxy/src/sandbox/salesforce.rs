//! A stateful Salesforce, written from the reference: what it refuses, Salesforce refuses.
//!
//! Plays accounts, contacts and users: rows, SOQL, composites and collections, the token endpoint, in every API version
//! from 59.0 on. Fields come from real describe answers. Knows nothing of the proxy's translators.
//!
//! Settings, beside those of every sandbox: `clock_offset_ms`; `daily_limit` and `calls_today` (past the limit: 403
//! `REQUEST_LIMIT_EXCEEDED`); `hidden_fields` by object (field-level security); `custom_fields` by object (`name`,
//! `type`, `length`); `rotate_refresh_tokens`. Not played: Bulk, Metadata and Tooling calls, parent paths and
//! aggregates in SOQL, sharing, duplicate rules.

mod composite;
mod fault;
mod id;
mod rows;
mod sample;
mod schema;
mod soql;
mod state;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    clock::Clock,
    http::{Call, Provider, Reply},
};
use fault::Fault;
use rows::RowCall;
use schema::Field;
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
    refresh_token: String,
    rotates: bool,
    issued: u64,
    calls: u64,
    daily_limit: u64,
    /// The rows that a locator has yet to answer, by the locator.
    locators: Vec<(String, Vec<Value>, usize)>,
}

impl Salesforce {
    pub fn new(options: &Options) -> Self {
        let salesforce = Self {
            clock: Clock::default(),
            org: Mutex::new(Org {
                state: State::new(),
                tokens: BTreeSet::from([ACCESS_TOKEN.to_owned()]),
                refresh_token: REFRESH_TOKEN.to_owned(),
                rotates: false,
                issued: 0,
                calls: 0,
                daily_limit: DAILY_LIMIT,
                locators: Vec::new(),
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
        let mut org = self.org();
        match value("grant_type") {
            "refresh_token" | "client_credentials" if value("client_id") != CLIENT_ID => {
                refused("invalid_client_id", "client identifier invalid")
            }
            "refresh_token" | "client_credentials" if value("client_secret") != CLIENT_SECRET => {
                refused("invalid_client", "invalid client credentials")
            }
            "refresh_token" if value("refresh_token") != org.refresh_token => {
                refused("invalid_grant", "expired access/refresh token")
            }
            grant @ ("refresh_token" | "client_credentials") => {
                org.issued += 1;
                let token = format!("00DSANDBOX!session{}", org.issued);
                org.tokens.insert(token.clone());
                let mut answer = json!({
                    "access_token": token, "signature": "c2lnbmF0dXJl", "scope": "id api refresh_token", "instance_url": call.base_url(),
                    "id": format!("{}/id/00D5g0000000001EAA/{}", call.base_url(), State::user_id()), "token_type": "Bearer",
                    "issued_at": self.clock.now_ms().to_string(),
                });
                if org.rotates && grant == "refresh_token" {
                    org.refresh_token = format!("{REFRESH_TOKEN}-{}", org.issued);
                    answer["refresh_token"] = json!(org.refresh_token);
                }
                Reply::json(StatusCode::OK, &answer)
            }
            _ => refused("unsupported_grant_type", "grant type not supported"),
        }
    }

    fn data(&self, call: &Call) -> Result<Reply, Fault> {
        let Some((version, rest)) = versioned(&call.path) else {
            return Err(Fault::not_found());
        };
        if !version
            .strip_suffix(".0")
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| (59..=99).contains(&major))
        {
            return Err(Fault::not_found());
        }
        let now = self.now();
        let mut org = self.org();
        if !call
            .bearer()
            .is_some_and(|token| org.tokens.contains(token))
        {
            return Err(Fault::new(
                401,
                "INVALID_SESSION_ID",
                "Session expired or invalid",
            ));
        }
        if org.calls >= org.daily_limit {
            return Err(Fault::new(
                403,
                "REQUEST_LIMIT_EXCEEDED",
                "TotalRequests Limit exceeded.",
            ));
        }
        org.calls += 1;
        let root = &call.path[..call.path.len() - rest.len()];
        if let Some(locator) = rest.strip_prefix("/query/") {
            return org.more(locator, root);
        }
        let body = body(call)?;
        if matches!(rest, "/query" | "/query/" | "/queryAll" | "/queryAll/") {
            let size = soql::page_size(call.header("sforce-query-options"));
            return org.query(call, rest.starts_with("/queryAll"), root, size);
        }
        Self::answer(
            &mut org.state,
            &call.method,
            root,
            rest,
            &call.query,
            body,
            Some(&call.headers),
            &now,
        )
    }

    /// Answers a call below `/services/data/vXX.0`, wherever it came from.
    #[expect(
        clippy::too_many_arguments,
        reason = "a call in its parts; a composite has no `Call`"
    )]
    fn answer(
        state: &mut State,
        method: &Method,
        root: &str,
        rest: &str,
        query: &str,
        body: Option<Value>,
        _headers: Option<&http::HeaderMap>,
        now: &str,
    ) -> Result<Reply, Fault> {
        let segments: Vec<&str> = rest
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let needed = || {
            body.as_ref().ok_or_else(|| {
                Fault::unparsable(
                    "The HTTP entity body is required, but this request has no entity body.",
                )
            })
        };
        match (method.as_str(), segments.as_slice()) {
            ("GET", ["query" | "queryAll"]) => {
                let text = pairs
                    .iter()
                    .find(|(name, _)| name == "q")
                    .map(|(_, text)| text.as_str())
                    .unwrap_or_default();
                let found = soql::run(state, text, segments == ["queryAll"], root)?;
                let total = found.count.unwrap_or(found.rows.len());
                Ok(Reply::json(
                    StatusCode::OK,
                    &json!({ "totalSize": total, "done": true, "records": found.rows }),
                ))
            }
            ("GET", ["sobjects"]) => {
                let objects: Vec<Value> = state.schema.values().map(|object| json!({ "name": object.name, "keyPrefix": object.prefix, "custom": false, "queryable": true })).collect();
                Ok(Reply::json(
                    StatusCode::OK,
                    &json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects }),
                ))
            }
            (_, ["sobjects", path @ ..]) if !path.is_empty() => RowCall {
                method,
                path: path.to_vec(),
                query: pairs,
                body,
                root,
                now,
            }
            .handle(state),
            ("POST", ["composite"]) => composite::composite(state, needed()?, root, now),
            ("POST", ["composite", "sobjects"]) => composite::save_all(state, needed()?, true, now),
            ("PATCH", ["composite", "sobjects"]) => {
                composite::save_all(state, needed()?, false, now)
            }
            ("POST", ["composite", "sobjects", object]) => {
                composite::retrieve(state, object, needed()?, root)
            }
            ("GET", ["limits"]) => Ok(Reply::json(
                StatusCode::OK,
                &json!({ "DailyApiRequests": { "Max": DAILY_LIMIT, "Remaining": DAILY_LIMIT } }),
            )),
            _ => Err(Fault::not_found()),
        }
    }
}

impl Org {
    fn query(
        &mut self,
        call: &Call,
        deleted_too: bool,
        root: &str,
        size: usize,
    ) -> Result<Reply, Fault> {
        let text = call
            .query_pairs()
            .into_iter()
            .find(|(name, _)| name == "q")
            .map(|(_, text)| text);
        let text = text.ok_or_else(|| {
            Fault::new(400, "MALFORMED_QUERY", "A query string has to be specified")
        })?;
        let found = soql::run(&self.state, &text, deleted_too, root)?;
        if let Some(count) = found.count {
            return Ok(Reply::json(
                StatusCode::OK,
                &json!({ "totalSize": count, "done": true, "records": [] }),
            ));
        }
        Ok(self.page(found.rows, 0, size, root))
    }

    fn more(&mut self, locator: &str, root: &str) -> Result<Reply, Fault> {
        let position = self
            .locators
            .iter()
            .position(|(known, ..)| known == locator);
        let position = position
            .ok_or_else(|| Fault::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))?;
        let (_, rows, from) = self.locators[position].clone();
        Ok(self.page(rows, from, 2000, root))
    }

    fn page(&mut self, rows: Vec<Value>, from: usize, size: usize, root: &str) -> Reply {
        let total = rows.len();
        let end = (from + size).min(total);
        let mut answer =
            json!({ "totalSize": total, "done": end == total, "records": rows[from..end] });
        if end < total {
            self.issued += 1;
            let locator = format!("01g5g0000000{:06}AAA-{end}", self.issued);
            answer["nextRecordsUrl"] = json!(format!("{root}/query/{locator}"));
            self.locators.push((locator, rows, end));
            // At most ten are open for a user: the oldest dies.
            if self.locators.len() > 10 {
                self.locators.remove(0);
            }
        }
        Reply::json(StatusCode::OK, &answer)
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
                let versions: Vec<Value> = (59..=67).map(|major| json!({ "label": format!("v{major}"), "url": format!("/services/data/v{major}.0"), "version": format!("{major}.0") })).collect();
                return Reply::json(StatusCode::OK, &json!(versions));
            }
            _ => self.data(call).unwrap_or_else(|fault| fault.reply()),
        };
        let org = self.org();
        reply.with_header(
            "sforce-limit-info",
            &format!("api-usage={}/{}", org.calls, org.daily_limit),
        )
    }

    fn settings(&self) -> Value {
        let org = self.org();
        json!({
            "clock_offset_ms": self.clock.offset_ms(), "daily_limit": org.daily_limit, "calls_today": org.calls,
            "hidden_fields": org.state.hidden, "rotate_refresh_tokens": org.rotates,
        })
    }

    fn configure(&self, patch: &Value) -> Result<(), String> {
        let patch = patch.as_object().ok_or("expected an object")?;
        let mut org = self.org();
        for (name, value) in patch {
            let wrong = || format!("{name}: unknown setting or wrong value");
            match name.as_str() {
                "clock_offset_ms" => self.clock.set_offset_ms(value.as_i64().ok_or_else(wrong)?),
                "daily_limit" => org.daily_limit = value.as_u64().ok_or_else(wrong)?,
                "calls_today" => org.calls = value.as_u64().ok_or_else(wrong)?,
                "rotate_refresh_tokens" => org.rotates = value.as_bool().ok_or_else(wrong)?,
                "hidden_fields" => {
                    org.state.hidden =
                        serde_json::from_value(value.clone()).map_err(|_| wrong())?;
                }
                "custom_fields" => {
                    for (object, fields) in value.as_object().ok_or_else(wrong)? {
                        let object = org
                            .state
                            .schema
                            .get_mut(&object.to_ascii_lowercase())
                            .ok_or_else(wrong)?;
                        for field in fields.as_array().ok_or_else(wrong)? {
                            object.fields.push(Field::custom(field).ok_or_else(wrong)?);
                        }
                    }
                }
                _ => return Err(wrong()),
            }
        }
        Ok(())
    }

    fn reset(&self, empty: bool) {
        let mut org = self.org();
        org.state = State::new();
        org.calls = 0;
        org.locators.clear();
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
        .map_err(|error| {
            Fault::unparsable(format!(
                "{error} at [line:{}, column:{}]",
                error.line(),
                error.column()
            ))
        })
}

#[cfg(test)]
mod tests;
