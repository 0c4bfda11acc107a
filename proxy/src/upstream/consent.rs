//! The code that a consent page sends back, exchanged for tokens.
//!
//! Asked once: a code is good for one use, and whether it was used is not known where no answer came.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{
    Request,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::{
    client::{Failure, Response},
    engine::Upstream,
    fault::shorten,
    provider::Provider,
    token,
    wire::AGENT,
};
use crate::error::{Code, Error};

/// What a code is exchanged with.
#[derive(Debug)]
pub struct Consent<'a> {
    pub provider: &'static Provider,
    pub token_url: &'a Url,
    pub client_id: &'a str,
    pub client_secret: Option<&'a SecretString>,
    pub redirect_uri: &'a str,
    pub code: &'a SecretString,
    /// The text behind the code challenge, where there was one.
    pub verifier: Option<&'a SecretString>,
}

/// What a code stood for.
pub struct CodeGrant {
    pub access_token: SecretString,
    pub refresh_token: Option<SecretString>,
    pub lifetime: Option<Duration>,
    /// Where the account's API is, where the answer says so; a host of the provider's.
    pub base_url: Option<Url>,
    /// None where the provider did not tell.
    pub scopes: Option<Vec<String>>,
}

impl fmt::Debug for CodeGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodeGrant({:?}, {:?})", self.base_url, self.scopes)
    }
}

/// Why there are no tokens.
#[derive(Debug)]
pub enum CodeRefusal {
    /// The provider has decided; its words, for the log.
    Refused(String),
    /// There was no decision, or none that can be used.
    Failed(Box<Error>),
}

impl From<Error> for CodeRefusal {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl Upstream {
    /// Exchanges a code.
    pub async fn exchange_code(
        &self,
        consent: &Consent<'_>,
        deadline: Instant,
    ) -> Result<CodeGrant, CodeRefusal> {
        let title = consent.provider.title;
        let deadline = deadline.min(Instant::now() + self.token_timeout());
        let response = self
            .client()
            .send(request(consent)?, deadline)
            .await
            .map_err(|failure| no_answer(title, &failure))?;
        if response.status.is_server_error() || response.status.as_u16() == 429 {
            return Err(Error::new(
                Code::ServiceUnavailable,
                format!("{title} is busy; begin again in a moment"),
            )
            .with_detail(format!("the token endpoint answers {}", response.status))
            .into());
        }
        if !response.status.is_success() {
            return Err(CodeRefusal::Refused(refusal(consent, &response)));
        }
        let granted = token::read_granted(consent.provider, &response)?;
        let base_url = match &granted.base_url {
            Some(told) => token::allowed_base_url(consent.provider, consent.token_url, told)?,
            None => None,
        };
        Ok(CodeGrant {
            access_token: granted.access_token,
            refresh_token: granted.refresh_token,
            lifetime: granted.lifetime,
            base_url,
            scopes: granted.scopes,
        })
    }
}

fn request(consent: &Consent<'_>) -> Result<Request<Full<Bytes>>, Error> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("client_id", consent.client_id);
    if let Some(secret) = consent.client_secret {
        form.append_pair("client_secret", secret.expose_secret());
    }
    form.append_pair("redirect_uri", consent.redirect_uri)
        .append_pair("code", consent.code.expose_secret());
    if let Some(verifier) = consent.verifier {
        form.append_pair("code_verifier", verifier.expose_secret());
    }
    Request::post(consent.token_url.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, AGENT)
        .body(Full::from(form.finish()))
        .map_err(|error| {
            Error::new(
                Code::InternalServerError,
                format!("the token endpoint's address cannot be used: {error}"),
            )
        })
}

fn no_answer(title: &str, failure: &Failure) -> Error {
    let code = match failure {
        Failure::TimedOut(_) => Code::Timeout,
        _ => Code::BadGateway,
    };
    Error::new(code, format!("{title} gave no answer; begin again"))
        .with_detail(failure.to_string())
}

/// The provider's words, without what was sent to it.
fn refusal(consent: &Consent<'_>, response: &Response) -> String {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let words = [
        text("error"),
        text("status"),
        text("error_description").or_else(|| text(consent.provider.errors.message)),
    ];
    let words: Vec<_> = words.into_iter().flatten().collect();
    let sent = [Some(consent.code), consent.client_secret, consent.verifier];
    let words = sent
        .into_iter()
        .flatten()
        .map(ExposeSecret::expose_secret)
        .filter(|secret| !secret.is_empty())
        .fold(words.join(": "), |words, secret| words.replace(secret, "…"));
    format!(
        "the token endpoint answers {}: {}",
        response.status,
        shorten(&words, 500)
    )
}
