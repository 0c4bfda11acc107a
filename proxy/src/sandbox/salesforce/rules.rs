//! What only some objects do when they are written.

use serde_json::json;

use super::{
    fault::Fault,
    schema::Object,
    state::{Row, State, Writing, is_set},
};

mod duplicates;
mod html;
pub(super) mod note;
mod owners;
mod permission;
mod pipeline;

pub(super) use duplicates::{DuplicateRules, allows};

/// Completes a row that is about to be created, or says why it may not be.
pub(super) fn before_create(
    state: &mut State,
    object: &Object,
    row: &mut Row,
    writing: Writing<'_>,
) -> Result<(), Fault> {
    owners::check(state, object, None, row)?;
    duplicates::check(state, object, None, row, writing)?;
    match object.name.as_str() {
        "Opportunity" => pipeline::stage(state, None, row, writing.now),
        "Lead" => pipeline::lead(None)?,
        "ContentNote" => note::content(state, None, row, writing.now)?,
        "ContentDocumentLink" => {
            note::check_link(state, row)?;
            note::complete_link(row);
        }
        "User" => owners::user(state, None, row)?,
        "FieldPermissions" => permission::field(state, None, row)?,
        "ObjectPermissions" => permission::object(state, None, row)?,
        _ => {}
    }
    Ok(())
}

/// The same for a row that is about to change from `before` to `after`.
pub(super) fn before_update(
    state: &mut State,
    object: &Object,
    before: &Row,
    after: &mut Row,
    writing: Writing<'_>,
) -> Result<(), Fault> {
    owners::check(state, object, Some(before), after)?;
    duplicates::check(state, object, Some(before), after, writing)?;
    match object.name.as_str() {
        "Opportunity" => pipeline::stage(state, Some(before), after, writing.now),
        "Lead" => pipeline::lead(Some(before))?,
        "ContentNote" => note::content(state, Some(before), after, writing.now)?,
        "User" => owners::user(state, Some(before), after)?,
        "FieldPermissions" => permission::field(state, Some(before), after)?,
        "ObjectPermissions" => permission::object(state, Some(before), after)?,
        _ => {}
    }
    Ok(())
}

/// Calls a custom object's row by a number, or by its id where it has no name (which of the id's forms is unconfirmed).
pub(super) fn call(state: &State, object: &Object, id: &str, row: &mut Row) {
    let Some(format) = &object.auto_name else {
        if object.is_custom() && !is_set(row, "Name") {
            row.insert("Name".to_owned(), json!(id));
        }
        return;
    };
    let number = state.table(&object.name).count() + 1;
    let name = match format.split_once('{') {
        Some((before, rest)) => {
            let (zeros, after) = rest.split_once('}').unwrap_or((rest, ""));
            format!("{before}{number:0width$}{after}", width = zeros.len())
        }
        None => number.to_string(),
    };
    row.insert("Name".to_owned(), json!(name));
}

/// What else changes once a row has been written.
pub(super) fn after_write(state: &mut State, object: &str, id: &str, writing: Writing<'_>) {
    match object {
        "ContentNote" => note::publish(state, id, writing),
        "FieldPermissions" | "ObjectPermissions" | "PermissionSetAssignment" | "User" => {
            state.regrant();
            state.redescribe(writing.now);
        }
        _ => {}
    }
}

/// What goes with a row that is deleted.
pub(super) fn before_delete(state: &mut State, object: &str, id: &str, now: &str) {
    if matches!(object, "ContentNote" | "ContentDocument") {
        note::unpublish(state, object, id, now);
    }
}

/// Whether a query finds a row at all.
pub(super) fn is_found(state: &State, object: &str, row: &Row) -> bool {
    !matches!(object, "ContentNote" | "ContentDocument") || note::is_shared(state, row)
}
