//! The token endpoint (hubspot.md §1.2). None of it needs a bearer token.
//!
//! v1 answers errors in the classic form (the code in `status`); v3 and dated versions in both forms at once. Each consent
//! has tokens of its own; the fixed refresh token and code lead to the fixed grant.

use http::StatusCode;
use serde_json::json;

use super::access::{random, uuid};
use super::ask::{Ask, Version};
use super::fault::Fault;
use super::state::State;
use super::{AUTHORIZATION_CODE, Options, PORTAL_ID};
use crate::sandbox::grants::{Code, End, FIXED, Kind};
use crate::sandbox::http::Reply;

mod about;

pub(super) use about::{
    HUB_DOMAIN, SCOPES, USER, account, introspect, private_app_info, refresh_token, token_info,
    usage,
};
use about::{USER_ID, granted_scopes};

/// A code is dead after about a minute.
const CODE_MS: i64 = 60_000;

/// One refusal in both vocabularies: `status`, its text, and the RFC's `error`.
struct Refusal(&'static str, &'static str, &'static str);

const BAD_GRANT_TYPE: Refusal = Refusal(
    "BAD_GRANT_TYPE",
    "missing or invalid grant type",
    "unsupported_grant_type",
);
const BAD_CLIENT_ID: Refusal = Refusal(
    "BAD_CLIENT_ID",
    "missing or invalid client id",
    "invalid_client",
);
const BAD_CLIENT_SECRET: Refusal = Refusal(
    "BAD_CLIENT_SECRET",
    "missing or invalid client secret",
    "invalid_client",
);
const BAD_REFRESH_TOKEN: Refusal = Refusal(
    "BAD_REFRESH_TOKEN",
    "missing or invalid refresh token",
    "invalid_grant",
);
const BAD_REDIRECT_URI: Refusal = Refusal(
    "BAD_REDIRECT_URI",
    "missing or invalid redirect uri",
    "invalid_request",
);
const BAD_AUTH_CODE: Refusal = Refusal(
    "BAD_AUTH_CODE",
    "missing or unknown auth code",
    "invalid_grant",
);
/// That a challenge is held against the verifier is documented, how a mismatch is told is unconfirmed.
const BAD_VERIFIER: Refusal = Refusal(
    "BAD_AUTH_CODE",
    "the code verifier does not match the code challenge",
    "invalid_grant",
);
const EXPIRED_AUTH_CODE: Refusal = Refusal(
    "EXPIRED_AUTH_CODE",
    "the auth code is expired",
    "invalid_grant",
);

/// What a granted call of the token endpoint is answered with.
struct Granted {
    grant: u64,
    refresh_token: String,
}

/// The tokens that are good without a consent, as at the beginning.
pub(super) fn restore_fixed(options: &Options, state: &mut State, now: i64) {
    state.grants.restore_fixed(&options.refresh_token, now);
    let code = Code {
        scopes: Vec::new(),
        redirect_uri: String::new(),
        challenge: None,
        issued_ms: i64::MAX,
    };
    state.grants.keep_code(AUTHORIZATION_CODE.to_owned(), code);
}

pub(super) fn token(options: &Options, state: &mut State, ask: &Ask<'_>) -> Result<Reply, Fault> {
    let form = form(ask)?;
    let grant_type = field(&form, "grant_type");
    let granted = grant(options, state, ask, &form);
    state.grants.count(grant_type.filter(|_| granted.is_ok()));
    let Granted {
        grant,
        refresh_token,
    } = granted.map_err(|refusal| refusal.into_fault(ask.version))?;
    let seconds = state.settings.access_token_seconds;
    let access_token = format!("CN{:032x}{:032x}{:032x}", random(), random(), random());
    let expires = ask.now + i64::from(seconds) * 1000;
    state
        .grants
        .issue(grant, access_token.clone(), ask.now, Some(expires));
    let mut body = json!({
        "token_type": "bearer",
        "refresh_token": refresh_token,
        "access_token": access_token,
        "expires_in": seconds,
    });
    if ask.version != Version::Numbered(1) {
        body["hub_id"] = json!(PORTAL_ID);
        body["scopes"] = json!(granted_scopes(state, Some(grant)));
        body["token_use"] = json!("access_token");
        body["user_id"] = json!(USER_ID);
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

fn grant(
    options: &Options,
    state: &mut State,
    ask: &Ask<'_>,
    form: &[(String, String)],
) -> Result<Granted, Refusal> {
    let field = |name: &str| field(form, name);
    let grant_type = field("grant_type")
        .filter(|grant| matches!(*grant, "authorization_code" | "refresh_token"));
    let grant_type = grant_type.ok_or(BAD_GRANT_TYPE)?;
    check_client(options, form)?;
    if grant_type == "refresh_token" {
        return refresh(state, field("refresh_token").unwrap_or_default());
    }
    let redirect_uri = field("redirect_uri").filter(|uri| !uri.is_empty());
    let redirect_uri = redirect_uri.ok_or(BAD_REDIRECT_URI)?;
    let name = field("code").unwrap_or_default();
    let code = state.grants.redeem(name).ok_or(BAD_AUTH_CODE)?;
    if name == AUTHORIZATION_CODE {
        if state.grants.of_refresh(&options.refresh_token) != Some(FIXED) {
            state.grants.restore_fixed(&options.refresh_token, ask.now);
        }
        return Ok(Granted {
            grant: FIXED,
            refresh_token: options.refresh_token.clone(),
        });
    }
    if ask.now.saturating_sub(code.issued_ms) >= CODE_MS {
        return Err(EXPIRED_AUTH_CODE);
    }
    if code.redirect_uri != redirect_uri {
        return Err(BAD_REDIRECT_URI);
    }
    if !code.is_proven_by(field("code_verifier")) {
        return Err(BAD_VERIFIER);
    }
    let refresh_token = uuid();
    let scopes = Some(code.scopes);
    let grant = state
        .grants
        .open(Kind::Consent, scopes, Some(refresh_token.clone()), ask.now);
    Ok(Granted {
        grant,
        refresh_token,
    })
}

/// The refresh token comes back unchanged (hubspot.md §1.2), unless a setting rotates it.
fn refresh(state: &mut State, refresh_token: &str) -> Result<Granted, Refusal> {
    if state.settings.revoke_refresh_tokens {
        return Err(BAD_REFRESH_TOKEN);
    }
    let grant = state.grants.renew(refresh_token);
    let grant = grant.ok_or(BAD_REFRESH_TOKEN)?;
    let mut refresh_token = refresh_token.to_owned();
    if state.settings.rotate_refresh_tokens {
        refresh_token = uuid();
        state.grants.rotate(grant, refresh_token.clone());
    }
    Ok(Granted {
        grant,
        refresh_token,
    })
}

/// Takes a token back, so that no token stands in a URL. Unknown ones are taken as well, as RFC 7009 says (unconfirmed).
pub(super) fn revoke(options: &Options, state: &mut State, ask: &Ask<'_>) -> Result<Reply, Fault> {
    let form = form(ask)?;
    check_client(options, &form).map_err(|refusal| refusal.into_fault(ask.version))?;
    let token = field(&form, "token").unwrap_or_default();
    if !state.grants.drop_access(token)
        && let Some(grant) = state.grants.of_refresh(token)
    {
        // Access tokens live out (hubspot.md §1.3).
        state.grants.stop_renewing(grant, End::Revoked);
    }
    Ok(Reply::empty(StatusCode::OK))
}

fn form(ask: &Ask<'_>) -> Result<Vec<(String, String)>, Fault> {
    if ask.call.media_type().as_deref() == Some("application/x-www-form-urlencoded") {
        return Ok(ask.call.form_pairs());
    }
    Err(Fault::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "HTTP 415 Unsupported Media Type",
    ))
}

fn field<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let pair = form.iter().find(|(own, _)| own == name);
    pair.map(|(_, value)| value.as_str())
}

fn check_client(options: &Options, form: &[(String, String)]) -> Result<(), Refusal> {
    if field(form, "client_id") != Some(options.client_id.as_str()) {
        return Err(BAD_CLIENT_ID);
    }
    if field(form, "client_secret") != Some(options.client_secret.as_str()) {
        return Err(BAD_CLIENT_SECRET);
    }
    Ok(())
}

impl Refusal {
    fn into_fault(self, version: Version) -> Fault {
        let Self(status, message, error) = self;
        if version == Version::Numbered(1) {
            return Fault::coded(StatusCode::BAD_REQUEST, status, message);
        }
        let message = if status == "BAD_REFRESH_TOKEN" {
            "refresh token is invalid, expired or revoked"
        } else {
            message
        };
        Fault::coded(StatusCode::BAD_REQUEST, status, message)
            .with("error", json!(error))
            .with("error_description", json!(message))
    }
}
