//! Which reads go together: the state of one connection, without clock, lock or socket.
//!
//! A native call under way is a *flight*. A read that finds the same one under way follows it. A single read that finds
//! others of its group under way (the same call but for the id) gathers with those that come after it, and they leave
//! together; one that finds nothing goes at once. `W` is how a waiting caller is told, `C` how the one is woken who
//! conducts what has gathered.
//!
//! A flight that began before a write ended is followed by nobody who came after: he may know of the write.

use std::{borrow::Cow, ops::Range, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use crate::upstream::{
    behalf::{Behalf, Urgency},
    provider::NativeOperation,
};

/// Flights of one connection that are known here. Further ones are made alone: they are more than calls in flight
/// commonly are, and each is looked at by every read that begins.
const MOST_FLIGHTS: usize = 256;
/// Callers that wait for flights of one connection.
const MOST_WAITING: usize = 8192;
/// How long native calls are thought to take until one has been seen.
const UNKNOWN_PACE: Duration = Duration::from_millis(100);
/// What has gathered waits for this part of what such calls take, where one of them is under way.
const PART: u32 = 16;
/// And never longer than this, nor less: no provider answers so fast that it would matter.
const LONGEST_PART: Duration = Duration::from_millis(10);
const SHORTEST_PART: Duration = Duration::from_millis(1);
/// When so many calls of a group are under way, what gathers leaves when one of them ends.
const ENOUGH_UNDER_WAY: u32 = 3;
/// Or after this, however slow they are.
const LONGEST: Duration = Duration::from_millis(250);

/// A read that is to be made.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) operation: &'static NativeOperation,
    pub(super) target: &'a str,
    pub(super) body: Option<&'a Bytes>,
    /// None where it can be joined with identical ones alone.
    pub(super) place: Option<Place<'a>>,
    pub(super) deadline: Instant,
    pub(super) behalf: &'a Behalf,
    /// Nothing will do that has begun before.
    pub(super) renewed: bool,
}

/// Where a single read has its id.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The number of the provider's join.
    pub(super) join: usize,
    /// The most ids of one call.
    pub(super) max: usize,
    /// In the target.
    pub(super) at: Range<usize>,
    /// In its normal form.
    pub(super) id: Cow<'a, str>,
    /// Whether it may gather with others.
    pub(super) gathers: bool,
}

/// What a read is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<R, C> {
    /// Make the call; nobody else is concerned.
    Alone,
    /// Make the call, and say how it ended: others may follow.
    Lead(u64),
    Wait {
        flight: u64,
        waiter: u64,
        told: R,
        gathers: Gathers<C>,
    },
}

/// What the one who waits has changed in a gathering.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gathers<C> {
    Nothing,
    /// It begins, and wants a conductor; it leaves at this time at the latest.
    Opened(Instant),
    /// It is full, and leaves now: the conductor is to look at it.
    Full(Option<C>),
}

/// One who waits for a flight.
#[derive(Debug)]
pub(super) struct Waiting<W> {
    pub(super) number: u64,
    /// Where he waits among others for a record of his own.
    pub(super) id: Option<String>,
    pub(super) deadline: Instant,
    behalf: Behalf,
    pub(super) told: W,
}

/// What follows from a change.
#[derive(Debug)]
pub(super) struct After<W, C> {
    /// They are to be told how the flight ended.
    pub(super) waiting: Vec<Waiting<W>>,
    /// He is to make the call now that its leader has gone.
    pub(super) leader: Option<W>,
    /// They are to look at what they conduct: it leaves, or is gone.
    pub(super) conductors: Vec<C>,
}

impl<W, C> Default for After<W, C> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            leader: None,
            conductors: Vec::new(),
        }
    }
}

/// How what has gathered leaves.
#[derive(Debug)]
pub(super) enum Departed<W> {
    /// Everybody has gone.
    Gone,
    /// There is one record: its reader makes the single call.
    Single(W),
    Batch(Batch),
}

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) join: usize,
    /// Each once, in the order in which they came.
    pub(super) ids: Vec<String>,
    /// The target of one of the single reads.
    pub(super) target: String,
    pub(super) deadline: Instant,
    pub(super) behalf: Behalf,
}

#[derive(Debug)]
struct Flight<W, C> {
    number: u64,
    operation: &'static NativeOperation,
    target: String,
    body: Option<Bytes>,
    /// The number of the join, and where in the target the id is.
    group: Option<(usize, Range<usize>)>,
    stage: Stage<C>,
    /// How many writes had ended when it began.
    began: u64,
    since: Instant,
    urgency: Urgency,
    waiting: Vec<Waiting<W>>,
}

