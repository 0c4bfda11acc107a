//! The circuit of one host, as a state machine: no clock, no lock, no socket. Time and chance come in as arguments.

use std::time::Duration;

use tokio::time::Instant;

use super::Health;

/// So many bad calls one after the other open it. At one fault in twenty, such a row comes once in three million calls.
pub(super) const MOST_IN_A_ROW: u32 = 5;
/// What is looked back on, in seconds. Longer than a provider's hiccup, shorter than people's patience.
const LOOK_BACK: usize = 10;
/// Of fewer calls than this, a share says nothing.
const FEWEST: u32 = 10;
/// For how long it opens at first: about what a restart behind a load balancer takes.
const FIRST: Duration = Duration::from_secs(1);
/// For how long it opens at most, so that a host that is well again is not missed for longer.
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// One that closed and opens again within this time was not well: it opens for longer than before.
const UNSTEADY: Duration = Duration::from_secs(30);
/// When to come back where another call tries whether the host is well.
const PROBE_TAKES: Duration = Duration::from_secs(1);
/// One that nobody has used for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Since when the state is as it is; none for one that was never open.
    since: Option<Instant>,
    window: Window,
    /// Bad ends since the last good one.
    in_a_row: u32,
    /// How often it opened without being steady in between.
    openings: u32,
    /// What opened it.
    told: Told,
    used: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// The pause is over. One call at a time tries.
    Probing {
        is_busy: bool,
    },
}

/// The state, for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Closed,
    Open,
    HalfOpen,
}

/// So many calls, and so many of them bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) bad: u32,
    pub(super) calls: u32,
}

/// Leave to make one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    began: Instant,
    is_probe: bool,
}

/// No leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) retry_after: Duration,
    pub(super) told: Told,
}

/// What the end of a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Opened { pause: Duration, told: Told },
    OpenedAgain { pause: Duration },
    Closed,
}

impl Ticket {
    /// For a host without a breaker.
    pub(super) fn free(now: Instant) -> Self {
        Self {
            began: now,
            is_probe: false,
        }
    }
}

impl Breaker {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: State::Closed,
            since: None,
            window: Window::new(now),
            in_a_row: 0,
            openings: 0,
            told: Told::default(),
            used: now,
        }
    }

    /// Whether a call would be let through. Takes nothing.
    pub(super) fn check(&self, now: Instant) -> Result<(), Refused> {
        let retry_after = match self.state {
            State::Open { until } if now < until => until - now,
            State::Probing { is_busy: true } => PROBE_TAKES,
            State::Closed | State::Open { .. } | State::Probing { is_busy: false } => return Ok(()),
        };
        Err(Refused {
            retry_after,
            told: self.told,
        })
    }

    pub(super) fn admit(&mut self, now: Instant) -> Result<Ticket, Refused> {
        self.check(now)?;
        self.used = now;
        let is_probe = self.state != State::Closed;
        if is_probe {
            self.state = State::Probing { is_busy: true };
        }
        Ok(Ticket {
            began: now,
            is_probe,
        })
    }

    /// A call ended in a way that says something of the host.
    pub(super) fn ended(
        &mut self,
        ticket: Ticket,
        health: Health,
        now: Instant,
        chance: f64,
    ) -> Change {
        self.used = now;
        if ticket.is_probe {
            return match health {
                Health::Good => self.close(now),
                Health::Bad => {
                    let pause = self.open(now, chance);
                    Change::OpenedAgain { pause }
                }
            };
        }
        // What began before the last change tells of a host that may not be as it was.
        let is_of_now = self.since.is_none_or(|since| ticket.began >= since);
        if self.state != State::Closed || !is_of_now {
            return Change::None;
        }
        self.window.note(now, health);
        self.in_a_row = match health {
            Health::Good => 0,
            Health::Bad => self.in_a_row + 1,
        };
        let told = self.window.total(now);
        let is_most = told.calls >= FEWEST && told.bad * 2 > told.calls;
        if health == Health::Good || !(self.in_a_row >= MOST_IN_A_ROW || is_most) {
            return Change::None;
        }
        self.told = if is_most {
            told
        } else {
            Told {
                bad: self.in_a_row,
                calls: self.in_a_row,
            }
        };
        if self.since.is_some_and(|since| now - since >= UNSTEADY) {
            self.openings = 0;
        }
        let pause = self.open(now, chance);
        Change::Opened {
            pause,
            told: self.told,
        }
    }

    /// A call ended in a way that says nothing, or was never made.
    pub(super) fn given_back(&mut self, ticket: Ticket, now: Instant) {
        self.used = now;
        if ticket.is_probe {
            self.state = State::Probing { is_busy: false };
        }
    }

    /// Whether it is as good as a new one.
    pub(super) fn may_be_forgotten(&self, now: Instant) -> bool {
        let is_needed = match self.state {
            State::Closed => false,
            State::Open { until } => now < until,
            State::Probing { is_busy } => is_busy,
        };
        !is_needed && now.saturating_duration_since(self.used) >= FORGOTTEN
    }

    pub(super) fn shown(&self) -> Shown {
        match self.state {
            State::Closed => Shown::Closed,
            State::Open { .. } => Shown::Open,
            State::Probing { .. } => Shown::HalfOpen,
        }
    }

    fn open(&mut self, now: Instant, chance: f64) -> Duration {
        let longest = FIRST * 2_u32.saturating_pow(self.openings.min(10));
        // Sidecars that lost a host at the same moment do not all come back at the same moment.
        let pause = longest.min(LONGEST).mul_f64(0.8 + 0.2 * chance);
        self.openings = self.openings.saturating_add(1);
        self.since = Some(now);
        self.state = State::Open { until: now + pause };
        pause
    }

    fn close(&mut self, now: Instant) -> Change {
        self.state = State::Closed;
        self.since = Some(now);
        self.window = Window::new(now);
        self.in_a_row = 0;
        Change::Closed
    }
}

/// The calls of the last seconds, by the second.
#[derive(Debug)]
struct Window {
    start: Instant,
    seconds: [(u64, Told); LOOK_BACK],
}

impl Window {
    fn new(now: Instant) -> Self {
        Self {
            start: now,
            seconds: [(0, Told::default()); LOOK_BACK],
        }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs()
    }

    fn note(&mut self, now: Instant, health: Health) {
        let second = self.second(now);
        let index = usize::try_from(second).unwrap_or_default() % LOOK_BACK;
        let (of, told) = &mut self.seconds[index];
        if *of != second {
            (*of, *told) = (second, Told::default());
        }
        told.calls = told.calls.saturating_add(1);
        told.bad = told.bad.saturating_add(u32::from(health == Health::Bad));
    }

    fn total(&self, now: Instant) -> Told {
        let second = self.second(now);
        let of_now = self
            .seconds
            .iter()
            .filter(|(of, _)| of + LOOK_BACK as u64 > second);
        of_now.fold(Told::default(), |sum, (_, told)| Told {
            bad: sum.bad.saturating_add(told.bad),
            calls: sum.calls.saturating_add(told.calls),
        })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
