//! The associations API, v4 and dated (hubspot.md §6): reading links, making them, taking them away.
//!
//! What a link is and which kinds there are is in `links.rs`; labels are in `associations/labels.rs`.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::{Ask, Version, text_or_number};
use super::fault::Fault;
use super::links::{self, LinkType};
use super::path::Ends;
use super::state::State;
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Reply;

mod labels;
mod write;

pub(super) use labels::update as update_label;
pub(super) use labels::{create as create_label, delete as delete_label, list as list_labels};
pub(super) use write::{put, put_default};

/// The page of a list, and of each row in a batch read (there unconfirmed).
const MAX_LIMIT: usize = 500;
const MAX_READ: usize = 1_000;
const MAX_WRITE: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Read,
    Create,
    AssociateDefault,
    Archive,
    ArchiveLabels,
}

#[derive(Debug, Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct ReadInput {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    #[serde(default)]
    after: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Id {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
}

#[derive(Debug, Deserialize)]
struct WriteInput {
    from: Id,
    to: Id,
    #[serde(default)]
    types: Vec<LinkType>,
}

/// Archiving takes several targets at once.
#[derive(Debug, Deserialize)]
struct ArchiveInput {
    from: Id,
    to: Targets,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Targets {
    Many(Vec<Id>),
    One(Id),
}

/// The two types of a call, as positions of tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Types {
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Verb {
    pub(super) fn parse(segments: &[&str]) -> Option<Self> {
        match segments {
            ["read"] => Some(Self::Read),
            ["create"] => Some(Self::Create),
            ["associate", "default"] => Some(Self::AssociateDefault),
            ["archive"] => Some(Self::Archive),
            ["labels", "archive"] => Some(Self::ArchiveLabels),
            _ => None,
        }
    }
}

pub(super) fn batch(
    state: &mut State,
    ask: &Ask<'_>,
    types: Types,
    verb: Verb,
) -> Result<Reply, Fault> {
    match verb {
        Verb::Read => read(state, ask, types),
        Verb::Create => write::create(state, ask, types),
        Verb::AssociateDefault => write::associate_default(state, ask, types),
        Verb::Archive => write::archive(state, ask),
        Verb::ArchiveLabels => write::archive_labels(state, ask),
    }
}

/// The links of a row to one type, as a page that starts at the target `from`; and where the next one starts.
fn page(
    state: &State,
    ask: &Ask<'_>,
    id: u64,
    to: usize,
    from: u64,
    limit: usize,
) -> (Vec<Value>, Option<u64>) {
    let mut all = state.links.of(id, &state.tables[to].ty.id);
    all.retain(|(target, _)| *target >= from);
    let mut groups = all.chunk_by(|one, other| one.0 == other.0);
    let shown = groups.by_ref().take(limit).flat_map(|group| {
        let kinds: Vec<usize> = group.iter().map(|(_, at)| *at).collect();
        entries(state, ask, group[0].0, &kinds)
    });
    let shown = shown.collect();
    (shown, groups.next().map(|group| group[0].0))
}

/// One target as an answer has it: one entry with all types in v4, one for each type in v3.
fn entries(state: &State, ask: &Ask<'_>, target: u64, kinds: &[usize]) -> Vec<Value> {
    let kinds = kinds.iter().map(|at| state.links.kinds.get(*at));
    if ask.version == Version::Numbered(3) {
        return kinds
            .map(|kind| json!({ "id": target.to_string(), "type": kind.name }))
            .collect();
    }
    let types: Vec<Value> = kinds
        .map(|kind| {
            json!({ "category": kind.category.name(), "typeId": kind.id, "label": kind.label })
        })
        .collect();
    vec![json!({ "toObjectId": id_value(ask, target), "associationTypes": types })]
}

/// Ids are numbers in v4 and texts in the newer documents.
fn id_value(ask: &Ask<'_>, id: u64) -> Value {
    if ask.version.is_dated() {
        json!(id.to_string())
    } else {
        json!(id)
    }
}

fn cursor(after: Option<&str>) -> Result<u64, Fault> {
    let Some(after) = after.filter(|after| !after.is_empty()) else {
        return Ok(0);
    };
    after
        .parse()
        .map_err(|_| Fault::validation(format!("after: {after} is not a cursor")))
}

pub(super) fn list(state: &State, ask: &Ask<'_>, types: Types, id: &str) -> Result<Reply, Fault> {
    let limit = ask.limit(MAX_LIMIT, MAX_LIMIT)?;
    let from = cursor(ask.param("after"))?;
    let row = id
        .parse()
        .ok()
        .and_then(|id| state.tables[types.from].live(id))
        .ok_or_else(|| Fault::object_not_found(id))?;
    let (results, next) = page(state, ask, row.id, types.to, from, limit);
    let mut body = json!({ "results": results });
    if let Some(next) = next {
        let after = next.to_string();
        body["paging"] = json!({ "next": { "after": after, "link": ask.page_link(&after) } });
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

fn read(state: &State, ask: &Ask<'_>, types: Types) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<ReadInput>>()?;
    bounded(inputs.len(), MAX_READ)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for ReadInput { id, after } in &inputs {
        let from = cursor(after.as_deref())?;
        // A row that is not there has no links either (unconfirmed that the two look the same).
        let row = id
            .parse()
            .ok()
            .and_then(|id| state.tables[types.from].live(id));
        let (to, next) = row.map_or((Vec::new(), None), |row| {
            page(state, ask, row.id, types.to, from, MAX_LIMIT)
        });
        if to.is_empty() {
            errors.push(no_associations(state, types, id));
            continue;
        }
        let mut result = json!({ "from": { "id": id }, "to": to });
        if let Some(next) = next {
            result["paging"] = json!({ "next": { "after": next.to_string() } });
        }
        results.push(result);
    }
    Ok(multi(ask, StatusCode::OK, &results, &errors))
}

/// A row without any link is an error entry, not an empty result.
fn no_associations(state: &State, types: Types, id: &str) -> Value {
    let from = &state.tables[types.from].ty.singular;
    let to = &state.tables[types.to].ty.singular;
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {to} is associated with {from} {id}."),
        "context": { "fromObjectId": [id], "fromObjectType": [from], "toObjectType": [to] },
    })
}

fn bounded(inputs: usize, max: usize) -> Result<(), Fault> {
    if inputs <= max {
        return Ok(());
    }
    // The wording is unconfirmed.
    Err(Fault::validation(format!(
        "Batch size must not exceed {max} inputs, but was {inputs}"
    )))
}

fn multi(ask: &Ask<'_>, status: StatusCode, results: &[Value], errors: &[Value]) -> Reply {
    let mut body = json!({ "status": "COMPLETE", "results": results });
    if !errors.is_empty() {
        body["numErrors"] = json!(errors.len());
        body["errors"] = json!(errors);
    }
    body["startedAt"] = json!(iso_ms(ask.now));
    body["completedAt"] = json!(iso_ms(ask.now));
    let status = if errors.is_empty() {
        status
    } else {
        StatusCode::MULTI_STATUS
    };
    Reply::json(status, &body)
}

/// Takes all links between two rows away, of all kinds; what is not there is passed over.
pub(super) fn delete(state: &mut State, ends: &Ends) -> Reply {
    if let (Ok(from), Ok(to)) = (ends.id.parse(), ends.to_id.parse()) {
        links::unlink(state, from, None, to);
    }
    Reply::empty(StatusCode::NO_CONTENT)
}
