//! Pipelines and their stages: what they are, which stage a row may stand in, and the calls that list and make them.
//!
//! Only the reading calls are in hubspot.md §7.3; that `POST` makes a pipeline and a stage is general knowledge of the
//! API, and is here so that a caller's cache of stages can be caught out.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::Ask;
use super::fault::Fault;
use super::schema::{Choice, Pipelined, Source};
use super::state::{Row, State, Table, Values};
use super::values::Complaint;
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Reply;

/// Why the embedded pipelines can be trusted: they are compiled in, and every test loads them.
const EMBEDDED: &str = "the embedded pipelines are well-formed";
/// When the standard pipelines were made.
const MADE_AT: i64 = 1_577_836_800_000;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pipeline {
    id: String,
    label: String,
    stages: Vec<Stage>,
    #[serde(skip, default = "made_at")]
    created_at: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Stage {
    id: String,
    label: String,
    /// Values are texts, also those that look otherwise.
    metadata: BTreeMap<String, String>,
    #[serde(skip, default = "made_at")]
    created_at: i64,
}

fn made_at() -> i64 {
    MADE_AT
}

#[derive(Debug, Deserialize)]
struct PipelineInput {
    label: String,
    #[serde(default)]
    stages: Vec<StageInput>,
}

#[derive(Debug, Deserialize)]
struct StageInput {
    label: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl Stage {
    pub(super) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.metadata("isClosed") == Some("true")
    }

    /// Closed with certainty: a lost deal has a probability of nothing.
    pub(super) fn is_won(&self) -> bool {
        let probability = self
            .metadata("probability")
            .and_then(|text| text.parse::<f64>().ok());
        self.is_closed() && probability.is_some_and(|probability| probability >= 1.0)
    }
}

/// The pipelines that a fresh account has for the type of this plural name.
pub(super) fn embedded(plural: &str) -> Vec<Pipeline> {
    let mut all: BTreeMap<String, Vec<Pipeline>> =
        serde_json::from_str(include_str!("data/pipelines.json")).expect(EMBEDDED);
    all.remove(plural).unwrap_or_default()
}

/// The options of a definition whose values are pipelines or stages.
pub(super) fn choices(pipelines: &[Pipeline], source: Source) -> Vec<Choice> {
    let choice = |label: &String, value: &String| Choice {
        label: label.clone(),
        value: value.clone(),
        display_order: None,
        hidden: Some(false),
        description: String::new(),
    };
    match source {
        Source::Owner => Vec::new(),
        Source::Pipeline => pipelines
            .iter()
            .map(|pipeline| choice(&pipeline.label, &pipeline.id))
            .collect(),
        Source::Stage => pipelines
            .iter()
            .flat_map(|pipeline| &pipeline.stages)
            .map(|stage| choice(&stage.label, &stage.id))
            .collect(),
    }
}

/// The stage that a row stands in, or will stand in after `changed`.
pub(super) fn stage_of<'t>(
    table: &'t Table,
    row: Option<&Row>,
    changed: &Values,
) -> Option<&'t Stage> {
    let Pipelined { pipeline, stage } = table.ty.pipelined.as_ref()?;
    let value = |name: &String| {
        changed
            .get(name)
            .map(String::as_str)
            .or_else(|| row.and_then(|row| row.get(name)))
    };
    let pipeline = value(pipeline)?;
    let stage = value(stage)?;
    table
        .pipelines
        .iter()
        .find(|own| own.id == pipeline)?
        .stages
        .iter()
        .find(|own| own.id == stage)
}

