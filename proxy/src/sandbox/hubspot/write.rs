//! From the properties of a request to changes of a row: checks first, all of them, then the rules of the account.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Map, Value};

use super::ask::Ask;
use super::fault::Fault;
use super::schema::{Format, Property};
use super::state::{Row, State, Table, Values};
use super::values::{self, Complaint};
use super::{access, calculated, links, pipelines, required};

/// A value of a unique property that another row has.
#[derive(Debug)]
pub(super) struct Clash {
    property: String,
    value: String,
    /// `None` when the other row is another input of the same batch.
    holder: Option<u64>,
}

/// What a write does to one row, checked.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) values: Values,
    /// The names that the request wrote: the ones that its answer carries.
    pub(super) written: BTreeSet<String>,
}

/// Checks `input` for a create (`current` is none) or an update.
pub(super) fn prepare(
    state: &State,
    ask: &Ask<'_>,
    table: usize,
    current: Option<u64>,
    input: &Map<String, Value>,
) -> Result<Changes, Fault> {
    let table = &state.tables[table];
    let row = current.and_then(|id| table.live(id));
    let mut changed = Values::new();
    let mut complaints = Vec::new();
    for (name, value) in input {
        match check(state, table, row, name, &scalar(value)?) {
            Ok(value) => {
                changed.insert(name.clone(), value);
            }
            Err(complaint) => complaints.push(complaint),
        }
    }
    if !complaints.is_empty() {
        return Err(Fault::invalid_properties(&complaints));
    }
    let written = changed.keys().cloned().collect();
    if let Some(row) = row {
        keep_primary_email(table, row, &mut changed);
    } else {
        complete(state, table, &mut changed);
        required::on_create(state, ask, table, &changed)?;
    }
    pipelines::settle(table, row, &mut changed)
        .map_err(|complaint| Fault::invalid_properties(&[complaint]))?;
    calculated::own(table, row, &mut changed, ask.now);
    required::on_condition(state, ask, table, row, &changed)?;
    Ok(Changes {
        values: changed,
        written,
    })
}

/// A value as text. Strings are documented; numbers and booleans are tolerated, null clears.
fn scalar(value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) => Err(cannot_deserialize("Array")),
        Value::Object(_) => Err(cannot_deserialize("Object")),
    }
}

fn cannot_deserialize(found: &str) -> Fault {
    Fault::wrong_shape(&format!(
        "Cannot deserialize value of type `java.lang.String` from {found} value"
    ))
}

fn check(
    state: &State,
    table: &Table,
    row: Option<&Row>,
    name: &str,
    text: &str,
) -> Result<String, Complaint> {
    let property = table
        .properties
        .get(name)
        .filter(|property| access::writes(&state.settings, &table.ty, property));
    let Some(property) = property else {
        let message = format!("Property \"{name}\" does not exist");
        return Err(Complaint::new(name, "PROPERTY_DOESNT_EXIST", message));
    };
    if property.calculated || property.read_only {
        let kind = if property.calculated {
            "calculated"
        } else {
            "read only"
        };
        let message = format!("\"{name}\" is a {kind} property; its value cannot be set.");
        return Err(Complaint::new(name, "READ_ONLY_VALUE", message));
    }
    if text.is_empty() {
        return Ok(String::new());
    }
    let current = row.and_then(|row| row.get(name));
    let value = values::accept(property, text, current, &state.owners, &table.pipelines)?;
    if let Some(current) = current
        && property.forward_only
        && state.settings.forward_only_lifecycle
        && stage(property, &value) < stage(property, current)
    {
        return Ok(current.to_owned());
    }
    Ok(value)
}

fn stage(property: &Property, value: &str) -> Option<usize> {
    property
        .options
        .iter()
        .position(|option| option.value == value)
}

/// What a create adds by itself.
fn complete(state: &State, table: &Table, changed: &mut Values) {
    changed.retain(|_, value| !value.is_empty());
    let sent = changed.clone();
    for (from, to) in &table.ty.fill_on_create {
        if !state.settings.website_fills_domain || sent.contains_key(to) {
            continue;
        }
        let Some(value) = sent.get(from) else {
            continue;
        };
        let is_domain = table
            .properties
            .get(to)
            .is_some_and(|property| property.format == Some(Format::Domain));
        let value = if is_domain {
            values::domain(value)
        } else {
            Some(value.clone())
        };
        if let Some(value) = value {
            changed.insert(to.clone(), value);
        }
    }
}

