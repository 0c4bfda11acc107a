//! Calls that wait, one caller's after another's. Pure.
//!
//! Each call gets a round when it comes: the current one, or the one after its caller's last. Rounds go one after the
//! other, so a caller with many calls has one in each, and a caller with one never waits for all of another's.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::gauge::Id;

/// The place of a waiting call.
pub(super) type Place = (u64, Id);

/// Callers that are remembered though none of their calls waits.
const MOST_IDLE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Queue {
    round: u64,
    waiting: BTreeMap<Place, Arc<str>>,
    callers: HashMap<Arc<str>, Caller>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Caller {
    waiting: usize,
    /// The round of its last call that waits.
    last: u64,
    /// The round after that of its last call that went.
    next: u64,
}

impl Queue {
    pub(super) fn add(&mut self, id: Id, caller: &Arc<str>) -> Place {
        if self.callers.len() > self.waiting.len() + MOST_IDLE {
            self.callers.retain(|_, caller| caller.waiting > 0);
        }
        let known = self.callers.entry(Arc::clone(caller)).or_default();
        let after_own = if known.waiting > 0 {
            known.last + 1
        } else {
            known.next
        };
        let round = self.round.max(after_own);
        known.last = round;
        known.waiting += 1;
        let place = (round, id);
        self.waiting.insert(place, Arc::clone(caller));
        place
    }

    /// The call whose turn it is.
    pub(super) fn first(&self) -> Option<Place> {
        self.waiting.first_key_value().map(|(place, _)| *place)
    }

    /// The call's turn has come.
    pub(super) fn goes(&mut self, place: Place) {
        if let Some(caller) = self.remove(place) {
            self.round = self.round.max(place.0);
            if let Some(known) = self.callers.get_mut(&caller) {
                known.next = known.next.max(place.0 + 1);
            }
        }
    }

    /// The call waits no longer, and has not had its turn: its caller is none the worse for it.
    pub(super) fn leaves(&mut self, place: Place) {
        self.remove(place);
    }

    fn remove(&mut self, place: Place) -> Option<Arc<str>> {
        let caller = self.waiting.remove(&place)?;
        if let Some(known) = self.callers.get_mut(&caller) {
            known.waiting -= 1;
        }
        Some(caller)
    }

    /// How many go before the call at a place.
    pub(super) fn ahead(&self, place: Place) -> usize {
        self.waiting.range(..place).count()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.waiting.keys().copied()
    }
}
