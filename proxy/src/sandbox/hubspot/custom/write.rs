//! Making and changing custom types: the rules that they must keep. Wordings of the refusals are unconfirmed.

use http::StatusCode;
use serde::Deserialize;

use super::{Custom, EMBEDDED, find, full_name, linkable, to_json};
use crate::sandbox::http::Reply;
use crate::sandbox::hubspot::ask::Ask;
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::properties::{self, CreateInput};
use crate::sandbox::hubspot::schema::{Group, ObjectType};
use crate::sandbox::hubspot::state::{State, Table};

const MAX_SEARCHABLE: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaInput {
    name: String,
    labels: Labels,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    primary_display_property: Option<String>,
    #[serde(default)]
    secondary_display_properties: Vec<String>,
    required_properties: Vec<String>,
    #[serde(default)]
    searchable_properties: Vec<String>,
    properties: Vec<CreateInput>,
    #[serde(default)]
    associated_objects: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Labels {
    singular: String,
    plural: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateInput {
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    primary_display_property: Option<String>,
    #[serde(default)]
    secondary_display_properties: Option<Vec<String>>,
    #[serde(default)]
    required_properties: Option<Vec<String>>,
    #[serde(default)]
    searchable_properties: Option<Vec<String>>,
}

pub(in crate::sandbox::hubspot) fn create(
    state: &mut State,
    ask: &Ask<'_>,
) -> Result<Reply, Fault> {
    let input: SchemaInput = ask.body()?;
    check_name(state, &input.name)?;
    let number = state.next_type;
    let table = table(&input, number, ask.now)?;
    let others = associated(state, &input.associated_objects)?;
    let own = state.tables.len();
    state.next_type += 1;
    state.tables.push(table);
    for definition in input.properties {
        properties::define(&mut state.tables[own], definition, ask.now);
    }
    for other in others {
        linkable(state, own, other, None)?;
    }
    let body = to_json(state, ask, &state.tables[own])?;
    Ok(Reply::json(StatusCode::CREATED, &body))
}

/// A letter first, then letters, digits and underscores; taken for ever, until a purge.
fn check_name(state: &State, name: &str) -> Result<(), Fault> {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let goes_on = name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if !begins || !goes_on {
        return Err(Fault::validation(format!(
            "Object type name '{name}' must begin with a letter and hold only letters, digits and underscores"
        )));
    }
    let taken = state
        .tables
        .iter()
        .any(|table| table.custom.is_some() && table.ty.singular == name);
    if taken {
        return Err(Fault::new(
            StatusCode::CONFLICT,
            format!("An object type named '{name}' already exists"),
        )
        .category("OBJECT_ALREADY_EXISTS"));
    }
    Ok(())
}

fn table(input: &SchemaInput, number: u64, now: i64) -> Result<Table, Fault> {
    let mut ty: ObjectType =
        serde_json::from_str(include_str!("../data/custom.json")).expect(EMBEDDED);
    ty.id = format!("2-{number}");
    ty.singular.clone_from(&input.name);
    ty.plural = full_name(&input.name);
    ty.group = Group {
        name: format!("{}_information", input.name.to_lowercase()),
        label: format!("{} information", input.labels.singular),
    };
    ty.required.clone_from(&input.required_properties);
    ty.search.clone_from(&input.searchable_properties);
    let mut table = Table::new(ty);
    properties::check_all(&table, &input.properties)?;
    let defined = |name: &String| {
        let own = input.properties.iter();
        own.map(|property| &property.name).any(|own| own == name)
    };
    let primary = input
        .primary_display_property
        .clone()
        .or_else(|| input.required_properties.first().cloned())
        .filter(|name| defined(name))
        .ok_or_else(|| undefined("primaryDisplayProperty"))?;
    let lists = [
        ("requiredProperties", &input.required_properties),
        ("searchableProperties", &input.searchable_properties),
        (
            "secondaryDisplayProperties",
            &input.secondary_display_properties,
        ),
    ];
    for (key, names) in lists {
        if !names.iter().all(defined) {
            return Err(undefined(key));
        }
    }
    bounded(&input.searchable_properties)?;
    if input
        .properties
        .iter()
        .any(|property| table.properties.contains_key(&property.name))
    {
        return Err(undefined("properties"));
    }
    table.custom = Some(Custom {
        id: number,
        singular: input.labels.singular.clone(),
        plural: input.labels.plural.clone(),
        description: input.description.clone(),
        primary_display: primary,
        secondary_display: input.secondary_display_properties.clone(),
        created_at: now,
        updated_at: now,
        archived: false,
    });
    Ok(table)
}

fn undefined(key: &str) -> Fault {
    Fault::validation(format!(
        "{key} must name properties that the schema defines"
    ))
}

fn bounded(searchable: &[String]) -> Result<(), Fault> {
    if searchable.len() <= MAX_SEARCHABLE {
        return Ok(());
    }
    Err(Fault::validation(format!(
        "At most {MAX_SEARCHABLE} properties can be searchable"
    )))
}

/// The types that a new one can be linked to: those that it names, and activities always (unconfirmed).
fn associated(state: &State, names: &[String]) -> Result<Vec<usize>, Fault> {
    let mut all: Vec<usize> = Vec::new();
    for name in names {
        // Sent as `CONTACT`, as a name in a path, or as an id.
        let table = state
            .table_named(name)
            .or_else(|fault| state.table_named(&name.to_lowercase()).map_err(|_| fault))?;
        if !all.contains(&table) {
            all.push(table);
        }
    }
    let activities = state.tables.iter().enumerate();
    let activities = activities.filter(|(_, table)| table.ty.activity);
    for (at, _) in activities {
        if !all.contains(&at) {
            all.push(at);
        }
    }
    Ok(all)
}

pub(in crate::sandbox::hubspot) fn update(
    state: &mut State,
    ask: &Ask<'_>,
    ty: &str,
) -> Result<Reply, Fault> {
    let input: UpdateInput = ask.body()?;
    let at = find(state, ty, false)?;
    let own = &mut state.tables[at];
    let lists = [
        ("requiredProperties", &input.required_properties),
        ("searchableProperties", &input.searchable_properties),
        (
            "secondaryDisplayProperties",
            &input.secondary_display_properties,
        ),
    ];
    let defined = |name: &String| own.properties.contains_key(name);
    for (key, names) in lists {
        if !names.iter().flatten().all(defined) {
            return Err(undefined(key));
        }
    }
    if !input.primary_display_property.iter().all(defined) {
        return Err(undefined("primaryDisplayProperty"));
    }
    bounded(input.searchable_properties.as_deref().unwrap_or_default())?;
    let Some(custom) = &mut own.custom else {
        return Err(Fault::not_found());
    };
    if let Some(labels) = input.labels {
        if (&labels.singular, &labels.plural) == (&custom.singular, &custom.plural) {
            // Reported by supaglue; status and wording are unconfirmed.
            return Err(Fault::validation(
                "Labels must differ from the existing ones",
            ));
        }
        (custom.singular, custom.plural) = (labels.singular, labels.plural);
    }
    if let Some(description) = input.description {
        custom.description = Some(description);
    }
    if let Some(primary) = input.primary_display_property {
        custom.primary_display = primary;
    }
    if let Some(secondary) = input.secondary_display_properties {
        custom.secondary_display = secondary;
    }
    custom.updated_at = ask.now;
    if let Some(required) = input.required_properties {
        own.ty.required = required;
    }
    if let Some(searchable) = input.searchable_properties {
        own.ty.search = searchable;
    }
    let body = to_json(state, ask, &state.tables[at])?;
    Ok(Reply::json(StatusCode::OK, &body))
}
