//! The credentials of one connection: the token in use, and how the next one is had.
//!
//! A refresh happens once, however many calls wait for it, and goes on when all of them have gone: a provider that
//! rotates refresh tokens has killed the old one by then. Of a connection in the store it happens once for all sidecars
//! ([`keeper`]). Time is the monotonic clock, so that a jump of the wall clock neither ends a token nor keeps it; only
//! what is kept has a date, by the store's clock.

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
    circuit::Circuits,
    client::Client,
    fault::shorten,
    provider::{BaseUrl, Provider},
    retry::{RetryBudget, RetryBudgets},
};
use crate::{
    config::{self, Credentials, OAuth, is_allowed_host, is_loopback, is_origin},
    error::{Code, Error},
    metrics::{Metrics, Refreshed},
    store::Store,
};

mod account;
mod endpoint;
mod flights;
mod keeper;
mod kept;
mod life;
mod newest;
mod refresh;
mod single;

pub use kept::Kept;
pub use newest::Newest;

pub(super) use endpoint::read_granted;
pub(super) use flights::Flights;

use endpoint::{Cure, Refusal};
use keeper::Keeper;
use life::Life;
use single::{Asked, Single};

/// What stands before a token in a request.
const SCHEME: &str = "Bearer ";
/// How long a failed refresh answers for the next callers, so that they don't all ask again.
const FAILURE_COUNTS: Duration = Duration::from_secs(1);
/// The same for a refusal, which only a person can cure.
const REFUSAL_COUNTS: Duration = Duration::from_mins(1);
/// A token that lives this long is sent without a thought: a call reaches the provider in less.
const ENOUGH: Duration = Duration::from_secs(2);

/// What a call needs to reach the provider.
pub(super) struct Token {
    /// As every call with it has it.
    pub(super) authorization: HeaderValue,
    pub(super) scheme: Scheme,
    /// The host, and how many calls to there may be made again.
    pub(super) retries: Arc<RetryBudget>,
    /// Counts the tokens of the connection.
    pub(super) generation: u64,
    /// Another sidecar got it, nobody knows how long ago; the provider may have ended it since.
    pub(super) is_second_hand: bool,
    life: Life,
}

impl Token {
    /// Where the API is.
    pub(super) fn host(&self) -> &Authority {
        &self.retries.host
    }

    /// The access token itself.
    pub(super) fn secret(&self) -> &str {
        let text = self.authorization.to_str().ok();
        text.and_then(|text| text.strip_prefix(SCHEME))
            .unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, generation {})", self.host(), self.generation)
    }
}

/// What all credentials share.
#[derive(Debug, Clone, Default)]
pub(super) struct Means {
    /// One refresh, with its retries.
    pub(super) timeout: Duration,
    pub(super) flights: Flights,
    pub(super) circuits: Arc<Circuits>,
    pub(super) retries: Arc<RetryBudgets>,
    pub(super) metrics: Arc<Metrics>,
}

/// What every call looks at comes first, side by side: with thousands of connections each is another place in memory.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Tokens {
    oauth: Option<Box<OAuth>>,
    state: Mutex<State>,
    connection: String,
    provider: &'static Provider,
    token_url: Url,
    /// The one that is configured; it goes before what a token's answer says.
    base_url: Option<Url>,
    means: Means,
    keeper: Keeper,
}

#[derive(Debug)]
#[repr(C)]
struct State {
    single: Single<Arc<Token>, watch::Receiver<Landing>, Error, Instant>,
    /// Where the API was said to be with the last token.
    base_url: Option<Url>,
    /// The newest refresh token.
    refresh_token: Option<SecretString>,
    /// What the last refresh told of the scopes.
    scopes: Option<Vec<String>>,
    /// That of the kept credentials that these are.
    version: i64,
}

/// How a refresh ended; none while it goes on.
type Landing = Option<Result<Arc<Token>, Error>>;

impl Tokens {
    /// Credentials that live in this process alone.
    pub(super) fn new(connection: &config::Connection, means: Means) -> Result<Self, Error> {
        let tokens = Self::bare(connection, means, Keeper::Memory);
        let access_token = match &connection.credentials {
            Credentials::AccessToken(token) => Some(token),
            Credentials::OAuth(oauth) => oauth.access_token.as_ref(),
        };
        if let (Some(access_token), Some(base_url)) = (access_token, &connection.base_url) {
            tokens.state().single.install(|generation| {
                let token = tokens.token(access_token, base_url, generation, Life::unknown());
                token.map(Arc::new)
            })?;
        }
        Ok(tokens)
    }

    /// Credentials that the store keeps, as they were just found there.
    pub(super) fn kept(
        connection: &config::Connection,
        means: Means,
        store: &Store,
        newest: &Newest,
    ) -> Self {
        let keeper = Keeper::store(store, &connection.settings.id);
        let tokens = Self::bare(connection, means, keeper);
        // No version is as low, so whatever was found counts.
        tokens.state().version = i64::MIN;
        tokens.adopt(newest);
        tokens
    }

    fn bare(connection: &config::Connection, means: Means, keeper: Keeper) -> Self {
        let oauth = match &connection.credentials {
            Credentials::AccessToken(_) => None,
            Credentials::OAuth(oauth) => Some(Box::new(oauth.clone())),
        };
        Self {
            connection: connection.settings.id.clone(),
            provider: connection.provider,
            token_url: connection.token_url.clone(),
            base_url: connection.base_url.clone(),
            means,
            keeper,
            state: Mutex::new(State {
                single: Single::default(),
                base_url: connection.base_url.clone(),
                refresh_token: oauth.as_ref().map(|oauth| oauth.refresh_token.clone()),
                scopes: None,
                version: 0,
            }),
            oauth,
        }
    }

