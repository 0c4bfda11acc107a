//! One sync of one pipeline, by who holds its lease.
//!
//! It ends in one of three ways: done, and the store and an event tell so; interrupted by the end of the process, and
//! the pipeline stays due; or overtaken, and nothing is noted any more.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    input::Streams,
    progress::{Fault, Progress, State, StreamProgress},
    source::Source,
    stream::{Ended, Stop, Stream},
    target::{self, Chosen},
};
use crate::{
    destination::{Destination, StreamKey},
    error::{Code, Error},
    own::Own,
    store::{Lease, Pipeline, Store, StoreError, SyncEnd, new_id},
    upstream,
};

/// How often the store is told how far a sync is.
const NOTED_EVERY: Duration = Duration::from_secs(1);
/// How often the log is.
const LOGGED_EVERY: Duration = Duration::from_secs(10);
/// So many times is a lease renewed before it would end.
const RENEWALS: u32 = 5;
/// Attempts to open the destination.
const MOST_OPENINGS: u32 = 3;
/// How long the destination's connections may take to close.
const CLOSE: Duration = Duration::from_secs(2);
/// The longest jitter of an interval.
const MOST_JITTER: Duration = Duration::from_secs(30);

enum Outcome {
    Done,
    Interrupted,
    Overtaken,
}

/// What a sync is about.
struct Sync<'a> {
    own: &'a Own,
    store: &'a Store,
    lease: &'a Lease,
    pipeline: &'a Pipeline,
    event_id: &'a str,
    progress: &'a Progress,
}

/// Runs a pipeline that is due, and gives its lease back.
pub(super) async fn run(own: Arc<Own>, lease: Lease, id: String, stop: watch::Receiver<bool>) {
    let Ok(store) = own.store() else {
        return;
    };
    match store.start_sync(&lease, &id).await {
        Ok(Some(pipeline)) => sync(&own, store, &lease, &pipeline, stop).await,
        // Somebody else has just done it.
        Ok(None) => {}
        Err(error) => tracing::warn!(pipeline = id, %error, "a sync cannot begin"),
    }
    // If it cannot be given back it ends by itself.
    if let Err(error) = store.give_lease_back(&lease).await {
        tracing::debug!(pipeline = id, %error, "a lease is left to end by itself");
    }
}

async fn sync(
    own: &Own,
    store: &Store,
    lease: &Lease,
    pipeline: &Pipeline,
    mut stop: watch::Receiver<bool>,
) {
    let event_id = pipeline
        .sync_request
        .as_ref()
        .map_or_else(|| new_id("evt"), |request| request.event_id.clone());
    let progress = Arc::new(Progress::new(
        &event_id,
        pipeline.source_state.as_ref(),
        pipeline.destination_state.as_ref(),
    ));
    let sync = Sync {
        own,
        store,
        lease,
        pipeline,
        event_id: &event_id,
        progress: &progress,
    };
    // Before anything is read: who asks for a sync from here on gets another one, since this one may have read by then
    // what they have changed.
    match sync.renew().await {
        Ok(true) => {}
        // Somebody else runs it, or it is gone.
        Ok(false) => return,
        Err(error) => {
            tracing::warn!(pipeline = pipeline.id, %error, "a sync cannot begin");
            return;
        }
    }
    own.syncs.insert(&pipeline.id, Arc::clone(&progress));
    tracing::info!(pipeline = pipeline.id, sync = event_id, "a sync begins");
    let started = Instant::now();
    let mut outcome = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => Outcome::Interrupted,
        () = sync.keep() => Outcome::Overtaken,
        outcome = sync.work() => outcome,
    };
    match outcome {
        Outcome::Done => {
            if !sync.end(started).await {
                outcome = Outcome::Overtaken;
            }
        }
        Outcome::Interrupted => {
            progress.waits();
            let _ = store
                .note_sync(lease, &pipeline.id, &progress.notes())
                .await;
            tracing::info!(
                pipeline = pipeline.id,
                sync = event_id,
                "a sync is interrupted; the next start goes on with it"
            );
        }
        Outcome::Overtaken => {}
    }
    if matches!(outcome, Outcome::Overtaken) {
        tracing::warn!(
            pipeline = pipeline.id,
            sync = event_id,
            "a sync stops: another sidecar runs the pipeline, or it was disabled or deleted"
        );
    }
    own.syncs.remove(&pipeline.id);
}

