//! Puts a provider on a socket: accepts, reads, lets the control have its say, answers, drains.
//!
//! Assumes a loopback listener; speaks HTTP/1.1 with keep-alive and no TLS. Never looks into a body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Sleep;

use super::{Call, Provider, Reply};
use crate::sandbox::control::{Control, Outcome};

/// The largest body that is read; above it 413.
const MAX_BODY: usize = 50 * 1024 * 1024;
/// Connections at one time; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 1024;
/// How long open calls may go on after the shutdown was asked for.
const DRAIN: Duration = Duration::from_secs(2);
/// A cut body's first part must have left the process before the connection is aborted.
const FLUSH: Duration = Duration::from_millis(30);

/// Serves `provider` on `listener` until `shutdown` resolves, then lets open calls end for a moment.
pub async fn serve(
    listener: TcpListener,
    provider: Arc<dyn Provider>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let control = Arc::new(Control::new(provider));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                match accepted {
                    Ok((stream, _)) => {
                        let connection = graceful.watcher();
                        connections.spawn(converse(stream, Arc::clone(&control), connection));
                    }
                    // Out of descriptors, or the peer is gone already: neither is cured by trying at once.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
            Some(_) = connections.join_next(), if connections.len() >= MAX_CONNECTIONS => {}
        }
    }
    drop(listener);
    // Connections left after the time are aborted with the set.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

async fn converse(
    stream: TcpStream,
    control: Arc<Control>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Small answers go out at once; a failure only costs time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(Arc::clone(&control), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // An error is a peer that left or a fault that was ordered; there is nobody to tell.
    let _ = watcher.watch(connection).await;
}

async fn answer(
    control: Arc<Control>,
    request: Request<Incoming>,
) -> io::Result<Response<Payload>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(respond(Reply::empty(StatusCode::PAYLOAD_TOO_LARGE), None));
    };
    let call = Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.to_bytes(),
    };
    let served = control.serve(&call);
    let date = control.date();
    if let Some(delay) = served.delay {
        tokio::time::sleep(delay).await;
    }
    match served.outcome {
        Outcome::Answer(reply) => Ok(dated(respond(reply, None), date)),
        Outcome::Truncated(reply, length) => Ok(dated(respond(reply, Some(length)), date)),
        Outcome::Reset => Err(io::Error::new(
            io::ErrorKind::ConnectionReset,
            "reset was ordered",
        )),
    }
}

/// The answer with the time of the provider's clock, where that is not the machine's.
fn dated(mut response: Response<Payload>, date: Option<SystemTime>) -> Response<Payload> {
    let date = date.map(httpdate::fmt_http_date);
    if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    response
}

fn respond(reply: Reply, cut_at: Option<usize>) -> Response<Payload> {
    let length = reply.body.len();
    let payload = match cut_at {
        Some(at) => Payload::cut(reply.body.slice(..at.min(length))),
        None => Payload::whole(reply.body),
    };
    let mut response = Response::new(payload);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if cut_at.is_some() {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// A response body: all of it, or a first part and then the end of the connection.
struct Payload {
    data: Option<Bytes>,
    abort: Option<Pin<Box<Sleep>>>,
}

impl Payload {
    fn whole(data: Bytes) -> Self {
        Self {
            data: Some(data).filter(|data| !data.is_empty()),
            abort: None,
        }
    }

    fn cut(data: Bytes) -> Self {
        Self {
            data: Some(data),
            abort: Some(Box::pin(tokio::time::sleep(FLUSH))),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some(abort) = &mut self.abort else {
            return Poll::Ready(None);
        };
        abort
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(io::Error::other("the body was ordered to be cut"))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.abort.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.data, &self.abort) {
            (Some(data), None) => SizeHint::with_exact(data.len() as u64),
            (None, None) => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}
