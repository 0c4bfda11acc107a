//! Who may call: authorization, tokens and what they say of themselves (`salesforce.md` §1).
//!
//! Consent is given at once, or refused where the settings say so. The sandbox is its own login host, and knows one client.

use std::collections::{BTreeMap, BTreeSet};

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, id, state::State};
use crate::sandbox::http::{Call, Reply};

mod about;

/// What every token may do.
const SCOPE: &str = "id api refresh_token";
/// How long a code may be exchanged.
const CODE_MS: i64 = 15 * 60 * 1000;
/// How long a session lasts without being used, unless the settings say otherwise.
const SESSION_SECONDS: u64 = 7200;

/// The tokens that are good, and what will be.
#[derive(Debug)]
pub(super) struct Sessions {
    live: BTreeMap<String, Session>,
    /// The one refresh token that is good; none is, after one that was rotated out was used.
    refresh_token: Option<String>,
    rotated_out: BTreeSet<String>,
    codes: BTreeMap<String, Code>,
    issued: u64,
    /// Whether every refresh answers a new refresh token.
    pub(super) rotates: bool,
    /// Whether the user says no.
    pub(super) denies: bool,
    pub(super) session_seconds: u64,
}

#[derive(Debug)]
struct Session {
    issued_ms: i64,
    used_ms: i64,
    /// Whether it ends when it is not used; that which is accepted without asking for one does not.
    ends: bool,
}

/// A consent that waits for its exchange.
#[derive(Debug)]
struct Code {
    redirect_uri: String,
    challenge: Option<String>,
    issued_ms: i64,
}

/// A refusal of the token endpoint, `error` and `error_description`.
type Refusal = (&'static str, &'static str);

impl Sessions {
    pub(super) fn new() -> Self {
        let mut sessions = Self {
            live: BTreeMap::new(),
            refresh_token: None,
            rotated_out: BTreeSet::new(),
            codes: BTreeMap::new(),
            issued: 0,
            rotates: false,
            denies: false,
            session_seconds: SESSION_SECONDS,
        };
        sessions.reset();
        sessions
    }

    /// Back to the tokens of the beginning; what is set stays.
    pub(super) fn reset(&mut self) {
        let first = Session {
            issued_ms: 0,
            used_ms: 0,
            ends: false,
        };
        self.live = BTreeMap::from([(ACCESS_TOKEN.to_owned(), first)]);
        self.refresh_token = Some(REFRESH_TOKEN.to_owned());
        self.rotated_out.clear();
        self.codes.clear();
    }

    pub(super) fn expire_all(&mut self) {
        self.live.clear();
    }

    /// Whether a session may be used now; using it makes it last.
    pub(super) fn admit(&mut self, token: &str, now_ms: i64) -> bool {
        if !self.is_live(token, now_ms) {
            return false;
        }
        if let Some(session) = self.live.get_mut(token) {
            session.used_ms = now_ms;
        }
        true
    }

    fn is_live(&self, token: &str, now_ms: i64) -> bool {
        self.live
            .get(token)
            .is_some_and(|session| !session.ends || now_ms < self.end_ms(session))
    }