impl Sync<'_> {
    /// Keeps the lease and tells how far the sync is; returns when the sync may not go on.
    async fn keep(&self) {
        let lasts = self.own.limits.now().pipeline_lease;
        let every = (lasts / RENEWALS).min(NOTED_EVERY);
        let mut kept = Instant::now();
        let mut logged = Instant::now();
        loop {
            let began = Instant::now();
            match timeout(lasts, self.renew()).await {
                Ok(Ok(true)) => kept = began,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => {
                    tracing::warn!(pipeline = self.pipeline.id, %error, "a lease is not renewed");
                }
                Err(_) => tracing::warn!(
                    pipeline = self.pipeline.id,
                    "a lease is not renewed: the store does not answer"
                ),
            }
            if kept.elapsed() >= lasts {
                return;
            }
            if logged.elapsed() >= LOGGED_EVERY {
                logged = Instant::now();
                self.log();
            }
            sleep(every).await;
        }
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        let lasts = self.own.limits.now().pipeline_lease;
        if !self.store.keep_lease(self.lease, lasts).await? {
            return Ok(false);
        }
        // Also where nothing is new: it tells whether the pipeline is still there.
        let notes = self.progress.notes();
        self.store
            .note_sync(self.lease, &self.pipeline.id, &notes)
            .await
    }

    fn log(&self) {
        let (records, pages) = self.progress.totals();
        let current = self.progress.current();
        tracing::info!(
            pipeline = self.pipeline.id,
            sync = self.event_id,
            records,
            pages,
            stream = current.as_ref().map_or("-", |stream| stream.name),
            stream_records = current.as_ref().map_or(0, |stream| stream.records),
            records_per_second = current.as_ref().map_or(0.0, StreamProgress::rate),
            "a sync goes on"
        );
    }

    async fn work(&self) -> Outcome {
        match self.streams().await {
            Ok(()) => Outcome::Done,
            Err(Ended::Fenced) => self.fenced().await,
            Err(Ended::Stream(fault) | Ended::Sync(fault)) => {
                self.progress.fails(fault);
                Outcome::Done
            }
        }
    }

    /// The destination knows a newer runner. If that is none of this store's, nobody would ever get further.
    async fn fenced(&self) -> Outcome {
        let lasts = self.own.limits.now().pipeline_lease;
        if !matches!(self.store.keep_lease(self.lease, lasts).await, Ok(true)) {
            return Outcome::Overtaken;
        }
        self.progress.fails(Fault {
            code: Code::Conflict,
            message: "the destination was last written by another installation's pipeline of this id; stop that one, \
                      or delete this pipeline, which makes the destination forget, and create it again"
                .to_owned(),
        });
        Outcome::Done
    }

    async fn streams(&self) -> Result<(), Ended> {
        let failed = |error: &Error| Ended::Sync(Fault::from(error));
        let found = self
            .own
            .directory
            .connection(&self.pipeline.source_id)
            .await
            .map_err(|error| failed(&error))?;
        let customer_id = Arc::from(found.customer_id.as_deref().unwrap_or_default());
        let source = found.upstream.clone().ok_or_else(|| {
            failed(&Error::new(
                Code::Conflict,
                "the source is no connection to a provider",
            ))
        })?;
        let streams: Option<Streams> = self
            .pipeline
            .streams
            .as_ref()
            .map(|streams| serde_json::from_value(streams.clone()))
            .transpose()
            .map_err(|error| {
                failed(&Error::new(
                    Code::InternalServerError,
                    format!("the pipeline's streams are not understood: {error}"),
                ))
            })?;
        let chosen = target::chosen(&self.own.api, source.provider, streams.as_ref());
        self.progress
            .plan(chosen.iter().map(|chosen| chosen.entity.name));
        let destination = self.open().await?;
        let result = self
            .each(&chosen, &source, &destination, &customer_id)
            .await;
        let _ = timeout(CLOSE, destination.close()).await;
        result
    }

    async fn each(
        &self,
        chosen: &[Chosen],
        source: &Arc<upstream::Connection>,
        destination: &Destination,
        customer_id: &str,
    ) -> Result<(), Ended> {
        for (at, chosen) in chosen.iter().enumerate() {
            self.progress.stream_starts(at);
            let table = match target::table(chosen) {
                Ok(table) => table,
                Err(fault) => {
                    self.progress.stream_ends(at, Err(fault));
                    continue;
                }
            };
            let stream = Stream {
                source: Source {
                    own: self.own,
                    connection: Arc::clone(source),
                    entity: chosen.entity,
                    list: chosen.list,
                    request_id: self.event_id,
                },
                destination,
                table,
                key: StreamKey {
                    pipeline: self.pipeline.id.clone(),
                    stream: chosen.entity.name.to_owned(),
                    connection_id: self.pipeline.source_id.clone(),
                },
                customer_id,
                fence: self.lease.fence,
                request: self.pipeline.sync_request.as_ref(),
                walk_interval: self.own.limits.now().full_walk_interval,
                progress: self.progress,
                at,
            };
            match stream.run().await {
                Ok(()) => self.progress.stream_ends(at, Ok(())),
                Err(Ended::Stream(fault)) => {
                    tracing::warn!(
                        pipeline = self.pipeline.id,
                        sync = self.event_id,
                        stream = chosen.entity.name,
                        code = fault.code.name(),
                        reason = fault.message,
                        "a stream has failed; the others go on"
                    );
                    self.progress.stream_ends(at, Err(fault));
                }
                Err(Ended::Sync(fault)) => {
                    self.progress.stream_ends(at, Err(fault.clone()));
                    return Err(Ended::Sync(fault));
                }
                Err(Ended::Fenced) => return Err(Ended::Fenced),
            }
        }
        Ok(())
    }

    /// The destination, open; one that cannot be reached for a moment is waited for.
    async fn open(&self) -> Result<Destination, Ended> {
        let id = &self.pipeline.destination_id;
        let failed = |error: &Error| Ended::Sync(Fault::from(error));
        let connection = self
            .store
            .connection(id)
            .await
            .map_err(|error| failed(&super::api::store_failed(&error)))?
            .ok_or_else(|| {
                failed(&Error::new(
                    Code::Conflict,
                    format!("the destination {id} is gone"),
                ))
            })?;
        if connection.disabled {
            return Err(failed(&Error::new(
                Code::Conflict,
                format!("the destination {id} is disabled"),
            )));
        }
        let settings = target::settings(self.own, &connection)
            .await
            .map_err(|error| failed(&error))?;
        let mut openings = 0;
        loop {
            openings += 1;
            let stop = match Destination::open(&settings).await {
                Ok(destination) => return Ok(destination),
                Err(error) => Stop::from(error),
            };
            match stop {
                Stop::Passing { .. } if openings < MOST_OPENINGS => {
                    sleep(Duration::from_secs(u64::from(openings))).await;
                }
                Stop::Passing { fault, .. } | Stop::Lasting { fault, .. } | Stop::Cursor(fault) => {
                    return Err(Ended::Sync(fault));
                }
                Stop::Fenced => return Err(Ended::Fenced),
            }
        }
    }

    /// Tells the end; false where it is not ours to tell.
    async fn end(&self, started: Instant) -> bool {
        let over = self.progress.ended();
        let (state, run, error) = (over.state(), over.json(), over.error());
        let data = json!({
            "pipeline_id": self.pipeline.id,
            "source_id": self.pipeline.source_id,
            "destination_id": self.pipeline.destination_id,
            "state": state,
            "streams": run["streams"],
            "error": error,
        });
        let customer_id = self.customer().await;
        let notes = over.notes();
        let interval = self.pipeline.sync_interval_seconds.unwrap_or_default();
        let longest =
            Duration::from_secs(u64::try_from(interval).unwrap_or_default() / 10).min(MOST_JITTER);
        let end = SyncEnd {
            event_id: self.event_id,
            notes: &notes,
            is_complete: state == State::Completed,
            jitter: longest.mul_f64(rand::random::<f64>()),
            data: &data,
            beside: (state != State::Completed).then_some("sync.failed"),
            customer_id: customer_id.as_deref(),
        };
        let ended = self
            .store
            .end_sync(self.lease, &self.pipeline.id, &end)
            .await;
        self.log_end(state, error.as_ref(), started, &run);
        match ended {
            Ok(ended) => ended,
            Err(error) => {
                // It is still due, and will find nothing to do.
                tracing::warn!(pipeline = self.pipeline.id, %error, "the end of a sync is not noted");
                true
            }
        }
    }

    async fn customer(&self) -> Option<String> {
        let source = self.store.connection(&self.pipeline.source_id).await;
        source.ok().flatten()?.customer_id
    }

    fn log_end(&self, state: State, error: Option<&Fault>, started: Instant, run: &Value) {
        let (records, pages) = self.progress.totals();
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let deleted: u64 = run["streams"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|stream| stream["deleted"].as_u64())
            .sum();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    pipeline = self.pipeline.id,
                    sync = self.event_id,
                    records,
                    pages,
                    deleted,
                    duration_ms,
                    code = error.map(|error| error.code.name()),
                    reason = error.map(|error| error.message.as_str()),
                    state = run["state"].as_str(),
                    "a sync has ended"
                )
            };
        }
        if state == State::Completed {
            line!(info);
        } else {
            line!(warn);
        }
    }
}
