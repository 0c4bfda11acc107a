//! Everything that this `HubSpot` remembers. One lock around it, held for one call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::custom::Custom;
use super::fault::Fault;
use super::links::{Link, Links};
use super::owners::Owner;
use super::pipelines::{self, Pipeline};
use super::rates::Usage;
use super::sample;
use super::schema::{self, Group, ObjectType, Property};
use super::settings::Settings;
use super::values::instant_ms;
use crate::sandbox::clock::iso_ms;
use crate::sandbox::grants::Grants;

mod recent;

use recent::Recent;

/// States of one row that the search index has not caught up with; further writes push the oldest into it.
const MAX_PENDING: usize = 64;
/// Ids start high enough not to be mistaken for counters.
pub(super) const FIRST_ID: u64 = 21_000_000_001;
const FIRST_TYPE: u64 = 3_453_901;

pub(super) type Values = BTreeMap<String, String>;

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) tables: Vec<Table>,
    pub(super) owners: Vec<Owner>,
    pub(super) links: Links,
    pub(super) grants: Grants,
    pub(super) usage: Usage,
    pub(super) next_id: u64,
    /// The number of the next custom type.
    pub(super) next_type: u64,
    /// The links that archived rows had, for their restoration.
    pub(super) severed: BTreeMap<u64, Vec<Link>>,
}

/// One object type with its rows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) ty: ObjectType,
    /// Beyond what `ty` says, for a type that the account made.
    pub(super) custom: Option<Custom>,
    pub(super) properties: BTreeMap<String, Property>,
    pub(super) archived_properties: BTreeMap<String, Property>,
    pub(super) groups: Vec<Group>,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) rows: BTreeMap<u64, Row>,
    /// The ids of the archived ones among them.
    pub(super) archived: BTreeSet<u64>,
    /// The live ones among them by the time of their last change.
    pub(super) recent: Recent,
    /// Ids that a merge took away, and the row that they live on in.
    pub(super) merged: BTreeMap<u64, u64>,
    /// Which live row holds a value of a unique property.
    unique: BTreeMap<(String, String), u64>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: u64,
    /// Values as text; `""` is a value that was cleared.
    pub(super) values: Arc<Values>,
    pub(super) archived_at: Option<i64>,
    indexed: Option<Arc<Values>>,
    pending: VecDeque<(i64, Arc<Values>)>,
}

impl State {
    pub(super) fn new(sample_data: bool) -> Self {
        let mut state = Self {
            settings: Settings::default(),
            tables: Vec::new(),
            owners: Vec::new(),
            links: Links::new(&[]),
            grants: Grants::default(),
            usage: Usage::default(),
            next_id: FIRST_ID,
            next_type: FIRST_TYPE,
            severed: BTreeMap::new(),
        };
        state.reset(sample_data);
        state
    }

    pub(super) fn reset(&mut self, sample_data: bool) {
        self.tables = schema::embedded().into_iter().map(Table::new).collect();
        self.links = Links::new(&self.tables);
        self.severed = BTreeMap::new();
        self.usage = Usage::default();
        self.next_id = FIRST_ID;
        self.next_type = FIRST_TYPE;
        sample::load(self, sample_data);
    }

    /// The position of the type that a path names. Whether the bare name of a custom type will do is a setting: the
    /// real one takes it "sometimes only" (hubspot.md §7.1).
    pub(super) fn table_named(&self, name: &str) -> Result<usize, Fault> {
        let strict = self.table_strictly_named(name);
        if !self.settings.bare_custom_names {
            return strict;
        }
        let bare =
            |table: &Table| !table.is_gone() && table.ty.is_custom() && table.ty.singular == name;
        strict.or_else(|fault| self.tables.iter().position(bare).ok_or(fault))
    }

    /// The position of the type that a parameter names, never by a bare name.
    pub(super) fn table_strictly_named(&self, name: &str) -> Result<usize, Fault> {
        self.tables
            .iter()
            .position(|table| !table.is_gone() && table.ty.answers_to(name))
            .ok_or_else(|| Fault::unknown_type(name))
    }

    /// When the search finds what is written to a row now. The index has no order of its own (hubspot.md §9).
    pub(super) fn index_at(&self, id: u64, now: i64) -> i64 {
        let Settings {
            search_lag_ms,
            search_lag_jitter_ms,
            ..
        } = self.settings;
        // The same for each write of a row, so that tests can tell (Fibonacci hashing).
        let spread = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let jitter = spread % (u64::from(search_lag_jitter_ms) + 1);
        now + i64::from(search_lag_ms) + i64::try_from(jitter).unwrap_or_default()
    }

    /// The position of the type that a row is of.
    pub(super) fn table_of(&self, id: u64) -> Option<usize> {
        self.tables
            .iter()
            .position(|table| table.rows.contains_key(&id))
    }

    pub(super) fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}

impl Table {
    pub(super) fn new(ty: ObjectType) -> Self {
        Self {
            custom: None,
            archived_properties: BTreeMap::new(),
            properties: ty.definitions(),
            groups: vec![ty.group.clone()],
            pipelines: pipelines::embedded(&ty.plural),
            ty,
            rows: BTreeMap::new(),
            archived: BTreeSet::new(),
            recent: Recent::default(),
            merged: BTreeMap::new(),
            unique: BTreeMap::new(),
        }
    }

    /// A custom type that was deleted and not purged.
    fn is_gone(&self) -> bool {
        self.custom.as_ref().is_some_and(|custom| custom.archived)
    }

