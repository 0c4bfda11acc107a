//! What a provider lets an account do: calls wait here for their turn, or are refused before they are made.
//!
//! Knows limits as data ([`super::provider::Limit`]), what is assumed of them, and what answers said of them. What
//! decides is pure (`budget/core.rs`); here are the clock, the timer, and the words.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use tokio::{sync::Notify, time::Instant};

use super::{
    behalf::Behalf,
    provider::{ErrorRule, Limit, LimitKind, NativeOperation, Provider},
    retry,
};
use crate::error::{Code, Error};

mod cell;
mod core;
mod gauge;
mod open;
mod queue;
mod registry;
mod share;
#[cfg(test)]
mod tests;

pub(super) use registry::Budgets;

use self::{
    cell::{Ask, Cell},
    core::{Core, End, Mask, Refusal, Told},
    gauge::{Gauge, Id, Moment},
    registry::Shared,
};

/// A turn that comes later than so long before its caller's deadline is not worth a call.
const LEAST: Duration = Duration::from_millis(200);
/// A refusal is believed for so long at least, whatever it says, and at most.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// The limits of one provider's account, and how far they are used. What every call looks at comes first.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Budget {
    provider: &'static Provider,
    /// Moments are counted from here.
    start: Instant,
    queue_wait: Duration,
    cell: Cell,
    /// Whether somebody looks after those who wait.
    is_ticking: AtomicBool,
    changed: Notify,
    shared: Option<Shared>,
}

/// Leave to make one native call. It is to be told how the call ended; dropped, nobody knows.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    budget: &'a Arc<Budget>,
    id: Id,
    is_over: bool,
    /// When it was given.
    pub(super) began: Instant,
}

/// A call does not get its turn, for this limit.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) limit: &'static str,
    pub(super) error: Error,
    /// When that was known.
    pub(super) at: Instant,
}

/// What is left of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitLeft {
    pub name: &'static str,
    pub limit: u64,
    pub remaining: u64,
    /// The length of its window, where it has one.
    pub window_seconds: Option<u32>,
    /// When more will be left, where that is known.
    pub more_after: Option<Duration>,
}

/// How an account's limits are used, for those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetSnapshot {
    pub limits: Vec<LimitLeft>,
    /// Calls that wait for their turn.
    pub waiting: usize,
}

/// What is assumed of a limit before the provider tells.
pub(super) type Assume<'a> = &'a dyn Fn(&Limit) -> Option<u32>;

impl Budget {
    fn new(
        provider: &'static Provider,
        assume: Assume<'_>,
        (queue_length, queue_wait): (usize, Duration),
        shared: Option<Shared>,
    ) -> Self {
        let limits = provider.limits.iter();
        let mut gauges: Vec<Gauge> = limits
            .map(|limit| Gauge::new(limit.name, limit.kind, assume(limit)))
            .collect();
        if shared.is_some() {
            for window in gauges.iter_mut().filter_map(Gauge::window_mut) {
                window.share = Some(share::Share::default());
            }
        }
        gauges.push(Gauge::pause());
        Self {
            provider,
            cell: Cell::new(Core::new(gauges, queue_length)),
            start: Instant::now(),
            queue_wait,
            is_ticking: AtomicBool::new(false),
            changed: Notify::new(),
            shared,
        }
    }

