//! Links as requests ask for them: which kind is meant, whether both rows are there.

use serde::Deserialize;
use serde_json::json;

use super::kinds::Category;
use crate::sandbox::hubspot::ask::text_or_number;
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::state::State;

/// A link that a create asks for.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::sandbox::hubspot) struct LinkInput {
    to: LinkTarget,
    types: Vec<LinkType>,
}

#[derive(Debug, Clone, Deserialize)]
struct LinkTarget {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox::hubspot) struct LinkType {
    association_category: String,
    association_type_id: u32,
}

/// The kind that a request names, whichever types it is between.
pub(in crate::sandbox::hubspot) fn resolve(state: &State, ty: &LinkType) -> Option<usize> {
    let category = Category::parse(&ty.association_category)?;
    state.links.kinds.find(category, ty.association_type_id)
}

/// The live row of a type that a link leads to. A kind between other types is taken at its word, so that the refusal
/// names those (nodejs #646).
pub(in crate::sandbox::hubspot) fn target(
    state: &State,
    type_id: &str,
    id: &str,
) -> Result<u64, Fault> {
    let table = &state.tables[state.table_named(type_id)?];
    let found = id.parse().ok().and_then(|id| table.live(id));
    found.map(|row| row.id).ok_or_else(|| {
        let object_type = table.ty.singular.to_uppercase();
        let context = json!({
            "INVALID_OBJECT_IDS": [format!("{object_type}={id} is not valid")],
            "objectId": [id],
            "objectType": [object_type],
        });
        Fault::validation("One or more associations are invalid").with("context", context)
    })
}

/// Refuses links that cannot be made from a new row of this table, and a create without the link that it needs.
pub(in crate::sandbox::hubspot) fn check(
    state: &State,
    table: usize,
    inputs: &[LinkInput],
) -> Result<(), Fault> {
    let own = &state.tables[table].ty;
    let mut needed = own.required_link;
    for input in inputs {
        if input.types.is_empty() {
            return Err(not_valid());
        }
        for ty in &input.types {
            let at = resolve(state, ty).ok_or_else(not_valid)?;
            let kind = state.links.kinds.get(at);
            if kind.from != own.id {
                return Err(not_valid());
            }
            target(state, &kind.to, &input.to.id)?;
            needed = needed.filter(|id| kind.category != Category::HubSpot || kind.id != *id);
        }
    }
    if needed.is_some() {
        let ty = own.singular.to_uppercase();
        return Err(Fault::validation(format!(
            "Error creating {ty}. Some required properties were not set."
        )));
    }
    Ok(())
}

fn not_valid() -> Fault {
    Fault::validation("one or more associations are not valid")
}

/// Makes checked links from a row.
pub(in crate::sandbox::hubspot) fn make(state: &mut State, from: u64, inputs: &[LinkInput]) {
    for input in inputs {
        for ty in &input.types {
            if let (Some(at), Ok(to)) = (resolve(state, ty), input.to.id.parse()) {
                super::link(state, from, at, to);
            }
        }
    }
}