/// Fills the pipeline that a write left open, and refuses a stage of another one.
pub(super) fn settle(
    table: &Table,
    row: Option<&Row>,
    changed: &mut Values,
) -> Result<(), Complaint> {
    let Some(Pipelined { pipeline, stage }) = &table.ty.pipelined else {
        return Ok(());
    };
    let Some(first) = table.pipelines.first() else {
        return Ok(());
    };
    if row.is_none() {
        // A stage without a pipeline is looked up in the default one.
        changed
            .entry(pipeline.clone())
            .or_insert_with(|| first.id.clone());
        // Leads begin in the first stage; a deal without a stage has none (both unconfirmed).
        if table.ty.plural == "leads"
            && changed.get(pipeline) == Some(&first.id)
            && let Some(new) = first.stages.first()
        {
            changed
                .entry(stage.clone())
                .or_insert_with(|| new.id.clone());
        }
    } else if !changed.contains_key(pipeline) && !changed.contains_key(stage) {
        return Ok(());
    }
    let current = |name: &String| row.and_then(|row| row.get(name)).map(str::to_owned);
    let asked = changed
        .get(stage)
        .cloned()
        .or_else(|| current(stage))
        .filter(|stage| !stage.is_empty());
    match asked {
        Some(asked) if stage_of(table, row, changed).is_none() => Err(Complaint::new(
            stage,
            "INVALID_OPTION",
            format!("{asked} is not a valid stage"),
        )),
        _ => Ok(()),
    }
}

fn of_type(state: &State, table: usize, ty: &str) -> Result<(), Fault> {
    if state.tables[table].ty.pipelined.is_some() {
        return Ok(());
    }
    // The status is documented, the wording is not.
    Err(Fault::validation(format!(
        "Object type {ty} does not support pipelines"
    )))
}

pub(super) fn list(state: &State, table: usize, ty: &str) -> Result<Reply, Fault> {
    of_type(state, table, ty)?;
    let results: Vec<Value> = state.tables[table]
        .pipelines
        .iter()
        .zip(0..)
        .map(|(pipeline, order)| to_json(pipeline, order))
        .collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "results": results })))
}

pub(super) fn get(state: &State, table: usize, ty: &str, id: &str) -> Result<Reply, Fault> {
    of_type(state, table, ty)?;
    let mut all = state.tables[table].pipelines.iter().zip(0..);
    let (pipeline, order) = all
        .find(|(pipeline, _)| pipeline.id == id)
        .ok_or_else(Fault::not_found)?;
    Ok(Reply::json(StatusCode::OK, &to_json(pipeline, order)))
}

pub(super) fn create(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
    ty: &str,
) -> Result<Reply, Fault> {
    of_type(state, table, ty)?;
    let input: PipelineInput = ask.body()?;
    let stages = input
        .stages
        .into_iter()
        .map(|stage| stage.into_stage(state, ask.now))
        .collect();
    let pipeline = Pipeline {
        id: state.take_id().to_string(),
        label: input.label,
        stages,
        created_at: ask.now,
    };
    let all = &mut state.tables[table].pipelines;
    let body = to_json(&pipeline, all.len());
    all.push(pipeline);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

pub(super) fn create_stage(
    state: &mut State,
    ask: &Ask<'_>,
    table: usize,
    ty: &str,
    id: &str,
) -> Result<Reply, Fault> {
    of_type(state, table, ty)?;
    let input: StageInput = ask.body()?;
    let made = input.into_stage(state, ask.now);
    let mut all = state.tables[table].pipelines.iter_mut();
    let pipeline = all
        .find(|pipeline| pipeline.id == id)
        .ok_or_else(Fault::not_found)?;
    let body = stage_json(&made, pipeline.stages.len());
    pipeline.stages.push(made);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

impl StageInput {
    /// Ids of stages that are made later are digits.
    fn into_stage(self, state: &mut State, now: i64) -> Stage {
        Stage {
            id: state.take_id().to_string(),
            label: self.label,
            metadata: self.metadata,
            created_at: now,
        }
    }
}

fn to_json(pipeline: &Pipeline, order: usize) -> Value {
    let stages: Vec<Value> = pipeline
        .stages
        .iter()
        .zip(0..)
        .map(|(stage, order)| stage_json(stage, order))
        .collect();
    json!({
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": order,
        "archived": false,
        "createdAt": iso_ms(pipeline.created_at),
        "updatedAt": iso_ms(pipeline.created_at),
        "stages": stages,
    })
}

fn stage_json(stage: &Stage, order: usize) -> Value {
    json!({
        "id": stage.id,
        "label": stage.label,
        "displayOrder": order,
        "metadata": stage.metadata,
        "archived": false,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "createdAt": iso_ms(stage.created_at),
        "updatedAt": iso_ms(stage.created_at),
    })
}
