//! Property definitions: list, get, change, archive; single and in batches (hubspot.md §7.2).
//!
//! What a new one must be is in `properties/create.rs`, the groups that they stand in are in `properties/groups.rs`.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access;
use super::ask::Ask;
use super::fault::Fault;
use super::pipelines;
use super::schema::{Choice, Property, Sensitivity, Source};
use super::state::{State, Table};
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Reply;

mod create;
mod groups;

pub(super) use create::{CreateInput, check_all, create, create_batch, define};
pub(super) use groups::{create as create_group, list as groups};

/// When the standard definitions were made; the same for all, as nothing depends on it.
const DEFINED_AT: i64 = 1_577_836_800_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Read,
    Create,
    Archive,
}

#[derive(Debug, Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateInput {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    group_name: Option<String>,
    #[serde(default)]
    options: Option<Vec<Choice>>,
}

impl Verb {
    pub(super) fn parse(segment: &str) -> Option<Self> {
        match segment {
            "read" => Some(Self::Read),
            "create" => Some(Self::Create),
            "archive" => Some(Self::Archive),
            _ => None,
        }
    }
}

pub(super) fn list(state: &State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let archived = ask.flag("archived")?;
    let asked = match ask.param("dataSensitivity") {
        None => Sensitivity::NonSensitive,
        Some(text) => Sensitivity::parse(text).ok_or_else(|| {
            Fault::validation(format!("dataSensitivity: {text} is no sensitivity"))
        })?,
    };
    let own = &state.tables[table];
    let all = if archived {
        &own.archived_properties
    } else {
        &own.properties
    };
    let results: Vec<Value> = all
        .values()
        .filter(|property| access::sensitivity(&state.settings, &own.ty, property) == asked)
        .filter(|property| access::reads(&state.settings, &own.ty, property))
        .map(|property| to_json(state, own, property))
        .collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "results": results })))
}

pub(super) fn get(state: &State, ask: &Ask<'_>, table: usize, name: &str) -> Result<Reply, Fault> {
    let own = &state.tables[table];
    let all = if ask.flag("archived")? {
        &own.archived_properties
    } else {
        &own.properties
    };
    let property = all
        .get(name)
        .filter(|property| access::reads(&state.settings, &own.ty, property))
        .ok_or_else(|| unknown(name))?;
    Ok(Reply::json(StatusCode::OK, &to_json(state, own, property)))
}

fn unknown(name: &str) -> Fault {
    Fault::new(
        StatusCode::NOT_FOUND,
        format!("Property \"{name}\" does not exist"),
    )
    .category("OBJECT_NOT_FOUND")
    .with("subCategory", json!("Properties.PROPERTY_DOESNT_EXIST"))
}

