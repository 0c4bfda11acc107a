//! Who may call: tokens and how they are had (`salesforce.md` §1); the page that asks the user is in `oauth/consent.rs`.
//!
//! The sandbox is its own login host, and knows one client. Each consent has tokens of its own; the fixed ones belong to
//! a grant that needed none.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, id, state::State};
use crate::sandbox::{
    consent::Mode,
    grants::{Access, FIXED, Grants, Kind},
    http::{Call, Reply},
};

mod about;
mod consent;

/// What a token may do whose consent named nothing: what the app is allowed (`salesforce.md` §1.2).
const SCOPE: &str = "id api refresh_token";
/// How long a code may be exchanged.
const CODE_MS: i64 = 15 * 60 * 1000;
/// How long a session lasts without being used, unless the settings say otherwise.
const SESSION_SECONDS: u64 = 7200;
/// How often a user may approve an app before his oldest approval ends (`salesforce.md` §1.2).
const APPROVALS: usize = 5;

/// The tokens that are good, and what will be.
#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) grants: Grants,
    pub(super) settings: Settings,
}

/// What the settings say of tokens and consents.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Whether every refresh answers a new refresh token.
    pub(super) rotates: bool,
    pub(super) consent: Mode,
    /// Whether the user says no.
    pub(super) denies: bool,
    pub(super) session_seconds: u64,
    pub(super) requires_pkce: bool,
    /// The callback URLs of the app; none: any that is https or on loopback.
    pub(super) redirect_uris: Option<Vec<String>>,
    /// The scopes of the app; none: all that there are.
    pub(super) app_scopes: Option<Vec<String>>,
    /// Approvals by a user that live at one time; none: any number.
    pub(super) approvals: Option<usize>,
}

/// A refusal of the token endpoint, `error` and `error_description`.
type Refusal = (&'static str, &'static str);

/// What may be done with a token that was sent with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    /// The session is good, and its consent was not about the API.
    NotForApi,
    Dead,
}

impl Sessions {
    pub(super) fn new() -> Self {
        let mut sessions = Self {
            grants: Grants::default(),
            settings: Settings {
                rotates: false,
                consent: Mode::default(),
                denies: false,
                session_seconds: SESSION_SECONDS,
                requires_pkce: false,
                redirect_uris: None,
                app_scopes: None,
                approvals: Some(APPROVALS),
            },
        };
        sessions.reset();
        sessions
    }

    /// Back to the tokens of the beginning; what is set stays.
    pub(super) fn reset(&mut self) {
        self.grants = Grants::default();
        self.grants.restore_fixed(REFRESH_TOKEN, 0);
        // It does not end when it is not used, since nobody asked for it.
        let never = Some(i64::MAX);
        self.grants.issue(FIXED, ACCESS_TOKEN.to_owned(), 0, never);
    }

    pub(super) fn expire_all(&mut self) {
        self.grants.drop_all_access();
    }

    /// Whether a session may be used for the API now; using it makes it last.
    pub(super) fn admit(&mut self, token: &str, now_ms: i64) -> Admission {
        let Some(access) = self.use_session(token, now_ms) else {
            return Admission::Dead;
        };
        if self.may(access.grant, &["api", "full"]) {
            Admission::Admitted
        } else {
            Admission::NotForApi
        }
    }

    /// A live session, which lasts longer for being used.
    fn use_session(&mut self, token: &str, now_ms: i64) -> Option<Access> {
        let access = self.live(token, now_ms)?;
        self.grants.touch(token, now_ms);
        Some(access)
    }

    fn live(&self, token: &str, now_ms: i64) -> Option<Access> {
        let access = self.grants.access(token)?;
        (now_ms < self.end_ms(&access)).then_some(access)
    }

    fn end_ms(&self, access: &Access) -> i64 {
        let seconds = self.settings.session_seconds;
        let lasts = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        access
            .expires_ms
            .unwrap_or_else(|| access.used_ms.saturating_add(lasts))
    }

    /// Whether a grant has one of these scopes; one that names none has all.
    fn may(&self, grant: u64, any_of: &[&str]) -> bool {
        let scopes = self.grants.scopes(grant);
        scopes.is_none_or(|scopes| scopes.iter().any(|scope| any_of.contains(&scope.as_str())))
    }

    /// The scopes of a grant as answers name them.
    fn scope(&self, grant: u64) -> String {
        let scopes = self.grants.scopes(grant);
        scopes.map_or_else(|| SCOPE.to_owned(), |scopes| scopes.join(" "))
    }