#[derive(Debug)]
enum Stage<C> {
    /// Someone makes the call as it stands: one who has waited, where the number of his place is known.
    Single {
        leader: Option<u64>,
    },
    Gathering {
        conductor: Option<C>,
        is_due: bool,
    },
    Batch {
        conductor: Option<C>,
    },
}

/// The reads of one connection that are under way.
#[derive(Debug)]
pub(super) struct Core<W, C> {
    flights: Vec<Flight<W, C>>,
    /// Writes that have ended.
    writes: u64,
    numbers: u64,
    waiting: usize,
    /// How long native calls have taken lately, by the number of the join.
    pace: Vec<Option<Duration>>,
}

impl<W, C> Default for Core<W, C> {
    fn default() -> Self {
        Self {
            flights: Vec::new(),
            writes: 0,
            numbers: 0,
            waiting: 0,
            pace: Vec::new(),
        }
    }
}

/// How long what has gathered may wait for more, at most: a small part of what a call takes. With a second one under way
/// it is four times as long, so that a crowd that comes little by little makes few calls of many and not many of few. When
/// three are, the next leaves when one of them ends.
fn patience(pace: Duration, under_way: u32) -> Duration {
    if under_way >= ENOUGH_UNDER_WAY {
        return LONGEST;
    }
    let part = (pace / PART).clamp(SHORTEST_PART, LONGEST_PART);
    part.saturating_mul(4_u32.saturating_pow(under_way.saturating_sub(1)))
}

impl<W, C: Clone> Core<W, C> {
    /// What a read is to do. `channel` is made where it is to wait.
    pub(super) fn ask<R>(
        &mut self,
        wanted: &Wanted<'_>,
        now: Instant,
        channel: impl FnOnce() -> (W, R),
    ) -> Asked<R, C> {
        if self.waiting < MOST_WAITING {
            if let Some(at) = self.flights.iter().position(|it| self.serves(it, wanted)) {
                return self.wait(at, wanted, Gathers::Nothing, channel);
            }
            if let Some(place) = wanted.place.as_ref().filter(|place| place.gathers)
                && let Some(asked) = self.gather(wanted, place, now, channel)
            {
                return asked;
            }
        }
        if self.flights.len() >= MOST_FLIGHTS {
            return Asked::Alone;
        }
        let stage = Stage::Single { leader: None };
        Asked::Lead(self.begin(wanted, stage, now))
    }

    /// Waits with others of the group, where any of it is under way.
    fn gather<R>(
        &mut self,
        wanted: &Wanted<'_>,
        place: &Place<'_>,
        now: Instant,
        channel: impl FnOnce() -> (W, R),
    ) -> Option<Asked<R, C>> {
        let mut under_way = 0;
        let mut oldest = now;
        let mut gathering = None;
        for (at, flight) in self.flights.iter().enumerate() {
            if !flight.is_of_group(wanted.target, place) {
                continue;
            }
            match flight.stage {
                Stage::Gathering { is_due: false, .. } => gathering = Some(at),
                Stage::Gathering { is_due: true, .. } => {}
                Stage::Single { .. } | Stage::Batch { .. } => {
                    under_way += 1;
                    oldest = oldest.min(flight.since);
                }
            }
        }
        if let Some(at) = gathering {
            let flight = &mut self.flights[at];
            let is_new = !flight.has(&place.id);
            let is_full = is_new && flight.ids() + 1 >= place.max;
            let gathers = match &mut flight.stage {
                Stage::Gathering { conductor, is_due } if is_full => {
                    *is_due = true;
                    Gathers::Full(conductor.clone())
                }
                _ => Gathers::Nothing,
            };
            return Some(self.wait(at, wanted, gathers, channel));
        }
        if under_way == 0 || self.flights.len() >= MOST_FLIGHTS {
            return None;
        }
        // What is under way may take longer than the last ones did.
        let lasting = self.pace(place.join).max(now.duration_since(oldest));
        let leaves = now + patience(lasting, under_way);
        let stage = Stage::Gathering {
            conductor: None,
            is_due: false,
        };
        self.begin(wanted, stage, now);
        let at = self.flights.len() - 1;
        Some(self.wait(at, wanted, Gathers::Opened(leaves), channel))
    }

    /// How long calls of a join have taken lately.
    fn pace(&self, join: usize) -> Duration {
        let known = self.pace.get(join).copied().flatten();
        known.unwrap_or(UNKNOWN_PACE)
    }

    fn begin(&mut self, wanted: &Wanted<'_>, stage: Stage<C>, now: Instant) -> u64 {
        let number = self.number();
        let group = wanted.place.as_ref();
        // The first is often the only one.
        if self.flights.is_empty() {
            self.flights.reserve_exact(1);
        }
        self.flights.push(Flight {
            number,
            operation: wanted.operation,
            target: wanted.target.to_owned(),
            body: wanted.body.cloned(),
            group: group.map(|place| (place.join, place.at.clone())),
            stage,
            began: self.writes,
            since: now,
            urgency: wanted.behalf.urgency,
            waiting: Vec::new(),
        });
        number
    }

