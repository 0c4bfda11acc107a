//! A row as JSON: which properties an answer carries, and how values and times look.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::PORTAL_ID;
use super::access;
use super::schema::Kind;
use super::settings::Settings;
use super::state::{Row, Table};
use crate::sandbox::clock::iso_ms;

/// Which properties an answer carries, beside the system ones.
#[derive(Debug)]
pub(super) enum Wanted {
    Defaults,
    /// Those asked for; undefined ones are left out without a word.
    Named(Vec<String>),
    /// Those that a write wrote.
    Written(BTreeSet<String>),
}

impl Wanted {
    pub(super) fn named(names: Vec<String>) -> Self {
        if names.is_empty() {
            Self::Defaults
        } else {
            Self::Named(names)
        }
    }
}

pub(super) fn row(table: &Table, row: &Row, wanted: &Wanted, settings: &Settings) -> Value {
    let ty = &table.ty;
    let mut names: BTreeSet<&str> = ty.system().into_iter().collect();
    match wanted {
        Wanted::Defaults => names.extend(ty.defaults.iter().map(String::as_str)),
        Wanted::Named(asked) => names.extend(asked.iter().map(String::as_str)),
        Wanted::Written(written) => {
            names.insert("hs_object_source");
            // Of the calculated ones "some" come along: those that have a value.
            let calculated = table
                .properties
                .values()
                .filter(|property| property.calculated && row.get(&property.name).is_some());
            names.extend(calculated.map(|property| property.name.as_str()));
            names.extend(written.iter().map(String::as_str));
        }
    }
    let mut properties = Map::new();
    for name in names.into_iter().filter(|name| {
        let property = table.properties.get(*name);
        property.is_some_and(|property| access::reads(settings, ty, property))
    }) {
        let is_time = table
            .properties
            .get(name)
            .is_some_and(|property| property.kind == Kind::Datetime);
        let value = match row.values.get(name) {
            Some(value) if !value.is_empty() && is_time => json!(time(value, settings)),
            Some(value) if !value.is_empty() || settings.cleared_as_empty_text => json!(value),
            _ => Value::Null,
        };
        properties.insert(name.to_owned(), value);
    }
    let mut answer = json!({
        "id": row.id.to_string(),
        "properties": properties,
        "createdAt": row.get(&ty.created).map(|at| time(at, settings)),
        "updatedAt": row.get(&ty.modified).map(|at| time(at, settings)),
        "archived": row.archived_at.is_some(),
    });
    if let Some(at) = row.archived_at {
        answer["archivedAt"] = json!(time(&iso_ms(at), settings));
    }
    answer["url"] = json!(format!(
        "https://app.hubspot.com/contacts/{PORTAL_ID}/record/{}/{}",
        ty.id, row.id
    ));
    answer
}

/// A time as an answer has it.
fn time<'t>(text: &'t str, settings: &Settings) -> Cow<'t, str> {
    match text.strip_suffix(".000Z") {
        Some(seconds) if settings.drop_zero_milliseconds => format!("{seconds}Z").into(),
        _ => text.into(),
    }
}