    /// Waits for the turn of a call that asks for it now, at `asked`, as long as its deadline allows.
    pub(super) async fn turn(
        self: &Arc<Self>,
        operation: &'static NativeOperation,
        behalf: &Behalf,
        asked: Instant,
        deadline: Instant,
    ) -> Result<Turn<'_>, Refused> {
        let now = asked.saturating_duration_since(self.start);
        let until_deadline = deadline.saturating_duration_since(asked + LEAST);
        let latest = now + until_deadline.min(self.queue_wait);
        let mask = self.mask(operation);
        let turn = |id, began| Turn {
            budget: self,
            id,
            is_over: false,
            began,
        };
        match self
            .cell
            .ask(mask, &behalf.caller, behalf.urgency, latest, now)
        {
            Ask::Goes(id) => Ok(turn(id, asked)),
            Ask::Refused(refusal) => Err(self.refusal(refusal, asked)),
            Ask::Waits(id, hear) => {
                let mut waits = Waits {
                    budget: self,
                    id,
                    is_over: false,
                };
                self.tick();
                let told = hear.await;
                let now = Instant::now();
                waits.is_over = true;
                match told {
                    Ok(Ok(())) => Ok(turn(id, now)),
                    Ok(Err(refusal)) => Err(self.refusal(refusal, now)),
                    Err(_) => {
                        waits.is_over = false;
                        let message = "a call that waited for its turn was forgotten";
                        Err(Refused {
                            limit: "calls",
                            error: Error::new(Code::InternalServerError, message),
                            at: now,
                        })
                    }
                }
            }
        }
    }

    /// Counts a call that is made whatever the limits say, since somebody wants to know what the provider says.
    pub(super) fn at_once(self: &Arc<Self>, operation: &'static NativeOperation) -> Turn<'_> {
        let (began, mask) = (Instant::now(), self.mask(operation));
        let now = began.saturating_duration_since(self.start);
        let id = self
            .cell
            .with(|core| (core.starts_anyway(mask, now), Vec::new()));
        Turn {
            budget: self,
            id,
            is_over: false,
            began,
        }
    }

    /// What is left of the limits that are known, and how many calls wait.
    pub(super) fn snapshot(&self) -> BudgetSnapshot {
        let now = self.now();
        self.cell.with(|core| {
            let left = core.left(now).filter_map(|(at, limit, remaining, after)| {
                let known = self.provider.limits.get(at)?;
                Some(LimitLeft {
                    name: known.name,
                    limit,
                    remaining,
                    window_seconds: match known.kind {
                        LimitKind::Counted { window_seconds, .. } => Some(window_seconds),
                        LimitKind::Told { .. } | LimitKind::Lasting { .. } => None,
                    },
                    more_after: after,
                })
            });
            let limits = left.collect();
            let waiting = core.waiting();
            (BudgetSnapshot { limits, waiting }, Vec::new())
        })
    }

    fn now(&self) -> Moment {
        self.start.elapsed()
    }

    /// The limits that calls of an operation are subject to. The last one is that of all calls.
    fn mask(&self, operation: &NativeOperation) -> Mask {
        let limits = self.provider.limits.iter().enumerate();
        let own = limits.filter(|(_, limit)| limit.is_about(operation));
        own.fold(1 << self.provider.limits.len(), |mask, (at, _)| {
            mask | 1 << at
        })
    }

    /// Sees to it that somebody looks after those who wait, and looks again.
    fn tick(self: &Arc<Self>) {
        if !self.is_ticking.swap(true, Ordering::SeqCst) {
            tokio::spawn(Arc::clone(self).look_after());
        }
        self.changed.notify_one();
    }

    /// Until nobody waits.
    async fn look_after(self: Arc<Self>) {
        loop {
            let now = self.now();
            let (next, waiting, wants) = self.cell.with(|core| {
                let news = core.pump(now);
                ((core.next(now), core.waiting(), core.wants(now)), news)
            });
            for (at, ask) in wants {
                tokio::spawn(Arc::clone(&self).ask_store(at, ask));
            }
            if waiting == 0 {
                self.is_ticking.store(false, Ordering::SeqCst);
                // Somebody may have come before that was said.
                let waiting = self.cell.with(|core| (core.waiting(), Vec::new()));
                if waiting == 0 || self.is_ticking.swap(true, Ordering::SeqCst) {
                    return;
                }
                continue;
            }
            // A waiting call has a moment at which it has waited long enough.
            let next = next.unwrap_or(now + Duration::from_secs(1));
            tokio::select! {
                () = tokio::time::sleep_until(self.start + next) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    async fn ask_store(self: Arc<Self>, at: usize, ask: share::Ask) {
        let (Some(shared), Some(limit)) = (&self.shared, self.provider.limits.get(at)) else {
            return;
        };
        let asked_at = self.now();
        let (given, spent) = shared.ask(limit, ask).await.unzip();
        let now = self.now();
        self.cell.with(|core| {
            for (name, after) in spent.unwrap_or_default() {
                let mut limits = self.provider.limits.iter();
                if let Some(at) = limits.position(|limit| limit.name == name) {
                    core.spent_elsewhere(at, after, now);
                }
            }
            ((), core.given(at, given, asked_at, now))
        });
        self.changed.notify_one();
    }

    fn refusal(&self, refusal: Refusal, at: Instant) -> Refused {
        let title = self.provider.title;
        let limits = self.provider.limits.iter();
        let named = limits.into_iter().find(|it| it.name == refusal.limit);
        let left = self.snapshot().limits;
        let known = left.iter().find(|it| it.name == refusal.limit);
        let number = known.map_or_else(|| "so many".to_owned(), |it| it.limit.to_string());
        let mut message = match named.map(|limit| (limit.name, limit.kind)) {
            Some((name, LimitKind::Counted { window_seconds, .. })) => {
                let seconds = match window_seconds {
                    1 => "a second".to_owned(),
                    seconds => format!("{seconds} seconds"),
                };
                format!(
                    "{title} allows this account {number} calls in {seconds} (`{name}`), and they are used up"
                )
            }
            Some((name, LimitKind::Told { .. })) => {
                format!("this account's calls at {title} are used up (`{name}`)")
            }
            Some((name, LimitKind::Lasting { seconds, .. })) => format!(
                "{title} allows this account {number} calls at one time that last longer than {seconds} seconds (`{name}`), and there are so many"
            ),
            None => format!("{title} has asked for fewer calls of this account"),
        };
        if refusal.is_full {
            let _ = write!(message, "; too many wait already (limits.queue_length)");
        }
        // Whoever comes back at once would be refused again.
        let after = refusal.after.max(Duration::from_secs(1));
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        let _ = write!(
            message,
            "; this is the provider's limit, nothing was sent, try again in {seconds} seconds"
        );
        Refused {
            limit: refusal.limit,
            error: Error::new(Code::TooManyRequests, message).with_retry_after(after),
            at,
        }
    }
}

impl Turn<'_> {
    /// The provider has answered at this moment; its headers and its refusal may say more about its limits than we know.
    pub(super) fn answered(
        mut self,
        now: Instant,
        status: impl Into<u16>,
        headers: &HeaderMap,
        rule: Option<&ErrorRule>,
    ) {
        self.is_over = true;
        let limits = self.budget.provider.limits.iter().enumerate();
        let told: Vec<Told> = limits
            .clone()
            .filter_map(|(at, limit)| {
                let left = limit.left(headers)?;
                Some(Told {
                    at,
                    limit: left.limit,
                    remaining: left.remaining,
                })
            })
            .collect();
        let named = rule.and_then(|rule| rule.limit);
        let end = if named.is_some() || status.into() == StatusCode::TOO_MANY_REQUESTS.as_u16() {
            let at = named.and_then(|name| {
                let mut limits = limits;
                limits
                    .find(|(_, limit)| limit.name == name)
                    .map(|(at, _)| at)
            });
            let after = headers
                .get(RETRY_AFTER)
                .and_then(|value| retry::parse_retry_after(value.to_str().ok()?, SystemTime::now()))
                .or_else(|| {
                    let seconds = rule.and_then(|rule| rule.retry_after_seconds);
                    seconds.map(|seconds| Duration::from_secs(seconds.into()))
                })
                .map(|after| after.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
            if let Some(at) = at {
                self.budget.tell_store(at, after);
            }
            End::Refused(at, after)
        } else {
            End::Answered
        };
        self.over(now, end, &told);
    }

    fn over(&self, now: Instant, end: End, told: &[Told]) {
        let budget = self.budget;
        let now = now.saturating_duration_since(budget.start);
        if budget.cell.ends(self.id, end, told, now) > 0 {
            budget.changed.notify_one();
        }
    }
}

impl Budget {
    /// Other processes are not to find out by themselves.
    fn tell_store(self: &Arc<Self>, at: usize, after: Option<Duration>) {
        if self.shared.is_none() {
            return;
        }
        let budget = Arc::clone(self);
        tokio::spawn(async move {
            let Some(limit) = budget.provider.limits.get(at) else {
                return;
            };
            let after = after.unwrap_or(match limit.kind {
                LimitKind::Counted {
                    window_seconds: seconds,
                    ..
                }
                | LimitKind::Told {
                    probe_after_seconds: seconds,
                    ..
                } => Duration::from_secs(seconds.into()),
                LimitKind::Lasting { .. } => Duration::from_secs(1),
            });
            if let Some(shared) = &budget.shared {
                shared.spent(limit, after).await;
            }
        });
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.over(Instant::now(), End::Unanswered, &[]);
        }
    }
}

/// A call that waits. Its caller may go away at any moment.
struct Waits<'a> {
    budget: &'a Arc<Budget>,
    id: Id,
    is_over: bool,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.budget.cell.leaves(self.id, self.budget.now()) > 0 {
            self.budget.changed.notify_one();
        }
    }
}

impl BudgetSnapshot {
    /// `RateLimit-Policy` and `RateLimit`, as draft-ietf-httpapi-ratelimit-headers-10 writes them; none where no limit
    /// is known.
    pub fn headers(&self) -> Option<(String, String)> {
        if self.limits.is_empty() {
            return None;
        }
        let (mut policy, mut left) = (String::with_capacity(64), String::with_capacity(64));
        let mut digits = itoa::Buffer::new();
        // Piece by piece: each answer has them, and `write!` would be a good part of what a call costs here.
        let mut put = |to: &mut String, before: &str, number: u64| {
            to.push_str(before);
            to.push_str(digits.format(number));
        };
        for limit in &self.limits {
            for to in [&mut policy, &mut left] {
                to.push_str(if to.is_empty() { "\"" } else { ", \"" });
                to.push_str(limit.name);
            }
            put(&mut policy, "\";q=", limit.limit);
            if let Some(seconds) = limit.window_seconds {
                put(&mut policy, ";w=", seconds.into());
            }
            put(&mut left, "\";r=", limit.remaining);
            if let Some(after) = limit.more_after {
                let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
                put(&mut left, ";t=", seconds.max(1));
            }
        }
        Some((policy, left))
    }
}
