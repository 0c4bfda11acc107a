//! The token endpoint, and a consent page that consents at once. None of it needs a bearer token.
//!
//! v1 answers errors in the classic form (the code in `status`); v3 and dated versions in both forms at once.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::{Ask, Version};
use super::fault::Fault;
use super::state::State;
use super::{Options, PORTAL_ID};
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Reply;

/// A code is dead after about a minute.
const CODE_MS: i64 = 60_000;
const USER_ID: u64 = 9_586_504;
const APP_ID: u64 = 456_789;
const USER: &str = "ada.winters@crosswalk-demo.example";
const HUB_DOMAIN: &str = "crosswalk-demo.example";
const DAY_MS: i64 = 86_400_000;
const PLAN_LIMIT: u32 = 500_000;
const SCOPES: [&str; 20] = [
    "oauth",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.custom.read",
    "crm.objects.custom.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.leads.read",
    "crm.objects.leads.write",
    "crm.objects.owners.read",
    "crm.schemas.companies.read",
    "crm.schemas.companies.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.custom.read",
    "crm.schemas.custom.write",
    "crm.schemas.deals.read",
    "crm.schemas.deals.write",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenKey {
    token_key: String,
}

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
const EXPIRED_AUTH_CODE: Refusal = Refusal(
    "EXPIRED_AUTH_CODE",
    "the auth code is expired",
    "invalid_grant",
);

pub(super) fn token(options: &Options, state: &mut State, ask: &Ask<'_>) -> Result<Reply, Fault> {
    if ask.call.media_type().as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "HTTP 415 Unsupported Media Type",
        ));
    }
    grant(options, state, ask).map_err(|refusal| refusal.into_fault(ask.version))?;
    let seconds = state.settings.access_token_seconds;
    let access_token = state.tokens.issue(ask.now, seconds);
    let mut body = json!({
        "token_type": "bearer",
        "refresh_token": options.refresh_token,
        "access_token": access_token,
        "expires_in": seconds,
    });
    if ask.version != Version::Numbered(1) {
        body["hub_id"] = json!(PORTAL_ID);
        body["scopes"] = scopes(state);
        body["token_use"] = json!("access_token");
        body["user_id"] = json!(USER_ID);
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

fn grant(options: &Options, state: &mut State, ask: &Ask<'_>) -> Result<(), Refusal> {
    let form = ask.call.form_pairs();
    let field = |name: &str| {
        form.iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    };
    let grant_type = field("grant_type")
        .filter(|grant| matches!(*grant, "authorization_code" | "refresh_token"));
    let grant_type = grant_type.ok_or(BAD_GRANT_TYPE)?;
    if field("client_id") != Some(options.client_id.as_str()) {
        return Err(BAD_CLIENT_ID);
    }
    if field("client_secret") != Some(options.client_secret.as_str()) {
        return Err(BAD_CLIENT_SECRET);
    }
    if grant_type == "refresh_token" {
        let known = field("refresh_token") == Some(options.refresh_token.as_str());
        return if known && !state.settings.revoke_refresh_tokens {
            Ok(())
        } else {
            Err(BAD_REFRESH_TOKEN)
        };
    }
    if field("redirect_uri").is_none_or(str::is_empty) {
        return Err(BAD_REDIRECT_URI);
    }
    match field("code").and_then(|code| state.tokens.redeem(code)) {
        None => Err(BAD_AUTH_CODE),
        Some(expiry) if expiry <= ask.now => Err(EXPIRED_AUTH_CODE),
        Some(_) => Ok(()),
    }
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

/// Consents at once and goes back with a code, as `app.hubspot.com` does after a click.
pub(super) fn authorize(
    options: &Options,
    state: &mut State,
    ask: &Ask<'_>,
) -> Result<Reply, Fault> {
    let redirect = ask
        .param("redirect_uri")
        .and_then(|uri| url::Url::parse(uri).ok());
    let (Some(mut redirect), Some(client)) = (redirect, ask.param("client_id")) else {
        return Err(Fault::page(
            StatusCode::BAD_REQUEST,
            "<h1>client_id and redirect_uri are needed</h1>",
        ));
    };
    if client != options.client_id {
        return Err(Fault::page(
            StatusCode::BAD_REQUEST,
            "<h1>unknown client_id</h1>",
        ));
    }
    let code = state.tokens.issue_code(ask.now + CODE_MS);
    redirect.query_pairs_mut().append_pair("code", &code);
    if let Some(value) = ask.param("state") {
        redirect.query_pairs_mut().append_pair("state", value);
    }
    Ok(Reply::empty(StatusCode::FOUND).with_header("location", redirect.as_str()))
}

pub(super) fn token_info(state: &State, ask: &Ask<'_>, token: &str) -> Result<Reply, Fault> {
    let Some(expiry) = state
        .tokens
        .expiry(token)
        .filter(|expiry| *expiry > ask.now)
    else {
        // Unconfirmed: sources say 400 or 404.
        return Err(Fault::new(
            StatusCode::NOT_FOUND,
            "the access token is unknown or expired",
        ));
    };
    let body = json!({
        "token": token,
        "user": USER,
        "hub_domain": HUB_DOMAIN,
        "scopes": scopes(state),
        "hub_id": PORTAL_ID,
        "app_id": APP_ID,
        "expires_in": (expiry - ask.now) / 1000,
        "user_id": USER_ID,
        "token_type": "access",
    });
    Ok(Reply::json(StatusCode::OK, &body))
}

fn scopes(state: &State) -> Value {
    let settings = &state.settings;
    let all = || SCOPES.map(str::to_owned).to_vec();
    let mut scopes = settings.granted_scopes.clone().unwrap_or_else(all);
    scopes.retain(|scope| !settings.revoked_scopes.contains(scope));
    json!(scopes)
}

/// Who a refresh token is of; `DELETE` revokes it, and access tokens live out.
pub(super) fn refresh_token(
    options: &Options,
    state: &mut State,
    ask: &Ask<'_>,
    token: &str,
) -> Result<Reply, Fault> {
    if token != options.refresh_token || state.settings.revoke_refresh_tokens {
        // Unconfirmed: sources say 400 or 404.
        return Err(Fault::new(
            StatusCode::NOT_FOUND,
            "the refresh token is unknown",
        ));
    }
    if ask.call.method == Method::DELETE {
        state.settings.revoke_refresh_tokens = true;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let body = json!({
        "token": token,
        "client_id": options.client_id,
        "user": USER,
        "hub_domain": HUB_DOMAIN,
        "scopes": scopes(state),
        "hub_id": PORTAL_ID,
        "user_id": USER_ID,
        "token_type": "refresh",
    });
    Ok(Reply::json(StatusCode::OK, &body))
}

pub(super) fn private_app_info(
    options: &Options,
    state: &State,
    ask: &Ask<'_>,
) -> Result<Reply, Fault> {
    let body: TokenKey = ask.body()?;
    if body.token_key != options.private_app_token {
        return Err(Fault::not_found());
    }
    let info =
        json!({ "userId": USER_ID, "hubId": PORTAL_ID, "appId": APP_ID, "scopes": scopes(state) });
    Ok(Reply::json(StatusCode::OK, &info))
}

/// How much of the day's calls private apps have made; without a limit that is set, that of a plan.
pub(super) fn usage(state: &State, ask: &Ask<'_>) -> Reply {
    let limit = state.settings.rate_limits.daily.unwrap_or(PLAN_LIMIT);
    let result = json!({
        "name": "private-apps-api-calls-daily",
        "usageLimit": limit,
        "currentUsage": state.usage.today(),
        "collectedAt": iso_ms(ask.now),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso_ms((ask.now.div_euclid(DAY_MS) + 1) * DAY_MS),
    });
    Reply::json(StatusCode::OK, &json!({ "results": [result] }))
}

pub(super) fn account() -> Reply {
    let body = json!({
        "portalId": PORTAL_ID,
        "accountType": "DEVELOPER_TEST",
        "timeZone": "US/Eastern",
        "companyCurrency": "USD",
        "additionalCurrencies": ["EUR", "GBP"],
        "utcOffset": "-04:00",
        "utcOffsetMilliseconds": -14_400_000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    });
    Reply::json(StatusCode::OK, &body)
}
