//! The groups that property definitions stand in.

use http::StatusCode;
use serde_json::{Value, json};

use super::create::exists;
use crate::sandbox::http::Reply;
use crate::sandbox::hubspot::ask::Ask;
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::schema::Group;
use crate::sandbox::hubspot::state::State;

pub(in crate::sandbox::hubspot) fn list(state: &State, table: usize) -> Reply {
    let results: Vec<Value> = state.tables[table].groups.iter().map(to_json).collect();
    Reply::json(StatusCode::OK, &json!({ "results": results }))
}

pub(in crate::sandbox::hubspot) fn create(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
) -> Result<Reply, Fault> {
    let group: Group = ask.body()?;
    let own = &mut state.tables[table];
    if group.name.is_empty() || group.label.trim().is_empty() {
        return Err(Fault::validation(
            "A property group needs a name and a label",
        ));
    }
    if own.groups.iter().any(|known| known.name == group.name) {
        return Err(exists(&format!(
            "A property group named '{}' already exists.",
            group.name
        )));
    }
    let body = to_json(&group);
    own.groups.push(group);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

fn to_json(group: &Group) -> Value {
    json!({ "name": group.name, "label": group.label, "displayOrder": -1, "archived": false })
}