    /// Whether they still fit a connection that was read again: everything but the tokens themselves is the same.
    pub(super) fn fit(&self, connection: &config::Connection) -> bool {
        let client = |oauth: &OAuth| {
            let secret = oauth.client_secret.as_ref();
            (
                oauth.client_id.clone(),
                secret.map(|secret| secret.expose_secret().to_owned()),
            )
        };
        let oauth = match &connection.credentials {
            Credentials::AccessToken(_) => None,
            Credentials::OAuth(oauth) => Some(client(oauth)),
        };
        self.provider.name == connection.provider.name
            && self.token_url == connection.token_url
            && self.base_url == connection.base_url
            && self.oauth.as_deref().map(client) == oauth
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
        let current = self.state().single.current().cloned();
        match current {
            Some(token) if token.life.is_fresh(now) => Ok(token),
            Some(token) if token.life.is_good(now + ENOUGH) => {
                // Nobody waits for the next one while this one lives. What becomes of it is logged there.
                let _ = self.join(client, token.generation, false);
                Ok(token)
            }
            Some(token) => match self.renew(client, token.generation, deadline, false).await {
                // The provider's token endpoint is down: the old token is good while it lives.
                Err(_) if token.life.has_end() && token.life.is_good(Instant::now()) => Ok(token),
                other => other,
            },
            None => {
                let generation = self.state().single.generation();
                self.renew(client, generation, deadline, false).await
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
        self.state().single.refuse(generation);
        self.renew(client, generation, deadline, false).await
    }

    /// A new token, although the one at hand may be good and the last refresh may have failed just now.
    pub(super) async fn force(
        self: &Arc<Self>,
        client: &Arc<Client>,
        deadline: Instant,
    ) -> Result<Arc<Token>, Error> {
        let generation = self.state().single.generation();
        self.renew(client, generation, deadline, true).await
    }

    /// A token newer than `generation`: one that is there, one that is being fetched, or one that is fetched now.
    async fn renew(
        self: &Arc<Self>,
        client: &Arc<Client>,
        generation: u64,
        deadline: Instant,
        forced: bool,
    ) -> Result<Arc<Token>, Error> {
        let mut flight = match self.join(client, generation, forced)? {
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
                format!(
                    "{} did not issue a token in time; the call was not sent",
                    self.provider.title
                ),
            )),
        }
    }

    fn join(
        self: &Arc<Self>,
        client: &Arc<Client>,
        generation: u64,
        forced: bool,
    ) -> Result<Joined, Error> {
        let mut state = self.state();
        let flies = |flight: &watch::Receiver<Landing>| {
            flight.borrow().is_some() || flight.has_changed().is_ok()
        };
        match state.single.ask(generation, &Instant::now(), forced, flies) {
            Asked::There(token) => return Ok(Joined::Token(token)),
            Asked::UnderWay(flight) => return Ok(Joined::Flight(flight)),
            Asked::Failed(error) => return Err(error),
            Asked::Nobody => {}
        }
        let (Some(oauth), true) = (self.oauth.clone(), state.refresh_token.is_some()) else {
            return Err(self.must_connect_again("its access token is refused"));
        };
        let (landing, flight) = watch::channel(None);
        state.single.began(flight.clone());
        drop(state);
        let (tokens, client, flying) = (
            Arc::clone(self),
            Arc::clone(client),
            self.means.flights.begin(),
        );
        tokio::spawn(async move {
            let result = tokens.land(tokens.refresh(&client, &oauth, generation).await);
            // Nobody may wait any more; the state has the token all the same.
            landing.send_replace(Some(result));
            drop(flying);
        });
        Ok(Joined::Flight(flight))
    }

    /// Ends a flight.
    fn land(&self, result: Result<Arc<Token>, Refusal>) -> Result<Arc<Token>, Error> {
        let mut state = self.state();
        let counted = match &result {
            Ok(_) => Refreshed::Renewed,
            Err(refusal) if refusal.cure == Cure::Time => Refreshed::Failed,
            Err(_) => Refreshed::Refused,
        };
        self.means.metrics.refreshed(self.provider.name, counted);
        match result {
            Ok(token) => {
                state.single.landed(None);
                Ok(token)
            }
            Err(refusal) => {
                let counts = match refusal.cure {
                    Cure::Time => FAILURE_COUNTS,
                    Cure::Consent | Cure::Client => REFUSAL_COUNTS,
                };
                let failure = (Instant::now() + counts, (*refusal.error).clone());
                state.single.landed(Some(failure));
                // Those who have a token that is good do not wait, and so do not hear of it.
                tracing::warn!(
                    connection = self.connection,
                    provider = self.provider.name,
                    error = refusal.error.message,
                    detail = refusal.error.detail,
                    "the token was not renewed"
                );
                Err(*refusal.error)
            }
        }
    }

    /// Where the API is said to be, unless the configuration says so itself.
    fn told_base_url(&self, told: Option<&str>) -> Result<Option<Url>, Refusal> {
        if self.base_url.is_some() {
            return Ok(None);
        }
        match told {
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
        life: Life,
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
        // What its copies share is made with the first of them: here, beside all else of the connection.
        drop(authorization.clone());
        Ok(Token {
            authorization,
            scheme,
            retries: self.means.retries.of(&authority),
            generation,
            is_second_hand: false,
            life,
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
