//! How far a sync is: what the API, the log and the store are told while it runs and after.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::mark::{Mark, Walk};
use crate::{
    destination::{Applied, DestinationError, StreamState, Table},
    error::{Code, Error},
    store::{SyncNotes, rfc3339},
};

/// How a sync or one of its streams is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Waiting,
    Running,
    Completed,
    /// Some streams have failed, and others have not.
    Partial,
    Failed,
}

/// Why a sync, or one stream of it, ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) message: String,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        let mut message = error.message.clone();
        if let Some(said) = error
            .provider
            .as_ref()
            .and_then(|provider| provider.message.as_ref())
            && !message.contains(said.as_str())
        {
            message = format!("{message}: {said}");
        }
        Self {
            code: error.code,
            message,
        }
    }
}

impl From<&DestinationError> for Fault {
    fn from(error: &DestinationError) -> Self {
        use DestinationError as E;
        let code = match error {
            E::Settings { .. } => Code::BadRequest,
            E::Authentication { .. } => Code::Unauthorized,
            E::Permission { .. } => Code::Forbidden,
            E::TableInTheWay { .. } | E::Fenced | E::ReadOnly { .. } => Code::Conflict,
            E::Unreachable { .. } | E::Full { .. } | E::Busy { .. } => Code::ServiceUnavailable,
            E::Other { .. } => Code::InternalServerError,
        };
        Self {
            code,
            message: error.to_string(),
        }
    }
}

/// One stream of a sync.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StreamProgress {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) records: u64,
    pub(super) pages: u64,
    pub(super) deleted: u64,
    rate: Option<f64>,
    pub(super) error: Option<Fault>,
    #[serde(skip)]
    since: Option<Instant>,
}

#[derive(Debug, Clone, Serialize)]
struct Run {
    sync_completed_event_id: String,
    state: State,
    streams: Vec<StreamProgress>,
    error: Option<Fault>,
    #[serde(skip)]
    source: Map<String, Value>,
    #[serde(skip)]
    destination: Map<String, Value>,
}

/// How far a sync of this process is.
#[derive(Debug)]
pub(super) struct Progress(Mutex<Run>);

impl Progress {
    /// A sync that begins. What was known of streams before stays until more is known.
    pub(super) fn new(event_id: &str, source: Option<&Value>, destination: Option<&Value>) -> Self {
        let object = |value: Option<&Value>| {
            value
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        };
        Self(Mutex::new(Run {
            sync_completed_event_id: event_id.to_owned(),
            state: State::Running,
            streams: Vec::new(),
            error: None,
            source: object(source),
            destination: object(destination),
        }))
    }

    /// These are its streams.
    pub(super) fn plan(&self, streams: impl IntoIterator<Item = &'static str>) {
        let mut run = self.lock();
        run.streams = streams
            .into_iter()
            .map(|name| StreamProgress {
                name,
                state: State::Waiting,
                records: 0,
                pages: 0,
                deleted: 0,
                rate: None,
                error: None,
                since: None,
            })
            .collect();
        let names: Vec<&str> = run.streams.iter().map(|stream| stream.name).collect();
        run.source.retain(|name, _| names.contains(&name.as_str()));
        run.destination
            .retain(|name, _| names.contains(&name.as_str()));
    }

    pub(super) fn stream_starts(&self, stream: usize) {
        self.change(stream, |stream| {
            stream.state = State::Running;
            stream.since = Some(Instant::now());
        });
    }

    /// A stream meets something that may pass; what it was is told meanwhile.
    pub(super) fn stream_waits(&self, stream: usize, fault: Fault) {
        self.change(stream, |stream| stream.error = Some(fault));
    }

    pub(super) fn stream_ends(&self, stream: usize, result: Result<(), Fault>) {
        self.change(stream, |stream| {
            stream.measure();
            (stream.state, stream.error) = match result {
                Ok(()) => (State::Completed, None),
                Err(fault) => (State::Failed, Some(fault)),
            };
        });
        let mut run = self.lock();
        let Some(ended) = run.streams.get(stream) else {
            return;
        };
        let (name, error) = (ended.name, json!(ended.error));
        if let Some(Value::Object(state)) = run.source.get_mut(name) {
            state.insert("last_error".to_owned(), error);
        } else {
            run.source
                .insert(name.to_owned(), json!({ "last_error": error }));
        }
    }