    fn end_ms(&self, session: &Session) -> i64 {
        let lasts = i64::try_from(self.session_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        session.used_ms.saturating_add(lasts)
    }

    /// `GET /services/oauth2/authorize`
    pub(super) fn authorize(&mut self, call: &Call, now_ms: i64) -> Reply {
        let asked = call.query_pairs();
        let value = |name: &str| value(&asked, name);
        if value("client_id") != CLIENT_ID {
            return refused(("invalid_client_id", "client identifier invalid"));
        }
        let Ok(mut back) = url::Url::parse(value("redirect_uri")) else {
            return refused((
                "redirect_uri_mismatch",
                "redirect_uri must match configuration",
            ));
        };
        let with = |back: &mut url::Url, name: &str, value: &str| {
            if !value.is_empty() {
                back.query_pairs_mut().append_pair(name, value);
            }
        };
        if value("response_type") != "code" {
            with(&mut back, "error", "unsupported_response_type");
            with(
                &mut back,
                "error_description",
                "response type not supported",
            );
        } else if self.denies {
            with(&mut back, "error", "access_denied");
            with(
                &mut back,
                "error_description",
                "end-user denied authorization",
            );
        } else {
            self.issued += 1;
            let code = format!("aPrx{:08}==", self.issued);
            with(&mut back, "code", &code);
            let consent = Code {
                redirect_uri: value("redirect_uri").to_owned(),
                challenge: Some(value("code_challenge").to_owned()).filter(|it| !it.is_empty()),
                issued_ms: now_ms,
            };
            self.codes.insert(code, consent);
        }
        with(&mut back, "state", value("state"));
        Reply::empty(StatusCode::FOUND).with_header("location", back.as_str())
    }

    /// `POST /services/oauth2/token`
    pub(super) fn token(&mut self, call: &Call, now_ms: i64) -> Reply {
        let form = call.form_pairs();
        let grant = value(&form, "grant_type");
        if !matches!(
            grant,
            "authorization_code" | "refresh_token" | "client_credentials"
        ) {
            return refused(("unsupported_grant_type", "grant type not supported"));
        }
        let granted = check_client(call, &form).and_then(|()| match grant {
            "authorization_code" => self.exchange(&form, now_ms),
            "refresh_token" => self.refresh(value(&form, "refresh_token")),
            _ => Ok(()),
        });
        if let Err(refusal) = granted {
            return refused(refusal);
        }
        self.issued += 1;
        let token = format!("00DSANDBOX!session{}", self.issued);
        let session = Session {
            issued_ms: now_ms,
            used_ms: now_ms,
            ends: true,
        };
        self.live.insert(token.clone(), session);
        let identity = identity(&call.base_url());
        let issued_at = now_ms.to_string();
        // There is no `expires_in`.
        let mut answer = json!({
            "access_token": token, "signature": signature(&identity, &issued_at), "scope": SCOPE,
            "instance_url": call.base_url(), "id": identity, "token_type": "Bearer", "issued_at": issued_at,
        });
        if grant == "authorization_code" {
            // A new consent brings a connection back to life.
            let current = self
                .refresh_token
                .get_or_insert_with(|| format!("{REFRESH_TOKEN}-{}", self.issued));
            answer["refresh_token"] = json!(current);
        } else if self.rotates && grant == "refresh_token" {
            let next = format!("{REFRESH_TOKEN}-{}", self.issued);
            answer["refresh_token"] = json!(next);
            let old = self.refresh_token.replace(next);
            self.rotated_out.extend(old);
        }
        Reply::json(StatusCode::OK, &answer)
    }

    fn refresh(&mut self, token: &str) -> Result<(), Refusal> {
        if self.refresh_token.as_deref() == Some(token) {
            return Ok(());
        }
        // One that was rotated out takes the current pair with it.
        if self.rotated_out.contains(token) {
            let current = self.refresh_token.take();
            self.rotated_out.extend(current);
            self.live.clear();
        }
        Err(("invalid_grant", "expired access/refresh token"))
    }

    /// A code is good once.
    fn exchange(&mut self, form: &[(String, String)], now_ms: i64) -> Result<(), Refusal> {
        let code = self
            .codes
            .remove(value(form, "code"))
            .ok_or(("invalid_grant", "invalid authorization code"))?;
        if now_ms - code.issued_ms > CODE_MS {
            return Err(("invalid_grant", "expired authorization code"));
        }
        if code.redirect_uri != value(form, "redirect_uri") {
            return Err((
                "redirect_uri_mismatch",
                "redirect_uri must match configuration",
            ));
        }
        let verifier = value(form, "code_verifier");
        let is_proven = code.challenge.is_none_or(|challenge| {
            let digest = Sha256::digest(verifier.as_bytes());
            (43..=128).contains(&verifier.len())
                && BASE64_URL_SAFE_NO_PAD.encode(digest) == challenge
        });
        if is_proven {
            Ok(())
        } else {
            Err(("invalid_grant", "invalid code verifier"))
        }
    }
}

fn check_client(call: &Call, form: &[(String, String)]) -> Result<(), Refusal> {
    let (client, secret) = basic(call).unwrap_or_else(|| {
        let part = |name: &str| value(form, name).to_owned();
        (part("client_id"), part("client_secret"))
    });
    if client != CLIENT_ID {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    if secret != CLIENT_SECRET {
        return Err(("invalid_client", "invalid client credentials"));
    }
    Ok(())
}

fn value<'p>(pairs: &'p [(String, String)], name: &str) -> &'p str {
    pairs
        .iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value.as_str())
}

fn refused((error, description): Refusal) -> Reply {
    Reply::json(
        StatusCode::BAD_REQUEST,
        &json!({ "error": error, "error_description": description }),
    )
}

/// `https://…/id/00D…/005…`
pub(super) fn identity(base_url: &str) -> String {
    let org = id::make("00D", 1);
    format!("{base_url}/id/{org}/{}", State::user_id())
}

/// By which a client knows that the identity is not made up.
fn signature(identity: &str, issued_at: &str) -> Value {
    let signed = Hmac::<Sha256>::new_from_slice(CLIENT_SECRET.as_bytes()).map(|mut mac| {
        mac.update(identity.as_bytes());
        mac.update(issued_at.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    });
    // A key of any length is taken.
    signed.map_or(Value::Null, |signature| json!(signature))
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
