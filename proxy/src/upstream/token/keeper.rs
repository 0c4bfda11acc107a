//! Where the credentials of a connection outlast a refresh: this process's memory, or the store that sidecars share.
//!
//! In the store, a refresh is a *turn*: a lease lets one sidecar at a time ask the provider, since with rotation a second
//! one would use a refresh token that the first has used up. What the provider answered is committed before it is used,
//! for the version of the credentials that the turn began with and under the lease's fence. Without the store there is
//! no turn: a refresh that could not be kept might lose the account, while a store that is down comes back.
//!
//! A process that is killed between the provider's answer and the commit loses a rotated token, and nothing can be done
//! about it: the two are at different places. Between them is one transaction and nothing else.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use tokio::time::Instant;

use super::{FAILURE_COUNTS, Kept, endpoint::LONGEST_LIFE};
use crate::{
    error::{Code, Error},
    store::{Broken, Lease, Saved, Store, StoreError},
};

/// A lease lasts this long after its holder died. It is longer than a database stalls, and shorter than a token's wait.
const LEASE_LASTS: Duration = Duration::from_secs(10);
/// How often the holder says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// How often another sidecar's turn is looked at.
const POLL: Duration = Duration::from_millis(100);
/// One try to commit.
const COMMIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Keeps the credentials of one connection.
#[derive(Debug)]
pub(super) enum Keeper {
    /// They end with the process, and no other one has them.
    Memory,
    Store(Row),
}

/// A connection in the store.
#[derive(Debug)]
pub(super) struct Row {
    store: Store,
    id: String,
    /// Nobody else's name, so that a lease is never taken for one's own.
    holder: String,
}

/// Credentials as they were found.
#[derive(Debug, Clone)]
pub struct Newest {
    pub kept: Kept,
    /// Grows with each change of them.
    pub version: i64,
    pub clock: Clock,
}

/// The store's clock, and ours at the same moment: what is kept has a date that all sidecars read alike, and what is in
/// memory has none that a jump of a clock could move.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// In milliseconds since the epoch.
    pub now: i64,
    pub read_at: Instant,
}

impl Clock {
    /// The date of a moment to come.
    pub(super) fn at(&self, moment: Instant) -> i64 {
        let ahead = moment.saturating_duration_since(self.read_at).as_millis();
        self.now
            .saturating_add(i64::try_from(ahead).unwrap_or(i64::MAX))
    }

    /// How long it was to a date; nothing, where it had passed.
    pub(super) fn until(&self, date: i64) -> Duration {
        let left = u64::try_from(date.saturating_sub(self.now)).unwrap_or_default();
        Duration::from_millis(left).min(LONGEST_LIFE)
    }
}

/// Who may ask the provider.
pub(super) enum Turn {
    /// We may, with the newest credentials that there are; with those at hand where there are none.
    Ours(Held, Option<Newest>),
    /// Another sidecar is at it, and has come so far.
    Theirs(Newest),
}

/// The right to ask. The lease is another one after it was lost and taken again.
pub(super) struct Held(Option<Mutex<Lease>>);

impl Held {
    fn lease(&self) -> Option<Lease> {
        let lease = self.0.as_ref()?;
        Some(lease.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn replace(&self, taken: Lease) {
        if let Some(lease) = &self.0 {
            *lease.lock().unwrap_or_else(PoisonError::into_inner) = taken;
        }
    }
}

impl From<Lease> for Held {
    fn from(lease: Lease) -> Self {
        Self(Some(Mutex::new(lease)))
    }
}

/// What became of new credentials.
pub(super) enum Commit {
    Done(i64),
    /// Others came before; these are theirs.
    Superseded(Newest),
    Gone,
    /// The store does not take them now.
    NotYet(StoreError),
}

impl Keeper {
    pub(super) fn store(store: &Store, id: &str) -> Self {
        Self::Store(Row {
            store: store.clone(),
            id: id.to_owned(),
            holder: uuid::Uuid::now_v7().simple().to_string(),
        })
    }

    pub(super) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory)
    }

