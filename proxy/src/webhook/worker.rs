//! Sends what is due, until it is told to stop.
//!
//! One sidecar sends to one webhook at one time, by a lease, and one event after the other, so that events arrive in their
//! order as long as the receiver takes them. One that is not taken does not hold up those after it: it comes later. What
//! was under way when a sidecar died is sent again by the next, with the same id.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::StatusCode;
use secrecy::SecretString;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use super::{
    schedule,
    sender::{ATTEMPT, Sender, Sent},
};
use crate::store::{
    Attempt, AttemptEnd, DeliveryState, Store, StoreError, WebhookChange, new_id, webhook_lease,
};

/// How often it is looked for what is due: an event arrives about so long after it happened.
const LOOK: Duration = Duration::from_secs(1);
/// Webhooks that are sent to at one time. Slow receivers wait for themselves alone as long as there are fewer of them.
const AT_ONCE: usize = 64;
/// When an attempt of which nothing was heard is made again: longer than any attempt, and what comes before and after.
const CLAIM: Duration = Duration::from_secs(ATTEMPT.as_secs() + 5);
/// A little longer, so that the next to hold the lease finds such an attempt due, and keeps the order.
const LEASE: Duration = Duration::from_secs(CLAIM.as_secs() + 1);
/// How long one webhook is sent to before others get its place.
const TURN: Duration = Duration::from_secs(5);
/// How long events, their deliveries, and grants that have ended are kept.
pub(super) const KEPT: Duration = Duration::from_hours(30 * 24);
/// How often what is older is removed.
const PURGE: Duration = Duration::from_hours(1);

/// Sends events to webhooks.
#[derive(Debug)]
pub struct Worker {
    store: Store,
    sender: Arc<Sender>,
    /// This process, as the leases know it.
    holder: String,
    places: Semaphore,
    /// The webhooks that this process sends to just now.
    busy: Mutex<HashSet<String>>,
}

/// A webhook that this process sends to, until it is dropped.
#[derive(Debug)]
struct Turn {
    worker: Arc<Worker>,
    webhook: String,
}

