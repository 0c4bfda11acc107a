//! One refresh, from its turn to the commit.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{
    Kept, Newest, Token, Tokens,
    endpoint::{Cure, Granted, Refusal},
    keeper::{Commit, Held, Turn},
    life::Life,
    newest::Clock,
};
use crate::{
    config::OAuth,
    error::{Code, Error},
    store::{Broken, StoreError},
    upstream::client::Client,
};

/// How long those who wait for a token wait for its commit. After that it is used all the same: it is not safer
/// unused, and a store that is down would stop every call otherwise.
const COMMIT_WITHIN: Duration = Duration::from_secs(10);
/// Credentials that were replaced while they were used are tried once more in their new form.
const MOST_ASKED: u32 = 2;

/// What a turn ended with.
enum Landed {
    Kept(Arc<Token>),
    /// In use, and nowhere but in this process.
    Uncommitted(Arc<Token>, Granting),
}

/// Credentials on their way to be kept.
struct Granting {
    /// The version that they take the place of.
    version: i64,
    kept: Kept,
    /// The refresh token is a new one: the old one is dead.
    is_rotated: bool,
}

impl Tokens {
    /// A token newer than that of a generation: one that the provider issues now, or that another sidecar has got.
    pub(super) async fn refresh(
        self: &Arc<Self>,
        client: &Client,
        oauth: &OAuth,
        generation: u64,
    ) -> Result<Arc<Token>, Refusal> {
        let until = Instant::now() + self.means.timeout;
        loop {
            let turn = self.keeper.turn().await.map_err(Refusal::passing)?;
            let newest = match &turn {
                Turn::Ours(_, newest) => newest.as_ref(),
                Turn::Theirs(newest) => Some(newest),
            };
            let token = newest.and_then(|newest| self.adopt_good(newest, generation));
            match (turn, token) {
                (Turn::Ours(held, _), Some(token)) => {
                    self.keeper.give_back(&held).await;
                    return Ok(token);
                }
                (Turn::Theirs(_), Some(token)) => return Ok(token),
                (Turn::Ours(held, newest), None) => {
                    let clock = newest.map(|newest| newest.clock);
                    return self.take_turn(client, oauth, generation, held, clock).await;
                }
                (Turn::Theirs(_), None) if Instant::now() < until => self.keeper.wait().await,
                (Turn::Theirs(_), None) => {
                    return Err(Refusal::passing(Error::new(
                        Code::ServiceUnavailable,
                        "another sidecar renews the token and has not come to an end; try again",
                    )));
                }
            }
        }
    }

    async fn take_turn(
        self: &Arc<Self>,
        client: &Client,
        oauth: &OAuth,
        generation: u64,
        held: Held,
        clock: Option<Clock>,
    ) -> Result<Arc<Token>, Refusal> {
        let work = self.ask(client, oauth, generation, &held, clock);
        let landed = self.keeper.hold(&held, work).await;
        if let Ok(Landed::Uncommitted(token, granting)) = landed {
            self.commit_later(held, granting);
            return Ok(token);
        }
        self.keeper.give_back(&held).await;
        match landed? {
            Landed::Kept(token) | Landed::Uncommitted(token, _) => Ok(token),
        }
    }

