//! The pipelines that a connector config wants for every connection under it.

use serde_json::{Map, Value, json};
use sqlx::{Any, Transaction};

use crate::{
    core::kept,
    error::Error,
    store::{self, NewPipeline, Store, new_id},
};

/// Makes them. Where the other end is gone since the config was written there is none: a customer who connects an
/// account is not to be refused for it.
pub(super) async fn make(
    store: &Store,
    transaction: &mut Transaction<'static, Any>,
    connection: &store::Connection,
) -> Result<(), Error> {
    let config = store
        .locked_connector_config(transaction, &connection.connector_config_id)
        .await
        .map_err(kept)?;
    let Some(config) = config else { return Ok(()) };
    let own = connection.id.as_str();
    for (pipe, other_end) in [
        (&config.default_pipe_out, "destination_id"),
        (&config.default_pipe_in, "source_id"),
    ] {
        let Some(pipe) = pipe else { continue };
        let Some(other) = pipe[other_end].as_str() else {
            continue;
        };
        let found = store
            .locked_connection(transaction, other)
            .await
            .map_err(kept)?;
        if found.is_none() {
            tracing::warn!(
                connector_config = %config.id,
                connection = own,
                other_end = other,
                "no default pipeline was made: its other end is gone"
            );
            continue;
        }
        let (source_id, destination_id) = if other_end == "destination_id" {
            (own, other)
        } else {
            (other, own)
        };
        let streams = streams(pipe);
        let new = NewPipeline {
            id: &new_id("pipe"),
            source_id,
            destination_id,
            streams: streams.as_ref(),
            sync_interval_seconds: None,
            disabled: false,
            metadata: None,
        };
        store
            .insert_pipeline_in(transaction, &new)
            .await
            .map_err(kept)?;
    }
    Ok(())
}

/// What is true or false of each stream, as a pipeline has it.
fn streams(pipe: &Value) -> Option<Value> {
    let streams = pipe.get("streams")?.as_object()?;
    let streams: Map<_, _> = streams
        .iter()
        .map(|(name, is_wanted)| {
            let stream = match is_wanted {
                Value::Bool(false) => json!({ "disabled": true }),
                _ => json!({}),
            };
            (name.clone(), stream)
        })
        .collect();
    Some(Value::Object(streams))
}
