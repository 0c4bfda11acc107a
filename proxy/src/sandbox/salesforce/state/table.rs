//! An object's rows by their ids, and by the time of their last change.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use super::Row;
use crate::sandbox::salesforce::access::text;

#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    rows: BTreeMap<String, Arc<Row>>,
    /// `SystemModstamp` and id of those rows that have one.
    stamps: BTreeSet<(String, String)>,
}

/// A stretch of texts, both ends included where they are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::sandbox::salesforce) struct Span {
    pub(in crate::sandbox::salesforce) from: Option<String>,
    pub(in crate::sandbox::salesforce) to: Option<String>,
}

impl Span {
    /// Whether it may hold nothing at all, which a range of a tree must not be asked for.
    fn is_empty(&self) -> bool {
        matches!((&self.from, &self.to), (Some(from), Some(to)) if from > to)
    }
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<Row>> {
        self.rows.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Row)> {
        self.rows
            .iter()
            .map(|(id, row)| (id.as_str(), row.as_ref()))
    }

    pub(super) fn insert(&mut self, id: &str, row: Row) {
        self.remove(id);
        if let Some(stamp) = stamp(&row) {
            self.stamps.insert((stamp, id.to_owned()));
        }
        self.rows.insert(id.to_owned(), Arc::new(row));
    }

    pub(super) fn remove(&mut self, id: &str) {
        let row = self.rows.remove(id);
        if let Some(stamp) = row.and_then(|row| stamp(&row)) {
            self.stamps.remove(&(stamp, id.to_owned()));
        }
    }

    pub(super) fn amend(&mut self, id: &str, changes: Row) {
        let Some(row) = self.rows.get_mut(id) else {
            return;
        };
        let before = stamp(row);
        Arc::make_mut(row).extend(changes);
        let after = stamp(row);
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.stamps.remove(&(before, id.to_owned()));
        }
        if let Some(after) = after {
            self.stamps.insert((after, id.to_owned()));
        }
    }

    /// The rows with ids of a stretch, by id.
    pub(super) fn by_id(&self, ids: Span) -> impl Iterator<Item = (&str, &Row)> + use<'_> {
        let is_empty = ids.is_empty();
        let bound = |end: Option<String>| end.map_or(Bound::Unbounded, Bound::Included);
        let range = (bound(ids.from), bound(ids.to));
        let rows = (!is_empty).then(|| self.rows.range(range));
        let rows = rows.into_iter().flatten();
        rows.map(|(id, row)| (id.as_str(), row.as_ref()))
    }

    /// The rows that changed in a time, oldest first; none where not all rows have such a time.
    pub(super) fn by_stamp(
        &self,
        times: &Span,
    ) -> Option<impl Iterator<Item = (&str, &Row)> + use<'_>> {
        if self.stamps.len() != self.rows.len() {
            return None;
        }
        let from = times.from.clone().map(|from| (from, String::new()));
        // No id has a character above this one.
        let to = times.to.clone().map(|to| (to, char::MAX.to_string()));
        let bound = |end: Option<(String, String)>| end.map_or(Bound::Unbounded, Bound::Included);
        let range = (bound(from), bound(to));
        let stamps = (!times.is_empty()).then(|| self.stamps.range(range));
        let ids = stamps.into_iter().flatten();
        Some(ids.filter_map(|(_, id)| {
            let (id, row) = self.rows.get_key_value(id)?;
            Some((id.as_str(), row.as_ref()))
        }))
    }
}

fn stamp(row: &Row) -> Option<String> {
    let stamp = text(row, "SystemModstamp");
    (!stamp.is_empty()).then(|| stamp.to_owned())
}
