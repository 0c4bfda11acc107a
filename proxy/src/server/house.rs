//! The connections of callers: who is let in, who is sent away, and how the house is closed.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{HeaderValue, header::CONNECTION};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use super::{
    framing::{Verdicts, Watched},
    listener::{Listener, Stream},
};
use crate::{
    config::Limits,
    error::Error,
    pipeline::{AnswerBody, Pipeline, head},
};

/// After a failed accept: out of descriptors is not cured by trying at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Callers who are told at one time that the house is full; further ones wait in the listener's backlog.
const MOST_SENT_AWAY: usize = 64;
/// How long that may take.
const SENDING_AWAY: Duration = Duration::from_secs(2);
/// When the house closes, what is on its way on open connections is still answered, for so long.
const LAST_ORDERS: Duration = Duration::from_millis(250);
/// A connection on which nothing was ever asked is closed so long after that.
const SILENT: Duration = Duration::from_secs(1);

/// All open connections.
pub(super) struct House {
    pipeline: Arc<Pipeline>,
    limits: Limits,
    stopped: watch::Receiver<bool>,
    graceful: GracefulShutdown,
    places: Arc<Semaphore>,
    /// For those for whom there is no place.
    porch: Arc<Semaphore>,
    connections: JoinSet<()>,
    /// Other runtimes, which take their turns after this one.
    hands: Vec<Handle>,
    turn: usize,
}

impl House {
    pub(super) fn new(
        pipeline: Arc<Pipeline>,
        limits: &Limits,
        hands: Vec<Handle>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.connections)),
            porch: Arc::new(Semaphore::new(MOST_SENT_AWAY)),
            graceful: GracefulShutdown::new(),
            connections: JoinSet::new(),
            hands,
            turn: 0,
            limits: limits.clone(),
            pipeline,
            stopped,
        }
    }

    /// Lets the next caller in, or tells him that there is no place. Dropped before its end, it has done nothing.
    pub(super) async fn welcome(&mut self, listener: &Listener) {
        while self.connections.try_join_next().is_some() {}
        // Both full: then newcomers are left in the backlog until somebody goes.
        tokio::select! {
            _ = self.places.acquire() => {}
            _ = self.porch.acquire() => {}
        }
        match listener.accept().await {
            Ok(stream) => self.receive(stream),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Takes over everybody whom the system has let in, and closes the door.
    pub(super) fn let_in_who_waits(&mut self, listener: Listener) {
        for stream in listener.close(self.limits.connections) {
            self.receive(stream);
        }
    }

    fn receive(&mut self, stream: Stream) {
        stream.be_prompt();
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let guest = Guest {
                pipeline: Arc::clone(&self.pipeline),
                watcher: self.graceful.watcher(),
                stopped: self.stopped.clone(),
                _place: place,
            };
            self.seat(guest, stream);
        } else if let Ok(place) = Arc::clone(&self.porch).try_acquire_owned() {
            let pipeline = Arc::clone(&self.pipeline);
            self.connections.spawn(async move {
                let _ = tokio::time::timeout(SENDING_AWAY, send_away(stream, pipeline)).await;
                drop(place);
            });
        }
    }

    /// Gives a caller to the runtime whose turn it is.
    fn seat(&mut self, guest: Guest, stream: Stream) {
        let limits = self.limits.clone();
        let turn = self.turn;
        self.turn = (turn + 1) % (self.hands.len() + 1);
        let Some(hand) = turn.checked_sub(1).and_then(|turn| self.hands.get(turn)) else {
            self.connections.spawn(guest.converse(stream, limits));
            return;
        };
        let moves = async move {
            match stream.moved() {
                Ok(stream) => guest.converse(stream, limits).await,
                Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
            }
        };
        self.connections.spawn_on(moves, hand);
    }

    /// Resolves when every call on a connection was answered. Answers say meanwhile that the connection ends with them.
    pub(super) async fn close(self) {
        tokio::time::sleep(LAST_ORDERS).await;
        self.graceful.shutdown().await;
    }
}

/// One caller's connection.
struct Guest {
    pipeline: Arc<Pipeline>,
    watcher: Watcher,
    stopped: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    async fn converse(self, stream: Stream, limits: Limits) {
        let Self {
            pipeline,
            watcher,
            stopped,
            _place,
        } = self;
        let _counted = Counted::new(&pipeline);
        let has_asked = Arc::new(AtomicBool::new(false));
        let asks = Arc::clone(&has_asked);
        let verdicts = Verdicts::default();
        let stream = Watched::new(stream, verdicts.clone());
        let service = service_fn(move |request| {
            asks.store(true, Ordering::Relaxed);
            let pipeline = Arc::clone(&pipeline);
            let verdict = verdicts.next();
            async move {
                let mut response = match verdict {
                    Ok(()) => pipeline.handle(request).await,
                    Err(fault) => pipeline
                        .refuse(&request, &Error::bad_request(fault.words()))
                        .map(AnswerBody::Whole),
                };
                if pipeline.is_draining() {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle_timeout)
            .max_buf_size(head::buffer(&limits))
            .max_headers(head::most_headers(&limits))
            .serve_connection(TokioIo::new(stream), service);
        let mut silent = pin!(closes_in_silence(stopped));
        // Who has asked something is not looked at any more: it would be at every turn of every call.
        let silent = poll_fn(|cx| {
            if has_asked.load(Ordering::Relaxed) {
                Poll::Pending
            } else {
                silent.as_mut().poll(cx)
            }
        });
        tokio::select! {
            ended = watcher.watch(connection) => {
                // An error is a caller that left, was too slow, or sent what is not HTTP; hyper has answered where it
                // could.
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
            }
            () = silent => {}
        }
    }
}

/// Resolves when a connection on which nothing was asked is not waited for any more, once the house closes.
async fn closes_in_silence(mut stopped: watch::Receiver<bool>) {
    // An error is a server that is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
    tokio::time::sleep(LAST_ORDERS + SILENT).await;
}

/// Reads one head, so that the answer is not lost to a reset, and answers it.
async fn send_away(stream: Stream, pipeline: Arc<Pipeline>) {
    let service = service_fn(move |_| {
        let response = pipeline.full_house();
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SENDING_AWAY)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Who left has nothing to be told.
    let _ = connection.await;
}

/// Counts a connection as open until it is dropped.
struct Counted(Arc<Pipeline>);

impl Counted {
    fn new(pipeline: &Arc<Pipeline>) -> Self {
        pipeline.counters().connected();
        Self(Arc::clone(pipeline))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.counters().disconnected();
    }
}
