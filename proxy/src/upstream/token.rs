//! The credentials of one connection: the token in use, and how the next one is had.
//!
//! A refresh happens once, however many calls wait for it, and goes on when all of them have gone: a provider that
//! rotates refresh tokens has killed the old one by then. Tokens live in memory only. Time is the monotonic clock, so
//! that a jump of the wall clock neither ends a token nor keeps it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
    uri::{Authority, Scheme},
};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{sync::watch, time::Instant};
use url::{Url, form_urlencoded};

use super::{
    client::{Client, Failure, Response},
    engine::AGENT,
    fault::shorten,
    provider::{BaseUrl, Provider},
};
use crate::{
    config::{self, Credentials, OAuth, is_allowed_host, is_loopback, is_origin},
    error::{Code, Error, ProviderFault},
};

/// A refresh is tried so often before those who wait are told.
const TRIES: u32 = 3;
/// How long a failed refresh answers for the next callers, so that they don't all ask again.
const FAILURE_COUNTS: Duration = Duration::from_secs(1);
/// The same for a refusal, which only a person can cure.
const REFUSAL_COUNTS: Duration = Duration::from_secs(60);
/// A token is renewed this long before its end. The spread keeps connections from doing so all at once.
const MARGIN_SECONDS: std::ops::RangeInclusive<u64> = 60..=300;
/// No token lives longer, whatever its answer says.
const LONGEST_LIFE: u64 = 365 * 24 * 3600;

/// What a call needs to reach the provider.
pub(super) struct Token {
    pub(super) authorization: HeaderValue,
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Counts the tokens of the connection.
    pub(super) generation: u64,
    renew_at: Option<Instant>,
    ends_at: Option<Instant>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Token({}, generation {})",
            self.authority, self.generation
        )
    }
}

#[derive(Debug)]
pub(super) struct Tokens {
    connection: String,
    provider: &'static Provider,
    token_url: Url,
    /// The one that the configuration fixes; it goes before what a token's answer says.
    base_url: Option<Url>,
    oauth: Option<OAuth>,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: Option<Arc<Token>>,
    generation: u64,
    /// Where the API was said to be with the last token.
    base_url: Option<Url>,
    /// The newest refresh token.
    refresh_token: Option<SecretString>,
    flight: Option<watch::Receiver<Landing>>,
    /// The last failure, and until when it counts.
    failure: Option<(Instant, Error)>,
}

/// How a refresh ended; none while it goes on.
type Landing = Option<Result<Arc<Token>, Error>>;

/// A token as the provider's answer has it.
struct Granted {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    base_url: Option<String>,
    lifetime: Option<Duration>,
}

/// Why there is no token.
struct Refusal {
    error: Box<Error>,
    /// Only a person can cure it.
    is_final: bool,
}

impl Tokens {
    pub(super) fn new(connection: &config::Connection, timeout: Duration) -> Result<Self, Error> {
        let (oauth, access_token) = match &connection.credentials {
            Credentials::AccessToken(token) => (None, Some(token.clone())),
            Credentials::OAuth(oauth) => (Some(oauth.clone()), oauth.access_token.clone()),
        };
        let tokens = Self {
            connection: connection.settings.id.clone(),
            provider: connection.provider,
            token_url: connection.token_url.clone(),
            base_url: connection.base_url.clone(),
            timeout,
            state: Mutex::new(State {
                current: None,
                generation: 0,
                base_url: connection.base_url.clone(),
                refresh_token: oauth.as_ref().map(|oauth| oauth.refresh_token.clone()),
                flight: None,
                failure: None,
            }),
            oauth,
        };
        if let (Some(access_token), Some(base_url)) = (access_token, &connection.base_url) {
            let token = tokens.token(&access_token, base_url, 0, None)?;
            tokens.state().current = Some(Arc::new(token));
        }
        Ok(tokens)
    }

    /// Whether a token that the provider refuses can be replaced without a person.
    pub(super) fn can_renew(&self) -> bool {
        self.oauth.is_some()
    }

    /// A token that is good as far as the clock tells.
    pub(super) async fn get(
        self: &Arc<Self>,
        client: &Arc<Client>,
        deadline: Instant,
    ) -> Result<Arc<Token>, Error> {
        let now = Instant::now();
        let current = self.state().current.clone();
        match current {
            Some(token) if token.renew_at.is_none_or(|at| now < at) => Ok(token),
            Some(token) => match self.renew(client, token.generation, deadline).await {
                // The provider's token endpoint is down: the old token is good while it lives.
                Err(_) if token.ends_at.is_some_and(|at| Instant::now() < at) => Ok(token),
                other => other,
            },
            None => {
                let generation = self.state().generation;
                self.renew(client, generation, deadline).await
            }
        }
    }

    /// The provider refused the token of `generation`: it is not used again.
    pub(super) async fn replace(
        self: &Arc<Self>,
        client: &Arc<Client>,
        generation: u64,
        deadline: Instant,
    ) -> Result<Arc<Token>, Error> {
        {
            let mut state = self.state();
            if state.generation == generation {
                state.current = None;
            }
        }
        self.renew(client, generation, deadline).await
    }

