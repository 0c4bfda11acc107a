//! What takes rows away for good: merges, and deletes for the sake of the GDPR.

use http::StatusCode;
use serde::Deserialize;

use super::ask::{Ask, text_or_number};
use super::fault::Fault;
use super::objects::{locate, written};
use super::render::Wanted;
use super::schema::Property;
use super::state::{Row, State, Table, Values};
use super::{calculated, links};
use crate::sandbox::http::Reply;

/// Contacts tell what was merged into them in a second form.
const MERGED_VIDS: &str = "hs_calculated_merged_vids";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MergeInput {
    #[serde(deserialize_with = "text_or_number")]
    primary_object_id: String,
    #[serde(deserialize_with = "text_or_number")]
    object_id_to_merge: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GdprInput {
    #[serde(deserialize_with = "text_or_number")]
    object_id: String,
    #[serde(default)]
    id_property: Option<String>,
}

pub(super) fn merge(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    if !state.tables[table].ty.merges {
        return Err(Fault::not_found());
    }
    let input: MergeInput = ask.body()?;
    let live = |text: &str| {
        let found = locate(state, table, text, None)?;
        found
            .filter(|id| state.tables[table].live(*id).is_some())
            .ok_or_else(|| Fault::object_not_found(text))
    };
    let (primary, other) = (
        live(&input.primary_object_id)?,
        live(&input.object_id_to_merge)?,
    );
    if primary == other {
        return Err(Fault::validation("Cannot merge a record into itself"));
    }
    let id = if state.settings.merge_keeps_primary_id {
        primary
    } else {
        state.take_id()
    };
    let index_at = state.index_at(id, ask.now);
    let own = &mut state.tables[table];
    let values = match (own.remove(primary), own.remove(other)) {
        (Some(winner), Some(loser)) => merged_values(own, id, &winner, &loser, ask.now),
        _ => return Err(Fault::not_found()),
    };
    own.insert(id, values, ask.now, index_at);
    for gone in [primary, other].into_iter().filter(|gone| *gone != id) {
        let own = &mut state.tables[table];
        own.merged
            .values_mut()
            .filter(|target| **target == gone)
            .for_each(|target| *target = id);
        own.merged.insert(gone, id);
        links::pass_on(state, gone, Some(id));
    }
    calculated::refresh(state, id);
    calculated::spread(state, id);
    Ok(Reply::json(
        StatusCode::OK,
        &written(state, table, id, &Wanted::Defaults),
    ))
}

/// The primary row's values win, the other fills what they leave open; its e-mail becomes a further one.
fn merged_values(table: &Table, id: u64, winner: &Row, loser: &Row, now: i64) -> Values {
    let mut values = Values::clone(&winner.values);
    for (name, value) in loser.values.iter().filter(|(_, value)| !value.is_empty()) {
        let open = values.get(name).is_none_or(String::is_empty);
        if open {
            values.insert(name.clone(), value.clone());
        }
    }
    for (main, further) in table.properties.values().filter_map(secondary) {
        let kept = values.get(main).cloned().unwrap_or_default();
        let sources = [winner.get(further), loser.get(main), loser.get(further)];
        let mut all: Vec<&str> = Vec::new();
        for value in sources
            .into_iter()
            .flatten()
            .flat_map(|list| list.split(';'))
        {
            if value != kept && !all.contains(&value) {
                all.push(value);
            }
        }
        let all = all.join(";");
        values.insert(further.to_owned(), all);
    }
    let gone = |property: &str, entry: &dyn Fn(u64) -> String| {
        let rows = [winner, loser].into_iter();
        let gone = rows.flat_map(|row| {
            let earlier = row.get(property).into_iter().flat_map(|ids| ids.split(';'));
            let own = (row.id != id).then(|| entry(row.id));
            earlier.map(str::to_owned).chain(own).collect::<Vec<_>>()
        });
        gone.collect::<Vec<_>>().join(";")
    };
    let ids = gone("hs_merged_object_ids", &|id| id.to_string());
    let vids = gone(MERGED_VIDS, &|id| format!("{id}:{now}"));
    values.insert("hs_merged_object_ids".to_owned(), ids);
    if table.properties.contains_key(MERGED_VIDS) {
        values.insert(MERGED_VIDS.to_owned(), vids);
    }
    // The merged row is a changed one: insert sets the time anew.
    values.remove(&table.ty.modified);
    values
}

fn secondary(property: &Property) -> Option<(&str, &str)> {
    Some((&property.name, property.secondary.as_deref()?))
}

/// Takes a row away with no trace, archived or not. An unknown one is passed over (unconfirmed).
pub(super) fn gdpr_delete(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    if !state.tables[table].ty.gdpr_delete {
        return Err(Fault::not_found());
    }
    let input: GdprInput = ask.body()?;
    let by = input.id_property.as_deref();
    if let Some(id) = locate(state, table, &input.object_id, by)? {
        state.tables[table].remove(id);
        state.severed.remove(&id);
        links::pass_on(state, id, None);
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