/// Setting the primary value to one of the row's own secondary ones swaps the two.
fn keep_primary_email(table: &Table, row: &Row, changed: &mut Values) {
    for property in table.properties.values() {
        let Some(secondary) = &property.secondary else {
            continue;
        };
        let Some(new) = changed.get(&property.name).cloned() else {
            continue;
        };
        let further = row.get(secondary).unwrap_or_default();
        if changed.contains_key(secondary) || !further.split(';').any(|value| value == new) {
            continue;
        }
        let old = row.get(&property.name).into_iter();
        let swapped: Vec<&str> = old
            .chain(further.split(';').filter(|value| *value != new))
            .collect();
        changed.insert(secondary.clone(), swapped.join(";"));
    }
}

/// Whether another live row, or an earlier input of the same batch, has one of the unique values.
pub(super) fn clash(
    table: &Table,
    own: Option<u64>,
    changes: &Changes,
    claimed: &BTreeMap<(String, String), Option<u64>>,
) -> Option<Clash> {
    table
        .unique_values(&changes.values)
        .into_iter()
        .find_map(|(property, value)| {
            let holder = table
                .holder(&property, &value)
                .filter(|holder| Some(*holder) != own);
            let in_batch = claimed
                .get(&(property.clone(), value.clone()))
                .is_some_and(|id| id.is_none() || *id != own);
            (holder.is_some() || in_batch).then_some(Clash {
                property,
                value,
                holder,
            })
        })
}

impl Clash {
    /// Contacts clash by e-mail with a body of their own; other unique properties are faults of the property alone,
    /// or 409 in a batch.
    pub(super) fn into_fault(self, table: &Table, batch: bool) -> Fault {
        let by_email = table
            .properties
            .get(&self.property)
            .is_some_and(|property| property.format == Some(Format::Email));
        let existing = self
            .holder
            .map(|id| format!(" Existing ID: {id}"))
            .unwrap_or_default();
        let category = if batch {
            "OBJECT_ALREADY_EXISTS"
        } else {
            "CONFLICT"
        };
        if by_email {
            let singular = &table.ty.singular;
            let name = format!("{}{}", singular[..1].to_uppercase(), &singular[1..]);
            return Fault::new(
                StatusCode::CONFLICT,
                format!("{name} already exists.{existing}"),
            )
            .category(category);
        }
        let message = format!(
            "{}: a record with that value already exists.{existing}",
            self.value
        );
        if batch {
            return Fault::new(StatusCode::CONFLICT, message).category(category);
        }
        Fault::invalid_properties(&[Complaint::new(
            &self.property,
            "CONFLICTING_UNIQUE_VALUE",
            message,
        )])
    }
}

/// Carries a checked create out, without links; the answer is the new id.
pub(super) fn insert(state: &mut State, table: usize, changes: &Changes, now: i64) -> u64 {
    let id = state.take_id();
    let index_at = state.index_at(id, now);
    state.tables[table].insert(id, changes.values.clone(), now, index_at);
    calculated::refresh(state, id);
    follow(state, id, &changes.values);
    id
}

/// Carries a checked update out.
pub(super) fn change(state: &mut State, table: usize, id: u64, values: &Values, now: i64) {
    let index_at = state.index_at(id, now);
    state.tables[table].change(id, values, now, index_at);
    calculated::spread(state, id);
    follow(state, id, values);
}

/// Links that a write of values makes by itself.
fn follow(state: &mut State, id: u64, values: &Values) {
    // Writing the id of a company into a contact makes it the primary one (unconfirmed).
    let company = values
        .get("associatedcompanyid")
        .and_then(|company| company.parse().ok())
        .filter(|company| is_live_company(state, *company));
    let by_domain = || {
        let domain = values.get("hs_email_domain")?;
        let companies = state.tables.iter().find(|table| table.ty.id == "0-2")?;
        let row = companies
            .rows
            .values()
            .find(|row| row.archived_at.is_none() && row.get("domain") == Some(domain))?;
        Some(row.id)
    };
    let company = company.or_else(|| {
        (state.settings.associate_by_domain)
            .then(by_domain)
            .flatten()
    });
    if let Some(company) = company {
        links::set_primary(state, id, company);
    }
}

fn is_live_company(state: &State, id: u64) -> bool {
    state
        .tables
        .iter()
        .any(|table| table.ty.id == "0-2" && table.live(id).is_some())
}
