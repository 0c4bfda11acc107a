//! Credentials that the store gave out: API keys and connect tokens.
//!
//! What was found is remembered for a moment, so that a busy caller costs one look-up a second, and for longer while the
//! store cannot be reached, so that callers who were known go on. What was not found is hardly remembered, and a flood
//! of made-up keys has no more than a few look-ups at one time, which are not those of the callers who are known.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore},
    time::Instant,
};

use super::{Principal, Scope};
use crate::{
    error::{Code, Error},
    store::{Grant, GrantFault, GrantKind, Store, StoreError},
};

/// A grant that was found so long ago is looked up again: one that was revoked is good for no longer.
const FRESH: Duration = Duration::from_secs(1);
/// While somebody looks it up, others go on with what is known, for so long.
const FRESH_ENOUGH: Duration = Duration::from_secs(2);
/// How long those who were known go on when the store cannot be reached.
const KNOWN: Duration = Duration::from_mins(15);
/// Callers that are remembered.
const MOST_KNOWN: u64 = 10_000;
/// How long a key is refused without looking again.
const REFUSED: Duration = Duration::from_secs(1);
const MOST_REFUSED: u64 = 10_000;
/// Look-ups of callers who are not known, at one time: half of what the store has connections for.
const NEWCOMERS: usize = 4;
/// How long a newcomer waits for such a look-up, and anybody for its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// When a store that could not be reached is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// SHA-256 of a secret.
type Hash = [u8; 32];

#[derive(Debug)]
pub(super) struct Given {
    store: Store,
    known: Cache<Hash, Arc<Known>>,
    refused: Cache<Hash, GrantFault>,
    newcomers: Semaphore,
}

/// A caller who was found.
#[derive(Debug)]
struct Known {
    principal: Principal,
    ends: Option<Instant>,
    /// When it was found so the last time.
    seen: Mutex<Seen>,
    /// Held by who looks it up again.
    looking: AsyncMutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    good: Instant,
    tried: Instant,
}

impl Given {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            known: Cache::builder()
                .max_capacity(MOST_KNOWN)
                .time_to_live(KNOWN)
                .build(),
            refused: Cache::builder()
                .max_capacity(MOST_REFUSED)
                .time_to_live(REFUSED)
                .build(),
            newcomers: Semaphore::new(NEWCOMERS),
        }
    }

    /// Who was given a secret.
    pub(super) async fn caller(&self, kind: GrantKind, secret: &str) -> Result<Principal, Error> {
        let hash: Hash = Sha256::digest(secret.as_bytes()).into();
        if let Some(known) = self.known.get(&hash) {
            return self.known(kind, secret, hash, &known).await;
        }
        if let Some(fault) = self.refused.get(&hash) {
            return Err(refusal(kind, fault));
        }
        let place = tokio::time::timeout(PATIENCE, self.newcomers.acquire());
        let Ok(Ok(_place)) = place.await else {
            return Err(unavailable("too many unknown credentials are looked up"));
        };
        // Whoever was before may have looked for the same.
        if let Some(known) = self.known.get(&hash) {
            return known.answer(kind);
        }
        match self.look_up(kind, secret).await {
            Ok(Ok(found)) => {
                let known = Arc::new(found);
                self.known.insert(hash, Arc::clone(&known));
                known.answer(kind)
            }
            Ok(Err(fault)) => {
                self.refused.insert(hash, fault);
                Err(refusal(kind, fault))
            }
            Err(error) => Err(unavailable(&error.to_string())),
        }
    }

    /// A caller who was found before, and maybe long ago.
    async fn known(
        &self,
        kind: GrantKind,
        secret: &str,
        hash: Hash,
        known: &Known,
    ) -> Result<Principal, Error> {
        let age = known.seen().good.elapsed();
        if age < FRESH {
            return known.answer(kind);
        }
        let _looking = match known.looking.try_lock() {
            Ok(guard) => guard,
            Err(_) if age < FRESH_ENOUGH || known.seen().failed() => return known.answer(kind),
            Err(_) => known.looking.lock().await,
        };
        let seen = known.seen();
        if seen.good.elapsed() < FRESH {
            return known.answer(kind);
        }
        if seen.failed() && seen.tried.elapsed() < TRY_AGAIN {
            return known.answer(kind);
        }
        match self.look_up(kind, secret).await {
            Ok(Ok(found)) => {
                let answer = found.answer(kind);
                self.known.insert(hash, Arc::new(found));
                known.saw(true);
                answer
            }
            Ok(Err(fault)) => {
                self.known.invalidate(&hash);
                self.refused.insert(hash, fault);
                Err(refusal(kind, fault))
            }
            Err(error) => {
                tracing::warn!(%error, "the store does not tell whether a caller is still known, who goes on");
                known.saw(false);
                known.answer(kind)
            }
        }
    }

    pub(super) async fn has_key(&self) -> Result<bool, StoreError> {
        self.store.has_good_grant(GrantKind::ApiKey).await
    }

    async fn look_up(
        &self,
        kind: GrantKind,
        secret: &str,
    ) -> Result<Result<Known, GrantFault>, StoreError> {
        let asked = Instant::now();
        let found = tokio::time::timeout(PATIENCE, self.store.find_grant(kind, secret))
            .await
            .unwrap_or(Err(StoreError::Unreachable(sqlx::Error::PoolTimedOut)))?;
        let Some(grant) = found else {
            return Ok(Err(GrantFault::Unknown));
        };
        if let Some(fault) = grant.fault() {
            return Ok(Err(fault));
        }
        Ok(Ok(Known {
            principal: principal(&grant)?,
            ends: grant.lasts().and_then(|lasts| asked.checked_add(lasts)),
            seen: Mutex::new(Seen {
                good: asked,
                tried: asked,
            }),
            looking: AsyncMutex::default(),
        }))
    }
}

