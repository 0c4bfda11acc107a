//! All limits of an account, and the calls that wait for them. Pure: moments come in as arguments, and what a waiting
//! call is told goes out as a list.
//!
//! Calls that are subject to the same limits share a lane. Whenever something happens, the calls go that can, those
//! that somebody waits for before all others, lane after lane, caller after caller.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    gauge::{Gauge, Id, Moment, Verdict, capacity},
    open::{Open, OpenCalls},
    queue::{Place, Queue},
    share::{Ask, Given},
};
use crate::upstream::Urgency;

/// Which gauges a call is subject to: one bit for each.
pub(super) type Mask = u32;

/// What every call looks at comes first, side by side: with thousands of accounts each is another place in memory.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Core {
    /// Gauges that have ever had something to say. The others say nothing, and are not asked.
    loud: Mask,
    next_id: Id,
    /// Calls that were let go and have not ended.
    open: OpenCalls,
    waiting: HashMap<Id, Waiting>,
    gauges: Vec<Gauge>,
    lanes: Vec<Lane>,
    /// The waiting calls by the moment at which they have waited long enough.
    by_latest: BTreeSet<(Moment, Id)>,
    most_waiting: usize,
}

#[derive(Debug)]
struct Lane {
    mask: Mask,
    /// By urgency.
    queues: BTreeMap<Urgency, Queue>,
    /// The last call that went.
    last: Id,
}

#[derive(Debug)]
struct Waiting {
    lane: usize,
    urgency: Urgency,
    place: Place,
    latest: Moment,
}

/// What a call that asks is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Goes(Id),
    /// It will be told.
    Waits(Id),
    Refused(Refusal),
}

/// Why a call does not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The limit that it would have waited longest for.
    pub(super) limit: &'static str,
    /// When its turn would have come, from now.
    pub(super) after: Duration,
    /// Too many wait already.
    pub(super) is_full: bool,
}

/// What a waiting call is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) id: Id,
    pub(super) refused: Option<Refusal>,
}

/// What an answer told of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) at: usize,
    pub(super) limit: u64,
    pub(super) remaining: u64,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was answered, and not refused for a limit.
    Answered,
    /// Nobody knows what became of it.
    Unanswered,
    /// It was refused for this limit, or for one that is not known, and one may be tried after so long.
    Refused(Option<usize>, Option<Duration>),
}

impl Core {
    pub(super) fn new(gauges: Vec<Gauge>, most_waiting: usize) -> Self {
        let loud = gauges.iter().enumerate();
        let loud = loud.filter(|(_, gauge)| gauge.is_known());
        Self {
            loud: loud.fold(0, |loud, (at, _)| loud | 1 << at),
            next_id: 0,
            open: OpenCalls::default(),
            waiting: HashMap::new(),
            gauges,
            lanes: Vec::new(),
            by_latest: BTreeSet::new(),
            most_waiting,
        }
    }

    /// A call asks for its turn, and would wait until `latest`.
    pub(super) fn ask(
        &mut self,
        mask: Mask,
        caller: &Arc<str>,
        urgency: Urgency,
        latest: Moment,
        now: Moment,
    ) -> (Asked, Vec<News>) {
        let id = self.next_id;
        self.next_id += 1;
        if self.waiting.is_empty() && self.verdict(mask, urgency, now) == Verdict::Now {
            self.starts(id, mask, urgency, now);
            return (Asked::Goes(id), Vec::new());
        }
        let lane = self.lane(mask);
        let is_full = self.waiting.len() >= self.most_waiting;
        let queue = self.lanes[lane].queues.entry(urgency).or_default();
        let place = queue.add(id, caller);
        let ahead = self.ahead(lane, urgency, place);
        let (limit, expected) = self.expected(mask, urgency, ahead, now);
        if is_full || expected > latest {
            if let Some(queue) = self.lanes[lane].queues.get_mut(&urgency) {
                queue.leaves(place);
            }
            let refusal = Refusal {
                limit,
                after: expected.saturating_sub(now),
                is_full,
            };
            return (Asked::Refused(refusal), Vec::new());
        }
        self.by_latest.insert((latest, id));
        let waiting = Waiting {
            lane,
            urgency,
            place,
            latest,
        };
        self.waiting.insert(id, waiting);
        let mut news = self.pump(now);
        match news.iter().position(|it| it.id == id) {
            None => (Asked::Waits(id), news),
            Some(at) => {
                let own = news.swap_remove(at);
                let asked = own.refused.map_or(Asked::Goes(id), Asked::Refused);
                (asked, news)
            }
        }
    }