    /// A flight that is no more. With the last one goes what they were kept in: of thousands of connections most have one at
    /// a time, and a place of its own for each would be in no cache when the next one begins.
    fn take(&mut self, at: usize) -> Flight<W, C> {
        let flight = self.flights.swap_remove(at);
        if self.flights.is_empty() {
            self.flights = Vec::new();
        }
        flight
    }

    fn wait<R>(
        &mut self,
        at: usize,
        wanted: &Wanted<'_>,
        gathers: Gathers<C>,
        channel: impl FnOnce() -> (W, R),
    ) -> Asked<R, C> {
        let waiter = self.number();
        let flight = &mut self.flights[at];
        let id = match (&flight.stage, &wanted.place) {
            (Stage::Gathering { .. } | Stage::Batch { .. }, Some(place)) => {
                Some(place.id.as_ref().to_owned())
            }
            _ => None,
        };
        let (tell, told) = channel();
        flight.waiting.push(Waiting {
            number: waiter,
            id,
            deadline: wanted.deadline,
            behalf: wanted.behalf.clone(),
            told: tell,
        });
        self.waiting += 1;
        Asked::Wait {
            flight: flight.number,
            waiter,
            told,
            gathers,
        }
    }

    /// Whether the answer to a flight that is under way will do.
    fn serves(&self, flight: &Flight<W, C>, wanted: &Wanted<'_>) -> bool {
        // The writes that have ended are compared before anything else: it is the cheapest to see.
        if flight.began != self.writes || wanted.renewed || flight.urgency > wanted.behalf.urgency {
            return false;
        }
        match (&flight.stage, &wanted.place) {
            (Stage::Single { .. }, _) => flight.is_the_same(wanted),
            (Stage::Batch { .. }, Some(place)) => {
                flight.is_of_group(wanted.target, place) && flight.has(&place.id)
            }
            (Stage::Batch { .. }, None) | (Stage::Gathering { .. }, _) => false,
        }
    }

    /// Who conducts what has begun to gather.
    pub(super) fn conduct(&mut self, number: u64, by: C) {
        if let Some(at) = self.find(number)
            && let Stage::Gathering { conductor, .. } = &mut self.flights[at].stage
        {
            *conductor = Some(by);
        }
    }

    /// What has gathered leaves now.
    pub(super) fn depart(&mut self, number: u64, now: Instant) -> Departed<W> {
        let Some(at) = self.find(number) else {
            return Departed::Gone;
        };
        let flight = &mut self.flights[at];
        let Stage::Gathering { conductor, .. } = &mut flight.stage else {
            return Departed::Gone;
        };
        let conductor = conductor.take();
        let Some((first, others)) = flight.waiting.split_first() else {
            self.take(at);
            return Departed::Gone;
        };
        flight.began = self.writes;
        flight.since = now;
        if others.iter().all(|waiting| waiting.id == first.id) {
            self.waiting -= 1;
            return flight.lead().map_or(Departed::Gone, Departed::Single);
        }
        let mut ids: Vec<String> = Vec::with_capacity(flight.waiting.len());
        let mut seen = std::collections::HashSet::new();
        let mut deadline = first.deadline;
        let mut behalf = &first.behalf;
        for waiting in &flight.waiting {
            if let Some(id) = &waiting.id
                && seen.insert(id.as_str())
            {
                ids.push(id.clone());
            }
            deadline = deadline.max(waiting.deadline);
            if waiting.behalf.urgency < behalf.urgency {
                behalf = &waiting.behalf;
            }
        }
        let join = flight.group.as_ref().map_or(0, |(join, _)| *join);
        let batch = Batch {
            join,
            ids,
            target: flight.target.clone(),
            deadline,
            behalf: behalf.clone(),
        };
        flight.urgency = batch.behalf.urgency;
        flight.stage = Stage::Batch { conductor };
        Departed::Batch(batch)
    }

    /// Whether anybody waits for a flight.
    pub(super) fn is_wanted(&self, number: u64) -> bool {
        self.find(number).is_some()
    }

