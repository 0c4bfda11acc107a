//! How far one limit of an account is used. Pure: moments come in as arguments.
//!
//! A call counts from its start until a window's length after it was certainly taken by the provider, so that however
//! long calls are on their way, the provider never sees more in one of its windows than it allows.

use std::{collections::BTreeSet, time::Duration};

use super::share::Share;
use crate::upstream::{Urgency, provider::LimitKind};

/// Since the budget was made.
pub(super) type Moment = Duration;
/// Names a call. Later ones have higher numbers.
pub(super) type Id = u64;

/// A call has reached the provider after so long, though its answer may take longer.
pub(super) const LANDING: Duration = Duration::from_secs(1);
/// A probe without an answer for so long was not refused: refusals are quick.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// One limit, and what is known of it.
#[derive(Debug)]
pub(super) struct Gauge {
    pub(super) name: &'static str,
    pub(super) state: State,
    spent: Option<Spent>,
    /// When the call was started whose answer told the newest.
    told_by: Option<Moment>,
}

#[derive(Debug)]
pub(super) enum State {
    Counted(Window),
    Told(Told),
    Lasting(Lasting),
    /// Nothing by itself: it is spent when a provider refuses without saying for which limit.
    Pause,
}

/// So many calls in a window that moves.
#[derive(Debug)]
pub(super) struct Window {
    /// None where neither the provider has told them nor anybody assumes any: then nothing is held back.
    pub(super) calls: Option<u32>,
    pub(super) length: Duration,
    /// When each call is given back.
    counted: BTreeSet<(Moment, Id)>,
    /// Calls of others, as far as the provider has told of them, and until when that is believed.
    others: (u32, Moment),
    /// When a background call would start if all before it had come evenly.
    paced: Moment,
    pub(super) share: Option<Share>,
}

/// Counted by the provider alone.
#[derive(Debug)]
pub(super) struct Told {
    /// The limit and what is left of it.
    pub(super) left: Option<(u64, u64)>,
    probe_after: Duration,
    is_soft: bool,
    /// Before this no background call is started, since little is left.
    paced: Moment,
}

/// Calls at one time that have lasted so long.
#[derive(Debug)]
pub(super) struct Lasting {
    pub(super) calls: Option<u32>,
    seconds: Duration,
    /// Those under way, with their starts.
    open: BTreeSet<(Moment, Id)>,
}

/// The provider has refused a call for this limit.
#[derive(Debug)]
struct Spent {
    until: Moment,
    /// The call that finds out whether it still is, and its start.
    probe: Option<(Id, Moment)>,
}

/// Whether a call may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Now,
    /// Not before this moment.
    At(Moment),
    /// Not before something happens: a call ends, or the store answers.
    Later,
}

impl Gauge {
    pub(super) fn new(name: &'static str, kind: LimitKind, calls: Option<u32>) -> Self {
        let state = match kind {
            LimitKind::Counted { window_seconds, .. } => State::Counted(Window {
                calls,
                length: Duration::from_secs(window_seconds.into()),
                counted: BTreeSet::new(),
                others: (0, Moment::ZERO),
                paced: Moment::ZERO,
                share: None,
            }),
            LimitKind::Told {
                probe_after_seconds,
                is_soft,
            } => State::Told(Told {
                left: None,
                probe_after: Duration::from_secs(probe_after_seconds.into()),
                is_soft,
                paced: Moment::ZERO,
            }),
            LimitKind::Lasting { seconds, .. } => State::Lasting(Lasting {
                calls,
                seconds: Duration::from_secs(seconds.into()),
                open: BTreeSet::new(),
            }),
        };
        Self::of(name, state)
    }

    pub(super) fn pause() -> Self {
        Self::of("calls", State::Pause)
    }

    fn of(name: &'static str, state: State) -> Self {
        Self {
            name,
            state,
            spent: None,
            told_by: None,
        }
    }

    /// Whether there is something to be counted from the beginning on. A gauge of which this is not true has nothing to say
    /// until it is told something, or refused for.
    pub(super) fn is_known(&self) -> bool {
        match &self.state {
            State::Counted(window) => window.calls.is_some(),
            State::Lasting(lasting) => lasting.calls.is_some(),
            State::Told(_) | State::Pause => false,
        }
    }

