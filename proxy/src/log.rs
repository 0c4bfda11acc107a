//! How this process logs, and the one line that each call leaves.
//!
//! Everything goes to stderr. No header, no body and no query is ever logged, so that no credential and no customer's
//! data can be.

use std::{
    io::{IsTerminal, stderr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

mod json;
mod lines;
mod threshold;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use tracing_subscriber::{
    Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    config::{self, Level, LogFormat},
    error::{Code, Error},
    idempotency::Answer,
    metrics::Metrics,
    outlet::Outlet,
    recorder::{Ended, Recording},
    telemetry::CallEnd,
    upstream::{Connection, NativeLog},
};

pub use json::Json;
use lines::Lines;
use threshold::Threshold;

/// Where this process logs to, once it does.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(log: config::Log) {
    let format = log.format.unwrap_or_else(|| {
        if stderr().is_terminal() {
            LogFormat::Human
        } else {
            LogFormat::Json
        }
    });
    threshold::set(log.level);
    let lines = fmt::layer()
        .with_writer(LINES.get_or_init(Lines::new).clone())
        .with_target(false);
    let lines = match format {
        LogFormat::Human => lines.with_ansi(stderr().is_terminal()).compact().boxed(),
        LogFormat::Json => lines.event_format(Json).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines).with(Threshold);
    // Fails only where logging has been started before, as it is in tests.
    let _ = subscriber.try_init();
}

/// Changes what is logged from now on.
pub(crate) fn set_level(level: Level) {
    threshold::set(level);
}

/// Writes what waits to be written. For the end of the process.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush();
    }
}

/// What is known of one call. It is logged when the last who works for the call lets go of it, so that a write that
/// goes on after its caller has hung up is logged as well, and no call is logged twice.
#[derive(Debug)]
pub struct CallLog {
    pub request_id: String,
    pub(crate) started: Instant,
    pub operation: OnceLock<&'static str>,
    pub provider: OnceLock<&'static str>,
    pub connection: OnceLock<Arc<Connection>>,
    pub native: NativeLog,
    /// The request's body, kept only where the call is to be explained. Without it the answer is not told either.
    pub body: OnceLock<Bytes>,
    /// Where the answer goes while it is made, if it may.
    pub outlet: Outlet,
    end: Mutex<Option<End>>,
    /// Where the call is counted, in the same moment as it is logged.
    metrics: Option<Arc<Metrics>>,
    /// What is remembered of the call, where calls are.
    recording: Option<Box<Recording>>,
    /// Nobody asked from outside: only who looks closely is told.
    is_ours: bool,
}

#[derive(Debug, Clone)]
struct End {
    /// What the caller was told.
    status: u16,
    /// What became of the call: another one where the answer broke off behind its status.
    counts_as: u16,
    code: Option<Code>,
    detail: Option<String>,
}

impl CallLog {
    pub fn new(request_id: String, native: NativeLog) -> Self {
        Self {
            request_id,
            started: Instant::now(),
            operation: OnceLock::new(),
            provider: OnceLock::new(),
            connection: OnceLock::new(),
            native,
            body: OnceLock::new(),
            outlet: Outlet::default(),
            end: Mutex::new(None),
            metrics: None,
            recording: None,
            is_ours: false,
        }
    }

    /// The same, counted when it is at its end.
    #[must_use]
    pub fn counted_by(mut self, metrics: &Arc<Metrics>) -> Self {
        self.metrics = Some(Arc::clone(metrics));
        self
    }

    /// The same, remembered when it is at its end.
    #[must_use]
    pub fn recorded(mut self, recording: Option<Box<Recording>>) -> Self {
        self.recording = recording;
        self
    }

