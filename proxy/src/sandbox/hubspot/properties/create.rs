//! New property definitions: the rules that they must keep. Wordings of the refusals are unconfirmed.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{Inputs, complete, to_json};
use crate::sandbox::http::Reply;
use crate::sandbox::hubspot::ask::Ask;
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::schema::{Choice, Kind, Property, Sensitivity};
use crate::sandbox::hubspot::state::{State, Table};

const MAX_NAME: usize = 100;
const MAX_UNIQUE: usize = 10;

/// A definition as a create sends it; a schema's create sends a list of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox::hubspot) struct CreateInput {
    pub(in crate::sandbox::hubspot) name: String,
    label: String,
    #[serde(rename = "type")]
    kind: Kind,
    field_type: String,
    #[serde(default)]
    group_name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    options: Option<Vec<Choice>>,
    #[serde(default)]
    has_unique_value: Option<bool>,
    #[serde(default)]
    data_sensitivity: Option<Sensitivity>,
}

pub(in crate::sandbox::hubspot) fn create(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
) -> Result<Reply, Fault> {
    let input: CreateInput = ask.body()?;
    let own = &state.tables[table];
    check_one(own, &input)?;
    let name = input.name.clone();
    define(&mut state.tables[table], input, ask.now);
    let own = &state.tables[table];
    let body = to_json(state, own, &own.properties[&name]);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

/// All or nothing (unconfirmed for definitions).
pub(in crate::sandbox::hubspot) fn create_batch(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<CreateInput>>()?;
    for input in &inputs {
        check_one(&state.tables[table], input)?;
    }
    refuse_twice(&inputs)?;
    let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    for input in inputs {
        define(&mut state.tables[table], input, ask.now);
    }
    let own = &state.tables[table];
    let results: Vec<Value> = names
        .iter()
        .map(|name| to_json(state, own, &own.properties[name]))
        .collect();
    Ok(complete(ask, StatusCode::CREATED, &results, &[]))
}

/// The definitions of a new type. They may leave the group out, and their options must be complete.
pub(in crate::sandbox::hubspot) fn check_all(
    own: &Table,
    inputs: &[CreateInput],
) -> Result<(), Fault> {
    for input in inputs {
        if let Some(group) = &input.group_name {
            known_group(own, group)?;
        }
        check(own, input)?;
        check_options(input.options.as_deref().unwrap_or_default(), true)?;
    }
    refuse_twice(inputs)
}

fn refuse_twice(inputs: &[CreateInput]) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    match inputs.iter().find(|input| !seen.insert(&input.name)) {
        None => Ok(()),
        Some(twice) => Err(exists(&format!(
            "A property named '{}' already exists.",
            twice.name
        ))),
    }
}

/// Carries a checked create out.
pub(in crate::sandbox::hubspot) fn define(own: &mut Table, input: CreateInput, now: i64) {
    let property = Property {
        name: input.name.clone(),
        label: input.label,
        kind: input.kind,
        field_type: input.field_type,
        description: input.description.unwrap_or_default(),
        group_name: input.group_name,
        options: input.options.unwrap_or_default(),
        read_only: false,
        calculated: false,
        unique: input.has_unique_value == Some(true),
        external: None,
        listed: false,
        format: None,
        secondary: None,
        forward_only: false,
        sensitivity: input.data_sensitivity.unwrap_or_default(),
        custom: true,
        created_at: Some(now),
        updated_at: None,
    };
    // An archived one of the name makes way.
    own.archived_properties.remove(&input.name);
    own.properties.insert(input.name, property);
}

fn check_one(own: &Table, input: &CreateInput) -> Result<(), Fault> {
    let group = input
        .group_name
        .as_ref()
        .ok_or_else(|| Fault::wrong_shape("Some required fields were not set: [groupName]"))?;
    if own.properties.contains_key(&input.name) {
        return Err(exists(&format!(
            "A property named '{}' already exists.",
            input.name
        )));
    }
    known_group(own, group)?;
    check(own, input)?;
    check_options(input.options.as_deref().unwrap_or_default(), false)
}

pub(super) fn known_group(own: &Table, name: &str) -> Result<(), Fault> {
    if own.groups.iter().any(|group| group.name == name) {
        return Ok(());
    }
    Err(Fault::validation(format!(
        "Property group '{name}' does not exist"
    )))
}

fn check(own: &Table, input: &CreateInput) -> Result<(), Fault> {
    let CreateInput {
        name,
        kind,
        field_type,
        ..
    } = input;
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

/// Values and labels are there and differ. In schemas an option has all of its four keys (hubspot.md §7.2).
pub(super) fn check_options(options: &[Choice], in_schema: bool) -> Result<(), Fault> {
    let (mut values, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for option in options {
        if option.value.is_empty() || option.label.trim().is_empty() {
            return Err(Fault::validation("An option needs a label and a value"));
        }
        if !values.insert(&option.value) || !labels.insert(&option.label) {
            return Err(Fault::validation(format!(
                "Option '{}' is there more than once",
                option.value
            )));
        }
        if in_schema && (option.display_order.is_none() || option.hidden.is_none()) {
            return Err(Fault::wrong_shape(
                "Some required fields were not set: [displayOrder, hidden]",
            ));
        }
    }
    Ok(())
}

pub(super) fn exists(message: &str) -> Fault {
    Fault::new(StatusCode::CONFLICT, message).category("OBJECT_ALREADY_EXISTS")
}