pub(super) fn batch(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
    verb: Verb,
) -> Result<Reply, Fault> {
    match verb {
        Verb::Read => read_batch(state, ask, table),
        Verb::Create => create_batch(state, ask, table),
        Verb::Archive => {
            let Inputs { inputs } = ask.body::<Inputs<Named>>()?;
            for Named { name } in &inputs {
                put_away(state, table, name)?;
            }
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
    }
}

fn read_batch(state: &State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<Named>>()?;
    let own = &state.tables[table];
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for Named { name } in &inputs {
        match own.properties.get(name) {
            Some(property) => results.push(to_json(state, own, property)),
            None => errors.push(unknown(name).into_entry(Some(json!({ "name": [name] })))),
        }
    }
    Ok(complete(ask, StatusCode::OK, &results, &errors))
}

fn complete(ask: &Ask<'_>, status: StatusCode, results: &[Value], errors: &[Value]) -> Reply {
    let mut body = json!({ "status": "COMPLETE", "results": results });
    if !errors.is_empty() {
        body["numErrors"] = json!(errors.len());
        body["errors"] = json!(errors);
    }
    body["startedAt"] = json!(iso_ms(ask.now));
    body["completedAt"] = json!(iso_ms(ask.now));
    let status = if errors.is_empty() {
        status
    } else {
        StatusCode::MULTI_STATUS
    };
    Reply::json(status, &body)
}

pub(super) fn update(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
    name: &str,
) -> Result<Reply, Fault> {
    let input: UpdateInput = ask.body()?;
    let own = &mut state.tables[table];
    if let Some(group) = &input.group_name {
        create::known_group(own, group)?;
    }
    if let Some(options) = &input.options {
        create::check_options(options, false)?;
    }
    let property = own.properties.get_mut(name).ok_or_else(|| unknown(name))?;
    // Of a standard definition only the options can be edited (hubspot.md §5.7).
    if !property.custom && (input.label.is_some() || input.group_name.is_some()) {
        return Err(read_only(name));
    }
    property.label = input.label.unwrap_or(std::mem::take(&mut property.label));
    property.group_name = input.group_name.or(property.group_name.take());
    if let Some(description) = input.description {
        property.description = description;
    }
    if let Some(options) = input.options {
        property.options = options;
    }
    property.updated_at = Some(ask.now);
    let own = &state.tables[table];
    let body = to_json(state, own, &own.properties[name]);
    Ok(Reply::json(StatusCode::OK, &body))
}

/// The wording is unconfirmed.
fn read_only(name: &str) -> Fault {
    Fault::validation(format!(
        "Property '{name}' is defined by HubSpot and cannot be changed so"
    ))
}

pub(super) fn archive(state: &mut State, table: usize, name: &str) -> Result<Reply, Fault> {
    if !state.tables[table].properties.contains_key(name) {
        return Err(unknown(name));
    }
    put_away(state, table, name)?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Archives a definition; its values can be neither read nor written from now on.
fn put_away(state: &mut State, table: usize, name: &str) -> Result<(), Fault> {
    let own = &mut state.tables[table];
    match own.properties.get(name) {
        None => return Ok(()),
        Some(property) if !property.custom => return Err(read_only(name)),
        Some(_) => {}
    }
    if let Some(property) = own.properties.remove(name) {
        own.archived_properties.insert(name.to_owned(), property);
    }
    Ok(())
}

pub(super) fn to_json(state: &State, own: &Table, property: &Property) -> Value {
    let listed = property
        .external
        .filter(|_| property.listed)
        .map(|source| pipelines::choices(&own.pipelines, source));
    let options = listed.as_ref().unwrap_or(&property.options);
    let options: Vec<Value> = options
        .iter()
        .zip(0..)
        .map(|(option, position)| {
            json!({
                "label": option.label,
                "value": option.value,
                "displayOrder": option.display_order.unwrap_or(position),
                "hidden": option.hidden == Some(true),
                "description": option.description,
            })
        })
        .collect();
    let created = property.created_at.unwrap_or(DEFINED_AT);
    let mut body = json!({
        "name": property.name,
        "label": property.label,
        "type": property.kind.name(),
        "fieldType": property.field_type,
        "description": property.description,
        "groupName": property.group_name.as_ref().unwrap_or(&own.ty.group.name),
        "options": options,
        "displayOrder": -1,
        "calculated": property.calculated,
        "externalOptions": property.external.is_some() && !property.listed,
        "hasUniqueValue": property.unique,
        "hidden": false,
        "hubspotDefined": !property.custom,
        "formField": !property.read_only,
        "archived": own.archived_properties.contains_key(&property.name),
        "dataSensitivity": access::sensitivity(&state.settings, &own.ty, property).name(),
        "modificationMetadata": {
            "archivable": property.custom,
            "readOnlyDefinition": !property.custom,
            "readOnlyOptions": property.options.is_empty(),
            "readOnlyValue": property.read_only,
        },
        "createdAt": iso_ms(created),
        "updatedAt": iso_ms(property.updated_at.unwrap_or(created)),
    });
    if property.external == Some(Source::Owner) {
        body["referencedObjectType"] = json!("OWNER");
    }
    body
}
