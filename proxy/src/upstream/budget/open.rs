//! The calls that were let go and have not ended. Pure.
//!
//! With thousands of accounts most have one or two at a time. These are kept where the account itself is: a table would be
//! one more place in memory that each call has to reach. Further ones are in a table.

use std::collections::HashMap;

use super::{
    core::Mask,
    gauge::{Id, Moment},
};

/// Calls that are kept without a table.
const HERE: usize = 2;

#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    here: [Option<(Id, Open)>; HERE],
    /// Ids are ours, so nobody chooses them so that they collide.
    further: HashMap<Id, Open, foldhash::fast::RandomState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) mask: Mask,
    pub(super) started: Moment,
}

impl OpenCalls {
    pub(super) fn insert(&mut self, id: Id, open: Open) {
        match self.here.iter_mut().find(|place| place.is_none()) {
            Some(free) => *free = Some((id, open)),
            None => drop(self.further.insert(id, open)),
        }
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Open> {
        let is_it = |place: &&mut Option<(Id, Open)>| place.is_some_and(|(known, _)| known == id);
        match self.here.iter_mut().find(is_it) {
            Some(place) => place.take().map(|(_, open)| open),
            None if self.further.is_empty() => None,
            None => self.further.remove(&id),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_are_found_once_wherever_they_are_kept() {
        let open = |id: Id| Open {
            mask: 1,
            started: Duration::from_millis(id),
        };
        let mut calls = OpenCalls::default();
        for round in 0..3 {
            let ids = round * 10..round * 10 + 7;
            for id in ids.clone() {
                calls.insert(id, open(id));
            }
            for id in ids.rev() {
                assert_eq!(calls.remove(id), Some(open(id)));
                assert_eq!(calls.remove(id), None, "it is gone");
            }
            assert_eq!(calls.here, [None; HERE]);
            assert!(calls.further.is_empty());
        }
    }
}