    /// A call is made whether there is room or not, and counts.
    pub(super) fn starts_anyway(&mut self, mask: Mask, now: Moment) -> Id {
        let id = self.next_id;
        self.next_id += 1;
        self.starts(id, mask, Urgency::Interactive, now);
        id
    }

    /// A call that waits is gone, or one that was let go and not made.
    pub(super) fn leaves(&mut self, id: Id, now: Moment) -> Vec<News> {
        if let Some(waiting) = self.take(id) {
            if let Some(queue) = self.lanes[waiting.lane].queues.get_mut(&waiting.urgency) {
                queue.leaves(waiting.place);
            }
        } else if let Some(open) = self.open.remove(id) {
            for gauge in subject(&mut self.gauges, open.mask & self.loud) {
                gauge.gives_back(id, open.started);
            }
        }
        self.pump(now)
    }

    /// A call that was let go has ended, and its answer told what is left of some limits.
    pub(super) fn ends(&mut self, id: Id, end: End, told: &[Told], now: Moment) -> Vec<News> {
        let Some(open) = self.open.remove(id) else {
            return Vec::new();
        };
        let is_answered = end == End::Answered;
        for gauge in subject(&mut self.gauges, open.mask & self.loud) {
            gauge.ends(id, open.started, is_answered, now);
        }
        for told in told {
            self.loud |= 1 << told.at;
            self.gauges[told.at].told(told.limit, told.remaining, open.started, now);
        }
        if let End::Refused(at, after) = end {
            // One that is said to be spent by a call that it is not about would hold back nothing.
            let named = at.filter(|at| open.mask & (1 << at) != 0);
            let at = named.unwrap_or(self.gauges.len() - 1);
            let after = after.unwrap_or_else(|| self.gauges[at].pause_by_default());
            self.refused(at, after, now);
        }
        self.pump(now)
    }

    /// Another process was refused for a limit.
    pub(super) fn spent_elsewhere(&mut self, at: usize, after: Duration, now: Moment) {
        let known = self.gauges[at].spent_until().unwrap_or_default();
        // What was said of it here is as good; and a probe that is under way is not to be forgotten.
        if now + after > known + Duration::from_millis(50) {
            self.refused(at, after, now);
        }
    }

    fn refused(&mut self, at: usize, after: Duration, now: Moment) {
        self.loud |= 1 << at;
        self.gauges[at].refused(after, now);
    }

    /// Lets go what can go, and refuses what has waited long enough, or would in vain.
    pub(super) fn pump(&mut self, now: Moment) -> Vec<News> {
        let mut news = Vec::new();
        if self.waiting.is_empty() {
            return news;
        }
        while let Some((lane, urgency, place)) = self.next_to_go(now) {
            let (_, id) = place;
            self.take(id);
            if let Some(queue) = self.lanes[lane].queues.get_mut(&urgency) {
                queue.goes(place);
            }
            self.lanes[lane].last = id;
            self.starts(id, self.lanes[lane].mask, urgency, now);
            news.push(News { id, refused: None });
        }
        while let Some((latest, id)) = self.by_latest.first().copied()
            && latest <= now
        {
            news.extend(self.refuse(id, now));
        }
        for id in self.in_vain(now) {
            news.extend(self.refuse(id, now));
        }
        news
    }