impl Seen {
    /// The store did not answer the last time.
    fn failed(self) -> bool {
        self.tried > self.good
    }
}

impl Known {
    fn answer(&self, kind: GrantKind) -> Result<Principal, Error> {
        match self.ends {
            Some(end) if end <= Instant::now() => Err(refusal(kind, GrantFault::Expired)),
            _ => Ok(self.principal.clone()),
        }
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw(&self, is_good: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.tried = Instant::now();
        if is_good {
            seen.good = seen.tried;
        }
    }
}

/// What a grant lets its holder do.
fn principal(grant: &Grant) -> Result<Principal, StoreError> {
    let scope = match (grant.kind, &grant.scope, &grant.customer_id) {
        (GrantKind::ApiKey, Some(name), _) => Scope::of_key(name),
        (GrantKind::ConnectToken, _, Some(customer)) => Some(Scope::Customer(customer.clone())),
        _ => None,
    };
    let scope = scope.ok_or_else(|| {
        StoreError::Corrupt(format!("{} does not say what it is good for", grant.id))
    })?;
    Ok(Principal {
        scope,
        id: grant.id.as_str().into(),
    })
}

fn refusal(kind: GrantKind, fault: GrantFault) -> Error {
    let what = match kind {
        GrantKind::ApiKey => "API key",
        GrantKind::ConnectToken => "connect token",
        GrantKind::MagicLink | GrantKind::ConnectVisit | GrantKind::OauthState => "credential",
    };
    let message = match fault {
        GrantFault::Unknown => return super::unknown(what),
        GrantFault::Expired => format!("the {what} has expired; make a new one"),
        GrantFault::Revoked | GrantFault::Used => {
            format!("the {what} was revoked; make a new one")
        }
    };
    Error::new(Code::Unauthorized, message)
}

/// Nobody can tell now who calls.
fn unavailable(detail: &str) -> Error {
    Error::new(
        Code::ServiceUnavailable,
        "the store cannot be asked who calls; try again",
    )
    .with_retry_after(TRY_AGAIN)
    .with_detail(detail)
}
