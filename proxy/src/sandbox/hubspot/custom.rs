//! Custom types (hubspot.md §7.1): what a schema is and looks like; list, get, delete, links to further types.
//!
//! What a new or changed one must be is in `custom/write.rs`.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::PORTAL_ID;
use super::ask::Ask;
use super::fault::Fault;
use super::links::{Category, Names};
use super::properties;
use super::state::{State, Table};
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Reply;

mod write;

pub(super) use write::{create, update};

/// Why the template can be trusted: it is compiled in, and a test loads it.
const EMBEDDED: &str = "the embedded template of custom types is well-formed";
const USER_ID: u64 = 9_586_504;

/// What a custom type has beyond its definitions and rows.
#[derive(Debug, Clone)]
pub(super) struct Custom {
    id: u64,
    singular: String,
    plural: String,
    description: Option<String>,
    primary_display: String,
    secondary_display: Vec<String>,
    created_at: i64,
    updated_at: i64,
    /// It answers to no name; its own is still taken.
    pub(super) archived: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkInput {
    from_object_type_id: String,
    to_object_type_id: String,
    #[serde(default)]
    name: Option<String>,
}

fn full_name(name: &str) -> String {
    format!("p{PORTAL_ID}_{name}")
}

/// Only custom types are listed.
pub(super) fn list(state: &State, ask: &Ask<'_>) -> Result<Reply, Fault> {
    let archived = ask.flag("archived")?;
    let results: Vec<Value> = state
        .tables
        .iter()
        .filter(|table| {
            table
                .custom
                .as_ref()
                .is_some_and(|custom| custom.archived == archived)
        })
        .map(|table| to_json(state, ask, table))
        .collect::<Result<_, _>>()?;
    Ok(Reply::json(StatusCode::OK, &json!({ "results": results })))
}

pub(super) fn get(state: &State, ask: &Ask<'_>, ty: &str) -> Result<Reply, Fault> {
    let table = find(state, ty, ask.flag("archived")?)?;
    let body = to_json(state, ask, &state.tables[table])?;
    Ok(Reply::json(StatusCode::OK, &body))
}

/// A custom type by any of its names. What standard types answer here is unconfirmed; they are not found.
fn find(state: &State, ty: &str, archived: bool) -> Result<usize, Fault> {
    state
        .tables
        .iter()
        .position(|table| {
            let custom = table.custom.as_ref();
            let named = table.ty.answers_to(ty) || table.ty.singular == ty;
            custom.is_some_and(|custom| custom.archived == archived) && named
        })
        .ok_or_else(Fault::not_found)
}

/// Included unless the parameter says otherwise.
fn includes(ask: &Ask<'_>, name: &str) -> Result<bool, Fault> {
    Ok(ask.param(name).is_none() || ask.flag(name)?)
}

fn to_json(state: &State, ask: &Ask<'_>, table: &Table) -> Result<Value, Fault> {
    let Some(custom) = &table.custom else {
        return Err(Fault::not_found());
    };
    let ty = &table.ty;
    let mut body = json!({
        "id": custom.id.to_string(),
        "name": ty.singular,
        "labels": { "singular": custom.singular, "plural": custom.plural },
        "objectTypeId": ty.id,
        "fullyQualifiedName": ty.plural,
        "primaryDisplayProperty": custom.primary_display,
        "secondaryDisplayProperties": custom.secondary_display,
        "requiredProperties": ty.required,
        "searchableProperties": ty.search,
        "archived": custom.archived,
    });
    if let Some(description) = &custom.description {
        body["description"] = json!(description);
    }
    if includes(ask, "includePropertyDefinitions")? {
        let definitions: Vec<Value> = table
            .properties
            .values()
            .map(|property| properties::to_json(state, table, property))
            .collect();
        body["properties"] = json!(definitions);
    }
    if includes(ask, "includeAssociationDefinitions")? {
        body["associations"] = json!(associations(state, &ty.id));
    }
    if includes(ask, "includeAuditMetadata")? {
        body["createdByUserId"] = json!(USER_ID);
        body["updatedByUserId"] = json!(USER_ID);
    }
    body["createdAt"] = json!(iso_ms(custom.created_at));
    body["updatedAt"] = json!(iso_ms(custom.updated_at));
    Ok(body)
}

/// The unlabelled kinds of links of a type, in both directions.
fn associations(state: &State, type_id: &str) -> Vec<Value> {
    let others = state.tables.iter().map(|table| table.ty.id.as_str());
    others
        .flat_map(|other| {
            let kinds = &state.links.kinds;
            let out = kinds.between(type_id, other);
            let back = kinds
                .between(other, type_id)
                .filter(move |_| other != type_id);
            out.chain(back)
        })
        .filter(|(_, kind)| kind.category == Category::User && kind.label.is_none())
        .map(|(_, kind)| {
            json!({
                "id": kind.id.to_string(),
                "fromObjectTypeId": kind.from,
                "toObjectTypeId": kind.to,
                "name": kind.name,
                "cardinality": "ONE_TO_MANY",
                "inverseCardinality": "ONE_TO_MANY",
            })
        })
        .collect()
}

/// Archives a type without rows; `archived=true` purges it, so that its name is free again.
pub(super) fn delete(state: &mut State, ask: &Ask<'_>, ty: &str) -> Result<Reply, Fault> {
    let purge = ask.flag("archived")?;
    let table = match find(state, ty, false) {
        Err(fault) if !purge => return Err(fault),
        found => found.or_else(|_| find(state, ty, true))?,
    };
    let own = &mut state.tables[table];
    if own.rows.values().any(|row| row.archived_at.is_none()) {
        // That rows must be gone is documented; status and wording are unconfirmed.
        return Err(Fault::validation(format!(
            "Cannot delete object type {}: it still has records",
            own.ty.id
        )));
    }
    if purge {
        state.tables.remove(table);
    } else if let Some(custom) = &mut own.custom {
        custom.archived = true;
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Lets rows of two types be linked, one of which is this one.
pub(super) fn associate(state: &mut State, ask: &Ask<'_>, ty: &str) -> Result<Reply, Fault> {
    let own = find(state, ty, false)?;
    let input: LinkInput = ask.body()?;
    let from = state.table_named(&input.from_object_type_id)?;
    let to = state.table_named(&input.to_object_type_id)?;
    if from != own && to != own {
        return Err(Fault::validation(
            "Neither fromObjectTypeId nor toObjectTypeId is this object type",
        ));
    }
    let kind = linkable(state, from, to, input.name)?;
    Ok(Reply::json(StatusCode::CREATED, &kind))
}

/// Makes the unlabelled kind of two types.
fn linkable(
    state: &mut State,
    from: usize,
    to: usize,
    name: Option<String>,
) -> Result<Value, Fault> {
    let (own, other) = (&state.tables[from].ty, &state.tables[to].ty);
    if state.links.kinds.plain(&own.id, &other.id).is_some() {
        return Err(Fault::new(
            StatusCode::CONFLICT,
            format!("{} and {} are associated already", own.id, other.id),
        )
        .category("OBJECT_ALREADY_EXISTS"));
    }
    let names = Names {
        name: name.unwrap_or_else(|| format!("{}_to_{}", own.singular, other.singular)),
        inverse_name: format!("{}_to_{}", other.singular, own.singular),
        ..Names::default()
    };
    let (own, other) = (own.id.clone(), other.id.clone());
    let at = state.links.kinds.make(&own, &other, names);
    let kind = state.links.kinds.get(at);
    Ok(json!({
        "id": kind.id.to_string(),
        "fromObjectTypeId": kind.from,
        "toObjectTypeId": kind.to,
        "name": kind.name,
    }))
}
