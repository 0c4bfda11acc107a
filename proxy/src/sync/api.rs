//! The operations on pipelines.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    input::{self, Create, Streams, SyncInput, Update},
    progress::Progress,
    target,
};
use crate::{
    auth::Scope,
    destination::Destination,
    error::{Code, Error},
    own::{Own, OwnCall},
    store::{
        Connection, NewPipeline, Pipeline, PipelineChange, Store, StoreError, SyncRequest, rfc3339,
    },
};

/// How often the end of a sync that another sidecar runs is looked for.
const LOOKED_EVERY: Duration = Duration::from_millis(300);
/// Before its deadline a call answers with what is known.
const MARGIN: Duration = Duration::from_millis(500);
/// How long the destination of a pipeline that is deleted may take.
const FORGET: Duration = Duration::from_secs(5);

/// The body of the answer to an operation on pipelines.
pub async fn answer(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    if matches!(call.caller.scope, Scope::Customer(_)) {
        return Err(Error::new(
            Code::Forbidden,
            "a connect token is for connections; pipelines need an API key",
        ));
    }
    let store = own.store()?;
    let body = match call.operation {
        "core.pipeline.list" => list(own, store, call).await?,
        "core.pipeline.get" => shown(own, store, &found(store, pipeline_id(call)?).await?).await?,
        "core.pipeline.create" => create(own, store, call).await?,
        "core.pipeline.update" => update(own, store, call).await?,
        "core.pipeline.delete" => delete(own, store, call).await?,
        "core.pipeline.sync" => sync(own, store, call).await?,
        "core.connection.sync" => sync_connection(own, store, call).await?,
        other => {
            return Err(Error::new(
                Code::NotImplemented,
                format!("the operation `{other}` is not implemented by this version of Crosswalk"),
            ));
        }
    };
    Ok(body.to_string().into_bytes())
}

async fn list(own: &Own, store: &Store, call: &OwnCall) -> Result<Value, Error> {
    let filter = input::filter(&call.request.query)?;
    let pipelines = store
        .pipelines(filter.connections.as_deref(), filter.limit, filter.offset)
        .await
        .map_err(|error| store_failed(&error))?;
    let mut list = Vec::with_capacity(pipelines.len());
    for pipeline in &pipelines {
        list.push(shown(own, store, pipeline).await?);
    }
    Ok(Value::Array(list))
}

async fn create(own: &Own, store: &Store, call: &OwnCall) -> Result<Value, Error> {
    call.caller.must_be_admin()?;
    let input: Create = input::body(&call.request.body)?;
    input::id("body.id", &input.id, "pipe_")?;
    input::id("body.sourceId", &input.source_id, "conn_")?;
    input::id("body.destinationId", &input.destination_id, "conn_")?;
    input::interval(input.sync_interval_seconds)?;
    let streams = input
        .streams
        .map(|streams| input::streams(&own.api, streams))
        .transpose()?;
    let source = connection(store, "body.sourceId", &input.source_id).await?;
    let destination = connection(store, "body.destinationId", &input.destination_id).await?;
    check_source(own, &source, streams.as_ref())?;
    if !target::DESTINATIONS.contains(&destination.connector_name.as_str()) {
        return Err(Error::issue(
            "body.destinationId",
            format!(
                "expected a connection to {}, found one to {}",
                target::DESTINATIONS.join(" or "),
                destination.connector_name
            ),
        ));
    }
    if let (Some(of_source), Some(of_destination)) = (&source.customer_id, &destination.customer_id)
        && of_source != of_destination
    {
        return Err(Error::issue(
            "body.destinationId",
            "expected a connection of the source's customer or of none, found one of another customer",
        ));
    }
    let streams = streams.map(|streams| json!(streams));
    let pipeline = store
        .insert_pipeline(&NewPipeline {
            id: &input.id,
            source_id: &input.source_id,
            destination_id: &input.destination_id,
            streams: streams.as_ref(),
            sync_interval_seconds: input.sync_interval_seconds,
            disabled: input.disabled.unwrap_or_default(),
            metadata: input.metadata.as_ref().filter(|it| !it.is_null()),
        })
        .await
        .map_err(|error| store_failed(&error))?;
    own.syncs.asked.notify_one();
    shown(own, store, &pipeline).await
}

async fn update(own: &Own, store: &Store, call: &OwnCall) -> Result<Value, Error> {
    call.caller.must_be_admin()?;
    let id = pipeline_id(call)?;
    let input: Update = input::body(&call.request.body)?;
    if let Some(seconds) = input.sync_interval_seconds {
        input::interval(seconds)?;
    }
    let streams = match input.streams {
        Some(Some(streams)) => {
            let streams = input::streams(&own.api, streams)?;
            let pipeline = found(store, id).await?;
            let source = connection(store, "path.id", &pipeline.source_id).await?;
            check_source(own, &source, Some(&streams))?;
            Some(Some(json!(streams)))
        }
        Some(None) => Some(None),
        None => None,
    };
    let change = PipelineChange {
        streams,
        sync_interval_seconds: input.sync_interval_seconds,
        disabled: input.disabled,
        metadata: input.metadata,
    };
    let pipeline = store
        .update_pipeline(id, &change)
        .await
        .map_err(|error| store_failed(&error))?
        .ok_or_else(|| unknown(id))?;
    own.syncs.asked.notify_one();
    shown(own, store, &pipeline).await
}