    /// What a test may ask about the grants.
    pub(super) fn shown(&self, now_ms: i64) -> Value {
        self.grants.shown(|access| now_ms < self.end_ms(access))
    }

    /// `POST /services/oauth2/token`
    pub(super) fn token(&mut self, call: &Call, now_ms: i64) -> Reply {
        let form = call.form_pairs();
        let grant_type = value(&form, "grant_type");
        match self.grant(call, &form, now_ms) {
            Ok((grant, refresh_token)) => {
                self.grants.count(Some(grant_type));
                self.session(call, grant, refresh_token, now_ms)
            }
            Err(refusal) => {
                self.grants.count(None);
                refused(refusal)
            }
        }
    }

    /// The grant that a call of the token endpoint is about, and the refresh token that its answer carries.
    fn grant(
        &mut self,
        call: &Call,
        form: &[(String, String)],
        now_ms: i64,
    ) -> Result<(u64, Option<String>), Refusal> {
        let grant_type = value(form, "grant_type");
        if !matches!(
            grant_type,
            "authorization_code" | "refresh_token" | "client_credentials"
        ) {
            return Err(("unsupported_grant_type", "grant type not supported"));
        }
        check_client(call, form)?;
        match grant_type {
            "authorization_code" => self.exchange(form, now_ms),
            "refresh_token" => self.refresh(value(form, "refresh_token")),
            _ => {
                let kind = Kind::ClientCredentials;
                Ok((self.grants.open(kind, None, None, now_ms), None))
            }
        }
    }

    /// The answer with a new session.
    fn session(
        &mut self,
        call: &Call,
        grant: u64,
        refresh_token: Option<String>,
        now_ms: i64,
    ) -> Reply {
        let token = format!("00DSANDBOX!{}", random(48));
        self.grants.issue(grant, token.clone(), now_ms, None);
        let identity = identity(&call.base_url());
        let issued_at = now_ms.to_string();
        // There is no `expires_in`.
        let mut answer = json!({
            "access_token": token, "signature": signature(&identity, &issued_at), "scope": self.scope(grant),
            "instance_url": call.base_url(), "id": identity, "token_type": "Bearer", "issued_at": issued_at,
        });
        if let Some(refresh_token) = refresh_token {
            answer["refresh_token"] = json!(refresh_token);
        }
        Reply::json(StatusCode::OK, &answer)
    }

    /// Only with rotation is there a new refresh token in the answer (`salesforce.md` §1.3).
    fn refresh(&mut self, token: &str) -> Result<(u64, Option<String>), Refusal> {
        let grant = self.grants.renew(token);
        let grant = grant.ok_or(("invalid_grant", "expired access/refresh token"))?;
        let next = self.settings.rotates.then(refresh_token);
        if let Some(next) = &next {
            self.grants.rotate(grant, next.clone());
        }
        Ok((grant, next))
    }

    /// A code is good once.
    fn exchange(
        &mut self,
        form: &[(String, String)],
        now_ms: i64,
    ) -> Result<(u64, Option<String>), Refusal> {
        let code = self.grants.redeem(value(form, "code"));
        let code = code.ok_or(("invalid_grant", "invalid authorization code"))?;
        if now_ms - code.issued_ms > CODE_MS {
            return Err(("invalid_grant", "expired authorization code"));
        }
        if code.redirect_uri != value(form, "redirect_uri") {
            return Err((
                "redirect_uri_mismatch",
                "redirect_uri must match configuration",
            ));
        }
        if !code.is_proven_by(Some(value(form, "code_verifier"))) {
            return Err(("invalid_grant", "invalid code verifier"));
        }
        let renews = code
            .scopes
            .iter()
            .any(|scope| matches!(scope.as_str(), "refresh_token" | "offline_access"));
        let token = renews.then(refresh_token);
        let scopes = Some(code.scopes);
        let grant = self
            .grants
            .open(Kind::Consent, scopes, token.clone(), now_ms);
        if let Some(most) = self.settings.approvals {
            self.grants.keep_newest(most);
        }
        Ok((grant, token))
    }
}

/// Letters that nobody can guess.
fn random(bytes: usize) -> String {
    let bytes: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// In the form of a real one, with characters that a form has to encode.
fn refresh_token() -> String {
    format!("5Aep861{}==", random(48))
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
