//! What tokens say of themselves, their account and its limits (hubspot.md §1.3).

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{check_client, field, form};
use crate::sandbox::clock::iso_ms;
use crate::sandbox::grants::End;
use crate::sandbox::http::Reply;
use crate::sandbox::hubspot::ask::Ask;
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::state::State;
use crate::sandbox::hubspot::{Options, PORTAL_ID};

pub(super) const USER_ID: u64 = 9_586_504;
const APP_ID: u64 = 456_789;
pub(in crate::sandbox::hubspot) const USER: &str = "ada.winters@crosswalk-demo.example";
pub(in crate::sandbox::hubspot) const HUB_DOMAIN: &str = "crosswalk-demo.example";
const DAY_MS: i64 = 86_400_000;
const PLAN_LIMIT: u32 = 500_000;
pub(in crate::sandbox::hubspot) const SCOPES: [&str; 20] = [
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

pub(in crate::sandbox::hubspot) fn token_info(
    state: &State,
    ask: &Ask<'_>,
    token: &str,
) -> Result<Reply, Fault> {
    let Some((grant, expiry)) = live(state, ask, token) else {
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
        "scopes": granted_scopes(state, Some(grant)),
        "hub_id": PORTAL_ID,
        "app_id": APP_ID,
        "expires_in": (expiry - ask.now) / 1000,
        "user_id": USER_ID,
        "token_type": "access",
    });
    Ok(Reply::json(StatusCode::OK, &body))
}

/// The grant of an access token that has not expired, and when it will.
fn live(state: &State, ask: &Ask<'_>, token: &str) -> Option<(u64, i64)> {
    let access = state.grants.access(token)?;
    let expiry = access.expires_ms.unwrap_or(i64::MAX);
    (expiry > ask.now).then_some((access.grant, expiry))
}

/// What a token may do: all of the settings where its grant names no scopes.
pub(super) fn granted_scopes(state: &State, grant: Option<u64>) -> Vec<String> {
    let settings = &state.settings;
    let all = || SCOPES.map(str::to_owned).to_vec();
    let own = grant.and_then(|grant| state.grants.scopes(grant)).cloned();
    let mut scopes = match (own, &settings.granted_scopes) {
        (Some(mut own), Some(granted)) => {
            own.retain(|scope| granted.contains(scope));
            own
        }
        (Some(own), None) => own,
        (None, Some(granted)) => granted.clone(),
        (None, None) => all(),
    };
    scopes.retain(|scope| !settings.revoked_scopes.contains(scope));
    scopes
}

/// What a token is, told without it standing in a URL. The members beside `active` are unconfirmed.
pub(in crate::sandbox::hubspot) fn introspect(
    options: &Options,
    state: &State,
    ask: &Ask<'_>,
) -> Result<Reply, Fault> {
    let form = form(ask)?;
    check_client(options, &form).map_err(|refusal| refusal.into_fault(ask.version))?;
    let token = field(&form, "token").unwrap_or_default();
    let about = |grant: u64, kind: &str| {
        json!({
            "active": true,
            "token_use": kind,
            "client_id": options.client_id,
            "hub_id": PORTAL_ID,
            "hub_domain": HUB_DOMAIN,
            "user": USER,
            "user_id": USER_ID,
            "app_id": APP_ID,
            "scopes": granted_scopes(state, Some(grant)),
        })
    };
    let body = if let Some((grant, expiry)) = live(state, ask, token) {
        let mut body = about(grant, "access_token");
        body["expires_in"] = json!((expiry - ask.now) / 1000);
        body
    } else if let Some(grant) = renewing(state, token) {
        about(grant, "refresh_token")
    } else {
        json!({ "active": false })
    };
    Ok(Reply::json(StatusCode::OK, &body))
}

/// The grant of a refresh token that is good.
fn renewing(state: &State, token: &str) -> Option<u64> {
    let grant = state.grants.of_refresh(token);
    grant.filter(|_| !state.settings.revoke_refresh_tokens)
}

/// Who a refresh token is of; `DELETE` revokes it, and access tokens live out.
pub(in crate::sandbox::hubspot) fn refresh_token(
    options: &Options,
    state: &mut State,
    ask: &Ask<'_>,
    token: &str,
) -> Result<Reply, Fault> {
    let Some(grant) = renewing(state, token) else {
        // Unconfirmed: sources say 400 or 404.
        return Err(Fault::new(
            StatusCode::NOT_FOUND,
            "the refresh token is unknown",
        ));
    };
    if ask.call.method == Method::DELETE {
        state.grants.stop_renewing(grant, End::Revoked);
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let body = json!({
        "token": token,
        "client_id": options.client_id,
        "user": USER,
        "hub_domain": HUB_DOMAIN,
        "scopes": granted_scopes(state, Some(grant)),
        "hub_id": PORTAL_ID,
        "user_id": USER_ID,
        "token_type": "refresh",
    });
    Ok(Reply::json(StatusCode::OK, &body))
}

pub(in crate::sandbox::hubspot) fn private_app_info(
    options: &Options,
    state: &State,
    ask: &Ask<'_>,
) -> Result<Reply, Fault> {
    let body: TokenKey = ask.body()?;
    if body.token_key != options.private_app_token {
        return Err(Fault::not_found());
    }
    let info = json!({ "userId": USER_ID, "hubId": PORTAL_ID, "appId": APP_ID, "scopes": granted_scopes(state, None) });
    Ok(Reply::json(StatusCode::OK, &info))
}

/// How much of the day's calls private apps have made; without a limit that is set, that of a plan.
pub(in crate::sandbox::hubspot) fn usage(state: &State, ask: &Ask<'_>) -> Reply {
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

pub(in crate::sandbox::hubspot) fn account() -> Reply {
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
