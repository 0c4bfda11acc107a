//! Which budget belongs to which account, and what the processes that share a store know of it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    Budget, BudgetSnapshot,
    share::{Ask, CHUNK_LIVES, Given},
};
use crate::{
    config::{self, Assumed, Limits, ProviderLimits},
    store::{BudgetAsk, BudgetLimit, Store, new_id},
    upstream::provider::{BaseUrl, Limit, LimitKind},
};

/// The store is asked no longer than so, and then does not count for a while.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long calls may be on their way to the provider, beyond what they are counted for.
const SLACK: Duration = Duration::from_millis(250);

/// The budgets that are in use. A connection that is read anew finds the one that it had.
#[derive(Debug)]
pub(in crate::upstream) struct Budgets {
    assumed: ProviderLimits,
    queue: (usize, Duration),
    /// Where several processes share it.
    store: Option<Store>,
    /// Names this process to the others.
    holder: Arc<str>,
    is_down: Arc<AtomicBool>,
    known: Mutex<HashMap<(&'static str, String), Weak<Budget>>>,
}

impl Budgets {
    pub(in crate::upstream) fn new(limits: &Limits) -> Self {
        Self {
            assumed: ProviderLimits::default(),
            queue: (limits.queue_length, limits.queue_wait),
            store: None,
            holder: new_id("sidecar").into(),
            is_down: Arc::default(),
            known: Mutex::default(),
        }
    }

    /// The same with what is assumed, and with a store that others may use.
    pub(in crate::upstream) fn with(&self, assumed: ProviderLimits, store: Option<Store>) -> Self {
        Self {
            assumed,
            queue: self.queue,
            store: store.filter(Store::is_shared),
            holder: Arc::clone(&self.holder),
            is_down: Arc::default(),
            known: Mutex::default(),
        }
    }

    /// The budget of the account that a connection leads to.
    pub(in crate::upstream) fn of(&self, connection: &config::Connection) -> Arc<Budget> {
        let provider = connection.provider;
        let account = account(connection);
        let key = (provider.name, account);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = known.get(&key).and_then(Weak::upgrade) {
            return budget;
        }
        // Twice as many as are in use, at most.
        if known.len() == known.capacity() {
            known.retain(|_, budget| budget.strong_count() > 0);
        }
        let shared = self.store.as_ref().map(|store| Shared {
            store: store.clone(),
            account: format!("{}/{}", key.0, key.1),
            holder: Arc::clone(&self.holder),
            is_down: Arc::clone(&self.is_down),
            before: Mutex::default(),
        });
        let assume = |limit: &Limit| self.assume(connection, limit);
        let budget = Arc::new(Budget::new(provider, &assume, self.queue, shared));
        known.insert(key, Arc::downgrade(&budget));
        budget
    }

    /// How the limits are used, by provider and account.
    pub(in crate::upstream) fn snapshots(&self) -> Vec<(&'static str, String, BudgetSnapshot)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let budgets: Vec<_> = known
            .iter()
            .filter_map(|((provider, account), budget)| {
                Some((*provider, account.clone(), budget.upgrade()?))
            })
            .collect();
        drop(known);
        let all = budgets.into_iter();
        all.map(|(provider, account, budget)| (provider, account, budget.snapshot()))
            .collect()
    }

    /// How many calls are assumed until the provider tells.
    fn assume(&self, connection: &config::Connection, limit: &Limit) -> Option<u32> {
        let (LimitKind::Counted { calls, .. } | LimitKind::Lasting { calls, .. }) = limit.kind
        else {
            return None;
        };
        match self.assumed.of(connection.provider.name) {
            Assumed::Off => None,
            Assumed::On => Some(calls),
            Assumed::Own(own) => Some(own.get(limit.name).copied().unwrap_or(calls)),
            // What stands in for a provider on this machine has the limits that it tells, and no others.
            Assumed::Unsaid => (!is_here(connection)).then_some(calls),
        }
    }
}

/// Whether the calls of a connection stay on this machine.
fn is_here(connection: &config::Connection) -> bool {
    let url = connection.base_url.as_ref();
    config::is_loopback(url.unwrap_or(&connection.token_url))
}

/// What tells accounts apart: their host, where each has one; otherwise connections have an account each.
fn account(connection: &config::Connection) -> String {
    let own_host = match (&connection.provider.base_url, &connection.base_url) {
        (BaseUrl::PerConnection { .. }, Some(url)) => url.host_str().map(|host| match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }),
        _ => None,
    };
    own_host.unwrap_or_else(|| connection.settings.id.clone())
}

/// What the processes that share a store know of one account.
#[derive(Debug)]
pub(super) struct Shared {
    store: Store,
    account: String,
    holder: Arc<str>,
    is_down: Arc<AtomicBool>,
    /// The last chunk of each limit.
    before: Mutex<HashMap<&'static str, String>>,
}

impl Shared {
    /// Asks for calls of a limit, and which limits are spent. None where the store does not answer: then what this
    /// process knows by itself is what counts.
    pub(super) async fn ask(
        &self,
        limit: &'static Limit,
        ask: Ask,
    ) -> Option<(Given, Vec<(String, Duration)>)> {
        let LimitKind::Counted { window_seconds, .. } = limit.kind else {
            return None;
        };
        let before = self.before().remove(limit.name);
        let asked = BudgetAsk {
            calls: ask.calls,
            limit: ask.limit,
            window: Duration::from_secs(window_seconds.into()),
            lives: CHUNK_LIVES,
            slack: SLACK,
            before: before.as_deref().map(|id| (id, ask.unused)),
        };
        let taken = self.store.take_calls(self.of(limit), asked);
        let chunk = match tokio::time::timeout(PATIENCE, taken).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => return self.is_down(&error.to_string()),
            Err(_) => return self.is_down("it took too long"),
        };
        if self.is_down.swap(false, Ordering::Relaxed) {
            tracing::info!("limits of providers are shared with other sidecars again");
        }
        if let Some(id) = chunk.id {
            self.before().insert(limit.name, id);
        }
        let given = Given {
            calls: chunk.calls,
            others: chunk.others,
            again_after: chunk
                .again_after
                .clamp(Duration::from_millis(10), CHUNK_LIVES),
        };
        Some((given, chunk.spent))
    }

    /// Tells the others that a limit is spent.
    pub(super) async fn spent(&self, limit: &'static Limit, after: Duration) {
        let noted = self.store.calls_are_spent(self.of(limit), after);
        match tokio::time::timeout(PATIENCE, noted).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => drop(self.is_down::<()>(&error.to_string())),
            Err(_) => drop(self.is_down::<()>("it took too long")),
        }
    }

    fn of<'a>(&'a self, limit: &'a Limit) -> BudgetLimit<'a> {
        BudgetLimit {
            account: &self.account,
            limit: limit.name,
            holder: &self.holder,
        }
    }

    fn before(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, String>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says once that the store does not answer.
    fn is_down<T>(&self, detail: &str) -> Option<T> {
        if !self.is_down.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                detail,
                "the store does not answer: limits of providers are not shared with other sidecars meanwhile"
            );
        }
        None
    }
}