    /// Asks the provider, in our turn.
    async fn ask(
        &self,
        client: &Client,
        oauth: &OAuth,
        generation: u64,
        held: &Held,
        clock: Option<Clock>,
    ) -> Result<Landed, Refusal> {
        let mut asked = 0;
        loop {
            asked += 1;
            let (refresh_token, version) = {
                let state = self.state();
                (state.refresh_token.clone(), state.version)
            };
            let Some(used) = refresh_token else {
                let reason = "it has no refresh token any more";
                return Err(Refusal::passing(self.must_connect_again(reason)));
            };
            let asked_at = Instant::now();
            let newest = match self.fetch(client, oauth, &used).await {
                Ok(granted) => {
                    let life = Life::new(asked_at, granted.lifetime);
                    let ends_at = clock.zip(granted.lifetime);
                    let ends_at = ends_at.map(|(clock, lifetime)| clock.at(asked_at + lifetime));
                    match self
                        .keep(held, granted, &used, version, life, ends_at)
                        .await?
                    {
                        Ok(landed) => return Ok(landed),
                        Err(superseded) => superseded,
                    }
                }
                Err(refusal) if refusal.cure == Cure::Time => return Err(refusal),
                Err(refusal) => {
                    // Before a connection is given up, the store is asked once more: somebody may have come before us.
                    let newest = self.keeper.newest().await.map_err(Refusal::passing)?;
                    match newest.filter(|newest| newest.version > version && asked < MOST_ASKED) {
                        Some(newest) => newest,
                        None => return Err(self.give_up(refusal).await),
                    }
                }
            };
            if let Some(token) = self.adopt_good(&newest, generation) {
                return Ok(Landed::Kept(token));
            }
            if asked >= MOST_ASKED {
                return Err(Refusal::passing(Error::new(
                    Code::ServiceUnavailable,
                    "the credentials were replaced while they were renewed; try again",
                )));
            }
        }
    }

    async fn give_up(&self, refusal: Refusal) -> Refusal {
        let broken = match refusal.cure {
            Cure::Time => return refusal,
            Cure::Consent => Broken::Disconnected,
            Cure::Client => Broken::Error,
        };
        self.keeper.broke(broken, &refusal.error.message).await;
        refusal
    }

    /// Commits what was granted and takes it over then. The inner error: somebody else's came before.
    async fn keep(
        &self,
        held: &Held,
        granted: Granted,
        used: &SecretString,
        version: i64,
        life: Life,
        ends_at: Option<i64>,
    ) -> Result<Result<Landed, Newest>, Refusal> {
        let told = self.told_base_url(granted.base_url.as_deref());
        let rotated = granted
            .refresh_token
            .filter(|new| new.expose_secret() != used.expose_secret());
        let is_rotated = rotated.is_some();
        let granting = Granting {
            version,
            kept: Kept {
                refresh_token: rotated.or_else(|| Some(used.clone())),
                // A rotated refresh token counts even when the rest of the answer is of no use.
                access_token: told.is_ok().then_some(granted.access_token),
                expires_at: ends_at,
                base_url: self.base_url_after(told.as_ref().ok()),
            },
            is_rotated,
        };
        let until = Some(Instant::now() + COMMIT_WITHIN);
        match self.commit(held, &granting, until).await {
            Commit::Done(version) => {
                let token = self.take_over(&granting.kept, version, life, told)?;
                self.keeper.works().await;
                Ok(Ok(Landed::Kept(token)))
            }
            Commit::NotYet(error) => {
                self.lament(&granting, &error);
                let token = self.take_over(&granting.kept, version, life, told)?;
                Ok(Ok(Landed::Uncommitted(token, granting)))
            }
            Commit::Superseded(newest) => Ok(Err(newest)),
            Commit::Gone => Err(Refusal::passing(Error::not_found(format!(
                "the connection `{}` was deleted while its token was renewed",
                self.connection
            )))),
        }
    }

    async fn commit(&self, held: &Held, granting: &Granting, until: Option<Instant>) -> Commit {
        let Granting { version, kept, .. } = granting;
        if granting.is_rotated && self.keeper.is_memory() {
            tracing::warn!(
                connection = self.connection,
                provider = self.provider.name,
                "the provider issued a new refresh token: the one in the configuration is stale, and this process holds the new one in memory only"
            );
        }
        self.keeper.commit(held, *version, kept, until).await
    }

    fn lament(&self, granting: &Granting, error: &StoreError) {
        if granting.is_rotated {
            tracing::error!(
                connection = self.connection,
                provider = self.provider.name,
                %error,
                "the provider issued a new refresh token and the store does not take it: this process alone holds it, and if it ends before the store is back, the account must be connected again"
            );
        } else {
            tracing::warn!(
                connection = self.connection,
                %error,
                "a new access token could not be kept; it is used, and to keep it is tried again"
            );
        }
    }

