//! Batches of up to 100 inputs, and what becomes of those when some fail.
//!
//! Results come in an order of their own. Create and upsert are all-or-nothing, unless every input carries an
//! `objectWriteTraceId` of its own; read and update always answer 207 for ids that are not there.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::{Ask, text_or_number};
use super::fault::Fault;
use super::links;
use super::objects::{self, CreateInput};
use super::render::{self, Wanted};
use super::schema::Format;
use super::state::State;
use super::write::{self, Changes};
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Reply;

const MAX_INPUTS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Read,
    Create,
    Update,
    Upsert,
    Archive,
}

#[derive(Debug, Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadBody {
    #[serde(default)]
    properties: Option<Vec<String>>,
    #[serde(default)]
    properties_with_history: Option<Vec<String>>,
    #[serde(default)]
    id_property: Option<String>,
    inputs: Vec<IdInput>,
}

#[derive(Debug, Deserialize)]
struct IdInput {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WriteInput {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    #[serde(default)]
    id_property: Option<String>,
    properties: Map<String, Value>,
    #[serde(default)]
    object_write_trace_id: Option<String>,
}

/// Unique values that earlier inputs of the batch take, and by which row.
type Claimed = BTreeMap<(String, String), Option<u64>>;

/// A batch's answer as it grows.
#[derive(Debug, Default)]
struct Outcome {
    results: Vec<Value>,
    errors: Vec<Value>,
}

impl Verb {
    pub(super) fn parse(segment: &str) -> Option<Self> {
        match segment {
            "read" => Some(Self::Read),
            "create" => Some(Self::Create),
            "update" => Some(Self::Update),
            "upsert" => Some(Self::Upsert),
            "archive" => Some(Self::Archive),
            _ => None,
        }
    }
}

pub(super) fn run(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
    verb: Verb,
) -> Result<Reply, Fault> {
    match verb {
        Verb::Read => read(state, ask, table),
        Verb::Create => create(state, ask, table),
        Verb::Update => update(state, ask, table),
        Verb::Upsert => upsert(state, ask, table),
        Verb::Archive => archive(state, ask, table),
    }
}

fn read(state: &State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let body: ReadBody = ask.body()?;
    let archived = ask.flag("archived")?;
    if body
        .properties_with_history
        .is_some_and(|names| !names.is_empty())
    {
        return Err(Fault::validation(
            "propertiesWithHistory is not played by the sandbox",
        ));
    }
    bounded(body.inputs.len())?;
    refuse_duplicates(state, body.inputs.iter().map(|input| input.id.as_str()))?;
    let own = &state.tables[table];
    let wanted = Wanted::named(body.properties.unwrap_or_default());
    let mut missing: Vec<&str> = Vec::new();
    let mut outcome = Outcome::default();
    for IdInput { id } in &body.inputs {
        let found = match objects::locate(state, table, id, body.id_property.as_deref()) {
            Err(fault) if fault.is_not_found() => None,
            found => found?,
        };
        match found
            .and_then(|id| own.rows.get(&id))
            .filter(|row| row.archived_at.is_some() == archived)
        {
            Some(row) => outcome
                .results
                .push(render::row(own, row, &wanted, &state.settings)),
            None => missing.push(id),
        }
    }
    if !missing.is_empty() {
        let object_type = own.ty.singular.to_uppercase();
        let message = format!(
            "Could not get some {object_type} objects, they may be deleted or not exist. Check that ids are valid."
        );
        let misses = Fault::new(StatusCode::NOT_FOUND, message).category("OBJECT_NOT_FOUND");
        outcome
            .errors
            .push(misses.into_entry(Some(json!({ "ids": missing }))));
    }
    Ok(outcome.into_reply(state, ask, StatusCode::OK))
}

fn create(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<CreateInput>>()?;
    bounded(inputs.len())?;
    let partial = traced(
        inputs
            .iter()
            .map(|input| input.object_write_trace_id.as_deref()),
    );
    let mut outcome = Outcome::default();
    let mut claimed = Claimed::new();
    let mut checked = Vec::new();
    for input in &inputs {
        let trace = input.object_write_trace_id.as_deref();
        let linked = input.associations.as_deref().unwrap_or_default();
        let changes = prepare(state, ask, table, None, &input.properties, &mut claimed)
            .and_then(|changes| links::check(state, table, linked).map(|()| changes));
        match changes {
            Ok(changes) => checked.push((changes, linked, trace)),
            Err(fault) => outcome.fail(fault, partial, trace)?,
        }
    }
    for (changes, linked, trace) in checked {
        let id = write::insert(state, table, &changes, ask.now);
        links::make(state, id, linked);
        outcome.wrote(
            objects::written(state, table, id, &Wanted::Written(changes.written)),
            trace,
        );
    }
    Ok(outcome.into_reply(state, ask, StatusCode::CREATED))
}

fn update(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<WriteInput>>()?;
    bounded(inputs.len())?;
    refuse_duplicates(state, inputs.iter().map(|input| input.id.as_str()))?;
    let mut outcome = Outcome::default();
    let mut claimed = Claimed::new();
    let mut checked = Vec::new();
    for input in &inputs {
        let own = &state.tables[table];
        let by = input.id_property.as_deref();
        let by_email = by.and_then(|name| own.properties.get(name));
        if let Some(property) = by_email.filter(|property| property.format == Some(Format::Email)) {
            // Single updates go by e-mail, batches do not.
            return Err(objects::non_unique(own, &property.name));
        }
        if by.is_none() {
            let numeric: Option<u64> = input.id.parse().ok();
            // An e-mail without `idProperty`, or an id that a merge took, is left out without a word.
            if numeric.is_none_or(|id| own.merged.contains_key(&id)) {
                continue;
            }
        }
        let trace = input.object_write_trace_id.as_deref();
        let Some(id) =
            objects::locate(state, table, &input.id, by)?.filter(|id| own.live(*id).is_some())
        else {
            let entry = Fault::not_found().into_entry(Some(json!({ "ids": [input.id] })));
            outcome.errors.push(with_trace(entry, trace));
            continue;
        };
        // A fault of a value fails the whole batch; reports differ, this is the harder case.
        let changes = prepare(state, ask, table, Some(id), &input.properties, &mut claimed)?;
        checked.push((id, changes, trace));
    }
    for (id, changes, trace) in checked {
        write::change(state, table, id, &changes.values, ask.now);
        outcome.wrote(
            objects::written(state, table, id, &Wanted::Written(changes.written)),
            trace,
        );
    }
    Ok(outcome.into_reply(state, ask, StatusCode::OK))
}

fn upsert(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<WriteInput>>()?;
    bounded(inputs.len())?;
    refuse_duplicates(state, inputs.iter().map(|input| input.id.as_str()))?;
    // "Partial upserts are not supported by e-mail" is read as: those are all-or-nothing (unconfirmed).
    let email = |input: &WriteInput| {
        let property = input
            .id_property
            .as_ref()
            .and_then(|name| state.tables[table].properties.get(name));
        property.is_some_and(|property| property.format == Some(Format::Email))
    };
    let by_email = inputs.iter().any(email);
    let partial = !by_email
        && traced(
            inputs
                .iter()
                .map(|input| input.object_write_trace_id.as_deref()),
        );
    let mut outcome = Outcome::default();
    let mut claimed = Claimed::new();
    let mut checked = Vec::new();
    for input in &inputs {
        let trace = input.object_write_trace_id.as_deref();
        let prepared = prepare_upsert(state, ask, table, input, &mut claimed);
        // An upsert carries no links, so that it cannot create what needs one.
        let prepared = prepared.and_then(|(id, changes)| {
            if id.is_none() {
                links::check(state, table, &[])?;
            }
            Ok((id, changes))
        });
        match prepared {
            Ok((id, changes)) => checked.push((id, changes, trace)),
            Err(fault) => outcome.fail(fault, partial, trace)?,
        }
    }
    for (found, changes, trace) in checked {
        let id = match found {
            Some(id) => {
                write::change(state, table, id, &changes.values, ask.now);
                id
            }
            None => write::insert(state, table, &changes, ask.now),
        };
        let mut row = objects::written(state, table, id, &Wanted::Written(changes.written));
        row["new"] = json!(found.is_none());
        outcome.wrote(row, trace);
    }
    Ok(outcome.into_reply(state, ask, StatusCode::OK))
}

fn prepare_upsert(
    state: &State,
    ask: &Ask<'_>,
    table: usize,
    input: &WriteInput,
    claimed: &mut Claimed,
) -> Result<(Option<u64>, Changes), Fault> {
    let by = input.id_property.as_deref().unwrap_or("hs_object_id");
    let id = objects::locate(state, table, &input.id, Some(by))?;
    let mut properties = input.properties.clone();
    if id.is_none() {
        properties
            .entry(by.to_owned())
            .or_insert_with(|| json!(input.id));
    }
    Ok((id, prepare(state, ask, table, id, &properties, claimed)?))
}

fn archive(state: &mut State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<IdInput>>()?;
    bounded(inputs.len())?;
    for IdInput { id } in &inputs {
        // Unknown ids are passed over (unconfirmed for batches).
        let found = objects::locate(state, table, id, None).ok().flatten();
        if let Some(id) = found.filter(|id| state.tables[table].live(*id).is_some()) {
            objects::discard(state, table, id, ask.now);
        }
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// One input checked, also against the inputs before it, whose unique values it must not repeat.
fn prepare(
    state: &State,
    ask: &Ask<'_>,
    table: usize,
    current: Option<u64>,
    properties: &Map<String, Value>,
    claimed: &mut Claimed,
) -> Result<Changes, Fault> {
    let changes = write::prepare(state, ask, table, current, properties)?;
    let own = &state.tables[table];
    if let Some(clash) = write::clash(own, current, &changes, claimed) {
        return Err(clash.into_fault(own, true));
    }
    claimed.extend(
        own.unique_values(&changes.values)
            .into_iter()
            .map(|key| (key, current)),
    );
    Ok(changes)
}

fn bounded(inputs: usize) -> Result<(), Fault> {
    if inputs <= MAX_INPUTS {
        return Ok(());
    }
    // The wording is unconfirmed.
    Err(Fault::validation(format!(
        "Batch size must not exceed {MAX_INPUTS} inputs, but was {inputs}"
    )))
}

fn refuse_duplicates<'i>(state: &State, ids: impl Iterator<Item = &'i str>) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    let duplicates: BTreeSet<&str> = ids.filter(|id| !seen.insert(*id)).collect();
    if duplicates.is_empty() || !state.settings.refuse_duplicate_inputs {
        return Ok(());
    }
    let duplicates: Vec<&str> = duplicates.into_iter().collect();
    let duplicates = duplicates.join(", ");
    Err(Fault::validation(format!(
        "Duplicate IDs found in batch input: [{duplicates}]. IDs must be unique"
    )))
}

/// Whether every input has a trace id of its own: then each one fails for itself.
fn traced<'i>(traces: impl Iterator<Item = Option<&'i str>>) -> bool {
    let mut seen = BTreeSet::new();
    let mut traces = traces.peekable();
    traces.peek().is_some() && traces.all(|trace| trace.is_some_and(|trace| seen.insert(trace)))
}

