//! What only some objects do when they are written.

use super::{
    fault::Fault,
    schema::Object,
    state::{Row, State, Writing},
};

mod owners;
mod pipeline;

/// Completes a row that is about to be created, or says why it may not be.
pub(super) fn before_create(
    state: &mut State,
    object: &Object,
    row: &mut Row,
    writing: Writing<'_>,
) -> Result<(), Fault> {
    owners::check(state, object, None, row)?;
    match object.name.as_str() {
        "Opportunity" => pipeline::stage(state, None, row, writing.now),
        "Lead" => pipeline::lead(None)?,
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
    match object.name.as_str() {
        "Opportunity" => pipeline::stage(state, Some(before), after, writing.now),
        "Lead" => pipeline::lead(Some(before))?,
        _ => {}
    }
    Ok(())
}

/// What else changes once a row has been written.
pub(super) fn after_write(_state: &mut State, _object: &str, _id: &str, _writing: Writing<'_>) {}

/// What goes with a row that is deleted.
pub(super) fn before_delete(_state: &mut State, _object: &str, _id: &str, _now: &str) {}

/// Whether a query finds a row at all.
pub(super) fn is_found(_state: &State, _object: &str, _row: &Row) -> bool {
    true
}