    /// A page is in the destination.
    pub(super) fn page(&self, stream: usize, records: usize, applied: &Applied) {
        self.change(stream, |stream| {
            stream.pages += 1;
            stream.records += u64::try_from(records).unwrap_or_default();
            stream.error = None;
            stream.measure();
        });
        if applied.skipped == 0 && applied.warnings.is_empty() {
            return;
        }
        let mut run = self.lock();
        let Some(name) = run.streams.get(stream).map(|stream| stream.name) else {
            return;
        };
        let Some(state) = run.destination.get_mut(name).and_then(Value::as_object_mut) else {
            return;
        };
        let skipped = state.get("skipped").and_then(Value::as_u64).unwrap_or(0);
        state.insert("skipped".to_owned(), json!(skipped + applied.skipped));
        // The newest page's are enough to find the cause.
        let warnings: Vec<Value> = applied
            .warnings
            .iter()
            .map(|warning| {
                json!({
                    "column": warning.column,
                    "problem": warning.problem.words(),
                    "records": warning.records,
                    "example": warning.example,
                })
            })
            .collect();
        if !warnings.is_empty() {
            state.insert("last_warnings".to_owned(), json!(warnings));
        }
    }

    pub(super) fn deleted(&self, stream: usize, rows: u64) {
        self.change(stream, |stream| stream.deleted += rows);
    }

    /// Where a stream is, as the destination has it.
    pub(super) fn place(&self, stream: usize, mark: &Mark, state: &StreamState) {
        let mut run = self.lock();
        let Some(name) = run.streams.get(stream).map(|stream| stream.name) else {
            return;
        };
        let kept = |key: &str| {
            run.source
                .get(name)
                .map_or(Value::Null, |state| state[key].clone())
        };
        let told = json!({
            "reading": if mark.walk == Walk::Over { "changes" } else { "everything" },
            "cursor": mark.cursor,
            "cursor_at": state.updated_at,
            "generation": state.generation,
            "walk_started_at": rfc3339(mark.walked_at),
            "walk_reason": kept("walk_reason"),
            "records": state.records,
            "pages": state.pages,
            "last_error": kept("last_error"),
        });
        run.source.insert(name.to_owned(), told);
    }

    /// Why all records of a stream are read.
    pub(super) fn walk_reason(&self, stream: usize, reason: &str) {
        let mut run = self.lock();
        let Some(name) = run.streams.get(stream).map(|stream| stream.name) else {
            return;
        };
        let state = run
            .source
            .entry(name.to_owned())
            .or_insert_with(|| json!({}));
        state["walk_reason"] = json!(reason);
    }

    /// The table that a stream is written to.
    pub(super) fn table(&self, stream: usize, table: &Table, added: &[String]) {
        let mut run = self.lock();
        let Some(name) = run.streams.get(stream).map(|stream| stream.name) else {
            return;
        };
        let mut told = json!({ "table": table.name(), "columns": table.columns().len() });
        if !added.is_empty() {
            told["added_columns"] = json!(added);
        }
        run.destination.insert(name.to_owned(), told);
    }

    /// The sync as a whole cannot go on.
    pub(super) fn fails(&self, fault: Fault) {
        self.lock().error = Some(fault);
    }

    /// Nobody runs it any more, and somebody will.
    pub(super) fn waits(&self) {
        let mut run = self.lock();
        run.state = State::Waiting;
        for stream in &mut run.streams {
            if stream.state == State::Running {
                stream.state = State::Waiting;
            }
        }
    }