    /// Whether a call may start now.
    pub(super) fn verdict(&self, urgency: Urgency, now: Moment) -> Verdict {
        if let Some(spent) = &self.spent {
            if now < spent.until {
                return Verdict::At(spent.until);
            }
            if let Some((_, started)) = spent.probe
                && now < started + PROBE_PATIENCE
            {
                return Verdict::At(started + PROBE_PATIENCE);
            }
        }
        match &self.state {
            State::Counted(window) => window.verdict(urgency, now),
            State::Told(told) => {
                if urgency == Urgency::Background && told.is_low() && now < told.paced {
                    Verdict::At(told.paced)
                } else {
                    Verdict::Now
                }
            }
            State::Lasting(lasting) if lasting.is_full(now) => Verdict::Later,
            State::Lasting(_) | State::Pause => Verdict::Now,
        }
    }

    /// When the call would start that has so many `ahead` of it. A guess: others may come and go.
    pub(super) fn expected(&self, urgency: Urgency, ahead: usize, now: Moment) -> Moment {
        let by_itself = match &self.state {
            State::Counted(window) => window.expected(urgency, ahead, now),
            _ => match self.verdict(urgency, now) {
                Verdict::Now => now,
                Verdict::At(moment) => moment,
                Verdict::Later => now + Duration::from_secs(1),
            },
        };
        match &self.spent {
            Some(spent) => by_itself.max(spent.until),
            None => by_itself,
        }
    }

    /// A call starts.
    pub(super) fn starts(&mut self, id: Id, urgency: Urgency, now: Moment) {
        if let Some(spent) = &mut self.spent {
            match spent.probe {
                _ if now < spent.until => {}
                // Nobody has refused it.
                Some((_, started)) if now >= started + PROBE_PATIENCE => self.spent = None,
                Some(_) => {}
                None => spent.probe = Some((id, now)),
            }
        }
        match &mut self.state {
            State::Counted(window) => window.starts(id, urgency, now),
            State::Told(told) => {
                if urgency == Urgency::Background && told.is_low() {
                    told.paced = now + told.probe_after;
                }
                if let Some((_, remaining)) = &mut told.left {
                    *remaining = remaining.saturating_sub(1);
                }
            }
            State::Lasting(lasting) => {
                if lasting.calls.is_some() {
                    lasting.open.insert((now, id));
                }
            }
            State::Pause => {}
        }
    }

    /// A call ended: it was answered without being refused for this limit, or nobody knows what became of it.
    pub(super) fn ends(&mut self, id: Id, started: Moment, is_answered: bool, now: Moment) {
        if let Some(spent) = &mut self.spent
            && spent.probe.is_some_and(|(probe, _)| probe == id)
        {
            spent.probe = None;
            if is_answered {
                self.spent = None;
            }
        }
        match &mut self.state {
            State::Counted(window) => window.ends(id, started, now),
            State::Lasting(lasting) => {
                lasting.open.remove(&(started, id));
            }
            State::Told(_) | State::Pause => {}
        }
    }

    /// A call that was let go was never made.
    pub(super) fn gives_back(&mut self, id: Id, started: Moment) {
        if let Some(spent) = &mut self.spent
            && spent.probe.is_some_and(|(probe, _)| probe == id)
        {
            spent.probe = None;
        }
        match &mut self.state {
            State::Counted(window) => window.gives_back(id, started),
            State::Told(told) => {
                if let Some((limit, remaining)) = &mut told.left {
                    *remaining = (*remaining + 1).min(*limit);
                }
            }
            State::Lasting(lasting) => {
                lasting.open.remove(&(started, id));
            }
            State::Pause => {}
        }
    }

    /// The provider refused a call for this limit, and one may be tried again after so long.
    pub(super) fn refused(&mut self, after: Duration, now: Moment) {
        let before = self.spent.take().map_or(Moment::ZERO, |it| it.until);
        self.spent = Some(Spent {
            until: before.max(now + after),
            probe: None,
        });
    }

