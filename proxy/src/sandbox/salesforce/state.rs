//! The rows, and the rules by which they are written.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    access::{Access, Grants, text},
    fault::Fault,
    id,
    locators::Locators,
    rules::{self, DuplicateRules},
    schema::{Object, Schema, standard},
    stamp,
};

mod bin;
mod late;
mod table;
mod values;

use bin::Purged;
use late::Late;
pub(super) use table::Span;
use table::Table;

/// A row: the values of its fields by their canonical names. What is not there is null.
pub(super) type Row = BTreeMap<String, Value>;

/// All that changes. A copy is cheap: it shares the rows until one of the two writes them.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) schema: Schema,
    /// By object.
    rows: BTreeMap<String, Arc<Table>>,
    /// Objects' fields that the user cannot see.
    pub(super) hidden: BTreeMap<String, Vec<String>>,
    pub(super) grants: Grants,
    /// Queries' answers that go on.
    pub(super) locators: Locators,
    /// What no query sees yet.
    pub(super) late: Late,
    pub(super) duplicate_rules: DuplicateRules,
    /// When a describe last became another.
    pub(super) described: String,
    /// Whether the org has no enhanced notes.
    pub(super) notes_off: bool,
    purged: Vec<Purged>,
    /// Objects and how many rows each had, and until when that is good enough.
    counted: Vec<(String, usize)>,
    counted_until: String,
    next: u64,
}

/// What a write may know beside its values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing<'w> {
    /// Now, as Salesforce writes it.
    pub(super) now: &'w str,
    /// `/services/data/v59.0`.
    pub(super) root: &'w str,
    /// Whether duplicate rules that only warn are not heeded.
    pub(super) allows_duplicates: bool,
}

impl<'w> Writing<'w> {
    /// A write that no call asks for.
    pub(super) fn at(now: &'w str) -> Self {
        Self {
            now,
            root: "/services/data/v59.0",
            allows_duplicates: false,
        }
    }
}

/// The user whom the sandbox's tokens belong to.
pub(super) const USER_NUMBER: u64 = 1;

impl State {
    pub(super) fn new() -> Self {
        Self {
            schema: standard(),
            rows: BTreeMap::new(),
            hidden: BTreeMap::new(),
            grants: Grants::default(),
            locators: Locators::default(),
            late: Late::default(),
            duplicate_rules: DuplicateRules::default(),
            described: "2024-01-02T09:00:00.000+0000".to_owned(),
            notes_off: false,
            purged: Vec::new(),
            counted: Vec::new(),
            counted_until: String::new(),
            next: 100,
        }
    }

    pub(super) fn user_id() -> String {
        id::make("005", USER_NUMBER)
    }

    /// Notes that describes are others from now on: a second later, because a caller may have read one in this second.
    pub(super) fn redescribe(&mut self, now: &str) {
        let last = self.described.as_str().max(now);
        self.described = stamp::after(last, 1);
    }

    /// An object's rows, deleted ones too, by their ids.
    pub(super) fn table(&self, object: &str) -> impl Iterator<Item = (&str, &Row)> {
        self.rows
            .get(object)
            .into_iter()
            .flat_map(|table| table.iter())
    }

    /// How many rows an object has, deleted ones too.
    pub(super) fn size(&self, object: &str) -> usize {
        self.rows.get(object).map_or(0, |table| table.len())
    }

