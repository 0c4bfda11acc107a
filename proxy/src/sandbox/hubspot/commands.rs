//! What only the door for tests can do (`POST /_sandbox/…`): what the real account does in its user interface.
//!
//! | command | body | |
//! | --- | --- | --- |
//! | `restore` | `{"type","id"}` | brings an archived row back, with its links to live rows |
//! | `owners` | `{"add": 3}`, `{"archive": "7001"}` | new owners; an owner becomes archived |
//! | `fill`, `churn`, and `GET records` | see the sandbox's `bulk.rs` | many invented rows; changes; all rows |
//! | `revoke`, and `GET grants` | see `control.rs` | grants end; the grants |

use serde::Deserialize;
use serde_json::{Value, json};

use super::state::State;
use super::{bulk, calculated, links, owners};

#[derive(Debug, Deserialize)]
struct Restore {
    #[serde(rename = "type")]
    ty: String,
    id: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owners {
    #[serde(default)]
    add: usize,
    #[serde(default)]
    archive: Option<String>,
}

/// Carries a command out; nothing when there is none of this name.
pub(super) fn run(
    state: &mut State,
    name: &str,
    body: &Value,
    now: i64,
) -> Option<Result<Value, String>> {
    match name {
        "restore" => Some(restore(state, body, now)),
        "owners" => Some(change_owners(state, body, now)),
        "revoke" => Some(state.grants.revoke(body)),
        "fill" => Some(bulk::fill(state, body, now)),
        "churn" => Some(bulk::churn(state, body, now)),
        _ => None,
    }
}

/// Answers a question; nothing when there is none of this name.
pub(super) fn look(
    state: &State,
    name: &str,
    asked: &[(String, String)],
    now: i64,
) -> Option<Result<Value, String>> {
    match name {
        "records" => Some(bulk::records(state, asked)),
        "grants" => Some(Ok(state
            .grants
            .shown(|access| access.expires_ms.is_none_or(|at| at > now)))),
        _ => None,
    }
}

fn restore(state: &mut State, body: &Value, now: i64) -> Result<Value, String> {
    let Restore { ty, id } = Restore::deserialize(body).map_err(|e| e.to_string())?;
    let table = state
        .table_named(&ty)
        .map_err(|_| format!("no such type: {ty}"))?;
    let index_at = state.index_at(id, now);
    let own = &mut state.tables[table];
    if own
        .rows
        .get(&id)
        .is_none_or(|row| row.archived_at.is_none())
    {
        return Err(format!("no archived row {id} of type {ty}"));
    }
    if !own.restore(id, now, index_at) {
        return Err(format!("another row has a unique value of {id}"));
    }
    let mut had = state.severed.remove(&id).unwrap_or_default();
    had.retain(|(from, _, to)| is_live(state, *from) && is_live(state, *to));
    links::bring_back(state, &had);
    calculated::spread(state, id);
    Ok(json!({ "restored": id }))
}

fn is_live(state: &State, id: u64) -> bool {
    let table = state.table_of(id);
    table.is_some_and(|table| state.tables[table].live(id).is_some())
}

fn change_owners(state: &mut State, body: &Value, now: i64) -> Result<Value, String> {
    let Owners { add, archive } = Owners::deserialize(body).map_err(|e| e.to_string())?;
    if let Some(id) = archive {
        owners::archive(&mut state.owners, &id, now).ok_or(format!("no owner {id}"))?;
    }
    let added = owners::add(&mut state.owners, add, now);
    Ok(json!({ "added": added }))
}
