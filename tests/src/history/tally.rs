//! Figures of histories that were played.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::told::{Event, Told};
use crate::injector::{Fault, Seen};

/// How much was done, and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub histories: u64,
    pub reads: u64,
    pub writes: u64,
    pub acknowledged: u64,
    pub refused: u64,
    pub unknown: u64,
    pub written: u64,
    pub hung_up: u64,
    /// Repetitions with an idempotency key.
    pub repeated: u64,
    /// By how much the latest answer missed its deadline. What the machine was busy with is in it.
    pub latest: Duration,
    pub native_calls: u64,
    /// Calls that met a fault, by its name.
    pub faults: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn of(events: &[Event], seen: &[Seen]) -> Self {
        let mut tally = Self {
            histories: 1,
            native_calls: seen.len() as u64,
            ..Self::default()
        };
        for event in events {
            tally.repeated += u64::from(event.sent - 1);
            tally.latest = tally.latest.max(event.late);
            if !event.what.is_write() {
                tally.reads += 1;
                continue;
            }
            tally.writes += 1;
            match event.told {
                Told::Done(_) => tally.acknowledged += 1,
                Told::Refused(..) => tally.refused += 1,
                Told::Unknown(..) | Told::Nonsense(_) => tally.unknown += 1,
                Told::Written(..) => tally.written += 1,
                Told::Nothing => tally.hung_up += 1,
            }
        }
        for call in seen.iter().filter(|call| call.fault != Fault::None) {
            let name = format!("{:?}", call.fault);
            let name = name.split(['(', ' ']).next().unwrap_or_default();
            *tally.faults.entry(name.to_owned()).or_default() += 1;
        }
        tally
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.reads += other.reads;
        self.writes += other.writes;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.written += other.written;
        self.hung_up += other.hung_up;
        self.repeated += other.repeated;
        self.latest = self.latest.max(other.latest);
        self.native_calls += other.native_calls;
        for (name, count) in &other.faults {
            *self.faults.entry(name.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met: u64 = self.faults.values().sum();
        writeln!(
            f,
            "{} histories: {} reads, {} writes, {} repetitions",
            self.histories, self.reads, self.writes, self.repeated
        )?;
        writeln!(
            f,
            "the latest answer came {:?} after its deadline",
            self.latest
        )?;
        writeln!(
            f,
            "writes: {} acknowledged, {} refused, {} unknown, {} written with an error, {} not waited for",
            self.acknowledged, self.refused, self.unknown, self.written, self.hung_up
        )?;
        write!(
            f,
            "{} native calls, of which {met} met a fault: {:?}",
            self.native_calls, self.faults
        )
    }
}
