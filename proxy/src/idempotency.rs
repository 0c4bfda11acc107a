//! `Idempotency-Key`, by draft-ietf-httpapi-idempotency-key-header-07: a write that is asked for again with its key is
//! carried out once, and its answer is told again.
//!
//! A key belongs to a connection, whoever calls for it. Before anything goes to the provider its use is committed, and
//! once more before the first native write; what is answered is committed before the caller sees it. So whatever ends in
//! between, this process too, the next one with the key knows how far it was: it begins anew where nothing can have been
//! written or where writing again does no harm, and says that the outcome is unknown otherwise. Knows no operation.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use crate::{
    config::Limits,
    core::kept as store_error,
    error::{Code, Error, Outcome},
    pipeline::Native,
    store::{Claim, KeyedAttempt, Store, StoreError},
};

mod becomes;
mod given;
mod kept;

pub use given::{Key, Request};
pub use kept::Kept;

pub(crate) use kept::REPLAYED;

use becomes::{Becomes, becomes};

/// When one who asks again too early may come back: calls take about so long.
const COME_BACK: Duration = Duration::from_secs(1);
/// A word to the store is said again after each of these pauses, where it did not get through.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// How long one word to the store may take.
const WORD: Duration = Duration::from_secs(5);
/// How often what is too old is removed, and the pause between two portions of it.
const PURGE: Duration = Duration::from_mins(5);
const PURGE_PAUSE: Duration = Duration::from_millis(200);

/// What is needed to answer writes with a key.
#[derive(Debug)]
pub struct Idempotency {
    /// None where nothing is kept.
    store: Option<Store>,
    times: Times,
    most_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    /// How long an attempt that is not heard of is taken to be alive.
    lease: Duration,
    /// How long an answer is kept.
    keep: Duration,
}

/// How a call was answered.
#[derive(Debug)]
pub enum Answer {
    /// With this body.
    Now(Vec<u8>),
    /// As it was before.
    Replayed(Kept),
    /// As the provider did, in its own words.
    Native(Box<Native>),
}

/// An attempt that is under way.
#[derive(Debug)]
pub struct Running {
    store: Store,
    attempt: KeyedAttempt,
    times: Times,
    /// Set with the first native write.
    writing: AtomicBool,
}

impl Running {
    /// Called before each round of native calls that writes. Nothing may be written where this fails.
    pub async fn writing(&self) -> Result<(), Error> {
        if self.writing.load(Ordering::Relaxed) {
            return Ok(());
        }
        let marked = self.store.key_is_writing(&self.attempt, self.times.lease);
        match soon(marked).await {
            Ok(true) => {
                self.writing.store(true, Ordering::Relaxed);
                Ok(())
            }
            Ok(false) => Err(taken_over()),
            Err(error) => Err(store_error(error).with_retry_after(COME_BACK)),
        }
    }

    fn has_written(&self) -> bool {
        self.writing.load(Ordering::Relaxed)
    }

    /// Waits for the end of the work, and says meanwhile that it goes on.
    async fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(self.times.lease / 3) => {
                    if let Err(error) = soon(self.store.keep_key(&self.attempt, self.times.lease)).await {
                        tracing::warn!(%error, "it could not be kept that a write with an idempotency key goes on");
                    }
                }
            }
        }
    }

    /// Says a last word to the store until it is heard; false where the attempt has the key no more, and the last failure
    /// where it is never heard.
    async fn insist(&self, word: &LastWord) -> Result<bool, StoreError> {
        for pause in PAUSES {
            match soon(self.say(word)).await {
                Err(error) => {
                    tracing::warn!(%error, "the end of an idempotency key could not be kept");
                }
                said => return said,
            }
            tokio::time::sleep(pause).await;
        }
        soon(self.say(word)).await
    }

    async fn say(&self, word: &LastWord) -> Result<bool, StoreError> {
        match word {
            LastWord::Free => self.store.release_key(&self.attempt).await.map(|()| true),
            LastWord::Answered(answer) => {
                let keep = self.times.keep;
                self.store.finish_key(&self.attempt, answer, keep).await
            }
        }
    }
}

/// How an attempt ends.
#[derive(Debug)]
enum LastWord {
    /// The key is given back.
    Free,
    /// This is answered.
    Answered(Vec<u8>),
}

impl Idempotency {
    pub fn new(store: Option<Store>, limits: &Limits) -> Self {
        Self {
            store,
            times: Times {
                lease: limits.idempotency_lease,
                keep: limits.idempotency_keep,
            },
            most_bytes: limits.idempotency_answer_bytes,
        }
    }

    /// Refuses keys where there is nothing to keep them in.
    pub fn must_be_kept(&self) -> Result<&Store, Error> {
        self.store.as_ref().ok_or_else(|| {
            Error::new(
                Code::NotImplemented,
                "this proxy keeps nothing (`store: none`), and an idempotency-key needs a store; nothing was done",
            )
        })
    }

