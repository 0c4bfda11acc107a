//! What those who watch the process see, on a port of its own: whether it lives, whether it is ready, what it counts.
//!
//! Needs no key and tells nothing of customers or their data, but for what the explorer asks for with a key
//! ([`crate::explorer`]). Nothing here can be changed without one.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request,
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    error::{Code, Error},
    explorer, metrics,
    pipeline::{Origins, Pipeline},
    server::{Listener, Stream},
};

/// Connections at one time; those who watch are few.
const MOST_CONNECTIONS: usize = 64;
/// Until a connection has sent the head of its next request; longer than scrapers usually pause.
const IDLE: Duration = Duration::from_secs(90);
/// After a failed accept: out of descriptors is not cured by trying at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The port of those who watch.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) pipeline: Arc<Pipeline>,
    /// The names that it answers to.
    pub(crate) origins: Arc<Origins>,
}

impl Admin {
    /// Answers until it is dropped, calls that go on included: a drain is what people want to watch.
    pub(crate) async fn serve(self, listener: Listener) {
        let (admin, places) = (Arc::new(self), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
        let mut connections = JoinSet::new();
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok(stream) => {
                    let admin = Arc::clone(&admin);
                    connections.spawn(async move {
                        converse(stream, admin).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let explored = explorer::answer(&self.pipeline, &self.origins, &head, body).await;
        let result = match explored {
            Some(explored) => explored,
            None => self.answered(&head).await,
        };
        match result {
            Ok(response) => response,
            Err(error) => error.response(&format!("{:032x}", rand::random::<u128>())),
        }
    }

    async fn answered(&self, head: &request::Parts) -> Result<Response<Full<Bytes>>, Error> {
        self.origins.check(head)?;
        let path = head.uri.path();
        let is_metrics = path == "/metrics";
        let health = self.pipeline.health(path);
        if !is_metrics && health.is_none() {
            return Err(Error::not_found(
                "there is / with the explorer, /metrics, /livez and /readyz; the API is on its own port",
            ));
        }
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let mut error = Error::new(Code::MethodNotSupported, "expected GET");
            error.allow = Some("GET, HEAD".into());
            return Err(error);
        }
        let query = head.uri.query().unwrap_or_default();
        if path == "/readyz"
            && query
                .split('&')
                .any(|it| it.split('=').next() == Some("verbose"))
        {
            return Ok(self.pipeline.ready_in_detail().await);
        }
        if let Some(health) = health {
            return Ok(health);
        }
        let mut response = Response::new(Full::from(self.pipeline.metrics().await));
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

async fn converse(stream: Stream, admin: Arc<Admin>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let admin = Arc::clone(&admin);
        async move { Ok::<_, std::convert::Infallible>(admin.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    // An error is a peer that left or sent what is not HTTP; there is nobody to tell.
    let _ = connection.await;
}
