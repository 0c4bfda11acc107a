//! What a new org holds: its set-up always, rows to look at if wanted.

use serde_json::{Map, Value, json};

use super::state::{Row, State, Writing};

mod accounts;
mod notes;
mod pipeline;
mod setup;

pub(super) fn load(state: &mut State, rows: bool) {
    setup::load(state);
    pipeline::load_stages(state);
    state.regrant();
    if rows {
        let accounts = accounts::load(state);
        pipeline::load(state, &accounts);
        notes::load(state, &accounts);
    }
}

fn create(state: &mut State, object: &str, values: &Value, now: &str) -> String {
    let values: Map<String, Value> = values.as_object().cloned().unwrap_or_default();
    state
        .create(object, &values, Writing::at(now))
        .expect("every test loads the sample, so it is legal")
}

/// A row that no rule has looked at, for what nobody can write.
fn row(values: &Value) -> Row {
    let mut row: Row = values.as_object().cloned().into_iter().flatten().collect();
    for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
        row.insert(name.to_owned(), json!("2024-01-02T09:00:00.000+0000"));
    }
    for name in ["CreatedById", "LastModifiedById"] {
        row.insert(name.to_owned(), json!(State::user_id()));
    }
    row
}