    /// Answers a write with a key: has it carried out by `work`, or tells what is known of it. Must not be dropped
    /// before its end, or the key is taken to be in use until its lease ends.
    pub async fn answer<F>(
        &self,
        request: &Request<'_>,
        deadline: Instant,
        request_id: &str,
        work: impl FnOnce(Arc<Running>) -> F,
    ) -> Result<Answer, Error>
    where
        F: Future<Output = Result<Vec<u8>, Error>>,
    {
        let store = self.must_be_kept()?;
        let attempt = request.attempt();
        let claim = store.claim_key(&attempt, self.times.lease, self.times.keep);
        let claim = tokio::time::timeout_at(deadline, soon(claim))
            .await
            .unwrap_or(Err(StoreError::Unreachable(sqlx::Error::PoolTimedOut)))
            .map_err(|error| store_error(error).with_retry_after(COME_BACK))?;
        let running = Arc::new(Running {
            store: store.clone(),
            attempt,
            times: self.times,
            writing: false.into(),
        });
        let result = match claim {
            Claim::Running => return Err(still_running()),
            Claim::OtherRequest => return Err(other_request()),
            Claim::Done(answer) => {
                return Kept::read(&answer).map(Answer::Replayed).ok_or_else(|| {
                    Error::new(
                        Code::InternalServerError,
                        "the answer that was kept cannot be read",
                    )
                });
            }
            Claim::Abandoned if !request.may_be_repeated => Err(abandoned()),
            Claim::Fresh | Claim::Abandoned => running.wait(work(Arc::clone(&running))).await,
        };
        self.settle(&running, result, request_id).await
    }

    /// Keeps what is to be answered, or gives the key back.
    async fn settle(
        &self,
        running: &Running,
        mut result: Result<Vec<u8>, Error>,
        request_id: &str,
    ) -> Result<Answer, Error> {
        let word = match becomes(&mut result, running.has_written()) {
            Becomes::Free => LastWord::Free,
            Becomes::Kept => {
                let kept = Kept::of(&result, request_id).at_most(self.most_bytes, request_id);
                LastWord::Answered(kept.bytes())
            }
        };
        let said = running.insist(&word).await;
        // An error says already what it says, and where a key was not given back its lease ends by itself. A success
        // would be taken for one that can be told again.
        if result.is_ok() {
            match said {
                Ok(true) => {}
                Ok(false) => return Err(taken_over().with_outcome(Outcome::Written)),
                Err(error) => return Err(unkept(&error)),
            }
        }
        result.map(Answer::Now)
    }
}

impl Answer {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Now(_) => StatusCode::OK,
            Self::Replayed(kept) => kept.status(),
            Self::Native(native) => native.status(),
        }
    }
}

/// A word to the store that does not take for ever.
async fn soon<T>(word: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let said = tokio::time::timeout(WORD, word).await;
    said.unwrap_or(Err(StoreError::Unreachable(sqlx::Error::PoolTimedOut)))
}

fn still_running() -> Error {
    Error::new(
        Code::Conflict,
        "a call with this idempotency-key is under way; try again when it has ended",
    )
    .with_retry_after(COME_BACK)
}

fn other_request() -> Error {
    Error::new(
        Code::UnprocessableContent,
        "this idempotency-key was used for another request; expected the same method, path, query and body, byte for byte, or a new key",
    )
}

/// Its lease has ended while it went on.
fn taken_over() -> Error {
    Error::new(
        Code::Conflict,
        "another call with this idempotency-key took this one for ended; ask again with the key",
    )
    .with_retry_after(COME_BACK)
}

fn abandoned() -> Error {
    Error::new(
        Code::Conflict,
        "the process that carried out the call with this idempotency-key ended in the midst of it; whether the write was carried out is not known, and to do it again could make a second record: look for the record, and where it is missing use a new key",
    )
    .with_outcome(Outcome::Unknown)
}

fn unkept(error: &StoreError) -> Error {
    Error::new(
        Code::ServiceUnavailable,
        "the write was carried out, and its answer could not be kept in the store; read the record instead of asking again",
    )
    .with_outcome(Outcome::Written)
    .with_detail(error.to_string())
}

/// Removes keys whose time is over, in small portions, until `stop` says so.
pub async fn purge(store: Store, mut stop: watch::Receiver<bool>) {
    let mut turn = tokio::time::interval(PURGE);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let work = async {
        loop {
            turn.tick().await;
            // Several sidecars may do so at one time: what one has removed the other does not find.
            loop {
                match store.purge_keys().await {
                    Ok(purged) if purged.may_have_left => tokio::time::sleep(PURGE_PAUSE).await,
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(%error, "old idempotency keys could not be removed");
                        break;
                    }
                }
            }
        }
    };
    tokio::select! {
        // Who would say so is gone where it fails, which is the same.
        _ = stop.wait_for(|stop| *stop) => {}
        () = work => {}
    }
}
