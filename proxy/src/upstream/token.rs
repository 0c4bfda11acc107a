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

use http::{
    HeaderValue,
    uri::{Authority, Scheme},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::watch, time::Instant};
use url::Url;

use super::{
    client::Client,
    fault::shorten,
    provider::{BaseUrl, Provider},
};
use crate::{
    config::{self, Credentials, OAuth, is_allowed_host, is_loopback, is_origin},
    error::{Code, Error},
};

mod endpoint;

pub(super) use endpoint::read_granted;
use endpoint::{Granted, Refusal};

/// What stands before a token in a request.
const SCHEME: &str = "Bearer ";
/// How long a failed refresh answers for the next callers, so that they don't all ask again.
const FAILURE_COUNTS: Duration = Duration::from_secs(1);
/// The same for a refusal, which only a person can cure.
const REFUSAL_COUNTS: Duration = Duration::from_mins(1);
/// A token is renewed this long before its end. The spread keeps connections from doing so all at once.
const MARGIN_SECONDS: std::ops::RangeInclusive<u64> = 60..=300;

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

impl Token {
    /// The access token itself.
    pub(super) fn secret(&self) -> &str {
        let text = self.authorization.to_str().unwrap_or_default();
        text.strip_prefix(SCHEME).unwrap_or_default()
    }
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
        match &granted.base_url {
            Some(told) => {
                allowed_base_url(self.provider, &self.token_url, told).map_err(Refusal::passing)
            }
            None => Ok(None),
        }
    }

    fn token(
        &self,
        access_token: &SecretString,
        base_url: &Url,
        generation: u64,
        lifetime: Option<Duration>,
    ) -> Result<Token, Error> {
        let bearer = SecretString::from(format!("{SCHEME}{}", access_token.expose_secret()));
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

    /// A panic while the lock was held leaves a state that is still whole: every change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a token's answer says that the API is; a host of the provider's, or none where it has one for everybody.
pub(super) fn allowed_base_url(
    provider: &Provider,
    token_url: &Url,
    told: &str,
) -> Result<Option<Url>, Error> {
    let BaseUrl::PerConnection { allowed_hosts, .. } = &provider.base_url else {
        return Ok(None);
    };
    let url = Url::parse(told).ok().filter(is_origin).filter(|url| {
        // A sandbox on loopback names itself; a real token endpoint must not send us to loopback.
        is_allowed_host(url, allowed_hosts) || (is_loopback(url) && is_loopback(token_url))
    });
    if url.is_none() {
        return Err(Error::bad_gateway(format!(
            "{} issued a token for a host that is not one of its own",
            provider.title
        ))
        .with_detail(shorten(told, 200)));
    }
    Ok(url)
}

enum Joined {
    Token(Arc<Token>),
    Flight(watch::Receiver<Landing>),
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
        let usual = margin(Duration::from_mins(30)).as_secs();
        assert!((60..=300).contains(&usual));
    }
}
