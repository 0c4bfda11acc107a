//! Traces for who has a collector: a span for each call and one for each call to a provider, by OTLP over HTTP.
//!
//! Off unless an endpoint is given, and costs a look at an empty place then. When it is on, nobody waits for a collector:
//! a span that finds the queue full is dropped and counted. The trace of a caller (W3C `traceparent`, `tracestate`) is gone
//! on with; providers are told nothing of it, since they do nothing with it, and how an app is traced is not theirs to know.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, Method, StatusCode, uri::Authority};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    error::Code,
    metrics::Metrics,
    route::{Api, ServedBy},
    upstream::{door, provider::NativeOperation},
};

mod context;
mod export;
mod json;

pub use export::Exporting;

use context::Context;

/// Spans that wait for the collector; at some hundred bytes each.
const QUEUE: usize = 4096;

/// Where spans are put.
#[derive(Debug)]
pub struct Exporter {
    queue: mpsc::Sender<Span>,
    metrics: Arc<Metrics>,
    api: Api,
}

/// The trace of one call, and the call's own span in it, which has not ended.
#[derive(Debug)]
pub struct Trace {
    exporter: Arc<Exporter>,
    context: Context,
    span: u64,
    began: Instant,
}

/// One span that has ended.
#[derive(Debug)]
pub(crate) struct Span {
    trace: u128,
    id: u64,
    /// 0 where it is the first.
    parent: u64,
    state: Option<String>,
    name: Cow<'static, str>,
    kind: Kind,
    /// Nanoseconds since the epoch.
    start: u64,
    end: u64,
    attributes: Vec<(&'static str, Value)>,
    is_error: bool,
}

/// As OTLP numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server = 2,
    Client = 3,
}

#[derive(Debug)]
enum Value {
    Text(Cow<'static, str>),
    Number(i64),
}

/// What is known of a call at its end.
#[derive(Debug)]
pub(crate) struct CallEnd<'a> {
    pub(crate) operation: Option<&'static str>,
    pub(crate) provider: Option<&'static str>,
    pub(crate) connection: Option<&'a str>,
    pub(crate) request_id: &'a str,
    pub(crate) status: u16,
    pub(crate) code: Option<Code>,
    pub(crate) native_calls: u32,
}

/// What is known of a call to a provider at its end.
#[derive(Debug)]
pub(crate) struct NativeEnd<'a> {
    pub(crate) operation: &'static NativeOperation,
    pub(crate) host: &'a Authority,
    pub(crate) began: Instant,
    /// None where there was no answer.
    pub(crate) status: Option<StatusCode>,
}

/// The two ends of the queue.
pub fn exporter(
    api: Api,
    metrics: &Arc<Metrics>,
    endpoint: export::Endpoint,
) -> (Arc<Exporter>, Exporting) {
    let (queue, waiting) = mpsc::channel(QUEUE);
    let exporter = Exporter {
        queue,
        metrics: Arc::clone(metrics),
        api,
    };
    let exporting = Exporting::new(waiting, Arc::clone(metrics), endpoint);
    (Arc::new(exporter), exporting)
}

pub use export::Endpoint;

impl Trace {
    /// Begins the span of a call, in the trace of its caller where there is one. None where the caller does not want his
    /// trace to be recorded.
    pub fn begin(exporter: &Arc<Exporter>, headers: &HeaderMap) -> Option<Arc<Self>> {
        let context = Context::of(headers).unwrap_or_else(Context::new);
        context.is_sampled.then(|| {
            Arc::new(Self {
                exporter: Arc::clone(exporter),
                context,
                span: id(),
                began: Instant::now(),
            })
        })
    }

    /// The trace's id, as it is written.
    pub(crate) fn id(&self) -> String {
        format!("{:032x}", self.context.trace)
    }

