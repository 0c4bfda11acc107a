//! Conducts reads that have gathered: waits for more a little, makes the one call, and tells each of them.
//!
//! On a task of its own, so that nobody who hangs up takes the others along. When nobody waits any more the call is
//! given up.

use std::{pin::pin, sync::Arc};

use tokio::time::Instant;

use super::{
    cell::{Conducting, Tell},
    core::{Batch, Departed, Waiting},
    place, rows,
    told::{From, Told},
};
use crate::{
    error::{Code, Error},
    metrics::Joined,
    telemetry::Trace,
    translate::NativeResponse,
    upstream::{
        engine::{Connection, Upstream},
        native_log::{Keeps, NativeLog},
    },
};

/// What the call of a batch was answered.
type Answered = Result<NativeResponse, Error>;

pub(super) async fn conduct(
    upstream: Upstream,
    connection: Arc<Connection>,
    mut conducting: Conducting,
    leaves: Instant,
    (keeps, trace): (Keeps, Option<Arc<Trace>>),
) {
    let _ = tokio::time::timeout_at(leaves, conducting.woken()).await;
    let batch = match conducting.depart() {
        Departed::Gone => return,
        Departed::Single(reader) => {
            conducting.hand_over();
            // One who has gone in this moment gives his place up by himself.
            let _ = reader.send(Told::Lead);
            return;
        }
        Departed::Batch(batch) => batch,
    };
    let join = &connection.provider.joins[batch.join];
    let roots = &connection.settings.roots;
    // Each of the reads was found to be one that this can be made of. If it were not, all of them go on by themselves.
    let Some(request) = place::many(join, roots, &batch.target, &batch.ids) else {
        return;
    };
    let log = NativeLog::keeping(keeps).traced(trace);
    log.is_for(batch.behalf.clone());
    let wanted = while_wanted(
        &conducting,
        upstream.alone(&connection, &request, batch.deadline, &log, None),
    );
    if let Some(answered) = wanted.await {
        let waiting = conducting.ended(answered.is_ok());
        tell(&upstream, &connection, &batch, &answered, waiting, &log);
    }
}

/// The end of the call, or nothing once nobody waits for it.
async fn while_wanted<T>(conducting: &Conducting, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    loop {
        tokio::select! {
            ended = &mut call => return Some(ended),
            () = conducting.woken() => {
                if !conducting.is_wanted() {
                    return None;
                }
            }
        }
    }
}

/// Tells everybody what he would have been answered alone, or that he is to ask alone.
fn tell(
    upstream: &Upstream,
    connection: &Connection,
    batch: &Batch,
    answered: &Answered,
    waiting: Vec<Waiting<Tell>>,
    log: &NativeLog,
) {
    let join = &connection.provider.joins[batch.join];
    let from = From {
        calls: 0,
        exchanges: log.last_exchange().map(|last| Arc::from([last])),
    };
    // The call counts as that of the first.
    let mut leads = Some(From {
        calls: log.calls(),
        exchanges: log.kept_exchanges().map(Arc::from),
    });
    let records = match answered {
        Ok(response) => rows::take_apart(join, &batch.ids, response),
        Err(_) => None,
    };
    let mut positions = std::collections::HashMap::with_capacity(batch.ids.len());
    for (at, id) in batch.ids.iter().enumerate() {
        positions.insert(id.as_str(), at);
    }
    let mut saved = 0;
    for reader in waiting {
        let is_first = leads.is_some();
        let from = leads.take().unwrap_or_else(|| from.clone());
        let at = reader.id.as_deref().and_then(|id| positions.get(id));
        let record = records
            .as_ref()
            .zip(at)
            .and_then(|(records, at)| records[*at].clone());
        let told = match (answered, record) {
            (Ok(response), Some(record)) => Told::Answer {
                result: Ok(NativeResponse {
                    status: 200,
                    body: record,
                    ..response.clone()
                }),
                from,
            },
            _ if is_for_all(answered) => Told::Answer {
                result: answered.clone(),
                from,
            },
            _ => Told::Single(from),
        };
        if !is_first && matches!(told, Told::Answer { .. }) {
            saved += 1;
        }
        let _ = reader.told.send(told);
    }
    let metrics = upstream.metrics();
    metrics.joined(connection.provider.name, Joined::Batch, saved);
}

/// Whether the provider is not to be had: then it would not be for single calls, and they would make it worse.
fn is_for_all(answered: &Answered) -> bool {
    match answered {
        Ok(response) => response.status >= 500,
        Err(error) if error.is_unusable_answer => false,
        Err(error) => matches!(
            error.code,
            Code::TooManyRequests | Code::ServiceUnavailable | Code::Timeout | Code::BadGateway
        ),
    }
}