    /// What became of it. This one is still told as running, until the end is committed.
    pub(super) fn ended(&self) -> Self {
        let mut run = self.lock().clone();
        let count = |state| {
            let streams = run.streams.iter();
            streams.filter(|stream| stream.state == state).count()
        };
        let (all, completed) = (run.streams.len(), count(State::Completed));
        let failed = count(State::Failed);
        let first = run
            .streams
            .iter()
            .find_map(|stream| Some((stream.name, stream.error.clone()?)));
        run.state = if run.error.is_none() && completed == all {
            State::Completed
        } else if completed > 0 {
            State::Partial
        } else {
            State::Failed
        };
        if run.error.is_none() {
            run.error = first.map(|(name, fault)| Fault {
                code: fault.code,
                message: format!(
                    "{failed} of {all} streams failed; {name}: {}",
                    fault.message
                ),
            });
        }
        Self(Mutex::new(run))
    }

    pub(super) fn state(&self) -> State {
        self.lock().state
    }

    /// Records and pages of all streams.
    pub(super) fn totals(&self) -> (u64, u64) {
        let run = self.lock();
        run.streams.iter().fold((0, 0), |(records, pages), stream| {
            (records + stream.records, pages + stream.pages)
        })
    }

    /// The stream that runs.
    pub(super) fn current(&self) -> Option<StreamProgress> {
        let run = self.lock();
        run.streams
            .iter()
            .find(|stream| stream.state == State::Running)
            .cloned()
    }

    pub(super) fn error(&self) -> Option<Fault> {
        self.lock().error.clone()
    }

    pub(super) fn pages(&self, stream: usize) -> u64 {
        let run = self.lock();
        run.streams.get(stream).map_or(0, |stream| stream.pages)
    }

    /// As the API shows it.
    pub(super) fn json(&self) -> Value {
        json!(*self.lock())
    }

    pub(super) fn states(&self) -> (Value, Value) {
        let run = self.lock();
        (json!(run.source), json!(run.destination))
    }

    pub(super) fn notes(&self) -> SyncNotes {
        let (source, destination) = self.states();
        SyncNotes {
            progress: self.json().to_string(),
            source_state: source.to_string(),
            destination_state: destination.to_string(),
        }
    }

    fn change(&self, stream: usize, change: impl FnOnce(&mut StreamProgress)) {
        if let Some(stream) = self.lock().streams.get_mut(stream) {
            change(stream);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamProgress {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is rounded to a tenth anyway"
    )]
    fn measure(&mut self) {
        let elapsed = self
            .since
            .map_or(0.0, |since| since.elapsed().as_secs_f64());
        if elapsed > 0.0 {
            self.rate = Some((self.records as f64 / elapsed * 10.0).round() / 10.0);
        }
    }

    /// Records in a second, since the stream began.
    pub(super) fn rate(&self) -> f64 {
        self.rate.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(message: &str) -> Fault {
        Fault {
            code: Code::Forbidden,
            message: message.to_owned(),
        }
    }

    fn ended(results: Vec<Option<Result<(), Fault>>>) -> (State, Option<Fault>) {
        let progress = Progress::new("evt_1", None, None);
        progress.plan(["a", "b"].into_iter().take(results.len()));
        for (at, result) in results.into_iter().enumerate() {
            if let Some(result) = result {
                progress.stream_starts(at);
                progress.stream_ends(at, result);
            }
        }
        let over = progress.ended();
        (over.state(), over.error())
    }

    #[test]
    fn a_sync_ends_as_its_streams_do() {
        assert_eq!(
            ended(vec![Some(Ok(())), Some(Ok(()))]),
            (State::Completed, None)
        );
        let (state, error) = ended(vec![Some(Err(fault("no"))), Some(Ok(()))]);
        assert_eq!(state, State::Partial);
        assert_eq!(error, Some(fault("1 of 2 streams failed; a: no")));
        let (state, _) = ended(vec![Some(Err(fault("no"))), None]);
        assert_eq!(state, State::Failed);
    }

    #[test]
    fn a_sync_without_streams_is_complete() {
        assert_eq!(ended(Vec::new()), (State::Completed, None));
    }

    #[test]
    fn an_interrupted_sync_waits() {
        let progress = Progress::new("evt_1", None, None);
        progress.plan(["a", "b"]);
        progress.stream_starts(0);
        progress.waits();
        let told = progress.json();
        assert_eq!(told["state"], "waiting");
        assert_eq!(told["streams"][0]["state"], "waiting");
    }
}
