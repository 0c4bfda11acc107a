//! Single rows and the list: get, create, update, archive.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::PORTAL_ID;
use super::ask::Ask;
use super::fault::Fault;
use super::links::{self, LinkInput};
use super::render::{self, Wanted};
use super::state::{Row, State, Table};
use super::{schema, write};
use crate::sandbox::http::Reply;

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

/// What a create sends; a batch create sends a list of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateInput {
    pub(super) properties: Map<String, Value>,
    #[serde(default)]
    pub(super) associations: Option<Vec<LinkInput>>,
    #[serde(default)]
    pub(super) object_write_trace_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct UpdateInput {
    properties: Map<String, Value>,
}

pub(super) fn list(state: &State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    refuse_history(ask)?;
    let limit = ask.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let archived = ask.flag("archived")?;
    if archived && state.tables[table].ty.activity {
        // That activities have no such list is reported; status and wording are unconfirmed.
        let ty = &state.tables[table].ty.plural;
        return Err(Fault::validation(format!(
            "Paging through deleted objects is not supported for {ty}"
        )));
    }
    let linked = links::named(state, &ask.list("associations"))?;
    let wanted = Wanted::named(ask.list("properties"));
    let from: u64 = match ask.param("after") {
        None => 0,
        Some(after) => after
            .parse()
            .map_err(|_| Fault::validation(format!("after: {after} is not a cursor")))?,
    };
    let own = &state.tables[table];
    let mut rows: Box<dyn Iterator<Item = &Row>> = if archived {
        let gone = own.archived.range(from..);
        Box::new(gone.filter_map(|id| own.rows.get(id)))
    } else {
        let all = own.rows.range(from..).map(|(_, row)| row);
        Box::new(all.filter(|row| row.archived_at.is_none()))
    };
    let page: Vec<&Row> = rows.by_ref().take(limit).collect();
    let results: Vec<Value> = page
        .iter()
        .map(|row| shown(state, table, row, &wanted, &linked))
        .collect();
    let mut body = json!({ "results": results });
    if let (Some(last), Some(_)) = (page.last(), rows.next()) {
        // Pages go by key: the next one starts after the last id, whatever was archived in between.
        let after = (last.id + 1).to_string();
        body["paging"] = json!({ "next": { "after": after, "link": ask.page_link(&after) } });
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

pub(super) fn get(state: &State, ask: &Ask<'_>, table: usize, id: &str) -> Result<Reply, Fault> {
    refuse_history(ask)?;
    let archived = ask.flag("archived")?;
    let linked = links::named(state, &ask.list("associations"))?;
    let wanted = Wanted::named(ask.list("properties"));
    let own = &state.tables[table];
    let row = locate(state, table, id, ask.param("idProperty"))?
        .and_then(|found| own.rows.get(&found))
        .filter(|row| archived || row.archived_at.is_none())
        .ok_or_else(|| Fault::object_not_found(id))?;
    Ok(Reply::json(
        StatusCode::OK,
        &shown(state, table, row, &wanted, &linked),
    ))
}

pub(super) fn create(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let input: CreateInput = ask.body()?;
    let linked = input.associations.as_deref().unwrap_or_default();
    let changes = write::prepare(state, ask, table, None, &input.properties)?;
    if let Some(clash) = write::clash(&state.tables[table], None, &changes, &BTreeMap::new()) {
        return Err(clash.into_fault(&state.tables[table], false));
    }
    links::check(state, table, linked)?;
    let id = write::insert(state, table, &changes, ask.now);
    links::make(state, id, linked);
    Ok(Reply::json(
        StatusCode::CREATED,
        &written(state, table, id, &Wanted::Written(changes.written)),
    ))
}

pub(super) fn update(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
    id: &str,
) -> Result<Reply, Fault> {
    let input: UpdateInput = ask.body()?;
    let own = &state.tables[table];
    let found = locate(state, table, id, ask.param("idProperty"))?;
    let id = found
        .filter(|id| own.live(*id).is_some())
        .ok_or_else(Fault::not_found)?;
    if input.properties.is_empty() {
        return Err(Fault::validation(
            "No properties found to update, please provide at least one.",
        ));
    }
    let changes = write::prepare(state, ask, table, Some(id), &input.properties)?;
    if let Some(clash) = write::clash(&state.tables[table], Some(id), &changes, &BTreeMap::new()) {
        return Err(clash.into_fault(&state.tables[table], false));
    }
    write::change(state, table, id, &changes.values, ask.now);
    Ok(Reply::json(
        StatusCode::OK,
        &written(state, table, id, &Wanted::Written(changes.written)),
    ))
}

pub(super) fn archive(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
    id: &str,
) -> Result<Reply, Fault> {
    let found = locate(state, table, id, None)?;
    match found.filter(|id| state.tables[table].live(*id).is_some()) {
        Some(id) => discard(state, table, id, ask.now),
        None if state.settings.unknown_archive_status == 404 => return Err(Fault::not_found()),
        None => {}
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Archives a live row and ends its links.
pub(super) fn discard(state: &mut State, table: usize, id: u64, now: i64) {
    state.tables[table].archive(id, now);
    let had = links::pass_on(state, id, None);
    state.severed.insert(id, had);
}

/// The row that an id or a unique value addresses, archived or not; merged ids lead to the winner.
pub(super) fn locate(
    state: &State,
    table: usize,
    id: &str,
    id_property: Option<&str>,
) -> Result<Option<u64>, Fault> {
    let table = &state.tables[table];
    if let Some(name) = id_property {
        let property = table
            .properties
            .get(name)
            .filter(|property| property.unique);
        let property = property.ok_or_else(|| non_unique(table, name))?;
        let by_email = property.format == Some(schema::Format::Email);
        let value = if by_email {
            id.to_lowercase()
        } else {
            id.to_owned()
        };
        return Ok(table.holder(name, &value));
    }
    let id: u64 = id.parse().map_err(|_| Fault::object_not_found(id))?;
    // Documented for contacts; for other types it is a setting.
    let leads_on = state.settings.merged_ids_lead_on || table.ty.plural == "contacts";
    let winner = table.merged.get(&id).filter(|_| leads_on);
    Ok(Some(winner.copied().unwrap_or(id)))
}

pub(super) fn non_unique(table: &Table, property: &str) -> Fault {
    let ty = &table.ty.id;
    Fault::validation(format!(
        "Unable to perform update/upsert by non-unique {ty} property {property} in portal ID {PORTAL_ID}"
    ))
}

/// What a write answers.
pub(super) fn written(state: &State, table: usize, id: u64, wanted: &Wanted) -> Value {
    let own = &state.tables[table];
    own.rows.get(&id).map_or(Value::Null, |row| {
        render::row(own, row, wanted, &state.settings)
    })
}

fn shown(state: &State, table: usize, row: &Row, wanted: &Wanted, linked: &[usize]) -> Value {
    let mut answer = render::row(&state.tables[table], row, wanted, &state.settings);
    if let Some(associations) = links::shown(state, table, row.id, linked) {
        answer["associations"] = associations;
    }
    answer
}

/// History is not kept, and an answer without it would look like one of a row that never changed.
fn refuse_history(ask: &Ask<'_>) -> Result<(), Fault> {
    if ask.list("propertiesWithHistory").is_empty() {
        return Ok(());
    }
    Err(Fault::validation(
        "propertiesWithHistory is not played by the sandbox",
    ))
}