/// The rows in the destination stay. Its cursors are forgotten where it can be reached; where it cannot, a pipeline of
/// the same id and source would go on from them, which is right as well.
async fn delete(own: &Own, store: &Store, call: &OwnCall) -> Result<Value, Error> {
    call.caller.must_be_admin()?;
    let id = pipeline_id(call)?;
    let pipeline = store
        .delete_pipeline(id)
        .await
        .map_err(|error| store_failed(&error))?
        .ok_or_else(|| unknown(id))?;
    let until = (Instant::now() + FORGET).min(call.deadline - MARGIN);
    let forgotten = timeout_at(until, forget(own, store, &pipeline)).await;
    if let Some(reason) = match forgotten {
        Ok(Ok(())) => None,
        Ok(Err(reason)) => Some(reason),
        Err(_) => Some("it does not answer".to_owned()),
    } {
        tracing::warn!(
            pipeline = id,
            reason,
            "the cursors of a deleted pipeline are left in its destination"
        );
    }
    Ok(Value::Bool(true))
}

async fn forget(own: &Own, store: &Store, pipeline: &Pipeline) -> Result<(), String> {
    let connection = store
        .connection(&pipeline.destination_id)
        .await
        .map_err(|error| error.to_string())?
        .ok_or("it is gone")?;
    let settings = target::settings(own, &connection)
        .await
        .map_err(|error| error.to_string())?;
    let destination = Destination::open(&settings)
        .await
        .map_err(|error| error.to_string())?;
    let forgotten = destination.forget(&pipeline.id).await;
    destination.close().await;
    forgotten.map_err(|error| error.to_string())
}

async fn sync(own: &Own, store: &Store, call: &OwnCall) -> Result<Value, Error> {
    call.caller.must_be_admin()?;
    let id = pipeline_id(call)?;
    let input = input::sync(&call.request.body)?;
    let pipeline = found(store, id).await?;
    if pipeline.disabled {
        return Err(Error::new(
            Code::Conflict,
            format!("the pipeline {id} is disabled; enable it first"),
        ));
    }
    let request = ask(own, store, id, &input).await?;
    if input.is_async == Some(true) {
        return Ok(so_far(&request, None));
    }
    wait(own, store, id, &request, call.deadline).await
}

async fn sync_connection(own: &Own, store: &Store, call: &OwnCall) -> Result<Value, Error> {
    call.caller.must_be_admin()?;
    let id = parameter(call);
    input::id("path.id", id, "conn_")?;
    let input = input::sync(&call.request.body)?;
    let failed = |error: StoreError| store_failed(&error);
    if store.connection(id).await.map_err(failed)?.is_none() {
        return Err(Error::not_found(format!("there is no connection {id}")));
    }
    let ids = [id.to_owned()];
    let pipelines = store
        .pipelines(Some(&ids), i64::MAX, 0)
        .await
        .map_err(failed)?;
    let mut asked = Vec::new();
    // The oldest first: as they were made.
    for pipeline in pipelines.iter().rev().filter(|it| !it.disabled) {
        asked.push((&pipeline.id, ask(own, store, &pipeline.id, &input).await?));
    }
    let mut syncs = Vec::new();
    for (id, request) in asked {
        let mut told = if input.is_async == Some(true) {
            so_far(&request, None)
        } else {
            wait(own, store, id, &request, call.deadline).await?
        };
        told["pipeline_id"] = json!(id);
        syncs.push(told);
    }
    Ok(json!({ "pipeline_syncs": syncs }))
}

async fn ask(own: &Own, store: &Store, id: &str, input: &SyncInput) -> Result<SyncRequest, Error> {
    let request = store
        .request_sync(
            id,
            input.full_resync == Some(true),
            input.meta_only == Some(true),
        )
        .await
        .map_err(|error| store_failed(&error))?
        .ok_or_else(|| unknown(id))?;
    own.syncs.asked.notify_one();
    Ok(request)
}

/// Waits for the end of a sync, here or elsewhere; at the call's deadline what is known by then.
async fn wait(
    own: &Own,
    store: &Store,
    id: &str,
    request: &SyncRequest,
    deadline: Instant,
) -> Result<Value, Error> {
    loop {
        let ended = own.syncs.ended.notified();
        let end = store
            .sync_end(&request.event_id)
            .await
            .map_err(|error| store_failed(&error))?;
        if let Some(end) = end {
            return Ok(so_far(request, Some(&end)));
        }
        let now = Instant::now();
        if now + MARGIN >= deadline {
            let pipeline = store
                .pipeline(id)
                .await
                .map_err(|error| store_failed(&error))?;
            let progress = pipeline
                .and_then(|pipeline| progress(own, &pipeline))
                .filter(|progress| progress["sync_completed_event_id"] == request.event_id);
            return Ok(so_far(request, progress.as_ref()));
        }
        tokio::select! {
            () = ended => {}
            () = sleep_until((now + LOOKED_EVERY).min(deadline - MARGIN)) => {}
        }
    }
}