    /// A token newer than `generation`: one that is there, one that is being fetched, or one that is fetched now.
    async fn renew(
        self: &Arc<Self>,
        client: &Arc<Client>,
        generation: u64,
        deadline: Instant,
    ) -> Result<Arc<Token>, Error> {
        let mut flight = match self.join(client, generation)? {
            Joined::Token(token) => return Ok(token),
            Joined::Flight(flight) => flight,
        };
        let landed = tokio::time::timeout_at(deadline, flight.wait_for(Option::is_some)).await;
        match landed {
            Ok(Ok(landing)) => landing
                .clone()
                .expect("the flight was waited for until it landed"),
            Ok(Err(_)) => Err(Error::new(
                Code::InternalServerError,
                "the refresh of the token ended without a result",
            )),
            Err(_) => Err(Error::new(
                Code::Timeout,
                format!("{} did not issue a token in time", self.provider.title),
            )),
        }
    }

    fn join(self: &Arc<Self>, client: &Arc<Client>, generation: u64) -> Result<Joined, Error> {
        let mut state = self.state();
        if let Some(token) = &state.current
            && token.generation > generation
        {
            return Ok(Joined::Token(Arc::clone(token)));
        }
        let now = Instant::now();
        if let Some((until, error)) = &state.failure
            && now < *until
        {
            return Err(error.clone());
        }
        if let Some(flight) = &state.flight
            // A flight whose task is gone without landing is none.
            && (flight.borrow().is_some() || flight.has_changed().is_ok())
        {
            return Ok(Joined::Flight(flight.clone()));
        }
        let (Some(oauth), Some(refresh_token)) = (self.oauth.clone(), state.refresh_token.clone())
        else {
            return Err(self.must_connect_again("its access token is refused"));
        };
        let (landing, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        drop(state);
        let (tokens, client) = (Arc::clone(self), Arc::clone(client));
        tokio::spawn(async move {
            let fetched = tokens.fetch(&client, &oauth, &refresh_token).await;
            let result = tokens.land(fetched, &refresh_token);
            // Nobody may wait any more; the state has the token all the same.
            landing.send_replace(Some(result));
        });
        Ok(Joined::Flight(flight))
    }

    /// Takes the result of a refresh over into the state.
    fn land(
        &self,
        fetched: Result<Granted, Refusal>,
        used: &SecretString,
    ) -> Result<Arc<Token>, Error> {
        let mut state = self.state();
        state.flight = None;
        let granted = fetched.and_then(|granted| {
            // A rotated refresh token counts even when the rest of the answer is of no use.
            if let Some(rotated) = &granted.refresh_token
                && rotated.expose_secret() != used.expose_secret()
            {
                state.refresh_token = Some(rotated.clone());
                tracing::warn!(
                    connection = self.connection,
                    provider = self.provider.name,
                    "the provider issued a new refresh token: the one in the configuration is stale, and this process holds the new one in memory only"
                );
            }
            let base_url = match self.granted_base_url(&granted)? {
                Some(base_url) => base_url,
                None => state.base_url.clone().ok_or_else(|| {
                    Refusal::passing(Error::bad_gateway(format!(
                        "{} issued a token without saying where its API is",
                        self.provider.title
                    )))
                })?,
            };
            let generation = state.generation + 1;
            let token = self
                .token(
                    &granted.access_token,
                    &base_url,
                    generation,
                    granted.lifetime,
                )
                .map_err(Refusal::passing)?;
            Ok((token, base_url))
        });
        match granted {
            Ok((token, base_url)) => {
                let token = Arc::new(token);
                state.generation = token.generation;
                state.base_url = Some(base_url);
                state.failure = None;
                state.current = Some(Arc::clone(&token));
                Ok(token)
            }
            Err(refusal) => {
                let counts = if refusal.is_final {
                    REFUSAL_COUNTS
                } else {
                    FAILURE_COUNTS
                };
                state.failure = Some((Instant::now() + counts, (*refusal.error).clone()));
                Err(*refusal.error)
            }
        }
    }

    /// Where the answer says that the API is, unless the configuration says so itself.
    fn granted_base_url(&self, granted: &Granted) -> Result<Option<Url>, Refusal> {
        if self.base_url.is_some() {
            return Ok(None);
        }
        let (Some(told), BaseUrl::PerConnection { allowed_hosts, .. }) =
            (&granted.base_url, &self.provider.base_url)
        else {
            return Ok(None);
        };
        let url = Url::parse(told).ok().filter(is_origin).filter(|url| {
            // A sandbox on loopback names itself; a real token endpoint must not send us to loopback.
            is_allowed_host(url, allowed_hosts)
                || (is_loopback(url) && is_loopback(&self.token_url))
        });
        if url.is_none() {
            return Err(Refusal::passing(
                Error::bad_gateway(format!(
                    "{} issued a token for a host that is not one of its own",
                    self.provider.title
                ))
                .with_detail(shorten(told, 200)),
            ));
        }
        Ok(url)
    }

    fn token(
        &self,
        access_token: &SecretString,
        base_url: &Url,
        generation: u64,
        lifetime: Option<Duration>,
    ) -> Result<Token, Error> {
        let bearer = SecretString::from(format!("Bearer {}", access_token.expose_secret()));
        let authorization = HeaderValue::from_str(bearer.expose_secret());
        let (authority, scheme) = (
            base_url[url::Position::BeforeHost..url::Position::AfterPort].parse::<Authority>(),
            base_url.scheme().parse::<Scheme>(),
        );
        let (Ok(mut authorization), Ok(authority), Ok(scheme)) = (authorization, authority, scheme)
        else {
            return Err(Error::bad_gateway(format!(
                "the token or the address of {} cannot stand in a request",
                self.provider.title
            )));
        };
        authorization.set_sensitive(true);
        let now = Instant::now();
        Ok(Token {
            authorization,
            scheme,
            authority,
            generation,
            renew_at: lifetime.map(|lifetime| now + lifetime.saturating_sub(margin(lifetime))),
            ends_at: lifetime.map(|lifetime| now + lifetime),
        })
    }

    /// Asks for a token until the provider has decided, or the time is up.
    async fn fetch(
        &self,
        client: &Client,
        oauth: &OAuth,
        refresh_token: &SecretString,
    ) -> Result<Granted, Refusal> {
        let deadline = Instant::now() + self.timeout;
        let mut tries = 1;
        loop {
            let request = self.request(oauth, refresh_token)?;
            // An endpoint that hangs leaves time for another try.
            let try_until = deadline.min(Instant::now() + self.timeout / 2);
            let failed = match client.send(request, try_until).await {
                Ok(response) if response.status.is_success() => return self.granted(&response),
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

    fn granted(&self, response: &Response) -> Result<Granted, Refusal> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = |member: &str| body.get(member).and_then(Value::as_str);
        let Some(access_token) = text("access_token").filter(|token| !token.is_empty()) else {
            return Err(Refusal::passing(Error::bad_gateway(format!(
                "expected a token from {}, found an answer without access_token",
                self.provider.title
            ))));
        };
        // Some servers write the number as a text. Nothing, zero and nonsense say nothing.
        let seconds = body
            .get("expires_in")
            .and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
            .filter(|seconds| *seconds > 0)
            .or(self.provider.auth.lifetime_seconds);
        Ok(Granted {
            access_token: access_token.into(),
            refresh_token: text("refresh_token")
                .filter(|token| !token.is_empty())
                .map(SecretString::from),
            base_url: self
                .provider
                .auth
                .base_url_member
                .and_then(text)
                .map(str::to_owned),
            lifetime: seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST_LIFE))),
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
        let words = words.map(|words| {
            let scrubbed = secrets
                .into_iter()
                .flatten()
                .fold(words.to_owned(), |words, secret| {
                    words.replace(secret.expose_secret(), "…")
                });
            shorten(&scrubbed, 500)
        });
        let told = [code.map(str::to_owned), words.clone()]
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
                    "connection `{}`: {} issues no token (status {}, {told}); check client_id, client_secret and login_url in the configuration",
                    self.connection,
                    self.provider.title,
                    response.status.as_u16()
                ),
            )
        };
        error.provider = Some(Box::new(ProviderFault {
            name: self.provider.name,
            status: response.status.as_u16(),
            code: code.map(|code| shorten(code, 200)),
            message: words,
            correlation_id: None,
        }));
        Refusal {
            error: Box::new(error),
            is_final: true,
        }
    }

    fn must_connect_again(&self, reason: &str) -> Error {
        Error::new(
            Code::Unauthorized,
            format!(
                "connection `{}` to {} is dead, {reason}; connect the account again and put the new credentials into the configuration",
                self.connection, self.provider.title
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
            Failure::TimedOut => Code::Timeout,
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

    /// A panic while the lock was held leaves a state that is still whole: every change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Joined {
    Token(Arc<Token>),
    Flight(watch::Receiver<Landing>),
}

impl Refusal {
    fn passing(error: Error) -> Self {
        Self {
            error: Box::new(error),
            is_final: false,
        }
    }
}

/// How long before its end a token is renewed: never more than a quarter of its life.
fn margin(lifetime: Duration) -> Duration {
    Duration::from_secs(rand::random_range(MARGIN_SECONDS)).min(lifetime / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_leaves_most_of_a_short_life() {
        for seconds in [1, 10, 240, 1800, 7200] {
            let lifetime = Duration::from_secs(seconds);
            assert!(margin(lifetime) <= lifetime / 4);
        }
        let usual = margin(Duration::from_secs(1800)).as_secs();
        assert!((60..=300).contains(&usual));
    }
}
