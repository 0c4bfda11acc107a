//! A group of filters, with what it says of the time of change and of the id told apart from the rest.
//!
//! Those two are numbers that an index has, so that an incremental search of many rows looks at few of them.

use std::ops::RangeInclusive;

use super::filter::{Bounded, Filter, FilterInput};
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::state::{State, Table, Values};

/// All filters of a group hold, or it does not.
#[derive(Debug)]
pub(super) struct Group<'t> {
    modified: RangeInclusive<i64>,
    ids: RangeInclusive<i64>,
    rest: Vec<Filter<'t>>,
}

impl<'t> Group<'t> {
    pub(super) fn new(
        state: &State,
        table: &'t Table,
        inputs: &[FilterInput],
    ) -> Result<Self, Fault> {
        let mut group = Self {
            modified: i64::MIN..=i64::MAX,
            ids: i64::MIN..=i64::MAX,
            rest: Vec::new(),
        };
        for input in inputs {
            let filter = Filter::new(state, table, input)?;
            match filter.bounds(table) {
                Some((Bounded::Modified, range)) => group.modified = both(&group.modified, &range),
                Some((Bounded::Id, range)) => group.ids = both(&group.ids, &range),
                None => group.rest.push(filter),
            }
        }
        Ok(group)
    }

    /// Whether a row fits that changed at `ms`; its values are asked for only where they matter.
    pub(super) fn fits<'v>(
        &self,
        state: &State,
        ms: i64,
        id: u64,
        values: impl FnOnce() -> Option<&'v Values>,
    ) -> bool {
        let number = i64::try_from(id).unwrap_or(i64::MAX);
        if !self.modified.contains(&ms) || !self.ids.contains(&number) {
            return false;
        }
        self.rest.is_empty()
            || values().is_some_and(|values| {
                let mut rest = self.rest.iter();
                rest.all(|filter| filter.fits(state, id, values))
            })
    }
}

/// The times that any group may find rows of.
pub(super) fn times(groups: &[Group<'_>]) -> RangeInclusive<i64> {
    let from = groups.iter().map(|group| *group.modified.start()).min();
    let to = groups.iter().map(|group| *group.modified.end()).max();
    from.unwrap_or(i64::MIN)..=to.unwrap_or(i64::MAX)
}

fn both(one: &RangeInclusive<i64>, other: &RangeInclusive<i64>) -> RangeInclusive<i64> {
    *one.start().max(other.start())..=*one.end().min(other.end())
}