fn with_trace(mut entry: Value, trace: Option<&str>) -> Value {
    if let Some(trace) = trace {
        entry["context"]["objectWriteTraceId"] = json!([trace]);
    }
    entry
}

impl Outcome {
    /// The whole batch ends with the first fault, unless inputs fail for themselves.
    fn fail(&mut self, fault: Fault, partial: bool, trace: Option<&str>) -> Result<(), Fault> {
        if !partial {
            return Err(fault);
        }
        self.errors
            .push(with_trace(fault.into_entry(Some(json!({}))), trace));
        Ok(())
    }

    fn wrote(&mut self, mut row: Value, trace: Option<&str>) {
        if let Some(trace) = trace {
            row["objectWriteTraceId"] = json!(trace);
        }
        self.results.push(row);
    }

    fn into_reply(mut self, state: &State, ask: &Ask<'_>, status: StatusCode) -> Reply {
        if state.settings.reverse_batch_results {
            self.results.reverse();
        }
        let failed = self.errors.len();
        let mut body = json!({ "status": "COMPLETE", "results": self.results });
        if failed > 0 {
            body["numErrors"] = json!(failed);
            body["errors"] = json!(self.errors);
        }
        body["startedAt"] = json!(iso_ms(ask.now));
        body["completedAt"] = json!(iso_ms(ask.now));
        Reply::json(
            if failed > 0 {
                StatusCode::MULTI_STATUS
            } else {
                status
            },
            &body,
        )
    }
}