    /// When to look again though nothing happens.
    pub(super) fn next(&self, now: Moment) -> Option<Moment> {
        let mut next = self.by_latest.first().map(|(latest, _)| *latest);
        for lane in &self.lanes {
            for (urgency, queue) in &lane.queues {
                if queue.len() > 0
                    && let Verdict::At(moment) = self.verdict(lane.mask, *urgency, now)
                {
                    next = Some(next.map_or(moment, |next| next.min(moment)));
                }
                // Calls at one time become long ones by themselves, but no call goes for that.
            }
        }
        next
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Of each limit that is known: its name, the limit, what is left, and when that changes by itself.
    pub(super) fn left(
        &self,
        now: Moment,
    ) -> impl Iterator<Item = (usize, u64, u64, Option<Duration>)> + '_ {
        let all = self.gauges.iter().enumerate();
        let loud = all.filter(|(at, _)| self.loud & (1 << at) != 0);
        loud.filter_map(move |(at, gauge)| {
            let (limit, remaining, changes) = gauge.left(now)?;
            Some((at, limit, remaining, changes))
        })
    }

    /// What the store is to be asked for, limit by limit, where several processes share them.
    pub(super) fn wants(&mut self, now: Moment) -> Vec<(usize, Ask)> {
        // By urgency, which limits are waited for.
        let mut needed = BTreeMap::new();
        for lane in &self.lanes {
            for (urgency, _) in lane.queues.iter().filter(|(_, queue)| queue.len() > 0) {
                *needed.entry(*urgency).or_insert(0) |= lane.mask;
            }
        }
        let mut asks = Vec::new();
        for (at, gauge) in self.gauges.iter_mut().enumerate() {
            let mut waited_for = needed.iter().filter(|(_, mask)| *mask & (1 << at) != 0);
            if let Some((urgency, _)) = waited_for.next()
                && let Some(window) = gauge.window_mut()
                && let (Some(calls), Some(share)) = (window.calls, &mut window.share)
                && let Some(ask) = share.wants(calls, capacity(calls, *urgency), now)
            {
                asks.push((at, ask));
            }
        }
        asks
    }

    /// What the store answered; none: nothing.
    pub(super) fn given(
        &mut self,
        at: usize,
        given: Option<Given>,
        asked_at: Moment,
        now: Moment,
    ) -> Vec<News> {
        if let Some(window) = self.gauges[at].window_mut() {
            let length = window.length;
            if let Some(share) = &mut window.share {
                match given {
                    Some(given) => share.given(given, asked_at, length, now),
                    None => share.failed(now),
                }
            }
        }
        self.pump(now)
    }

    fn lane(&mut self, mask: Mask) -> usize {
        let known = self.lanes.iter().position(|lane| lane.mask == mask);
        known.unwrap_or_else(|| {
            self.lanes.push(Lane {
                mask,
                queues: BTreeMap::new(),
                last: 0,
            });
            self.lanes.len() - 1
        })
    }

    /// The most that any limit of a call says against it.
    fn verdict(&self, mask: Mask, urgency: Urgency, now: Moment) -> Verdict {
        let mut all = Verdict::Now;
        for gauge in of(&self.gauges, mask & self.loud) {
            all = match (all, gauge.verdict(urgency, now)) {
                (Verdict::Later, _) | (_, Verdict::Later) => Verdict::Later,
                (Verdict::At(one), Verdict::At(other)) => Verdict::At(one.max(other)),
                (Verdict::At(moment), Verdict::Now) | (Verdict::Now, Verdict::At(moment)) => {
                    Verdict::At(moment)
                }
                (Verdict::Now, Verdict::Now) => Verdict::Now,
            };
        }
        all
    }

    /// When a call's turn will come, and the limit that says so.
    fn expected(
        &self,
        mask: Mask,
        urgency: Urgency,
        ahead: usize,
        now: Moment,
    ) -> (&'static str, Moment) {
        let all = of(&self.gauges, mask);
        let each = all.map(|gauge| (gauge.name, gauge.expected(urgency, ahead, now)));
        each.max_by_key(|(_, moment)| *moment)
            .unwrap_or(("calls", now))
    }

