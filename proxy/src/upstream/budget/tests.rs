//! The core in virtual time.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{
    core::{Asked, Core, End, Mask, News, Told},
    gauge::{Gauge, Id, Moment},
};
use crate::upstream::{Urgency, provider::LimitKind};

mod learning;
mod properties;
mod sharing;
mod shell;
mod turns;

const fn counted(calls: u32, window_seconds: u32) -> LimitKind {
    LimitKind::Counted {
        calls,
        window_seconds,
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A core with one limit, and beside it the one of all calls.
fn one(kind: LimitKind) -> Core {
    let calls = match kind {
        LimitKind::Counted { calls, .. } | LimitKind::Lasting { calls, .. } => Some(calls),
        LimitKind::Told { .. } => None,
    };
    Core::new(vec![Gauge::new("one", kind, calls), Gauge::pause()], 1000)
}

const ONE: Mask = 0b11;
const LATE: Moment = Duration::from_hours(1);

fn ask(core: &mut Core, caller: &str, urgency: Urgency, now: Moment) -> Asked {
    core.ask(ONE, &Arc::from(caller), urgency, LATE, now).0
}

fn goes(core: &mut Core, now: Moment) -> Id {
    match ask(core, "a", Urgency::Interactive, now) {
        Asked::Goes(id) => id,
        other => panic!("{other:?}"),
    }
}

fn waits(core: &mut Core, caller: &str, now: Moment) -> Id {
    match ask(core, caller, Urgency::Interactive, now) {
        Asked::Waits(id) => id,
        other => panic!("{other:?}"),
    }
}

fn gone(news: &[News]) -> Vec<Id> {
    news.iter()
        .filter(|it| it.refused.is_none())
        .map(|it| it.id)
        .collect()
}

/// Runs the timer from one moment to another; says which calls went, and when.
fn run(core: &mut Core, from: Moment, to: Moment) -> Vec<(Moment, Id)> {
    let mut went = Vec::new();
    let mut now = from;
    loop {
        went.extend(gone(&core.pump(now)).into_iter().map(|id| (now, id)));
        match core.next(now) {
            Some(next) if next <= to => now = next.max(now),
            _ => return went,
        }
        assert!(went.len() < 100_000, "the timer stands still");
    }
}

fn answered(core: &mut Core, id: Id, now: Moment) -> Vec<News> {
    core.ends(id, End::Answered, &[], now)
}

fn told(limit: u64, remaining: u64) -> [Told; 1] {
    [Told {
        at: 0,
        limit,
        remaining,
    }]
}