    /// The call has ended.
    pub(crate) fn ended(&self, end: &CallEnd<'_>) {
        let operation = end.operation.unwrap_or("unknown");
        let (method, route) = self.exporter.place(operation);
        let mut attributes = Vec::with_capacity(10);
        let mut text = |name, value: Cow<'static, str>| attributes.push((name, Value::Text(value)));
        if let Some(method) = method {
            text("http.request.method", method.as_str().to_owned().into());
        }
        if let Some(route) = route {
            text("http.route", route.into());
        }
        text("url.scheme", "http".into());
        text("crosswalk.request_id", end.request_id.to_owned().into());
        if let Some(provider) = end.provider {
            text("crosswalk.provider", provider.into());
        }
        if let Some(connection) = end.connection {
            text("crosswalk.connection", connection.to_owned().into());
        }
        // By the conventions a fault of the caller is none of the server's span.
        let is_error = end.status >= 500 || end.status == 499;
        if let Some(code) = end.code.filter(|_| is_error) {
            text("error.type", code.name().into());
        }
        attributes.push((
            "http.response.status_code",
            Value::Number(end.status.into()),
        ));
        attributes.push((
            "crosswalk.native_calls",
            Value::Number(end.native_calls.into()),
        ));
        self.put(Span {
            trace: self.context.trace,
            id: self.span,
            parent: self.context.parent,
            state: self.context.state.clone(),
            name: operation.into(),
            kind: Kind::Server,
            start: since_epoch(self.began),
            end: now(),
            attributes,
            is_error,
        });
    }

    /// A call to a provider, made for this one, has ended.
    pub(crate) fn native_ended(&self, end: &NativeEnd<'_>) {
        let method = &end.operation.method;
        let mut attributes = vec![
            (
                "http.request.method",
                Value::Text(method.as_str().to_owned().into()),
            ),
            (
                "server.address",
                Value::Text(end.host.host().to_owned().into()),
            ),
            (
                "crosswalk.native_operation",
                Value::Text(end.operation.id.into()),
            ),
        ];
        if let Some(port) = end.host.port_u16() {
            attributes.push(("server.port", Value::Number(port.into())));
        }
        let is_error = match end.status {
            None => {
                attributes.push(("error.type", Value::Text("no_answer".into())));
                true
            }
            Some(status) => {
                let number = status.as_u16();
                attributes.push(("http.response.status_code", Value::Number(number.into())));
                let is_error = number >= 400;
                if is_error {
                    attributes.push(("error.type", Value::Text(number.to_string().into())));
                }
                is_error
            }
        };
        self.put(Span {
            trace: self.context.trace,
            id: id(),
            parent: self.span,
            state: self.context.state.clone(),
            name: format!("{method} {}", end.operation.id).into(),
            kind: Kind::Client,
            start: since_epoch(end.began),
            end: now(),
            attributes,
            is_error,
        });
    }

    fn put(&self, span: Span) {
        if self.exporter.queue.try_send(span).is_err() {
            self.exporter.metrics.spans_dropped(1);
        }
    }
}

impl Exporter {
    /// The method and the path, with its parameters in braces, of an operation.
    fn place(&self, operation: &'static str) -> (Option<Method>, Option<&'static str>) {
        if let Some(native) = door::operation_named(operation) {
            return (Some(native.method.clone()), Some("/proxy/{path}"));
        }
        let mut routes = self.api.routes.iter();
        let route = routes.find(|route| {
            route.operation == operation
                && matches!(route.served_by, ServedBy::Provider | ServedBy::Own)
        });
        (
            route.map(|route| route.method.clone()),
            route.map(|route| route.path),
        )
    }
}

/// A new id; 0 is none.
fn id() -> u64 {
    rand::random::<u64>().max(1)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX))
}

/// A moment of the monotonic clock by that of the wall.
fn since_epoch(moment: Instant) -> u64 {
    let ago = u64::try_from(moment.elapsed().as_nanos()).unwrap_or(u64::MAX);
    now().saturating_sub(ago)
}