    /// An object's rows with ids of a stretch.
    pub(super) fn table_within(
        &self,
        object: &str,
        ids: Span,
    ) -> impl Iterator<Item = (&str, &Row)> + use<'_> {
        let table = self.rows.get(object).into_iter();
        table.flat_map(move |table| table.by_id(ids.clone()))
    }

    /// An object's rows that changed in a time, oldest first, where all of its rows have such a time.
    pub(super) fn stamped(
        &self,
        object: &str,
        times: &Span,
    ) -> Option<impl Iterator<Item = (&str, &Row)> + use<'_>> {
        self.rows.get(object)?.by_stamp(times)
    }

    /// A row, even a deleted one.
    pub(super) fn row(&self, object: &str, id: &str) -> Option<&Row> {
        self.rows.get(object)?.get(id).map(Arc::as_ref)
    }

    /// A row that is not deleted.
    pub(super) fn live(&self, object: &str, id: &str) -> Option<&Row> {
        self.row(object, id).filter(|row| !is_deleted(row))
    }

    /// The next id of an object.
    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        id::make(prefix, self.take_number())
    }

    /// A number that nothing else has.
    pub(super) fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Puts a row in that has all that the rules give one but the name made of two; the answer is its id.
    pub(super) fn put_new(&mut self, object: &str, mut row: Row) -> String {
        let object = self.any_object(object).map(Arc::clone);
        let prefix = object.as_ref().map_or("000", |object| &object.prefix);
        let id = self.next_id(prefix);
        if let Some(object) = object {
            compute_name(&object, &mut row);
            self.put(&object.name, &id, row);
        }
        id
    }

    /// Puts a row in, whatever the rules say.
    pub(super) fn put(&mut self, object: &str, id: &str, mut row: Row) {
        row.insert("Id".to_owned(), json!(id));
        let table = self.rows.entry(object.to_owned()).or_default();
        Arc::make_mut(table).insert(id, row);
    }

    /// The same with an id of the object's and a number.
    pub(super) fn insert_raw(&mut self, object: &str, number: u64, row: Row) -> String {
        let prefix = self
            .any_object(object)
            .map_or("000", |object| object.prefix.as_str());
        let id = id::make(prefix, number);
        self.put(object, &id, row);
        id
    }

    pub(super) fn remove(&mut self, object: &str, id: &str) {
        if let Some(table) = self.rows.get_mut(object) {
            Arc::make_mut(table).remove(id);
        }
    }

    /// Changes a row's values; its times only where `changes` has them.
    pub(super) fn amend(&mut self, object: &str, id: &str, changes: Row, now: &str) {
        let Some(table) = self.rows.get_mut(object) else {
            return;
        };
        let table = Arc::make_mut(table);
        let Some(row) = table.get(id) else {
            return;
        };
        self.late.written(object, id, Some(row), now);
        table.amend(id, changes);
    }

    /// Creates a row. `now` is a datetime in Salesforce's form.
    pub(super) fn create(
        &mut self,
        object: &str,
        values: &Map<String, Value>,
        writing: Writing<'_>,
    ) -> Result<String, Fault> {
        let object = Arc::clone(self.object(object).ok_or_else(Fault::not_found)?);
        self.must(&object, Access::Create)?;
        let mut row = self.checked(&object, values, true)?;
        for field in &object.fields {
            if !field.default_value.is_null() && !is_set(&row, &field.name) {
                row.insert(field.name.clone(), field.default_value.clone());
            }
        }
        let missing: Vec<&str> = object
            .fields
            .iter()
            .filter(|field| field.is_required() && !is_set(&row, &field.name))
            .map(|field| field.name.as_str())
            .collect();
        if !missing.is_empty() {
            let message = format!("Required fields are missing: [{}]", missing.join(", "));
            return Err(Fault::new(400, "REQUIRED_FIELD_MISSING", message).fields(&missing));
        }
        for field in &object.fields {
            if field.ty == "boolean" && !is_set(&row, &field.name) {
                row.insert(field.name.clone(), json!(false));
            }
            if field.name == "OwnerId" && !is_set(&row, "OwnerId") {
                row.insert("OwnerId".to_owned(), json!(Self::user_id()));
            }
        }
        for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            row.insert(name.to_owned(), json!(writing.now));
        }
        for name in ["CreatedById", "LastModifiedById"] {
            row.insert(name.to_owned(), json!(Self::user_id()));
        }
        compute_name(&object, &mut row);
        self.check_unique(&object, &row, None)?;
        rules::before_create(self, &object, &mut row, writing)?;
        let id = self.next_id(&object.prefix);
        rules::call(self, &object, &id, &mut row);
        self.late.written(&object.name, &id, None, writing.now);
        self.put(&object.name, &id, row);
        rules::after_write(self, &object.name, &id, writing);
        Ok(id)
    }

    /// Changes a row.
    pub(super) fn update(
        &mut self,
        object: &str,
        id: &str,
        values: &Map<String, Value>,
        writing: Writing<'_>,
    ) -> Result<(), Fault> {
        let object = Arc::clone(self.object(object).ok_or_else(Fault::not_found)?);
        let Some(before) = self.live(&object.name, id).cloned() else {
            return Err(self.gone(&object.name, id));
        };
        self.must(&object, Access::Edit)?;
        let mut changes = self.checked(&object, values, false)?;
        for (name, value) in &changes {
            let required = object.field(name).is_some_and(|field| !field.nillable);
            if required && value.is_null() {
                let message = format!("Required fields are missing: [{name}]");
                return Err(Fault::new(400, "REQUIRED_FIELD_MISSING", message).fields(&[name]));
            }
        }
        changes.insert("LastModifiedDate".to_owned(), json!(writing.now));
        changes.insert("SystemModstamp".to_owned(), json!(writing.now));
        changes.insert("LastModifiedById".to_owned(), json!(Self::user_id()));
        let mut after = before.clone();
        after.extend(changes);
        compute_name(&object, &mut after);
        self.check_unique(&object, &after, Some(id))?;
        rules::before_update(self, &object, &before, &mut after, writing)?;
        self.amend(&object.name, id, after, writing.now);
        rules::after_write(self, &object.name, id, writing);
        Ok(())
    }

    pub(super) fn delete(&mut self, object: &str, id: &str, now: &str) -> Result<(), Fault> {
        let object = Arc::clone(self.object(object).ok_or_else(Fault::not_found)?);
        let Some(row) = self.live(&object.name, id) else {
            return Err(self.gone(&object.name, id));
        };
        let is_own = text(row, "Id") == Self::user_id();
        if is_own || !self.may(&object, Access::Delete) {
            // That users cannot be deleted is documented, the words are not; the code is the likeliest one.
            let message = format!(
                "insufficient access rights on object id: {}",
                id.get(..15).unwrap_or(id)
            );
            return Err(Fault::new(400, "INSUFFICIENT_ACCESS_OR_READONLY", message).fields(&[]));
        }
        rules::before_delete(self, &object.name, id, now);
        if object.field("IsDeleted").is_some() {
            self.bin(&object.name, id, now);
        } else {
            // Set-up objects have no recycle bin.
            self.remove(&object.name, id);
            self.regrant();
        }
        Ok(())
    }

    /// Puts a row into the recycle bin.
    pub(super) fn bin(&mut self, object: &str, id: &str, now: &str) {
        let changes = [("IsDeleted", json!(true)), ("SystemModstamp", json!(now))];
        let changes = changes.map(|(name, value)| (name.to_owned(), value));
        self.amend(object, id, Row::from_iter(changes), now);
    }

    /// What is said of an id that no live row has.
    pub(super) fn gone(&self, object: &str, id: &str) -> Fault {
        if self.row(object, id).is_some() {
            Fault::deleted()
        } else {
            Fault::new(
                404,
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
            )
            .fields(&[])
        }
    }

    fn check_unique(&self, object: &Object, row: &Row, own: Option<&str>) -> Result<(), Fault> {
        for field in object.fields.iter().filter(|field| field.unique) {
            let Some(value) = row.get(&field.name).filter(|value| !value.is_null()) else {
                continue;
            };
            let same = |other: &Value| match (value.as_str(), other.as_str()) {
                (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
                _ => value == other,
            };
            let other = self.table(&object.name).find(|(id, row)| {
                own != Some(id) && !is_deleted(row) && row.get(&field.name).is_some_and(same)
            });
            if let Some((id, _)) = other {
                let message = format!(
                    "duplicate value found: {} duplicates value on record with id: {}",
                    field.name,
                    &id[..15]
                );
                return Err(Fault::new(400, "DUPLICATE_VALUE", message).fields(&[]));
            }
        }
        Ok(())
    }
}

pub(super) fn is_deleted(row: &Row) -> bool {
    row.get("IsDeleted") == Some(&json!(true))
}

/// `FirstName` and `LastName` make the `Name` of those that have them.
pub(super) fn compute_name(object: &Object, row: &mut Row) {
    if object.field("LastName").is_some()
        && object.field("Name").is_some_and(|name| !name.createable)
    {
        let name = format!("{} {}", text(row, "FirstName"), text(row, "LastName"));
        row.insert("Name".to_owned(), json!(name.trim()));
    }
}

pub(super) fn is_set(row: &Row, name: &str) -> bool {
    row.get(name).is_some_and(|value| !value.is_null())
}
