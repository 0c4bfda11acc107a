//! What one unified call did at the provider: how many native calls, on whose behalf, and which, where somebody wants to
//! read them.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use http::uri::Authority;
use tokio::time::Instant;

use super::{
    behalf::Behalf,
    budget::{Budget, BudgetSnapshot},
    client::Response,
    provider::NativeOperation,
};
use crate::{
    telemetry::{NativeEnd, Trace},
    translate::NativeRequest,
};

/// What one unified call did at the provider.
#[derive(Debug, Default)]
pub struct NativeLog {
    calls: AtomicU32,
    /// Calls that were not made, since another one had the answer.
    joined: AtomicU32,
    behalf: OnceLock<Behalf>,
    /// Of the account that was asked.
    budget: OnceLock<Arc<Budget>>,
    /// Where traces are wanted.
    trace: Option<Arc<Trace>>,
    /// Kept only where somebody wants to read them.
    exchanges: Option<Mutex<Vec<Exchange>>>,
}

/// One native call and its answer. Without headers: a credential is among them.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub operation: &'static NativeOperation,
    pub target: String,
    pub request: Option<Bytes>,
    /// None where no answer came.
    pub response: Option<(u16, Bytes)>,
}

impl NativeLog {
    /// A log that keeps what was sent and received.
    pub fn with_exchanges() -> Self {
        Self {
            exchanges: Some(Mutex::default()),
            ..Self::default()
        }
    }

    /// The same, whose calls are spans of a trace.
    #[must_use]
    pub fn traced(mut self, trace: Option<Arc<Trace>>) -> Self {
        self.trace = trace;
        self
    }

    /// The trace that the calls are a part of, where there is one.
    pub fn trace(&self) -> Option<&Arc<Trace>> {
        self.trace.as_ref()
    }

    /// Says on whose behalf the calls are made. The first word counts.
    pub fn is_for(&self, behalf: Behalf) {
        let _ = self.behalf.set(behalf);
    }

    /// On whose behalf the calls are made.
    pub fn behalf(&self) -> &Behalf {
        self.behalf.get_or_init(Behalf::proxy)
    }

    /// What is left of the account's limits; none where nothing was asked at the provider.
    pub fn left(&self) -> Option<BudgetSnapshot> {
        self.budget.get().map(|budget| budget.snapshot())
    }

    /// The call is subject to these limits.
    pub(super) fn asks(&self, budget: &Arc<Budget>) {
        let _ = self.budget.set(Arc::clone(budget));
    }

    /// How many native calls were sent, retries among them.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges
            .as_ref()
            .map(|exchanges| {
                exchanges
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            })
            .unwrap_or_default()
    }

    /// How many native calls were not made, since the call of another one had the answer.
    pub fn joined(&self) -> u32 {
        self.joined.load(Ordering::Relaxed)
    }

    pub(super) fn keeps_exchanges(&self) -> bool {
        self.exchanges.is_some()
    }

    /// What is kept, where anything is.
    pub(super) fn kept_exchanges(&self) -> Option<Vec<Exchange>> {
        self.keeps_exchanges().then(|| self.exchanges())
    }

    pub(super) fn last_exchange(&self) -> Option<Exchange> {
        let exchanges = self.exchanges.as_ref()?;
        let exchanges = exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        exchanges.last().cloned()
    }

    /// Notes native calls that somebody else made, of which `calls` count as of this log.
    pub(super) fn counts(&self, exchanges: &[Exchange], calls: u32) {
        self.calls.fetch_add(calls, Ordering::Relaxed);
        if let Some(kept) = &self.exchanges {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(exchanges);
        }
    }

    /// The same, where they had the answer.
    pub(super) fn answered_by(&self, exchanges: &[Exchange], calls: u32) {
        self.counts(exchanges, calls);
        if calls == 0 {
            self.joined.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sending(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A call to `host` that was sent at `began` has ended, with an answer or without.
    pub(super) fn ended(
        &self,
        request: &NativeRequest,
        (host, began): (&Authority, Instant),
        answer: Option<&Response>,
    ) {
        if let Some(trace) = &self.trace {
            trace.native_ended(&NativeEnd {
                operation: request.operation,
                host,
                began,
                status: answer.map(|answer| answer.status),
            });
        }
        if let Some(exchanges) = &self.exchanges {
            exchanges
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Exchange {
                    operation: request.operation,
                    target: request.target.clone(),
                    request: request.body.clone(),
                    response: answer.map(|answer| (answer.status.as_u16(), answer.body.clone())),
                });
        }
    }
}