impl Turn {
    /// None where it is sent to already.
    fn begin(worker: &Arc<Worker>, webhook: String) -> Option<Self> {
        worker.busy().insert(webhook.clone()).then(|| Self {
            worker: Arc::clone(worker),
            webhook,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.worker.busy().remove(&self.webhook);
    }
}

impl Worker {
    pub fn new(store: Store, sender: Arc<Sender>) -> Self {
        Self {
            store,
            sender,
            holder: new_id("sidecar"),
            places: Semaphore::new(AT_ONCE),
            busy: Mutex::default(),
        }
    }

    /// Works until `stop` says so, and ends when what was being sent has been.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut stopping = stop.clone();
        let worker = Arc::new(self);
        let mut turns = JoinSet::new();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut purge = tokio::time::interval(PURGE);
        purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopped(&mut stopping) => break,
                _ = look.tick() => worker.look(&mut turns, &stop).await,
                _ = purge.tick() => {
                    let worker = Arc::clone(&worker);
                    // Cut short at the end: what is left is removed by the next.
                    let mut stop = stop.clone();
                    turns.spawn(async move {
                        tokio::select! {
                            () = stopped(&mut stop) => {}
                            () = worker.purge() => {}
                        }
                    });
                }
                Some(_) = turns.join_next() => {}
            }
        }
        while turns.join_next().await.is_some() {}
    }

    /// Gives each webhook that something is due for a turn.
    async fn look(self: &Arc<Self>, turns: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        let due = match self.store.due_webhooks().await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "it cannot be told which webhooks are due");
                return;
            }
        };
        for webhook in due {
            let Some(turn) = Turn::begin(self, webhook) else {
                continue;
            };
            let (worker, stop) = (Arc::clone(self), stop.clone());
            turns.spawn(async move {
                // Never closed.
                let _place = worker.places.acquire().await;
                let webhook = turn.webhook.as_str();
                if let Err(error) = worker.turn(webhook, &stop).await {
                    tracing::warn!(%error, webhook, "deliveries are put off");
                }
            });
        }
    }

    /// Sends to one webhook what is due, for a while.
    async fn turn(&self, id: &str, stop: &watch::Receiver<bool>) -> Result<(), StoreError> {
        let name = webhook_lease(id);
        let until = Instant::now() + TURN;
        let mut held = None;
        let mut secret: Option<SecretString> = None;
        while !*stop.borrow() && Instant::now() < until {
            // Taken anew for each: it lasts as long as one attempt.
            held = self.store.take_lease(&name, &self.holder, LEASE).await?;
            if held.is_none() {
                return Ok(());
            }
            let Some(webhook) = self.store.webhook(id).await? else {
                break;
            };
            let Some(attempt) = self.store.begin_attempt(id, CLAIM).await? else {
                break;
            };
            let secret = match &mut secret {
                Some(secret) => secret,
                none => none.insert(self.store.webhook_secret(&webhook).await?),
            };
            let sent = self.sender.send(&webhook.url, secret, &attempt.event).await;
            self.end(&attempt, &sent).await?;
        }
        if let Some(lease) = held {
            self.store.give_lease_back(&lease).await?;
        }
        Ok(())
    }

    /// Notes what came of an attempt.
    async fn end(&self, attempt: &Attempt, sent: &Sent) -> Result<(), StoreError> {
        let is_gone = sent.status == Some(StatusCode::GONE);
        let pause = schedule::pause(attempt.number, sent.retry_after, rand::random());
        let (state, again_in) = match (&sent.error, pause) {
            (None, _) => (DeliveryState::Delivered, Duration::ZERO),
            (Some(_), Some(pause)) if !is_gone => (DeliveryState::Pending, pause),
            (Some(_), _) => (DeliveryState::Dead, Duration::ZERO),
        };
        let end = AttemptEnd {
            state,
            status: sent.status.map(|status| status.as_u16()),
            error: sent.error.clone(),
            again_in,
        };
        if is_gone {
            // The receiver says that it wants no more, in the way of Standard Webhooks.
            let change = WebhookChange {
                disabled: Some(true),
                ..WebhookChange::default()
            };
            self.store
                .update_webhook(&attempt.webhook_id, &change)
                .await?;
        }
        self.store.end_attempt(attempt, &end).await?;
        let (webhook, event) = (&attempt.webhook_id, &attempt.event.id);
        let (number, error) = (attempt.number, sent.error.as_deref());
        match state {
            DeliveryState::Delivered => {
                tracing::debug!(webhook, event, attempt = number, "an event was delivered");
            }
            DeliveryState::Pending => tracing::info!(
                webhook,
                event,
                attempt = number,
                error,
                again_in_s = again_in.as_secs(),
                "an event was not taken and is sent again"
            ),
            DeliveryState::Dead => tracing::warn!(
                webhook,
                event,
                attempt = number,
                error,
                disabled = is_gone,
                "an event was given up; it can be replayed"
            ),
        }
        Ok(())
    }

    /// Removes what is older than it is kept. One sidecar does so at one time.
    async fn purge(&self) {
        let purged = async {
            let lease = self
                .store
                .take_lease("purge", &self.holder, PURGE / 2)
                .await?;
            if lease.is_none() {
                return Ok((0, 0));
            }
            let events = self.store.purge_events(KEPT).await?;
            let grants = self.store.purge_grants(KEPT).await?;
            Ok::<_, StoreError>((events, grants))
        };
        match purged.await {
            Ok((0, 0)) => {}
            Ok((events, grants)) => {
                tracing::info!(events, grants, "what is older than 30 days was removed");
            }
            Err(error) => tracing::warn!(%error, "what is old could not be removed"),
        }
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resolves when it is time to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Who would say so is gone where it fails, which is the same.
    let _ = stop.wait_for(|stop| *stop).await.is_ok();
}
