//! What is asked about an account and its tokens, and not about its records: whether the credentials work, what was
//! granted, and that they are taken back.
//!
//! None of it is tried again: who checks wants to know how things are.

use bytes::Bytes;
use http::{
    HeaderMap, Request, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    client::Failure,
    engine::unanswered,
    fault,
    provider::{Effect, FixedCall, TokenCall},
    token::Token,
    wire::{AGENT, http_request, native_response},
};
use crate::{
    error::{Code, Error},
    translate::{Freshness, NativeRequest, NativeResponse},
    upstream::{Connection, NativeLog, Upstream},
};

/// An answer with its headers, which tell of limits.
#[derive(Debug)]
pub struct Told {
    pub response: NativeResponse,
    pub headers: HeaderMap,
}

impl Told {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.response.body).unwrap_or_default()
    }
}

/// What became of a token that was to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    Yes,
    /// Why not.
    No(String),
}

impl Upstream {
    /// Makes a call that is the same each time. A token that the provider refuses is replaced once, where it can be.
    pub async fn fixed_call(
        &self,
        connection: &Connection,
        call: &FixedCall,
        deadline: Instant,
        log: &NativeLog,
    ) -> Result<Told, Error> {
        let request = NativeRequest {
            operation: call.operation,
            target: call.target(&connection.settings.roots),
            body: None,
            freshness: Freshness::Asked,
            credential_at: None,
            parts: None,
        };
        let mut may_replace = connection.tokens.can_renew();
        let mut token = connection.tokens.get(&self.client, deadline).await?;
        loop {
            let told = self
                .ask_once(connection, &token, &request, deadline, log)
                .await?;
            let wants_new_token = fault::rule(connection.provider, &told.response)
                .is_some_and(|rule| rule.refresh)
                && !fault::is_incurable(connection.provider, &told.response);
            if !may_replace || told.response.is_success() || !wants_new_token {
                return Ok(told);
            }
            token = connection
                .tokens
                .replace(&self.client, token.generation, deadline)
                .await?;
            may_replace = token.is_second_hand;
        }
    }

    async fn ask_once(
        &self,
        connection: &Connection,
        token: &Token,
        request: &NativeRequest,
        deadline: Instant,
        log: &NativeLog,
    ) -> Result<Told, Error> {
        let provider = connection.provider;
        let native = http_request(token, request)?;
        let deadline = deadline.min(Instant::now() + self.native_timeout);
        log.asks(&connection.budget);
        // Who asks how things are is to hear it from the provider.
        let turn = connection.budget.at_once(request.operation);
        let began = turn.began;
        let sending = log.sending(&native, token, (1, began));
        let answered = self.client.send(native, deadline).await;
        let ended = Instant::now();
        let status = answered.as_ref().map(|answer| answer.status.as_u16()).ok();
        self.metrics()
            .native_call(provider.name, status, ended - began);
        log.ended(sending, request, token, answered.as_ref());
        let answered = answered.map_err(|failure| unanswered(provider, Effect::Read, &failure))?;
        let mut response = native_response(provider, &answered);
        let headers = answered.headers;
        if !response.is_success() {
            fault::without_secret(&mut response, token.secret());
        }
        let rule = if response.is_success() {
            None
        } else {
            fault::rule(provider, &response)
        };
        turn.answered(ended, response.status, &headers, rule);
        Ok(Told { response, headers })
    }

    /// The scopes of the access token in use and the name of the account, as far as the provider tells.
    pub async fn granted(
        &self,
        connection: &Connection,
        deadline: Instant,
    ) -> Result<Option<(Vec<String>, Option<String>)>, Error> {
        let provider = connection.provider;
        let Some(granted) = &provider.auth.granted else {
            return Ok(None);
        };
        let Some(call) = &granted.call else {
            let told = connection.tokens.told_scopes();
            return Ok(told.map(|scopes| (scopes, None)));
        };
        if !connection.tokens.can_renew() {
            // What was given by hand may be of another kind, of which this call knows nothing.
            return Ok(None);
        }
        let token = connection.tokens.get(&self.client, deadline).await?;
        let token = SecretString::from(token.secret());
        let Some((status, body)) = self
            .token_call(connection, call, &token, deadline)
            .await
            .map_err(|failure| unanswered(provider, Effect::Read, &failure))?
        else {
            return Ok(None);
        };
        if !status.is_success() {
            return Ok(None);
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let name = granted
            .account_name
            .and_then(|name| body.get(name)?.as_str());
        Ok(granted
            .read(&body)
            .map(|scopes| (scopes, name.map(str::to_owned))))
    }

    /// Has the provider end what a connection was granted.
    pub async fn revoke(&self, connection: &Connection, deadline: Instant) -> Revoked {
        let title = connection.provider.title;
        let Some(token) = connection.tokens.refresh_token() else {
            return Revoked::No(format!(
                "an access token that was given by hand ends where it was made, at {title}"
            ));
        };
        let Some(call) = &connection.provider.auth.revoke else {
            return Revoked::No(format!("{title} has no call for it"));
        };
        match self.token_call(connection, call, &token, deadline).await {
            Ok(Some((status, _))) if status.is_success() => Revoked::Yes,
            Ok(Some((status, _))) => {
                Revoked::No(format!("{title} answered status {}", status.as_u16()))
            }
            Ok(None) => Revoked::No("there is no client to speak for it".to_owned()),
            Err(failure) => {
                tracing::info!(connection = %connection.settings.id, %failure, "the token was not revoked");
                Revoked::No(format!("{title} gave no answer"))
            }
        }
    }

    async fn token_call(
        &self,
        connection: &Connection,
        call: &TokenCall,
        token: &SecretString,
        deadline: Instant,
    ) -> Result<Option<(StatusCode, Bytes)>, Failure> {
        let Some((url, form)) = connection.tokens.fill(call, token) else {
            return Ok(None);
        };
        let request = Request::builder()
            .method(call.method.clone())
            .uri(url.expose_secret())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, AGENT);
        let request = match &form {
            Some(_) => request.header(CONTENT_TYPE, "application/x-www-form-urlencoded"),
            None => request,
        };
        let body = form.map_or_else(String::new, |form| form.expose_secret().to_owned());
        let Ok(request) = request.body(Full::from(body)) else {
            return Ok(None);
        };
        let deadline = deadline.min(Instant::now() + self.native_timeout);
        let response = self.client.send(request, deadline).await?;
        Ok(Some((response.status, response.body)))
    }
}

/// What the provider's refusal of a check means: the account's owner must act, or this installation's must. An error
/// where it proves nothing about the credentials.
pub fn refusal(connection: &Connection, response: &NativeResponse) -> Result<Error, Error> {
    let error = fault::fault(connection.provider, response);
    match error.code {
        Code::TooManyRequests
        | Code::ServiceUnavailable
        | Code::BadGateway
        | Code::Timeout
        | Code::InternalServerError => Err(error),
        _ => Ok(error),
    }
}
