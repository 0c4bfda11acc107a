//! What is said to a token endpoint, and what its answer means.
//!
//! Nothing of an answer gets into an error or the log but the provider's own words about a refusal, and these without
//! the secrets that were sent.

use std::time::Duration;

use bytes::Bytes;
use http::{
    Request,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
    uri::Authority,
};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded;

use super::{FAILURE_COUNTS, Tokens};
use crate::{
    config::OAuth,
    error::{Code, Error, ProviderFault},
    upstream::{
        circuit::{Door, Health, Pass},
        client::{Client, Failure, Response},
        fault::shorten,
        provider::Provider,
        wire::AGENT,
    },
};

/// A refresh is tried so often before those who wait are told.
const TRIES: u32 = 3;
/// No token lives longer, whatever its answer says.
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(365 * 24);

/// A token as the provider's answer has it.
pub(in crate::upstream) struct Granted {
    pub(in crate::upstream) access_token: SecretString,
    pub(in crate::upstream) refresh_token: Option<SecretString>,
    pub(in crate::upstream) base_url: Option<String>,
    pub(in crate::upstream) lifetime: Option<Duration>,
    /// None where the answer does not tell.
    pub(in crate::upstream) scopes: Option<Vec<String>>,
}

/// Why there is no token.
pub(super) struct Refusal {
    pub(super) error: Box<Error>,
    pub(super) cure: Cure,
}

/// What a refusal is cured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cure {
    Time,
    /// The account's owner connects it again.
    Consent,
    /// This installation's client is put right.
    Client,
}

impl Refusal {
    pub(super) fn passing(error: Error) -> Self {
        Self {
            error: Box::new(error),
            cure: Cure::Time,
        }
    }
}

/// The tokens in a token endpoint's answer.
pub(in crate::upstream) fn read_granted(
    provider: &Provider,
    response: &Response,
) -> Result<Granted, Error> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let Some(access_token) = text("access_token").filter(|token| !token.is_empty()) else {
        return Err(Error::bad_gateway(format!(
            "expected a token from {}, found an answer without access_token",
            provider.title
        )));
    };
    // Some servers write the number as a text. Nothing, zero and nonsense say nothing.
    let seconds = body
        .get("expires_in")
        .and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
        .filter(|seconds| *seconds > 0)
        .or(provider.auth.lifetime_seconds);
    Ok(Granted {
        access_token: access_token.into(),
        refresh_token: text("refresh_token")
            .filter(|token| !token.is_empty())
            .map(SecretString::from),
        base_url: provider
            .auth
            .base_url_member
            .and_then(text)
            .map(str::to_owned),
        lifetime: seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_LIFE)),
        scopes: provider
            .auth
            .granted
            .as_ref()
            .filter(|granted| granted.call.is_none())
            .and_then(|granted| granted.read(&body)),
    })
}

impl Tokens {
    /// Asks for a token until the provider has decided, or the time is up.
    pub(super) async fn fetch(
        &self,
        client: &Client,
        oauth: &OAuth,
        refresh_token: &SecretString,
    ) -> Result<Granted, Refusal> {
        let deadline = Instant::now() + self.means.timeout;
        let mut tries = 1;
        loop {
            let request = self.request(oauth, refresh_token)?;
            let pass = self.admit()?;
            // An endpoint that hangs leaves time for another try.
            let try_until = deadline.min(Instant::now() + self.means.timeout / 2);
            let answered = client.send(request, try_until).await;
            // The time that a refresh may take is our own: nobody's deadline cuts it.
            pass.ended(match &answered {
                Ok(response) => Health::of_answer(response.status.as_u16(), None),
                Err(failure) => Health::of_failure(failure, false).unwrap_or(Health::Bad),
            });
            let failed = match answered {
                // What spoils an answer on its way seldom does it twice, and every call of the connection waits for it.
                Ok(response) if response.status.is_success() => {
                    match read_granted(self.provider, &response) {
                        Ok(granted) => {
                            if granted.scopes.is_some() {
                                self.state().scopes.clone_from(&granted.scopes);
                            }
                            return Ok(granted);
                        }
                        Err(unusable) => unusable,
                    }
                }
                Ok(response)
                    if response.status.as_u16() == 429 || response.status.is_server_error() =>
                {
                    self.passing(&response)
                }
                Ok(response) => return Err(self.refusal(&response, oauth, refresh_token)),
                Err(failure) => self.unreachable(&failure),
            };
            let pause = Duration::from_millis(200) * 3_u32.pow(tries - 1);
            if tries == TRIES || Instant::now() + pause >= deadline {
                return Err(Refusal::passing(failed));
            }
            tries += 1;
            tokio::time::sleep(pause).await;
        }
    }

