//! The order of what a search found: each row's key is made once, and only the rows up to a page's end are sorted.

use std::cmp::Ordering;

use super::{Sort, number};
use crate::sandbox::hubspot::schema::Kind;
use crate::sandbox::hubspot::state::{Table, Values};

/// What a row is sorted by.
#[derive(Debug, PartialEq, PartialOrd)]
pub(super) enum Key {
    Whole(i64),
    Number(f64),
    Text(String),
    /// Rows without the value come last in either direction.
    Absent,
}

/// A row that was found.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) id: u64,
    key: Key,
}

/// How the keys of rows are made and compared.
#[derive(Debug)]
pub(super) enum By<'s> {
    Modified,
    Id,
    /// By a property, or without one by creation, oldest first.
    Values(Option<&'s Sort<'s>>),
}

impl<'s> By<'s> {
    pub(super) fn new(table: &Table, sort: Option<&'s Sort<'s>>) -> Self {
        match sort {
            Some(sort) if sort.property.name == table.ty.modified => Self::Modified,
            Some(sort) if sort.property.name == "hs_object_id" => Self::Id,
            sort => Self::Values(sort),
        }
    }

    /// A row that changed at `ms`, with its key.
    pub(super) fn hit<'v>(
        &self,
        table: &Table,
        ms: i64,
        id: u64,
        values: impl FnOnce() -> Option<&'v Values>,
    ) -> Hit {
        let key = match self {
            Self::Modified => Key::Whole(ms),
            Self::Id => Key::Whole(i64::try_from(id).unwrap_or(i64::MAX)),
            Self::Values(sort) => values().map_or(Key::Absent, |values| key(table, *sort, values)),
        };
        Hit { id, key }
    }
}

fn key(table: &Table, sort: Option<&Sort<'_>>, values: &Values) -> Key {
    let Some(sort) = sort else {
        let created = values.get(&table.ty.created);
        return created.map_or(Key::Absent, |created| Key::Text(created.clone()));
    };
    let value = values.get(&sort.property.name);
    match value.filter(|value| !value.is_empty()) {
        None => Key::Absent,
        Some(value) if sort.property.kind == Kind::Number => Key::Number(number(value)),
        Some(value) => Key::Text(value.to_lowercase()),
    }
}

/// The hits from `offset` on, at most `limit`, in order.
pub(super) fn page(
    mut hits: Vec<Hit>,
    sort: Option<&Sort<'_>>,
    offset: usize,
    limit: usize,
) -> Vec<Hit> {
    let by = |one: &Hit, other: &Hit| compare(sort, one, other);
    let end = offset.saturating_add(limit).min(hits.len());
    if end <= offset {
        return Vec::new();
    }
    if end < hits.len() {
        hits.select_nth_unstable_by(end - 1, by);
        hits.truncate(end);
    }
    hits.sort_unstable_by(by);
    hits.split_off(offset)
}

fn compare(sort: Option<&Sort<'_>>, one: &Hit, other: &Hit) -> Ordering {
    let Some(sort) = sort else {
        return ascending(&one.key, &other.key).then(one.id.cmp(&other.id));
    };
    let by_value = match (&one.key, &other.key) {
        (Key::Absent, Key::Absent) => Ordering::Equal,
        (Key::Absent, _) => return Ordering::Greater,
        (_, Key::Absent) => return Ordering::Less,
        (one, other) if sort.descending => ascending(other, one),
        (one, other) => ascending(one, other),
    };
    // There is no second key to sort by: ties stand in an order that means nothing, the same on every page.
    by_value.then_with(|| scatter(one.id).cmp(&scatter(other.id)))
}

/// Keys of one search are all of one kind.
fn ascending(one: &Key, other: &Key) -> Ordering {
    match (one, other) {
        (Key::Number(one), Key::Number(other)) => one.total_cmp(other),
        _ => one.partial_cmp(other).unwrap_or(Ordering::Equal),
    }
}

/// A fixed permutation of the ids (Fibonacci hashing).
fn scatter(id: u64) -> u64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
