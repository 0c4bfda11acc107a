//! Property definitions: list, get, create; and the groups that they stand in.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::Ask;
use super::fault::Fault;
use super::pipelines;
use super::schema::{Choice, Group, Kind, Property, Source};
use super::state::{State, Table};
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Reply;

const MAX_NAME: usize = 100;
const MAX_UNIQUE: usize = 10;
/// When the standard definitions were made; the same for all, as nothing depends on it.
const DEFINED_AT: i64 = 1_577_836_800_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateInput {
    name: String,
    label: String,
    #[serde(rename = "type")]
    kind: Kind,
    field_type: String,
    group_name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    options: Option<Vec<Choice>>,
    #[serde(default)]
    has_unique_value: Option<bool>,
}

pub(super) fn list(state: &State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    // Nothing here archives a definition.
    let archived = ask.flag("archived")?;
    let own = &state.tables[table];
    let shown = own.properties.values().filter(|_| !archived);
    let results: Vec<Value> = shown.map(|property| to_json(own, property)).collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "results": results })))
}

pub(super) fn get(state: &State, table: usize, name: &str) -> Result<Reply, Fault> {
    let own = &state.tables[table];
    let property = own.properties.get(name).ok_or_else(|| {
        Fault::new(
            StatusCode::NOT_FOUND,
            format!("Property \"{name}\" does not exist"),
        )
        .category("OBJECT_NOT_FOUND")
        .with("subCategory", json!("Properties.PROPERTY_DOESNT_EXIST"))
    })?;
    Ok(Reply::json(StatusCode::OK, &to_json(own, property)))
}

pub(super) fn create(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let input: CreateInput = ask.body()?;
    let own = &mut state.tables[table];
    check(own, &input)?;
    let property = Property {
        name: input.name.clone(),
        label: input.label,
        kind: input.kind,
        field_type: input.field_type,
        description: input.description.unwrap_or_default(),
        group_name: Some(input.group_name),
        options: input.options.unwrap_or_default(),
        read_only: false,
        calculated: false,
        unique: input.has_unique_value == Some(true),
        external: None,
        listed: false,
        format: None,
        secondary: None,
        forward_only: false,
        custom: true,
    };
    let body = to_json(own, &property);
    own.properties.insert(input.name, property);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

fn check(own: &Table, input: &CreateInput) -> Result<(), Fault> {
    let CreateInput {
        name,
        kind,
        field_type,
        group_name,
        ..
    } = input;
    if own.properties.contains_key(name) {
        return Err(exists(&format!(
            "A property named '{name}' already exists."
        )));
    }
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    let goes_on = letters
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if !begins || !goes_on || name.len() > MAX_NAME {
        return Err(Fault::validation(format!(
            "Property name '{name}' must begin with a letter and hold only lower-case letters, digits and underscores, at most {MAX_NAME}"
        )));
    }
    if input.label.trim().is_empty() {
        return Err(Fault::validation("Property label must not be empty"));
    }
    if !own.groups.iter().any(|group| group.name == *group_name) {
        return Err(Fault::validation(format!(
            "Property group '{group_name}' does not exist"
        )));
    }
    if !kind.fits(field_type) {
        let kind = kind.name();
        return Err(Fault::validation(format!(
            "fieldType '{field_type}' does not fit type '{kind}'"
        )));
    }
    let options = input.options.as_deref().unwrap_or_default();
    let complete = match kind {
        Kind::Enumeration => !options.is_empty(),
        Kind::Bool => ["true", "false"]
            .iter()
            .all(|value| options.iter().any(|option| option.value == *value)),
        _ => true,
    };
    if !complete {
        return Err(Fault::validation(format!(
            "Options are needed for a property of type '{}'",
            kind.name()
        )));
    }
    let made = own
        .properties
        .values()
        .filter(|property| property.custom && property.unique)
        .count();
    if input.has_unique_value == Some(true) && made >= MAX_UNIQUE {
        return Err(Fault::validation(format!(
            "At most {MAX_UNIQUE} properties can have unique values"
        )));
    }
    Ok(())
}

fn exists(message: &str) -> Fault {
    Fault::new(StatusCode::CONFLICT, message).category("OBJECT_ALREADY_EXISTS")
}

fn to_json(own: &Table, property: &Property) -> Value {
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
                "hidden": option.hidden,
                "description": option.description,
            })
        })
        .collect();
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
        "archived": false,
        "dataSensitivity": "non_sensitive",
        "modificationMetadata": {
            "archivable": property.custom,
            "readOnlyDefinition": !property.custom,
            "readOnlyOptions": property.options.is_empty(),
            "readOnlyValue": property.read_only,
        },
        "createdAt": iso_ms(DEFINED_AT),
        "updatedAt": iso_ms(DEFINED_AT),
    });
    if property.external == Some(Source::Owner) {
        body["referencedObjectType"] = json!("OWNER");
    }
    body
}

pub(super) fn groups(state: &State, table: usize) -> Reply {
    let results: Vec<Value> = state.tables[table].groups.iter().map(group_json).collect();
    Reply::json(StatusCode::OK, &json!({ "results": results }))
}

pub(super) fn create_group(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let group: Group = ask.body()?;
    let own = &mut state.tables[table];
    if own.groups.iter().any(|known| known.name == group.name) {
        return Err(exists(&format!(
            "A property group named '{}' already exists.",
            group.name
        )));
    }
    let body = group_json(&group);
    own.groups.push(group);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

fn group_json(group: &Group) -> Value {
    json!({ "name": group.name, "label": group.label, "displayOrder": -1, "archived": false })
}
