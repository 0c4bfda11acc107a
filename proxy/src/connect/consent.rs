//! The way to a provider's consent page and back, by the authorization code flow of OAuth.
//!
//! What leaves with the browser is a state that is good for one use, in the visit that began it, for ten minutes. What
//! comes back is believed only with it. The code is exchanged from here, and what is kept goes into the store before
//! anything is done with it.

use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::Url;

use super::{
    PageCall, failed, keep,
    link::View,
    origin,
    overview::{self, Offer, Typed},
    page::{Page, redirect},
    visit::Visit,
};
use crate::{
    config::{
        self,
        given::{Given, Settled, settle},
        is_loopback,
    },
    error::{Code, Error},
    own::Own,
    store::{GrantKind, NewGrant, Redeemed},
    upstream::{
        CodeGrant, CodeRefusal, Consent,
        provider::{BaseUrl, Login},
    },
};

/// How long a person may take at the provider.
const PATIENCE: Duration = Duration::from_mins(10);
/// The longest code that is passed on; providers' are a few hundred characters.
const LONGEST_CODE: usize = 4096;
/// Of a provider's error, what is shown.
const LONGEST_WORD: usize = 64;

/// What is kept of a consent that has begun.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The visit that began it.
    visit: String,
    config: String,
    /// Where the person logs in, where that is a choice.
    pub(super) login_url: Option<String>,
    /// The connection that gets the new credentials; none: a new one.
    pub(super) connection: Option<String>,
    redirect_uri: String,
}

/// What follows the opening of a link: the overview, or at once the only thing that there is to do.
pub(super) async fn after_opening(
    own: &Own,
    visit: &Visit,
) -> Result<Response<Full<Bytes>>, Error> {
    if visit.invitation.view == Some(View::AddDeeplink) && visit.invitation.connection_id.is_none()
    {
        let mut offers = overview::offers(own, visit).await?;
        if let (Some(offer), true) = (offers.pop(), offers.is_empty()) {
            if !offer.logins().is_empty() {
                return redirect(&format!("/connect/choose?config={}", offer.config.id));
            }
            return go(own, visit, &offer, None, None).await;
        }
    }
    redirect("/connect")
}