    /// An answer told the limit and what is left of it.
    pub(super) fn told(&mut self, limit: u64, remaining: u64, started: Moment, now: Moment) {
        // Answers overtake each other.
        if self.told_by.is_some_and(|newest| newest > started) {
            return;
        }
        self.told_by = Some(started);
        match &mut self.state {
            State::Counted(window) => window.told(limit, remaining, now),
            State::Told(told) => {
                told.left = Some((limit, remaining));
                if remaining == 0 && !told.is_soft && self.spent.is_none() {
                    let until = now + told.probe_after;
                    self.spent = Some(Spent { until, probe: None });
                }
            }
            State::Lasting(_) | State::Pause => {}
        }
    }

    /// How long the limit is taken for spent where a refusal does not say.
    pub(super) fn pause_by_default(&self) -> Duration {
        match &self.state {
            State::Counted(window) => window.length,
            State::Told(told) => told.probe_after,
            State::Lasting(_) | State::Pause => Duration::from_secs(1),
        }
    }

    /// The limit, what is left of it, and when that changes by itself; none where the limit is not known.
    pub(super) fn left(&self, now: Moment) -> Option<(u64, u64, Option<Duration>)> {
        let spent = self
            .spent
            .as_ref()
            .map(|it| it.until)
            .filter(|it| *it > now);
        let until_spent = spent.map(|until| until.saturating_sub(now));
        let (limit, remaining, changes) = match &self.state {
            State::Counted(window) => {
                let calls = window.calls?;
                let changes = window
                    .next_expiry(now)
                    .map(|expiry| expiry.saturating_sub(now));
                // What others were given is no bar here: the store sees to it.
                let others = window.share.as_ref().map_or(0, |share| share.others(now));
                let used = window.mine(now) + window.told_others(now).max(others);
                (calls.into(), u64::from(calls.saturating_sub(used)), changes)
            }
            State::Told(told) => {
                let (limit, remaining) = told.left?;
                (limit, remaining, None)
            }
            State::Lasting(lasting) => {
                let calls = u64::from(lasting.calls?);
                (calls, calls.saturating_sub(lasting.long(now) as u64), None)
            }
            State::Pause => return None,
        };
        Some(match until_spent {
            Some(until) => (limit, 0, Some(until)),
            None => (limit, remaining, changes),
        })
    }

    /// Until when it is spent.
    pub(super) fn spent_until(&self) -> Option<Moment> {
        self.spent.as_ref().map(|spent| spent.until)
    }

    pub(super) fn window_mut(&mut self) -> Option<&mut Window> {
        match &mut self.state {
            State::Counted(window) => Some(window),
            _ => None,
        }
    }
}

impl Window {
    fn verdict(&self, urgency: Urgency, now: Moment) -> Verdict {
        let Some(calls) = self.calls else {
            return Verdict::Now;
        };
        let capacity = capacity(calls, urgency);
        let used = self.used(now);
        let by_count = if used < capacity {
            now
        } else {
            // As many must be given back as there are too many.
            let moment = self.nth_expiry(used - capacity, now);
            moment.unwrap_or(now + self.length)
        };
        let moment = match urgency {
            Urgency::Interactive => by_count,
            Urgency::Background => by_count.max(self.paced_from(calls)),
        };
        if moment > now {
            return Verdict::At(moment);
        }
        match &self.share {
            Some(share) => share.verdict(now),
            None => Verdict::Now,
        }
    }

    fn expected(&self, urgency: Urgency, ahead: usize, now: Moment) -> Moment {
        let Some(calls) = self.calls else { return now };
        let capacity = capacity(calls, urgency);
        let used = self.used(now);
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let missing = (used.saturating_add(ahead) + 1).saturating_sub(capacity);
        let by_count = if missing == 0 {
            now
        } else if let Some(moment) = self.nth_expiry(missing - 1, now) {
            moment
        } else {
            // Those ahead must be given back as well, a whole window's worth at a time.
            let windows = (missing - used).div_ceil(capacity);
            let newest = self.newest_expiry(now);
            newest + self.length.saturating_mul(windows)
        };
        match urgency {
            Urgency::Interactive => by_count,
            Urgency::Background => {
                by_count.max(self.paced_from(calls) + self.spacing(calls).saturating_mul(ahead))
            }
        }
    }

