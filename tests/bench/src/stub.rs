//! A provider with canned answers: cheap, so that what is measured is who stands before it. It does no real work, unlike
//! the sandbox; what it answers does not depend on what was written.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, Version, body::Incoming, header, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime,
};
use tokio_rustls::TlsAcceptor;

use crate::Failure;

mod answers;
pub(crate) mod bodies;
mod tls;

pub(crate) use tls::Identity;

use answers::Answers;

/// How a stub speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Speaks {
    /// TLS, where HTTP/2 is offered beside HTTP/1.1 if it is wanted.
    pub(crate) tls: bool,
    pub(crate) http2: bool,
    /// Deflates what it answers to those who take it.
    pub(crate) gzip: bool,
    /// Before each answer.
    pub(crate) delay: Duration,
}

/// A running stub. It has a thread of its own, which ends with the process.
#[derive(Debug)]
pub(crate) struct Stub {
    address: SocketAddr,
    speaks: Speaks,
    shared: Arc<Shared>,
}

/// A request as the stub got it.
#[derive(Debug, Clone)]
pub(crate) struct Native {
    pub(crate) method: hyper::Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
struct Shared {
    answers: Answers,
    speaks: Speaks,
    calls: AtomicU64,
    http2_calls: AtomicU64,
    /// Looked at before the lock, which is taken only while something is recorded.
    is_recording: AtomicBool,
    recorded: Mutex<Vec<Native>>,
}

impl Stub {
    /// Starts one on a free port of loopback; with TLS it shows this certificate.
    pub(crate) fn start(speaks: Speaks, identity: &Identity) -> Result<Self, Failure> {
        let acceptor = speaks
            .tls
            .then(|| identity.acceptor(speaks.http2))
            .transpose()?;
        let shared = Arc::new(Shared {
            answers: Answers::new(),
            speaks,
            calls: AtomicU64::new(0),
            http2_calls: AtomicU64::new(0),
            is_recording: AtomicBool::new(false),
            recorded: Mutex::default(),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || runtime.block_on(serve(listener, acceptor, serving)));
        Ok(Self {
            address,
            speaks,
            shared,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn speaks(&self) -> Speaks {
        self.speaks
    }

    /// `https://…` or `http://…`.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.speaks.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// How many calls have come, and how many of them by HTTP/2.
    pub(crate) fn calls(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.shared.calls), read(&self.shared.http2_calls))
    }

    /// Keeps what comes from now on, until [`Stub::recorded`].
    pub(crate) fn record(&self) {
        self.shared.is_recording.store(true, Ordering::SeqCst);
    }

    /// What has come since [`Stub::record`].
    pub(crate) fn recorded(&self) -> Vec<Native> {
        self.shared.is_recording.store(false, Ordering::SeqCst);
        let recorded = self.shared.recorded.lock();
        std::mem::take(&mut *recorded.unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(
    listener: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        // Where there are too many open files it goes on when some have been closed.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        tokio::spawn(welcome(stream, acceptor.clone(), Arc::clone(&shared)));
    }
}

async fn welcome(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let Some(acceptor) = acceptor else {
        return converse(stream, shared).await;
    };
    if let Ok(stream) = acceptor.accept(stream).await {
        converse(stream, shared).await;
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    // How a connection ends is the caller's affair.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if request.version() == Version::HTTP_2 {
            self.http2_calls.fetch_add(1, Ordering::Relaxed);
        }
        let (head, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        if self.is_recording.load(Ordering::Relaxed) {
            let native = Native {
                method: head.method.clone(),
                target: head
                    .uri
                    .path_and_query()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                headers: head.headers.clone(),
                body: body.clone(),
            };
            let recorded = self.recorded.lock();
            recorded
                .unwrap_or_else(PoisonError::into_inner)
                .push(native);
        }
        if !self.speaks.delay.is_zero() {
            tokio::time::sleep(self.speaks.delay).await;
        }
        let takes_gzip = || {
            let accepted = head.headers.get(header::ACCEPT_ENCODING);
            accepted.is_some_and(|value| value.as_bytes().windows(4).any(|it| it == b"gzip"))
        };
        let may_deflate = self.speaks.gzip && takes_gzip();
        let answer = self
            .answers
            .to(&head.method, head.uri.path(), &body, may_deflate);
        answer.into_response()
    }
}