/// A form that begins: with a config, or with a connection that is to be connected again.
pub(super) async fn start(
    own: &Own,
    visit: &Visit,
    call: &PageCall,
) -> Result<Response<Full<Bytes>>, Error> {
    if let Some(id) = call.value("connection") {
        let (connection, offer) = overview::connection(own, visit, id).await?;
        if !offer.can_begin() {
            return Err(Error::not_found("this cannot be connected here (any more)"));
        }
        // To the host that its old credentials are from: another one would not know the account.
        let login = connection
            .settings
            .as_ref()
            .and_then(|settings| settings.get("login_url"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        return go(own, visit, &offer, login, Some(id)).await;
    }
    if visit.invitation.connection_id.is_some() {
        return Err(Error::new(
            Code::Forbidden,
            "this link is about one connection, and adds no other",
        ));
    }
    let config = call.value("config").unwrap_or_default();
    let offer = overview::offer(own, visit, config).await?;
    let logins = offer.logins();
    if logins.is_empty() {
        return go(own, visit, &offer, None, None).await;
    }
    let chosen = call.value("login").and_then(|at| at.parse().ok());
    let chosen: usize = chosen.unwrap_or_default();
    let text = call.value("domain").unwrap_or_default();
    let login = logins
        .get(chosen)
        .and_then(|login| login_url(&offer, login, text));
    let Some(login) = login else {
        let typed = Typed {
            chosen,
            text,
            is_wrong: true,
        };
        let page = overview::choose(visit, &offer, &typed);
        return Ok(page.with_status(http::StatusCode::BAD_REQUEST).response());
    };
    go(own, visit, &offer, Some(login), None).await
}

/// The host that a person chose, where it is one of the provider's. The whole address may be typed, as it is copied from
/// a browser.
fn login_url(offer: &Offer, login: &Login, typed: &str) -> Option<String> {
    let typed = typed.trim().trim_end_matches('/');
    let typed = typed.strip_prefix("https://").unwrap_or(typed);
    let end = login.url.split_once('}').map_or("", |(_, end)| end);
    let typed = typed.strip_suffix(end).unwrap_or(typed);
    let url = login.fill(typed)?;
    // By the same check that a connection's own setting goes through.
    settled(offer, Some(&url)).ok()?;
    Some(url)
}

/// Where an account is asked for and its tokens are issued.
fn settled(offer: &Offer, login_url: Option<&str>) -> Result<Settled, Error> {
    settle(&Given {
        provider: offer.provider,
        api_version: offer.setting("api_version"),
        login_url: login_url.or_else(|| offer.setting("login_url")),
        base_url: offer.setting("base_url"),
        own_url: None,
        has_oauth: true,
    })
    .map_err(|wrong| {
        let wrong: Vec<_> = wrong.into_iter().map(|wrong| wrong.message).collect();
        unusable(&wrong.join("; "))
    })
}

/// The installation is at fault, not the person.
pub(super) fn unusable(detail: &str) -> Error {
    Error::new(
        Code::InternalServerError,
        "this cannot be connected, since it is not set up as it should be",
    )
    .with_detail(detail)
}

/// Sends the browser to the provider.
async fn go(
    own: &Own,
    visit: &Visit,
    offer: &Offer,
    login_url: Option<String>,
    connection: Option<&str>,
) -> Result<Response<Full<Bytes>>, Error> {
    let settled = settled(offer, login_url.as_deref())?;
    let client_id = offer
        .setting("client_id")
        .ok_or_else(|| unusable("the connector config has no client_id"))?;
    let verifier = SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let pending = Pending {
        visit: visit.id.clone(),
        config: offer.config.id.clone(),
        login_url,
        connection: connection.map(str::to_owned),
        redirect_uri: format!("{}/connect/callback", origin(own)),
    };
    let data = serde_json::to_value(&pending).map_err(|error| unusable(&error.to_string()))?;
    let grant = NewGrant {
        customer_id: Some(&visit.customer),
        data: Some(&data),
        secrets: Some(&verifier),
        ..NewGrant::new(GrantKind::OauthState, Some(PATIENCE))
    };
    let (_, state) = own.store()?.make_grant(&grant).await.map_err(failed)?;

    let mut url = authorize_url(offer, &settled, pending.login_url.as_deref())?;
    {
        let authorize = offer.authorize;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", &pending.redirect_uri)
            .append_pair("state", &state.show_once());
        if let Some(scopes) = own_scopes(offer) {
            query.append_pair("scope", &scopes.join(" "));
        } else {
            query.append_pair("scope", &authorize.scopes.join(" "));
            if let Some(optional) = &authorize.optional {
                query.append_pair(optional.parameter, &optional.scopes.join(" "));
            }
        }
        if authorize.pkce {
            let challenge = Sha256::digest(verifier.expose_secret().as_bytes());
            query
                .append_pair("code_challenge", &BASE64_URL_SAFE_NO_PAD.encode(challenge))
                .append_pair("code_challenge_method", "S256");
        }
        for (name, value) in authorize.parameters {
            query.append_pair(name, value);
        }
    }
    let page = Page::leading_to(url.as_str(), offer.provider.title);
    Ok(page.with_theme(visit.invitation.theme).response())
}

/// The scopes that the connector config asks for, where it says so.
fn own_scopes(offer: &Offer) -> Option<Vec<&str>> {
    let scopes = offer.config.config.as_ref()?.get("scopes")?.as_array()?;
    Some(scopes.iter().filter_map(Value::as_str).collect())
}

fn authorize_url(offer: &Offer, settled: &Settled, login_url: Option<&str>) -> Result<Url, Error> {
    let login = login_url
        .or_else(|| offer.setting("login_url"))
        .or(offer.provider.auth.login_url)
        .unwrap_or_default();
    let url = offer.authorize.url.replace("{login_url}", login);
    let url = Url::parse(&url).map_err(|error| unusable(&error.to_string()))?;
    // A provider that we play on loopback asks there as well.
    Ok(match (&settled.base_url, &offer.provider.base_url) {
        (Some(base), BaseUrl::Fixed(_)) if is_loopback(base) => config::with_origin(&url, base),
        _ => url,
    })
}

/// What the provider sends the browser back with.
pub(super) async fn callback(
    own: &Own,
    visit: &Visit,
    call: &PageCall,
) -> Result<Response<Full<Bytes>>, Error> {
    let store = own.store()?;
    let state = call.value("state").unwrap_or_default();
    let unknown = || {
        Error::bad_request(
            "this answer of the provider belongs to nothing that was begun here, or was used already; begin again",
        )
    };
    // Looked at before it is used: who comes by with another's state ends nothing.
    let found = store
        .find_grant(GrantKind::OauthState, state)
        .await
        .map_err(failed)?;
    let pending = found
        .and_then(|grant| grant.data)
        .and_then(|data| serde_json::from_value::<Pending>(data).ok())
        .filter(|pending| pending.visit == visit.id)
        .ok_or_else(unknown)?;
    let used = store
        .use_grant(GrantKind::OauthState, state)
        .await
        .map_err(failed)?;
    let Redeemed::Yes(grant) = used else {
        return Err(unknown());
    };
    let verifier = store.grant_secrets(&grant).await.map_err(failed)?;
    let offer = match &pending.connection {
        Some(id) => overview::connection(own, visit, id).await?.1,
        None => overview::offer(own, visit, &pending.config).await?,
    };
    if let Some(error) = call.value("error") {
        return refused(&offer, error);
    }
    let code = call
        .value("code")
        .filter(|code| (1..=LONGEST_CODE).contains(&code.len()))
        .ok_or_else(|| {
            Error::bad_request(format!(
                "{} came back without saying whether access was allowed; begin again",
                offer.provider.title
            ))
        })?;
    let granted = exchange(own, &offer, &pending, code, verifier, call.deadline).await?;
    let id = keep::keep(own, visit, &offer, &pending, granted, call).await?;
    match &visit.invitation.redirect_url {
        Some(url) => redirect(url),
        None => redirect(&format!("/connect?connected={id}")),
    }
}

/// The provider sent the browser back without a code. Its words stay out of the page: anybody can write an address.
fn refused(offer: &Offer, error: &str) -> Result<Response<Full<Bytes>>, Error> {
    if error == "access_denied" {
        return redirect(&format!("/connect?denied={}", offer.config.id));
    }
    let is_word = error.len() <= LONGEST_WORD
        && error
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let word = if is_word { error } else { "an error" };
    Err(Error::bad_request(format!(
        "{} did not allow access ({word}); those who gave you the link may have to change how it is set up",
        offer.provider.title
    )))
}

/// Gets the tokens that a code stands for.
async fn exchange(
    own: &Own,
    offer: &Offer,
    pending: &Pending,
    code: &str,
    verifier: Option<SecretString>,
    deadline: Instant,
) -> Result<CodeGrant, Error> {
    let title = offer.provider.title;
    let settled = settled(offer, pending.login_url.as_deref())?;
    let client_secret = client_secret(own, offer).await?;
    let code = SecretString::from(code);
    let consent = Consent {
        provider: offer.provider,
        token_url: &settled.token_url,
        client_id: offer.setting("client_id").unwrap_or_default(),
        client_secret: client_secret.as_ref(),
        redirect_uri: &pending.redirect_uri,
        code: &code,
        verifier: verifier.as_ref().filter(|_| offer.authorize.pkce),
    };
    let granted = own.upstream.exchange_code(&consent, deadline).await;
    let granted = granted.map_err(|refusal| match refusal {
        // The code may be an old one, or not from this provider at all; or the app's own secret is wrong.
        CodeRefusal::Refused(detail) => Error::new(
            Code::BadGateway,
            format!("{title} did not confirm the sign-in; begin again"),
        )
        .with_detail(detail),
        CodeRefusal::Failed(error) => *error,
    })?;
    if granted.refresh_token.is_none() {
        return Err(Error::new(
            Code::BadGateway,
            format!("{title} gave access for a short time only; those who gave you the link have to change how it is set up"),
        )
        .with_detail("the answer to the code has no refresh_token; the scopes may lack what asks for one"));
    }
    Ok(granted)
}

async fn client_secret(own: &Own, offer: &Offer) -> Result<Option<SecretString>, Error> {
    let store = own.store()?;
    let secrets = store
        .connector_config_secrets(&offer.config)
        .await
        .map_err(failed)?;
    Ok(secrets.and_then(|secrets| {
        let secrets: Value = serde_json::from_str(secrets.expose_secret()).ok()?;
        Some(secrets.get("client_secret")?.as_str()?.into())
    }))
}
