//! What is due is started, by whichever sidecar takes its lease first.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::runner;
use crate::{
    own::Own,
    store::{Store, StoreError, new_id, pipeline_lease},
};

/// How often the store is asked what is due. Somewhat less or more, so that sidecars don't ask in step.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// Runs what is due until `stop` says so; then every sync stops where it is.
pub async fn run(own: Arc<Own>, mut stop: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    loop {
        if let Ok(store) = own.store()
            && let Err(error) = start(&own, store, &mut running, &stop).await
        {
            tracing::warn!(%error, "what is due cannot be found");
        }
        let pause = ASKED_EVERY.mul_f64(0.5 + rand::random::<f64>());
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = running.join_next() => {}
            // Where all places are taken, the next end is what is waited for.
            () = own.syncs.asked.notified() => {}
            () = sleep(pause) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

async fn start(
    own: &Arc<Own>,
    store: &Store,
    running: &mut JoinSet<()>,
    stop: &watch::Receiver<bool>,
) -> Result<(), StoreError> {
    while running.try_join_next().is_some() {}
    let free = own
        .limits
        .now()
        .pipelines_at_once
        .saturating_sub(running.len());
    if free == 0 {
        return Ok(());
    }
    let lasts = own.limits.now().pipeline_lease;
    let due = timeout(
        lasts,
        store.due_pipelines(i64::try_from(free).unwrap_or(i64::MAX)),
    );
    let Ok(due) = due.await else {
        return Ok(());
    };
    let mut seen = HashSet::new();
    for id in due? {
        if *stop.borrow() || own.syncs.get(&id).is_some() || !seen.insert(id.clone()) {
            continue;
        }
        // A holder for each run, so that no two have one fence.
        let (name, holder) = (pipeline_lease(&id), new_id("run"));
        // Another sidecar may be first; then it is theirs.
        if let Some(lease) = store.take_lease(&name, &holder, lasts).await? {
            running.spawn(runner::run(Arc::clone(own), lease, id, stop.clone()));
        }
    }
    Ok(())
}