    /// Leave to ask the token endpoint. Its circuit is not that of the API, which goes on with the tokens at hand.
    fn admit(&self) -> Result<Pass, Refusal> {
        let url = &self.token_url[url::Position::BeforeHost..url::Position::AfterPort];
        let host: Authority = url.parse().map_err(|_| {
            Refusal::passing(Error::new(
                Code::InternalServerError,
                "the token endpoint's address cannot be used",
            ))
        })?;
        let (circuits, now) = (&self.means.circuits, Instant::now());
        let admitted = circuits.admit(self.provider, Door::Tokens, &host, now);
        admitted.map_err(|error| {
            self.means.metrics.circuit_refused(self.provider.name);
            Refusal::passing(error)
        })
    }

    fn request(
        &self,
        oauth: &OAuth,
        refresh_token: &SecretString,
    ) -> Result<Request<Full<Bytes>>, Refusal> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("client_id", &oauth.client_id);
        if let Some(secret) = &oauth.client_secret {
            form.append_pair("client_secret", secret.expose_secret());
        }
        form.append_pair("refresh_token", refresh_token.expose_secret());
        Request::post(self.token_url.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, AGENT)
            .body(Full::from(form.finish()))
            .map_err(|error| {
                Refusal::passing(Error::new(
                    Code::InternalServerError,
                    format!("the token endpoint's address cannot be used: {error}"),
                ))
            })
    }

    /// The token endpoint has decided against us: either the account or the configuration is at fault.
    fn refusal(&self, response: &Response, oauth: &OAuth, refresh_token: &SecretString) -> Refusal {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = |member: &str| body.get(member).and_then(Value::as_str);
        let revoked = self.provider.auth.revoked;
        let code = text("error").or_else(|| revoked.iter().find_map(|(member, _)| text(member)));
        let words = text("error_description").or_else(|| text(self.provider.errors.message));
        // OAuth's own word for a wrong client goes before whatever else the answer says.
        let is_revoked = text("error") != Some("invalid_client")
            && revoked
                .iter()
                .any(|(member, values)| text(member).is_some_and(|found| values.contains(&found)));
        let secrets = [Some(refresh_token), oauth.client_secret.as_ref()];
        let scrubbed = |words: &str, longest: usize| {
            let secrets = secrets.into_iter().flatten();
            let scrubbed = secrets.fold(words.to_owned(), |words, secret| {
                words.replace(secret.expose_secret(), "…")
            });
            shorten(&scrubbed, longest)
        };
        let words = words.map(|words| scrubbed(words, 500));
        let code = code.map(|code| scrubbed(code, 200));
        let told = [code.clone(), words.clone()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": ");
        let mut error = if is_revoked {
            self.must_connect_again(&format!("its refresh token is refused ({told})"))
        } else {
            Error::new(
                Code::Unauthorized,
                format!(
                    "connection `{}`: {} issues no token (status {}, {told}); check client_id, client_secret and login_url {}",
                    self.connection,
                    self.provider.title,
                    response.status.as_u16(),
                    self.keeper.place_of_client()
                ),
            )
        };
        error.provider = Some(Box::new(ProviderFault {
            name: self.provider.name,
            status: response.status.as_u16(),
            code,
            message: words,
            correlation_id: None,
        }));
        Refusal {
            error: Box::new(error),
            cure: if is_revoked {
                Cure::Consent
            } else {
                Cure::Client
            },
        }
    }

    pub(super) fn must_connect_again(&self, reason: &str) -> Error {
        Error::new(
            Code::Unauthorized,
            format!(
                "connection `{}` to {} is dead, {reason}; {}",
                self.connection,
                self.provider.title,
                self.keeper.advice()
            ),
        )
    }

    /// The token endpoint is overloaded or broken.
    fn passing(&self, response: &Response) -> Error {
        let status = response.status.as_u16();
        let mut error = Error::new(
            Code::ServiceUnavailable,
            format!(
                "{}'s token endpoint answered status {status}; try again",
                self.provider.title
            ),
        );
        error.provider = Some(Box::new(ProviderFault {
            name: self.provider.name,
            status,
            ..ProviderFault::default()
        }));
        error.with_retry_after(FAILURE_COUNTS)
    }

    fn unreachable(&self, failure: &Failure) -> Error {
        let code = match failure {
            Failure::TimedOut(_) => Code::Timeout,
            _ => Code::BadGateway,
        };
        Error::new(
            code,
            format!(
                "{}'s token endpoint gave no answer; try again",
                self.provider.title
            ),
        )
        .with_detail(failure.to_string())
    }
}