    /// A new row; `index_at` is when the search finds it.
    pub(super) fn insert(&mut self, id: u64, mut values: Values, now: i64, index_at: i64) {
        values.insert("hs_object_id".to_owned(), id.to_string());
        let created = values
            .entry(self.ty.created.clone())
            .or_insert_with(|| iso_ms(now))
            .clone();
        values.entry("hs_createdate".to_owned()).or_insert(created);
        values
            .entry(self.ty.modified.clone())
            .or_insert_with(|| iso_ms(now));
        self.claim(id, &values);
        let modified = self.modified_ms(&values);
        self.recent.insert(id, modified, now, index_at);
        let mut row = Row {
            id,
            values: Arc::new(values),
            archived_at: None,
            indexed: None,
            pending: VecDeque::new(),
        };
        row.index(now, index_at);
        self.rows.insert(id, row);
    }

    /// Sets values of a live row and its modification time.
    pub(super) fn change(&mut self, id: u64, changes: &Values, now: i64, index_at: i64) {
        let modified = self.ty.modified.clone();
        self.release(id);
        self.forget_recent(id);
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        let values = Arc::make_mut(&mut row.values);
        values.extend(
            changes
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        values.insert(modified, iso_ms(now));
        row.index(now, index_at);
        let values = Arc::clone(&row.values);
        self.claim(id, &values);
        let modified = self.modified_ms(&values);
        self.recent.insert(id, modified, now, index_at);
    }

    /// Sets one value as a link does: without a new modification time, and in the index at once.
    pub(super) fn set_quietly(&mut self, id: u64, name: &str, value: &str) {
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        let pending = row.pending.iter_mut().map(|(_, values)| values);
        for values in pending.chain(&mut row.indexed).chain([&mut row.values]) {
            // What was never set is not cleared by being shown as nothing.
            if !value.is_empty() || values.contains_key(name) {
                Arc::make_mut(values).insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Archives a live row; its unique values are free again.
    pub(super) fn archive(&mut self, id: u64, now: i64) {
        self.release(id);
        self.forget_recent(id);
        if let Some(row) = self.rows.get_mut(&id) {
            row.archived_at = Some(now);
            self.archived.insert(id);
        }
    }

    /// Brings an archived row back, as a changed one; false when another row has taken one of its unique values.
    pub(super) fn restore(&mut self, id: u64, now: i64, index_at: i64) -> bool {
        let Some(row) = self.rows.get(&id) else {
            return false;
        };
        let taken = |(property, value): (String, String)| self.holder(&property, &value).is_some();
        if self.unique_values(&row.values).into_iter().any(taken) {
            return false;
        }
        if let Some(row) = self.rows.get_mut(&id) {
            row.archived_at = None;
        }
        self.archived.remove(&id);
        self.change(id, &Values::new(), now, index_at);
        true
    }

    /// Takes a row away for good, as a merge does with both sides.
    pub(super) fn remove(&mut self, id: u64) -> Option<Row> {
        self.release(id);
        self.forget_recent(id);
        self.archived.remove(&id);
        self.rows.remove(&id)
    }

    /// When a row with these values was last changed.
    pub(super) fn modified_ms(&self, values: &Values) -> i64 {
        let modified = values.get(&self.ty.modified);
        modified.and_then(|at| instant_ms(at)).unwrap_or_default()
    }

    fn forget_recent(&mut self, id: u64) {
        if let Some(row) = self.rows.get(&id) {
            let modified = self.modified_ms(&row.values);
            self.recent.remove(id, modified);
        }
    }

    pub(super) fn live(&self, id: u64) -> Option<&Row> {
        self.rows.get(&id).filter(|row| row.archived_at.is_none())
    }

    /// The live row that holds `value` in the unique property `property`, or in its secondary one.
    pub(super) fn holder(&self, property: &str, value: &str) -> Option<u64> {
        self.unique
            .get(&(property.to_owned(), value.to_owned()))
            .copied()
    }

    /// Every unique value in `values`: the property that it is unique in, and the value.
    pub(super) fn unique_values(&self, values: &Values) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for property in self.properties.values().filter(|property| property.unique) {
            let own = values.get(&property.name).into_iter().map(String::as_str);
            let further = property
                .secondary
                .as_ref()
                .and_then(|name| values.get(name));
            let further = further.into_iter().flat_map(|list| list.split(';'));
            found.extend(
                own.chain(further)
                    .filter(|value| !value.is_empty())
                    .map(|value| (property.name.clone(), value.to_owned())),
            );
        }
        found
    }

    fn claim(&mut self, id: u64, values: &Values) {
        for key in self.unique_values(values) {
            self.unique.insert(key, id);
        }
    }

    fn release(&mut self, id: u64) {
        let Some(row) = self.rows.get(&id) else {
            return;
        };
        for key in self.unique_values(&Arc::clone(&row.values)) {
            if self.unique.get(&key) == Some(&id) {
                self.unique.remove(&key);
            }
        }
    }
}

impl Row {
    /// A value that is set.
    pub(super) fn get(&self, property: &str) -> Option<&str> {
        self.values
            .get(property)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// What the search knows of this row at `now`; nothing right after a create when the index lags.
    pub(super) fn found_as(&self, now: i64) -> Option<&Values> {
        let due = self
            .pending
            .iter()
            .rev()
            .find(|(at, _)| *at <= now)
            .map(|(_, values)| values);
        due.or(self.indexed.as_ref()).map(Arc::as_ref)
    }

    fn index(&mut self, now: i64, at: i64) {
        self.pending.push_back((at, Arc::clone(&self.values)));
        while self.pending.front().is_some_and(|(due, _)| *due <= now)
            || self.pending.len() > MAX_PENDING
        {
            self.indexed = self.pending.pop_front().map(|(_, values)| values);
        }
    }
}