    /// Goes on trying to commit, and holds the turn meanwhile as well as the store lets it.
    fn commit_later(self: &Arc<Self>, held: Held, granting: Granting) {
        let (tokens, flying) = (Arc::clone(self), self.means.flights.begin());
        tokio::spawn(async move {
            let commit = tokens.commit(&held, &granting, None);
            match tokens.keeper.hold(&held, commit).await {
                Commit::Done(version) => {
                    tokens.has_version(version);
                    tracing::info!(
                        connection = tokens.connection,
                        "the store has the new credentials now"
                    );
                    tokens.keeper.works().await;
                }
                Commit::Superseded(newest) => {
                    tokens.adopt(&newest);
                }
                Commit::Gone => tracing::info!(
                    connection = tokens.connection,
                    "the connection was deleted before its credentials were kept"
                ),
                Commit::NotYet(error) => tokens.lament(&granting, &error),
            }
            tokens.keeper.give_back(&held).await;
            drop(flying);
        });
    }

    fn has_version(&self, version: i64) {
        let mut state = self.state();
        state.version = state.version.max(version);
    }

    /// Where the API is after an answer told its place, or did not; none where it is configured.
    fn base_url_after(&self, told: Option<&Option<url::Url>>) -> Option<url::Url> {
        if self.base_url.is_some() {
            return None;
        }
        told.cloned()
            .flatten()
            .or_else(|| self.state().base_url.clone())
    }

    /// Takes what was granted over into the state.
    fn take_over(
        &self,
        kept: &Kept,
        version: i64,
        life: Life,
        told: Result<Option<url::Url>, Refusal>,
    ) -> Result<Arc<Token>, Refusal> {
        let mut state = self.state();
        state.version = version;
        state.refresh_token.clone_from(&kept.refresh_token);
        if let Some(told) = told? {
            state.base_url = Some(told);
        }
        let (Some(access_token), Some(base_url)) = (&kept.access_token, &state.base_url) else {
            return Err(Refusal::passing(Error::bad_gateway(format!(
                "{} issued a token without saying where its API is",
                self.provider.title
            ))));
        };
        let (access_token, base_url) = (access_token.clone(), base_url.clone());
        let token = state.single.install(|generation| {
            let token = self.token(&access_token, &base_url, generation, life);
            token.map(Arc::new)
        });
        token.map_err(Refusal::passing)
    }

    /// Takes over what others have kept, if it is newer, and hands out the token if it is newer than that of a
    /// generation and not due.
    fn adopt_good(&self, newest: &Newest, generation: u64) -> Option<Arc<Token>> {
        self.adopt(newest);
        let current = self.state().single.current().cloned();
        current.filter(|token| token.generation > generation && token.life.is_fresh(Instant::now()))
    }

    /// Takes over what others have kept, if it is newer than what is at hand.
    pub(in crate::upstream) fn adopt(&self, newest: &Newest) {
        let Newest { kept, clock, .. } = newest;
        // A place that is not the provider's own is as good as none.
        let told = kept.base_url.as_ref().map(url::Url::as_str);
        let told = self.told_base_url(told).ok().flatten();
        let life = Life::new(clock.read_at, kept.expires_at.map(|at| clock.until(at)));
        let mut state = self.state();
        if newest.version <= state.version {
            return;
        }
        state.version = newest.version;
        state.refresh_token.clone_from(&kept.refresh_token);
        state.single.forget();
        if told.is_some() {
            state.base_url = told;
        }
        let (Some(access_token), Some(base_url)) = (&kept.access_token, &state.base_url) else {
            return;
        };
        if life.is_good(Instant::now()) {
            let (access_token, base_url) = (access_token.clone(), base_url.clone());
            // One that cannot stand in a request is as good as none.
            let _ = state.single.install(|generation| {
                let token = self.token(&access_token, &base_url, generation, life)?;
                Ok::<_, Error>(Arc::new(Token {
                    is_second_hand: true,
                    ..token
                }))
            });
        }
    }
}
