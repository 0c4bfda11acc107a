//! Labels of links: `HubSpot`'s own, and those that the account makes (hubspot.md §6.3).

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Types;
use super::write::not_linkable;
use crate::sandbox::http::Reply;
use crate::sandbox::hubspot::ask::Ask;
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::links::{self, Category, LinkKind, Names};
use crate::sandbox::hubspot::schema::ObjectType;
use crate::sandbox::hubspot::state::State;

/// Labels that an account can make for two types; 50 elsewhere.
const MAX_LABELS: usize = 10;
/// Standard types that take an account's labels; custom types do as well.
const LABELLED: [&str; 4] = ["0-1", "0-2", "0-3", "0-5"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateInput {
    label: String,
    name: String,
    #[serde(default)]
    inverse_label: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateInput {
    association_type_id: u32,
    label: String,
    #[serde(default)]
    inverse_label: Option<String>,
}

/// Empty when the two types cannot be linked.
pub(in crate::sandbox::hubspot) fn list(state: &State, types: Types) -> Reply {
    let (from, to) = ends(state, types);
    let mut kinds: Vec<&LinkKind> = state
        .links
        .kinds
        .between(&from.id, &to.id)
        .map(|(_, kind)| kind)
        .collect();
    kinds.sort_by_key(|kind| (kind.category == Category::User, kind.id));
    let results: Vec<Value> = kinds.into_iter().map(to_json).collect();
    Reply::json(StatusCode::OK, &json!({ "results": results }))
}

fn ends(state: &State, types: Types) -> (&ObjectType, &ObjectType) {
    (&state.tables[types.from].ty, &state.tables[types.to].ty)
}

fn to_json(kind: &LinkKind) -> Value {
    json!({ "category": kind.category.name(), "typeId": kind.id, "label": kind.label })
}

pub(in crate::sandbox::hubspot) fn create(
    state: &mut State,
    ask: &Ask<'_>,
    types: Types,
) -> Result<Reply, Fault> {
    let input: CreateInput = ask.body()?;
    let (from, to) = ends(state, types);
    let takes = |ty: &ObjectType| ty.is_custom() || LABELLED.contains(&ty.id.as_str());
    if !takes(from) || !takes(to) || state.links.kinds.plain(&from.id, &to.id).is_none() {
        return Err(not_linkable());
    }
    check(state, from, to, &input)?;
    let (from, to) = (from.id.clone(), to.id.clone());
    let names = Names {
        inverse_name: format!("{}_inverse", input.name),
        inverse_label: Some(input.inverse_label.as_ref().unwrap_or(&input.label).clone()),
        name: input.name,
        label: Some(input.label),
    };
    let at = state.links.kinds.make(&from, &to, names);
    let kind = state.links.kinds.get(at);
    // Paired labels answer with both, and the asked direction need not be the first.
    let inverse = kind
        .inverse
        .filter(|inverse| input.inverse_label.is_some() && *inverse != at);
    let results: Vec<Value> = inverse
        .map(|inverse| state.links.kinds.get(inverse))
        .into_iter()
        .chain([kind])
        .map(to_json)
        .collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "results": results })))
}

fn check(
    state: &State,
    from: &ObjectType,
    to: &ObjectType,
    input: &CreateInput,
) -> Result<(), Fault> {
    let name = &input.name;
    let legal = !name.is_empty()
        && !name.contains('-')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if !legal || input.label.trim().is_empty() {
        return Err(Fault::validation(format!(
            "Association label name '{name}' must not hold a hyphen nor begin with a digit"
        )));
    }
    let own: Vec<&LinkKind> = state
        .links
        .kinds
        .between(&from.id, &to.id)
        .map(|(_, kind)| kind)
        .filter(|kind| kind.category == Category::User && kind.label.is_some())
        .collect();
    let clash = own
        .iter()
        .any(|kind| kind.name == *name || kind.label.as_ref() == Some(&input.label));
    if clash {
        // 400 or 409: unconfirmed.
        return Err(Fault::new(
            StatusCode::CONFLICT,
            format!("Association label '{name}' already exists"),
        )
        .category("OBJECT_ALREADY_EXISTS"));
    }
    if own.len() >= MAX_LABELS {
        return Err(Fault::validation(format!(
            "At most {MAX_LABELS} labels can be made between two types"
        )));
    }
    Ok(())
}

pub(in crate::sandbox::hubspot) fn update(
    state: &mut State,
    ask: &Ask<'_>,
    types: Types,
) -> Result<Reply, Fault> {
    let input: UpdateInput = ask.body()?;
    let at = own_kind(state, types, input.association_type_id)?;
    let inverse = input.inverse_label.as_deref();
    state.links.kinds.relabel(at, &input.label, inverse);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

pub(in crate::sandbox::hubspot) fn delete(
    state: &mut State,
    types: Types,
    id: &str,
) -> Result<Reply, Fault> {
    let at = own_kind(state, types, id.parse().map_err(|_| Fault::not_found())?)?;
    links::remove_kind(state, at);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// A label that the account made; `HubSpot`'s own cannot be touched.
fn own_kind(state: &State, types: Types, id: u32) -> Result<usize, Fault> {
    let (from, to) = ends(state, types);
    state
        .links
        .kinds
        .find(Category::User, id)
        .filter(|at| {
            let kind = state.links.kinds.get(*at);
            kind.label.is_some() && kind.from == from.id && kind.to == to.id
        })
        .ok_or_else(Fault::not_found)
}