fn so_far(request: &SyncRequest, told: Option<&Value>) -> Value {
    let waiting = json!({ "state": "waiting", "streams": [], "error": null });
    let told = told.unwrap_or(&waiting);
    json!({
        "sync_completed_event_id": request.event_id,
        "state": told["state"],
        "streams": told["streams"],
        "error": told["error"],
    })
}

/// A pipeline as the API has it.
async fn shown(own: &Own, store: &Store, pipeline: &Pipeline) -> Result<Value, Error> {
    let running = own.syncs.get(&pipeline.id);
    let (source_state, destination_state) = match running.as_deref().map(Progress::states) {
        Some(states) => states,
        None => (
            pipeline.source_state.clone().unwrap_or_else(|| json!({})),
            pipeline
                .destination_state
                .clone()
                .unwrap_or_else(|| json!({})),
        ),
    };
    let source = store
        .connection(&pipeline.source_id)
        .await
        .map_err(|error| store_failed(&error))?;
    let vertical = source
        .filter(|source| own.api.provider(&source.connector_name).is_some())
        .map(|_| "crm");
    Ok(json!({
        "id": pipeline.id,
        "createdAt": rfc3339(pipeline.created_at),
        "updatedAt": rfc3339(pipeline.updated_at),
        "sourceId": pipeline.source_id,
        "sourceVertical": vertical,
        "sourceState": source_state,
        "streams": pipeline.streams,
        "destinationId": pipeline.destination_id,
        "destinationVertical": "database",
        "destinationState": destination_state,
        "linkOptions": null,
        "lastSyncStartedAt": pipeline.last_sync_started_at.map(rfc3339),
        "lastSyncCompletedAt": pipeline.last_sync_completed_at.map(rfc3339),
        "disabled": pipeline.disabled,
        "metadata": pipeline.metadata,
        "syncIntervalSeconds": pipeline.sync_interval_seconds,
        "progress": progress(own, pipeline),
    }))
}

/// Of the sync that runs or the last one; one that was asked for and has not begun is waiting.
fn progress(own: &Own, pipeline: &Pipeline) -> Option<Value> {
    let stored = || pipeline.progress.clone();
    own.syncs
        .get(&pipeline.id)
        .map(|progress| progress.json())
        .or_else(stored)
        .filter(|progress| {
            let is_older = |request: &SyncRequest| {
                progress["state"] != "running"
                    && progress["sync_completed_event_id"] != request.event_id
            };
            !pipeline.sync_request.as_ref().is_some_and(is_older)
        })
        .or_else(|| {
            pipeline
                .sync_request
                .as_ref()
                .map(|request| so_far(request, None))
        })
}

fn check_source(own: &Own, source: &Connection, streams: Option<&Streams>) -> Result<(), Error> {
    let Some(provider) = own.api.provider(&source.connector_name) else {
        return Err(Error::issue(
            "body.sourceId",
            format!(
                "expected a connection to a provider, found one to {}",
                source.connector_name
            ),
        ));
    };
    for (name, stream) in streams.into_iter().flatten() {
        let listed = own
            .api
            .entity(name)
            .and_then(|entity| target::list_of(&own.api, provider, entity));
        if listed.is_none() && !stream.is_disabled() {
            return Err(Error::issue(
                format!("body.streams[{name:?}]"),
                format!("{} has no list of these", provider.title),
            ));
        }
    }
    Ok(())
}

async fn connection(store: &Store, path: &str, id: &str) -> Result<Connection, Error> {
    store
        .connection(id)
        .await
        .map_err(|error| store_failed(&error))?
        .ok_or_else(|| {
            Error::issue(
                path,
                format!("expected the id of a connection, found {id:?}, which there is none of"),
            )
        })
}

async fn found(store: &Store, id: &str) -> Result<Pipeline, Error> {
    store
        .pipeline(id)
        .await
        .map_err(|error| store_failed(&error))?
        .ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Error {
    Error::not_found(format!("there is no pipeline {id}"))
}

fn parameter(call: &OwnCall) -> &str {
    call.request
        .path
        .iter()
        .find(|(name, _)| *name == "id")
        .map_or("", |(_, value)| value)
}

fn pipeline_id(call: &OwnCall) -> Result<&str, Error> {
    let id = parameter(call);
    input::id("path.id", id, "pipe_")?;
    Ok(id)
}

/// What callers are told when the store does not do what it should; the log is told why.
pub(super) fn store_failed(error: &StoreError) -> Error {
    match error {
        StoreError::Conflict(message) => Error::new(Code::Conflict, message.clone()),
        _ => Error::new(
            Code::ServiceUnavailable,
            "the store does not answer as it should; try again",
        )
        .with_detail(error.to_string()),
    }
}