    /// How many calls go before the one at a place of which any limit is also its own.
    fn ahead(&self, lane: usize, urgency: Urgency, place: Place) -> usize {
        let own = &self.lanes[lane];
        let rank = own
            .queues
            .get(&urgency)
            .map_or(0, |queue| queue.ahead(place));
        let others = self.lanes.iter().enumerate();
        let others = others.flat_map(|(at, other)| {
            let shares = other.mask & own.mask & !self.pause_bit() != 0;
            other.queues.iter().filter_map(move |(others, queue)| {
                match shares {
                    false => None,
                    // Lanes take turns.
                    true if *others == urgency => (at != lane).then(|| queue.len().min(rank)),
                    true => (*others < urgency).then(|| queue.len()),
                }
            })
        });
        rank + others.sum::<usize>()
    }

    fn pause_bit(&self) -> Mask {
        1 << (self.gauges.len() - 1)
    }

    fn next_to_go(&self, now: Moment) -> Option<(usize, Urgency, Place)> {
        if self.waiting.is_empty() {
            return None;
        }
        [Urgency::Interactive, Urgency::Background]
            .into_iter()
            .find_map(|urgency| {
                let lanes = self.lanes.iter().enumerate();
                let ready = lanes.filter_map(|(at, lane)| {
                    let place = lane.queues.get(&urgency)?.first()?;
                    let goes = self.verdict(lane.mask, urgency, now) == Verdict::Now;
                    goes.then_some((lane.last, at, place))
                });
                let (_, at, place) = ready.min()?;
                Some((at, urgency, place))
            })
    }

    /// Calls that wait for a limit which is spent for longer than they can wait.
    fn in_vain(&self, now: Moment) -> Vec<Id> {
        let spent = self.gauges.iter().enumerate();
        let spent: Vec<(Mask, Moment)> = spent
            .filter_map(|(at, gauge)| Some((1 << at, gauge.spent_until()?)))
            .filter(|(_, until)| *until > now)
            .collect();
        if spent.is_empty() {
            return Vec::new();
        }
        let lanes = self.lanes.iter();
        let places = lanes.flat_map(|lane| {
            let until = spent.iter().filter(|(bit, _)| lane.mask & bit != 0);
            let until = until.map(|(_, until)| *until).max();
            let queues = lane.queues.values();
            queues
                .flat_map(Queue::places)
                .filter_map(move |(_, id)| Some((id, until?)))
        });
        places
            .filter(|(id, until)| self.waiting.get(id).is_some_and(|it| it.latest < *until))
            .map(|(id, _)| id)
            .collect()
    }

    fn refuse(&mut self, id: Id, now: Moment) -> Option<News> {
        let waiting = self.take(id)?;
        let (lane, urgency) = (waiting.lane, waiting.urgency);
        let ahead = self.ahead(lane, urgency, waiting.place);
        let (limit, expected) = self.expected(self.lanes[lane].mask, urgency, ahead, now);
        if let Some(queue) = self.lanes[lane].queues.get_mut(&urgency) {
            queue.leaves(waiting.place);
        }
        let refusal = Refusal {
            limit,
            after: expected.saturating_sub(now),
            is_full: false,
        };
        Some(News {
            id,
            refused: Some(refusal),
        })
    }

    fn starts(&mut self, id: Id, mask: Mask, urgency: Urgency, now: Moment) {
        let open = Open { mask, started: now };
        self.open.insert(id, open);
        for gauge in subject(&mut self.gauges, mask & self.loud) {
            gauge.starts(id, urgency, now);
        }
    }

    fn take(&mut self, id: Id) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.by_latest.remove(&(waiting.latest, id));
        Some(waiting)
    }
}

fn of(gauges: &[Gauge], mask: Mask) -> impl Iterator<Item = &Gauge> {
    let all = gauges.iter().enumerate();
    all.filter(move |(at, _)| mask & (1 << at) != 0)
        .map(|(_, gauge)| gauge)
}

fn subject(gauges: &mut [Gauge], mask: Mask) -> impl Iterator<Item = &mut Gauge> {
    let all = gauges.iter_mut().enumerate();
    all.filter(move |(at, _)| mask & (1 << at) != 0)
        .map(|(_, gauge)| gauge)
}
