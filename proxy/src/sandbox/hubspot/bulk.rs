//! `fill` and `records` of this account (see the sandbox's `bulk.rs`). Objects have HubSpot's names; `accounts` and
//! `opportunities` are understood.

use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::state::{FIRST_ID, State, Values};
use super::{calculated, links};
use crate::sandbox::bulk::{self, Dump, Fill, firm, person};
use crate::sandbox::clock::iso_ms;

/// Makes rows as an import would, past the rules for single writes.
pub(super) fn fill(state: &mut State, body: &Value, now: i64) -> Result<Value, String> {
    let fill = Fill::read(body)?;
    let accounts = rows(state, "companies", fill.accounts, &fill, now, |number| {
        let firm = firm(number);
        vec![
            ("name", firm.name),
            ("domain", firm.domain),
            ("city", firm.city.to_owned()),
        ]
    })?;
    let contacts = rows(state, "contacts", fill.contacts, &fill, now, |number| {
        let person = person(number);
        vec![
            ("firstname", person.first_name.to_owned()),
            ("lastname", person.last_name.to_owned()),
            ("email", person.email),
            ("phone", person.phone),
            ("lifecyclestage", "lead".to_owned()),
        ]
    })?;
    if fill.linked {
        for (contact, account) in contacts.clone().zip(accounts.clone().cycle()) {
            links::set_primary(state, contact, account);
        }
    }
    let made = |ids: &std::ops::Range<u64>| {
        json!({
            "made": ids.end - ids.start,
            "first": (!ids.is_empty()).then(|| ids.start.to_string()),
            "last": (!ids.is_empty()).then(|| (ids.end - 1).to_string()),
        })
    };
    Ok(json!({ "accounts": made(&accounts), "contacts": made(&contacts) }))
}

/// So many rows of a type; the answer is their ids.
fn rows(
    state: &mut State,
    ty: &str,
    count: u64,
    fill: &Fill,
    now: i64,
    values: impl Fn(u64) -> Vec<(&'static str, String)>,
) -> Result<std::ops::Range<u64>, String> {
    let table = state
        .table_named(ty)
        .map_err(|_| format!("no such type: {ty}"))?;
    let first = state.next_id;
    for position in 0..count {
        let id = state.take_id();
        let at = fill.time(position, count, now);
        let own = &mut state.tables[table];
        let mut row: Values = values(id - FIRST_ID)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        calculated::own(own, None, &mut row, at);
        row.insert("hs_object_source".to_owned(), "IMPORT".to_owned());
        // In the search index at once: a fill is the past.
        own.insert(id, row, at, at);
    }
    Ok(first..state.next_id)
}

/// A page of all rows of a type by id, archived ones too.
pub(super) fn records(state: &State, asked: &[(String, String)]) -> Result<Value, String> {
    let dump = Dump::read(asked)?;
    let name = match dump.object.as_str() {
        "accounts" => "companies",
        "opportunities" => "deals",
        other => other,
    };
    let table = state
        .table_named(name)
        .map_err(|_| format!("object: there is no {name}"))?;
    let table = &state.tables[table];
    let after = match &dump.after {
        None => Bound::Unbounded,
        Some(after) => {
            let id = after.parse::<u64>();
            Bound::Excluded(id.map_err(|_| format!("after: {after} is no id"))?)
        }
    };
    let mut rows = table.rows.range((after, Bound::Unbounded));
    let page: Vec<Value> = rows
        .by_ref()
        .take(dump.limit)
        .map(|(id, row)| {
            let fields = row.values.iter().filter(|(name, _)| dump.wants(name));
            let fields: Map<String, Value> = fields
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            json!({
                "id": id.to_string(),
                "deleted": row.archived_at.is_some(),
                "deleted_at": row.archived_at.map(iso_ms),
                "created_at": row.get(&table.ty.created),
                "updated_at": row.get(&table.ty.modified),
                "fields": fields,
            })
        })
        .collect();
    Ok(bulk::page(&page, rows.next().is_some(), table.rows.len()))
}
