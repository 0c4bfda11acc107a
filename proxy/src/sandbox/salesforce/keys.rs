//! Fields that find rows: external ids, and those whose describe says `idLookup` (`salesforce.md` §3.1).

use serde_json::{Value, json};

use super::{
    fault::Fault,
    schema::{Field, Object},
    state::State,
};

/// The field of a name, if rows may be addressed by it.
pub(super) fn field(state: &State, object: &Object, name: &str) -> Result<Field, Fault> {
    state
        .visible(object, name)
        .filter(|field| field.id_lookup || field.ty == "id")
        .cloned()
        .ok_or_else(|| Fault::no_external_id(name))
}

/// The ids of the rows that are not deleted and have this value, letter case aside.
pub(super) fn matches(state: &State, object: &Object, field: &Field, value: &str) -> Vec<String> {
    let rows = state.rows.get(&object.name).into_iter().flatten();
    rows.filter(|(_, row)| row.get("IsDeleted") != Some(&json!(true)))
        .filter(|(_, row)| {
            row.get(&field.name)
                .and_then(Value::as_str)
                .is_some_and(|it| it.eq_ignore_ascii_case(value))
        })
        .map(|(id, _)| id.clone())
        .collect()
}