    /// A flight has ended. It counts for the pace of its kind where it was `answered`.
    pub(super) fn ended(&mut self, number: u64, now: Instant, answered: bool) -> After<W, C> {
        let Some(at) = self.find(number) else {
            return After::default();
        };
        let flight = self.take(at);
        self.waiting -= flight.waiting.len();
        let mut after = After {
            conductors: self.due(&flight),
            ..After::default()
        };
        if let (Some((join, _)), true) = (&flight.group, answered) {
            if self.pace.len() <= *join {
                self.pace.resize(join + 1, None);
            }
            let took = now.saturating_duration_since(flight.since);
            let pace = &mut self.pace[*join];
            *pace = Some(pace.map_or(took, |known| known * 3 / 4 + took / 4));
        }
        after.waiting = flight.waiting;
        after
    }

    /// The one who makes the call has hung up. The first who waits for the same makes it in his place.
    pub(super) fn abandoned(&mut self, number: u64, now: Instant) -> After<W, C> {
        let Some(at) = self.find(number) else {
            return After::default();
        };
        let flight = &mut self.flights[at];
        if flight.waiting.is_empty() {
            return self.ended(number, now, false);
        }
        flight.began = self.writes;
        flight.since = now;
        self.waiting -= 1;
        After {
            leader: flight.lead(),
            ..After::default()
        }
    }

    /// The one who makes the call is to have its answer for himself. None where somebody waits for it as well.
    pub(super) fn leaves(&mut self, number: u64, now: Instant) -> Option<After<W, C>> {
        let at = self.find(number);
        let is_alone = at.is_none_or(|at| self.flights[at].waiting.is_empty());
        is_alone.then(|| self.ended(number, now, false))
    }

    /// One who waited has hung up, or was made the leader and has hung up then.
    pub(super) fn left(&mut self, number: u64, waiter: u64, now: Instant) -> After<W, C> {
        let Some(at) = self.find(number) else {
            return After::default();
        };
        let flight = &mut self.flights[at];
        if matches!(flight.stage, Stage::Single { leader } if leader == Some(waiter)) {
            return self.abandoned(number, now);
        }
        let before = flight.waiting.len();
        flight.waiting.retain(|waiting| waiting.number != waiter);
        self.waiting -= before - flight.waiting.len();
        let conductor = match &flight.stage {
            Stage::Gathering { conductor, .. } | Stage::Batch { conductor } => conductor.clone(),
            Stage::Single { .. } => return After::default(),
        };
        if !flight.waiting.is_empty() {
            return After::default();
        }
        let mut after = self.ended(number, now, false);
        after.conductors.extend(conductor);
        after
    }

    /// A write has ended, however it did.
    pub(super) fn wrote(&mut self) {
        self.writes += 1;
    }

    /// What has gathered of the group of a flight that has ended: it leaves.
    fn due(&mut self, ended: &Flight<W, C>) -> Vec<C> {
        if matches!(ended.stage, Stage::Gathering { .. }) {
            return Vec::new();
        }
        let Some((join, range)) = &ended.group else {
            return Vec::new();
        };
        let mut conductors = Vec::new();
        for flight in &mut self.flights {
            if flight.is_in(&ended.target, *join, range)
                && let Stage::Gathering { conductor, is_due } = &mut flight.stage
                && !*is_due
            {
                *is_due = true;
                conductors.extend(conductor.clone());
            }
        }
        conductors
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.flights
            .iter()
            .position(|flight| flight.number == number)
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl<W, C> Flight<W, C> {
    fn is_the_same(&self, wanted: &Wanted<'_>) -> bool {
        std::ptr::eq(self.operation, wanted.operation)
            && self.target == wanted.target
            && self.body.as_ref() == wanted.body
    }

    fn is_of_group(&self, target: &str, place: &Place<'_>) -> bool {
        self.is_in(target, place.join, &place.at)
    }

    /// Whether it is the same call but for the id.
    fn is_in(&self, target: &str, join: usize, at: &Range<usize>) -> bool {
        self.group.as_ref().is_some_and(|(own, range)| {
            *own == join
                && self.target.len() - range.len() == target.len() - at.len()
                && self.target[..range.start] == target[..at.start]
                && self.target[range.end..] == target[at.end..]
        })
    }

    fn has(&self, id: &str) -> bool {
        let mut ids = self.waiting.iter().filter_map(|it| it.id.as_deref());
        ids.any(|known| known == id)
    }

    /// How many ids it has, at least: those who wait for the same may be counted twice.
    fn ids(&self) -> usize {
        self.waiting.len()
    }

    /// Makes the most urgent of those who wait the leader.
    fn lead(&mut self) -> Option<W> {
        let waiting = self.waiting.iter().enumerate();
        let (at, _) = waiting.min_by_key(|(_, waiting)| waiting.behalf.urgency)?;
        let leader = self.waiting.remove(at);
        self.urgency = leader.behalf.urgency;
        self.stage = Stage::Single {
            leader: Some(leader.number),
        };
        Some(leader.told)
    }
}

#[cfg(test)]
#[path = "core/tests.rs"]
mod tests;