    fn starts(&mut self, id: Id, urgency: Urgency, now: Moment) {
        let Some(calls) = self.calls else { return };
        while self.counted.first().is_some_and(|(free, _)| *free <= now) {
            self.counted.pop_first();
        }
        self.counted.insert((now + LANDING + self.length, id));
        if urgency == Urgency::Background {
            self.paced = self.paced.max(now) + self.spacing(calls);
        }
        if let Some(share) = &mut self.share {
            share.take();
        }
    }

    fn ends(&mut self, id: Id, started: Moment, now: Moment) {
        if self.counted.remove(&(started + LANDING + self.length, id)) {
            let landed = now.min(started + LANDING);
            self.counted.insert((landed + self.length, id));
        }
    }

    fn gives_back(&mut self, id: Id, started: Moment) {
        if self.counted.remove(&(started + LANDING + self.length, id))
            && let Some(share) = &mut self.share
        {
            share.gives_back();
        }
    }

    fn told(&mut self, limit: u64, remaining: u64, now: Moment) {
        let used = limit.saturating_sub(remaining);
        let number = |it: u64| u32::try_from(it).unwrap_or(u32::MAX);
        self.calls = Some(number(limit).max(1));
        let mine = self.mine(now);
        self.others = (number(used).saturating_sub(mine), now + self.length);
    }

    /// Before this no background call is started: as many go at once as are a tenth of the window, then evenly.
    fn paced_from(&self, calls: u32) -> Moment {
        let at_once = self.spacing(calls).saturating_mul(calls / 10);
        self.paced.saturating_sub(at_once)
    }

    /// How far apart background calls are: what is neither kept for others nor let go at once, spread over the window.
    fn spacing(&self, calls: u32) -> Duration {
        let spread = capacity(calls, Urgency::Background).saturating_sub(calls / 10);
        self.length / spread.max(1)
    }

    /// The calls that count.
    fn used(&self, now: Moment) -> u32 {
        self.mine(now) + self.told_others(now)
    }

    fn mine(&self, now: Moment) -> u32 {
        let mine = self.counted.len() - self.counted.range(..=(now, Id::MAX)).count();
        u32::try_from(mine).unwrap_or(u32::MAX)
    }

    fn told_others(&self, now: Moment) -> u32 {
        let (others, until) = self.others;
        if until > now { others } else { 0 }
    }

    /// When the nth call is given back, counted from 0.
    fn nth_expiry(&self, nth: u32, now: Moment) -> Option<Moment> {
        let (others, until) = (self.told_others(now), self.others.1);
        let nth = nth as usize;
        let mut mine = self.counted.range((now, Id::MAX)..).map(|(free, _)| *free);
        let before = self
            .counted
            .range((now, Id::MAX)..(until.max(now), Id::MAX))
            .count();
        if nth < before {
            mine.nth(nth)
        } else if nth < before + others as usize {
            Some(until)
        } else {
            mine.nth(nth - others as usize)
        }
    }

    fn next_expiry(&self, now: Moment) -> Option<Moment> {
        self.nth_expiry(0, now)
    }

    fn newest_expiry(&self, now: Moment) -> Moment {
        let newest = self.counted.last().map_or(now, |(free, _)| *free);
        newest.max(self.others.1).max(now)
    }
}

impl Told {
    /// The last tenth is not for what nobody waits for.
    fn is_low(&self) -> bool {
        self.left
            .is_some_and(|(limit, remaining)| remaining < limit / 10)
    }
}

impl Lasting {
    fn long(&self, now: Moment) -> usize {
        let started_before = now.checked_sub(self.seconds);
        started_before.map_or(0, |moment| {
            self.open
                .iter()
                .take_while(|(start, _)| *start <= moment)
                .count()
        })
    }

    fn is_full(&self, now: Moment) -> bool {
        self.calls
            .is_some_and(|calls| self.long(now) >= calls as usize)
    }
}

/// How many calls of a window may be used: the last tenth is not for what nobody waits for.
pub(super) fn capacity(calls: u32, urgency: Urgency) -> u32 {
    match urgency {
        Urgency::Interactive => calls,
        Urgency::Background if calls < 2 => calls,
        Urgency::Background => calls - (calls / 10).max(1),
    }
}
