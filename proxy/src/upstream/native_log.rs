//! What one unified call did at the provider: how many native calls, on whose behalf, and which, where somebody wants to
//! read them.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use http::{
    Request,
    header::{CONTENT_LENGTH, HOST},
};
use http_body_util::Full;
use tokio::time::{Duration, Instant};

use super::{
    behalf::Behalf,
    budget::{Budget, BudgetSnapshot},
    client::{Failure, Response},
    fault,
    provider::NativeOperation,
    token::Token,
};
use crate::{
    recorder::mask,
    telemetry::{NativeEnd, Trace},
    translate::NativeRequest,
};

/// What one call may keep of its native calls' bodies; later ones are told without.
const MOST_KEPT: usize = 4 * 1024 * 1024;

/// What of native calls is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keeps {
    #[default]
    Nothing,
    /// Which calls they were, and how they ended.
    Heads,
    /// What was sent and received as well.
    Whole,
}

/// What one unified call did at the provider.
#[derive(Debug, Default)]
pub struct NativeLog {
    calls: AtomicU32,
    /// Calls that were not made, since another one had the answer.
    joined: AtomicU32,
    behalf: OnceLock<Behalf>,
    /// Of the account that was asked.
    budget: OnceLock<Arc<Budget>>,
    keeps: Keeps,
    /// Where traces are wanted.
    trace: Option<Arc<Trace>>,
    /// Kept only where somebody wants to read them.
    exchanges: Option<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    exchanges: Vec<Exchange>,
    /// Of their bodies.
    bytes: usize,
}

/// One native call and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub operation: &'static NativeOperation,
    /// Without its query where heads alone are kept: it may name a customer's data.
    pub target: String,
    pub request: Option<Bytes>,
    /// None where no answer came.
    pub response: Option<(u16, Bytes)>,
    /// None where heads alone are kept.
    pub heads: Option<Arc<Heads>>,
    pub began: Instant,
    pub took: Duration,
    /// From 1 on; a greater number is a call that was repeated.
    pub attempt: u32,
    /// Why no answer came.
    pub error: Option<String>,
}

/// Address and headers of a native call, with what is secret masked.
#[derive(Debug, Default)]
pub struct Heads {
    pub url: String,
    pub request: Vec<(String, String)>,
    pub response: Vec<(String, String)>,
}

/// One try of a native call: which one it is, when it was begun, and when the whole has to be at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) asked: Instant,
    pub(super) deadline: Instant,
}

/// A call that is under way, as far as it will be kept.
#[derive(Debug)]
pub(super) struct Sending {
    began: Instant,
    attempt: u32,
    /// Where the whole is kept.
    heads: Option<Heads>,
}

impl Exchange {
    /// The same without anything that a customer's data may be in.
    fn head(mut self) -> Self {
        if let Some(query) = self.target.find('?') {
            self.target.truncate(query);
        }
        self.request = None;
        self.response = self.response.map(|(status, _)| (status, Bytes::new()));
        self.heads = None;
        self
    }

    fn bytes(&self) -> usize {
        let request = self.request.as_ref().map_or(0, Bytes::len);
        let response = self.response.as_ref().map_or(0, |(_, body)| body.len());
        request + response
    }
}

impl Kept {
    fn push(&mut self, keeps: Keeps, exchange: Exchange) {
        let bytes = exchange.bytes();
        if keeps == Keeps::Whole && self.bytes + bytes <= MOST_KEPT {
            self.bytes += bytes;
            self.exchanges.push(exchange);
        } else {
            self.exchanges.push(exchange.head());
        }
    }
}

impl NativeLog {
    /// A log that keeps so much of what was sent and received.
    pub fn keeping(keeps: Keeps) -> Self {
        Self {
            keeps,
            exchanges: (keeps != Keeps::Nothing).then(Mutex::default),
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
        self.kept(|kept| kept.exchanges.clone()).unwrap_or_default()
    }

    /// The same, for who is the last to ask.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        self.kept(|kept| std::mem::take(&mut kept.exchanges))
            .unwrap_or_default()
    }

    fn kept<T>(&self, with: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let kept = self.exchanges.as_ref()?;
        Some(with(
            &mut kept.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// How many native calls were not made, since the call of another one had the answer.
    pub fn joined(&self) -> u32 {
        self.joined.load(Ordering::Relaxed)
    }

    pub(super) fn keeps(&self) -> Keeps {
        self.keeps
    }

    /// What is kept, where anything is.
    pub(super) fn kept_exchanges(&self) -> Option<Vec<Exchange>> {
        self.kept(|kept| kept.exchanges.clone())
    }

    pub(super) fn last_exchange(&self) -> Option<Exchange> {
        self.kept(|kept| kept.exchanges.last().cloned()).flatten()
    }

    /// Notes native calls that somebody else made, of which `calls` count as of this log.
    pub(super) fn counts(&self, exchanges: &[Exchange], calls: u32) {
        self.calls.fetch_add(calls, Ordering::Relaxed);
        self.kept(|kept| {
            for exchange in exchanges {
                kept.push(self.keeps, exchange.clone());
            }
        });
    }

    /// The same, where they had the answer.
    pub(super) fn answered_by(&self, exchanges: &[Exchange], calls: u32) {
        self.counts(exchanges, calls);
        if calls == 0 {
            self.joined.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A call is about to be sent, for which `began` was the moment.
    pub(super) fn sending(
        &self,
        native: &Request<Full<Bytes>>,
        token: &Token,
        (attempt, began): (u32, Instant),
    ) -> Sending {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Sending {
            began,
            attempt,
            heads: (self.keeps == Keeps::Whole).then(|| Heads {
                url: mask::text(&native.uri().to_string(), token.secret()),
                // The host has a place there and is not known yet; it stands in the address. How long a body is tells
                // how long a credential in it is.
                request: mask::headers(native.headers(), token.secret())
                    .into_iter()
                    .filter(|(name, _)| name != HOST.as_str() && name != CONTENT_LENGTH.as_str())
                    .collect(),
                response: Vec::new(),
            }),
        }
    }

    /// It came to its end.
    pub(super) fn ended(
        &self,
        sending: Sending,
        request: &NativeRequest,
        token: &Token,
        answer: Result<&Response, &Failure>,
    ) {
        if let Some(trace) = &self.trace {
            trace.native_ended(&NativeEnd {
                operation: request.operation,
                host: token.host(),
                began: sending.began,
                status: answer.ok().map(|answer| answer.status),
            });
        }
        self.kept(|kept| {
            let response = answer.ok().map(|answer| {
                let body = match self.keeps {
                    Keeps::Whole => fault::masked(&answer.body, token.secret()),
                    Keeps::Heads | Keeps::Nothing => Bytes::new(),
                };
                (answer.status.as_u16(), body)
            });
            let heads = sending.heads.map(|mut heads| {
                if let Ok(answer) = answer {
                    heads.response = mask::headers(&answer.headers, token.secret());
                }
                Arc::new(heads)
            });
            let exchange = Exchange {
                operation: request.operation,
                // There are calls whose path has the token.
                target: mask::text(&request.target, token.secret()),
                request: request.body.clone(),
                response,
                heads,
                began: sending.began,
                took: sending.began.elapsed(),
                attempt: sending.attempt,
                error: answer.err().map(ToString::to_string),
            };
            kept.push(self.keeps, exchange);
        });
    }
}
