//! `fill`, `churn` and `records` of this account (see the sandbox's `bulk.rs`). Objects have HubSpot's names; `accounts` and
//! `opportunities` are understood.

use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::state::{FIRST_ID, State, Values};
use super::{calculated, links, objects, write};
use crate::sandbox::bulk::{self, Churn, Dump, Fill, city, firm, person, phone};
use crate::sandbox::clock::iso_ms;

/// Makes rows as an import would, past the rules for single writes.
pub(super) fn fill(state: &mut State, body: &Value, now: i64) -> Result<Value, String> {
    let fill = Fill::read(body)?;
    let accounts = rows(state, "companies", fill.accounts, &fill, now)?;
    let contacts = rows(state, "contacts", fill.contacts, &fill, now)?;
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
) -> Result<std::ops::Range<u64>, String> {
    let table = table(state, ty)?;
    let first = state.next_id;
    for position in 0..count {
        let id = state.take_id();
        let at = fill.time(position, count, now);
        let row = invented(state, table, id, at);
        // In the search index at once: a fill is the past.
        state.tables[table].insert(id, row, at, at);
    }
    Ok(first..state.next_id)
}

fn table(state: &State, name: &str) -> Result<usize, String> {
    let table = state.table_named(name);
    table.map_err(|_| format!("object: there is no {name}"))
}

/// The values of a company or a contact, made of its id.
fn invented(state: &State, table: usize, id: u64, at: i64) -> Values {
    let number = id - FIRST_ID;
    let own = &state.tables[table];
    let values = if own.ty.plural == "companies" {
        let firm = firm(number);
        vec![
            ("name", firm.name),
            ("domain", firm.domain),
            ("city", firm.city.to_owned()),
        ]
    } else {
        let person = person(number);
        vec![
            ("firstname", person.first_name.to_owned()),
            ("lastname", person.last_name.to_owned()),
            ("email", person.email),
            ("phone", person.phone),
            ("lifecyclestage", "lead".to_owned()),
        ]
    };
    let values = values.into_iter();
    let mut row: Values = values
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    calculated::own(own, None, &mut row, at);
    row.insert("hs_object_source".to_owned(), "IMPORT".to_owned());
    row
}

/// Changes rows as others do: the search index may be behind of them, and links end with their rows.
pub(super) fn churn(state: &mut State, body: &Value, now: i64) -> Result<Value, String> {
    let churn = Churn::read(body)?;
    let is_of_accounts = churn.is_of_accounts()?;
    let name = if is_of_accounts {
        "companies"
    } else {
        "contacts"
    };
    let table = table(state, name)?;
    let live = state.tables[table].rows.values();
    let live = live.filter(|row| row.archived_at.is_none());
    let chosen = churn.choose(live.map(|row| row.id).collect());
    for (position, id) in chosen.updates.iter().enumerate() {
        let number = churn.number(position);
        let (name, value) = if is_of_accounts {
            ("city", city(number).to_owned())
        } else {
            ("phone", phone(number))
        };
        let values = Values::from([(name.to_owned(), value)]);
        write::change(state, table, *id, &values, now);
    }
    for id in &chosen.deletes {
        objects::discard(state, table, *id, now);
    }
    let mut created = Vec::new();
    for _ in 0..churn.creates {
        let id = state.take_id();
        let row = invented(state, table, id, now);
        let index_at = state.index_at(id, now);
        state.tables[table].insert(id, row, now, index_at);
        created.push(id);
    }
    let shown = |ids: &[u64]| json!(ids.iter().map(u64::to_string).collect::<Vec<_>>());
    Ok(json!({
        "created": shown(&created), "updated": shown(&chosen.updates), "deleted": shown(&chosen.deletes),
    }))
}

/// A page of all rows of a type by id, archived ones too.
pub(super) fn records(state: &State, asked: &[(String, String)]) -> Result<Value, String> {
    let dump = Dump::read(asked)?;
    let name = match dump.object.as_str() {
        "accounts" => "companies",
        "opportunities" => "deals",
        other => other,
    };
    let table = &state.tables[table(state, name)?];
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