    /// Where the call's bodies are kept, if they are.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        self.recording.as_deref()
    }

    /// For a call that the proxy makes by itself, as it does by the thousand for a pipeline.
    pub fn of_ours(request_id: String, native: NativeLog) -> Self {
        let mut log = Self::new(request_id, native);
        log.is_ours = true;
        log
    }

    /// The connection that the call is for.
    pub fn note(&self, connection: &Arc<Connection>) {
        let _ = self.provider.set(connection.provider.name);
        let _ = self.connection.set(Arc::clone(connection));
    }

    /// The id of that connection.
    pub fn connection_id(&self) -> Option<&str> {
        let connection = self.connection.get();
        connection.map(|connection| connection.settings.id.as_str())
    }

    /// The call was answered, or would have been if the caller were still there.
    pub fn ended<T>(&self, result: &Result<T, Error>) {
        let end = match result {
            Ok(_) => End {
                status: StatusCode::OK.as_u16(),
                counts_as: StatusCode::OK.as_u16(),
                code: None,
                detail: None,
            },
            Err(error) => {
                let (status, detail) = match self.outlet.sent() {
                    0 => (error.status(), error.detail.clone()),
                    sent => {
                        let why = error.detail.as_deref().unwrap_or(&error.message);
                        let detail = format!("the answer was cut off behind {sent} bytes: {why}");
                        (StatusCode::OK, Some(detail))
                    }
                };
                End {
                    status: status.as_u16(),
                    counts_as: error.status().as_u16(),
                    code: Some(error.code),
                    detail,
                }
            }
        };
        self.ends(end);
    }

    /// The call was answered in whatever way.
    pub fn ends_as(&self, result: &Result<Answer, Error>) {
        match result {
            Ok(Answer::Replayed(kept)) => self.replayed(kept.status()),
            Ok(Answer::Native(native)) => {
                let status = native.status().as_u16();
                self.ends(End {
                    status,
                    counts_as: status,
                    code: None,
                    detail: None,
                });
            }
            result => self.ended(result),
        }
    }

    /// The call was answered as one before it was.
    pub fn replayed(&self, status: StatusCode) {
        self.ends(End {
            status: status.as_u16(),
            counts_as: status.as_u16(),
            code: None,
            detail: Some("replayed".to_owned()),
        });
    }

    fn ends(&self, end: End) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        let end = self
            .end
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let text = |cell: &OnceLock<&'static str>| cell.get().copied().unwrap_or("-");
        let took = self.started.elapsed();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // 499 is what proxies write where the caller hung up and there is no status to speak of.
        let status = end.as_ref().map_or(499, |end| end.status);
        let counts_as = end.as_ref().map_or(499, |end| end.counts_as);
        if let Some(metrics) = &self.metrics {
            let native_calls = self.native.calls();
            let (operation, provider) = (text(&self.operation), text(&self.provider));
            metrics.call(operation, provider, counts_as, native_calls, took);
        }
        let code = end.as_ref().and_then(|end| end.code);
        if let Some(trace) = self.native.trace() {
            trace.ended(&CallEnd {
                operation: self.operation.get().copied(),
                provider: self.provider.get().copied(),
                connection: self.connection_id(),
                request_id: &self.request_id,
                status: counts_as,
                code,
                native_calls: self.native.calls(),
            });
        }
        let trace_id = self.native.trace().map(|trace| trace.id());
        let trace_id = trace_id.as_deref();
        let code = code.map(Code::name);
        if let Some(recording) = self.recording.take() {
            recording.ended(self, Ended { status, code, took });
        }
        let detail = end.as_ref().and_then(|end| end.detail.as_deref());
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request_id,
                    operation = text(&self.operation),
                    provider = text(&self.provider),
                    connection = self.connection_id().unwrap_or("-"),
                    native_calls = self.native.calls(),
                    joined = self.native.joined(),
                    status,
                    duration_ms,
                    code,
                    detail,
                    trace_id,
                    "call"
                )
            };
        }
        // A fault of ours or of a provider is what someone on duty looks for.
        if self.is_ours {
            line!(debug);
        } else if counts_as >= 500 {
            line!(warn);
        } else {
            line!(info);
        }
    }
}