    /// What a person does about credentials that are dead.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Memory => {
                "connect the account again and put the new credentials into the configuration"
            }
            Self::Store(_) => {
                "connect the account again, by a magic link or by new settings of the connection"
            }
        }
    }

    /// Where the client's id and secret are.
    pub(super) fn place_of_client(&self) -> &'static str {
        match self {
            Self::Memory => "in the configuration",
            Self::Store(_) => "in the connector config",
        }
    }

    /// Takes the turn, if nobody has it.
    pub(super) async fn turn(&self) -> Result<Turn, Error> {
        let Self::Store(row) = self else {
            return Ok(Turn::Ours(Held(None), None));
        };
        let lease = row
            .store
            .take_lease(&row.lease(), &row.holder, LEASE_LASTS)
            .await
            .map_err(|error| fault(&error))?;
        let Some(lease) = lease else {
            return Ok(Turn::Theirs(row.newest().await?));
        };
        // Read under the lease: whoever had it before has committed.
        match row.newest().await {
            Ok(newest) => Ok(Turn::Ours(lease.into(), Some(newest))),
            Err(error) => {
                self.give_back(&lease.into()).await;
                Err(error)
            }
        }
    }

    /// Waits for as long as another's turn may take a step.
    pub(super) async fn wait(&self) {
        // Not all at the same moment.
        let spread = rand::random_range(0.5..1.5);
        tokio::time::sleep(POLL.mul_f64(spread)).await;
    }

    /// Does something with the turn held, however long it takes.
    pub(super) async fn hold<T>(&self, held: &Held, work: impl Future<Output = T>) -> T {
        let Self::Store(row) = self else {
            return work.await;
        };
        let heartbeat = async {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                row.beat(held).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = heartbeat => unreachable!("a heart that beats for ever"),
        }
    }

    pub(super) async fn give_back(&self, held: &Held) {
        if let (Self::Store(row), Some(lease)) = (self, held.lease())
            && let Err(error) = row.store.give_lease_back(&lease).await
        {
            // It ends by itself.
            tracing::debug!(connection = row.id, %error, "the lease could not be given back");
        }
    }

    /// The newest credentials; none where nobody else could have changed them.
    pub(super) async fn newest(&self) -> Result<Option<Newest>, Error> {
        match self {
            Self::Memory => Ok(None),
            Self::Store(row) => row.newest().await.map(Some),
        }
    }

    /// Commits credentials in place of those of `version`, trying again until then.
    pub(super) async fn commit(
        &self,
        held: &Held,
        version: i64,
        kept: &Kept,
        until: Option<Instant>,
    ) -> Commit {
        let Self::Store(row) = self else {
            return Commit::Done(version);
        };
        let json = kept.to_json();
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match row.commit(held, version, kept, &json).await {
                Ok(Some(commit)) => return commit,
                // The lease went to somebody who has not come so far: it is waited for.
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if until.is_some_and(|until| Instant::now() + pause >= until) {
                return Commit::NotYet(failure.unwrap_or_else(|| {
                    StoreError::Conflict("another sidecar holds the lease".to_owned())
                }));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Notes that only a person can cure the connection.
    pub(super) async fn broke(&self, broken: Broken, message: &str) {
        if let Self::Store(row) = self
            && let Err(error) = row.store.connection_broke(&row.id, broken, message).await
        {
            tracing::error!(connection = row.id, %error, "that the connection is broken could not be noted");
        }
    }

    /// Notes that a refresh has worked.
    pub(super) async fn works(&self) {
        if let Self::Store(row) = self
            && let Err(error) = row.store.connection_works(&row.id).await
        {
            tracing::warn!(connection = row.id, %error, "that the connection works could not be noted");
        }
    }
}

impl Row {
    fn lease(&self) -> String {
        format!("token:{}", self.id)
    }

    async fn newest(&self) -> Result<Newest, Error> {
        match Newest::read(&self.store, &self.id).await {
            Ok(Some(newest)) => Ok(newest),
            Ok(None) => Err(Error::not_found(format!(
                "the connection `{}` is gone, or has no credentials any more",
                self.id
            ))),
            Err(error) => Err(fault(&error)),
        }
    }

    /// One try; none where the lease is another's and the credentials are still those that were there.
    async fn commit(
        &self,
        held: &Held,
        version: i64,
        kept: &Kept,
        json: &SecretString,
    ) -> Result<Option<Commit>, StoreError> {
        let lease = held
            .lease()
            .ok_or_else(|| StoreError::Corrupt("a turn without a lease".to_owned()))?;
        let save = self.store.save_credentials(&self.id, version, json, &lease);
        let saved = tokio::time::timeout(COMMIT, save)
            .await
            .map_err(|_| StoreError::Unreachable(sqlx::Error::PoolTimedOut))??;
        match saved {
            Saved::Yes(version) => return Ok(Some(Commit::Done(version))),
            Saved::Gone => return Ok(Some(Commit::Gone)),
            Saved::Superseded => {}
        }
        let Some(newest) = Newest::read(&self.store, &self.id).await? else {
            return Ok(Some(Commit::Gone));
        };
        // An earlier try whose answer was lost may have been carried out.
        if newest.kept.is_same(kept) {
            return Ok(Some(Commit::Done(newest.version)));
        }
        if newest.version > version {
            return Ok(Some(Commit::Superseded(newest)));
        }
        let taken = self
            .store
            .take_lease(&lease.name, &self.holder, LEASE_LASTS)
            .await?;
        if let Some(taken) = taken {
            held.replace(taken);
        }
        Ok(None)
    }

    /// Makes the lease last; one that is lost is found out by its fence.
    async fn beat(&self, held: &Held) {
        let Some(lease) = held.lease() else {
            return;
        };
        match self.store.keep_lease(&lease, LEASE_LASTS).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(connection = self.id, "the lease was lost"),
            Err(error) => {
                tracing::warn!(connection = self.id, %error, "the lease could not be kept");
            }
        }
    }
}

impl Newest {
    /// The credentials of a connection as they are now; none where it is gone or has none.
    pub async fn read(store: &Store, id: &str) -> Result<Option<Self>, StoreError> {
        let Some(connection) = store.connection(id).await? else {
            return Ok(None);
        };
        Self::of(store, &connection).await
    }

    /// The same for a row that is at hand.
    pub async fn of(
        store: &Store,
        connection: &crate::store::Connection,
    ) -> Result<Option<Self>, StoreError> {
        let Some(json) = store.credentials(connection).await? else {
            return Ok(None);
        };
        let kept = Kept::from_json(&json)
            .ok_or_else(|| StoreError::Corrupt(format!("the credentials of {}", connection.id)))?;
        Ok(Some(Self {
            kept,
            version: connection.credentials_version,
            clock: Clock {
                now: store.now().await?,
                read_at: Instant::now(),
            },
        }))
    }
}

/// Without the store nobody knows who else is asking.
fn fault(error: &StoreError) -> Error {
    let fault = match error {
        StoreError::Seal(_) | StoreError::Key(_) | StoreError::Corrupt(_) => Error::new(
            Code::InternalServerError,
            "the credentials in the store cannot be read",
        ),
        _ => Error::new(
            Code::ServiceUnavailable,
            "the store cannot be reached, and without it no token is renewed; try again",
        )
        .with_retry_after(FAILURE_COUNTS),
    };
    fault.with_detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_date_is_read_as_it_was_written_and_nonsense_is_bounded() {
        let read_at = Instant::now();
        let clock = Clock {
            now: 1_700_000_000_000,
            read_at,
        };
        let life = Duration::from_mins(30);
        assert_eq!(clock.until(clock.at(read_at + life)), life);
        // The store's clock was put back, or ahead, since the date was written.
        assert_eq!(clock.until(i64::MAX), LONGEST_LIFE);
        assert_eq!(clock.until(i64::MIN), Duration::ZERO);
    }
}
