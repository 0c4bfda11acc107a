//! Properties that a write must carry: by the type, always; by the account's own rules, from 2026-09 on (hubspot.md §0.2).

use serde_json::json;

use super::ask::{Ask, Version};
use super::fault::Fault;
use super::settings::Condition;
use super::state::{Row, State, Table, Values};

/// What a create must have in the end.
pub(super) fn on_create(
    state: &State,
    ask: &Ask<'_>,
    table: &Table,
    changed: &Values,
) -> Result<(), Fault> {
    let absent = |name: &&String| !changed.contains_key(*name);
    let ty = &table.ty;
    let mut missing: Vec<&String> = ty.required.iter().filter(absent).collect();
    if ty.required_any.iter().all(|name| absent(&name)) {
        missing.extend(&ty.required_any);
    }
    if has_account_rules(ask)
        && let Some(required) = state.settings.required_on_create.get(&ty.plural)
    {
        missing.extend(required.iter().filter(absent));
    }
    refuse(table, "creating", &missing)
}

/// What a value makes necessary, as a reason for a lost deal.
pub(super) fn on_condition(
    state: &State,
    ask: &Ask<'_>,
    table: &Table,
    row: Option<&Row>,
    changed: &Values,
) -> Result<(), Fault> {
    let Some(conditions) = state
        .settings
        .conditionally_required
        .get(&table.ty.plural)
        .filter(|_| has_account_rules(ask))
    else {
        return Ok(());
    };
    let after = |name: &String| match changed.get(name) {
        Some(value) => Some(value.as_str()).filter(|value| !value.is_empty()),
        None => row?.get(name),
    };
    let holds = |condition: &&Condition| {
        let Condition {
            property,
            value,
            requires,
        } = condition;
        // A write of something else is not held up by what the row lacks already (unconfirmed).
        let touched = changed.contains_key(property)
            || requires.iter().any(|name| changed.contains_key(name));
        touched && after(property) == Some(value.as_str())
    };
    let missing: Vec<&String> = conditions
        .iter()
        .filter(holds)
        .flat_map(|condition| &condition.requires)
        .filter(|name| after(name).is_none())
        .collect();
    let verb = if row.is_some() {
        "updating"
    } else {
        "creating"
    };
    refuse(table, verb, &missing)
}

fn has_account_rules(ask: &Ask<'_>) -> bool {
    ask.version >= Version::September2026
}

/// The wording for updates is unconfirmed.
fn refuse(table: &Table, verb: &str, missing: &[&String]) -> Result<(), Fault> {
    if missing.is_empty() {
        return Ok(());
    }
    let ty = table.ty.singular.to_uppercase();
    let message = format!("Error {verb} {ty}. Some required properties were not set.");
    Err(Fault::validation(message).with("context", json!({ "properties": missing })))
}
