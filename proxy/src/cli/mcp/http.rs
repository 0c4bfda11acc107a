//! Streamable HTTP: one endpoint, `/mcp`, for callers that bring a key of the proxy with each request.
//!
//! Nothing is kept of a client: any of several processes may answer its next request, and one that was started anew goes
//! on. What is told in `mcp-session-id` is a word that clients repeat, within which the ids of their requests are unique;
//! it opens nothing. Clients of protocol version 2026-07-28 have no sessions.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{
    caller::{Caller, SESSION},
    handler::Handler,
};
use crate::cli::{Failure, client::Call, say, signals::Signals};

const PATH: &str = "/mcp";
/// As much as the proxy takes, unless it is told otherwise.
const MOST_BYTES: usize = 4 << 20;
const MOST_CONNECTIONS: usize = 256;
/// For the head of a request, from the end of the one before; and for its body.
const HEAD: Duration = Duration::from_secs(75);
const BODY: Duration = Duration::from_secs(30);
/// How long the proxy is not asked again whether a key is good. A call asks by itself, so one that is revoked calls
/// nothing any more.
const GOOD_FOR: Duration = Duration::from_secs(30);
const MOST_KEYS: usize = 1024;
/// How long open calls may take when it ends.
const DRAIN: Duration = Duration::from_secs(10);
/// After a failure to accept, which passes: no file is left, as a rule.
const PAUSE: Duration = Duration::from_millis(50);

type Body = BoxBody<Bytes, Infallible>;

/// What every request is held against.
struct Door {
    handler: Handler,
    service: StreamableHttpService<Handler, NeverSessionManager>,
    /// The connection of callers that name none.
    connection: Option<String>,
    /// Fingerprints of credentials that were good, and when.
    known: Mutex<HashMap<[u8; 32], Instant>>,
}

/// A request that is not let through.
struct Refused(StatusCode, String);

/// Serves until a signal, then drains; a second signal ends that as well.
pub(super) async fn serve(
    handler: Handler,
    listen: SocketAddr,
    hosts: &[String],
    connection: Option<String>,
    mut signals: Signals,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::Usage(format!("--listen {listen}: {error}")))?;
    let address = listener.local_addr()?;
    let door = Arc::new(Door::new(handler, address, hosts, connection));
    say(&format!("MCP at http://{address}{PATH}"))?;
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (listener.accept().await, place)
            } => accepted,
            () = signals.next() => break,
        };
        let (Ok((stream, _)), place) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let door = Arc::clone(&door);
        let service = service_fn(move |request| {
            let door = Arc::clone(&door);
            async move { Ok::<_, Infallible>(door.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // Who hangs up has its reasons.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => Ok(()),
        () = sleep(DRAIN) => Err(Failure::Cut),
        () = signals.next() => Err(Failure::Stopped),
    }
}

impl Door {
    fn new(
        handler: Handler,
        address: SocketAddr,
        hosts: &[String],
        connection: Option<String>,
    ) -> Self {
        let ours = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        // An address that stands for all of them is no host.
        let own = (!address.ip().is_unspecified()).then(|| address.ip().to_string());
        let hosts = ours.into_iter().chain(own).chain(hosts.iter().cloned());
        let config = StreamableHttpServerConfig::default()
            .with_allowed_hosts(hosts)
            .enforce_origin_validation()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(MOST_BYTES);
        let made = handler.clone();
        let service = StreamableHttpService::new(
            move || Ok(made.clone()),
            Arc::new(NeverSessionManager::default()),
            config,
        );
        Self {
            handler,
            service,
            connection,
            known: Mutex::default(),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut response = match self.let_through(request).await {
            Ok(response) => response,
            Err(refused) => refused.response(),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn let_through(&self, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
        let (mut head, body) = request.into_parts();
        if head.headers.contains_key(ORIGIN) {
            return Err(Refused::new(
                StatusCode::FORBIDDEN,
                "this was sent from a web page, and pages may not call",
            ));
        }
        if head.uri.path() != PATH {
            let message = format!("MCP is at {PATH}");
            return Err(Refused(StatusCode::NOT_FOUND, message));
        }
        let caller = Caller::of(&head.headers, self.connection.as_deref());
        let caller = caller.map_err(|found| {
            Refused(
                StatusCode::UNAUTHORIZED,
                format!("expected a key of the proxy in `x-apikey` or in `authorization: Bearer`, found {found}"),
            )
        })?;
        self.must_be_known(&caller).await?;
        let bytes = match head.method {
            Method::POST => read(body).await?,
            _ => Bytes::new(),
        };
        let message: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let begins = message["method"] == "initialize" && !head.headers.contains_key(&SESSION);
        if message["method"] == "notifications/cancelled"
            && let Some(request) = caller.request(&message["params"]["requestId"])
        {
            self.handler.under_way().call_off(request);
        }
        // From here on nobody needs it, and nobody can log it.
        head.headers.remove("x-apikey");
        head.headers.remove(AUTHORIZATION);
        head.extensions.insert(caller);
        let request = Request::from_parts(head, Full::new(bytes));
        let mut response = self.service.handle(request).await;
        if begins && response.status().is_success() {
            let session = uuid::Uuid::new_v4().simple().to_string();
            let session = HeaderValue::try_from(session);
            response
                .headers_mut()
                .extend(session.map(|value| (SESSION, value)));
        }
        Ok(response)
    }

    /// Refuses who shows no credential that the proxy knows. One cheap call tells.
    async fn must_be_known(&self, caller: &Caller) -> Result<(), Refused> {
        let fingerprint = caller.fingerprint();
        let is_fresh = |since: &Instant| since.elapsed() < GOOD_FOR;
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.get(&fingerprint).is_some_and(is_fresh) {
                return Ok(());
            }
        }
        let mut call = Call::new(Method::GET, &["core", "connection"]).query("limit", 1);
        call.headers = caller.credentials();
        let unavailable = |told: String| Refused(StatusCode::SERVICE_UNAVAILABLE, told);
        let asked = self.handler.proxy().send(call).await;
        let answer = asked.map_err(|failure| unavailable(failure.to_string()))?;
        let status = answer.status;
        match status {
            StatusCode::UNAUTHORIZED => {
                let body = answer.value();
                let message = body["message"].as_str().unwrap_or("the key is not known");
                return Err(Refused::new(StatusCode::UNAUTHORIZED, message));
            }
            // The second is what a proxy without a store says, and the third one that knows who asks.
            StatusCode::OK | StatusCode::NOT_IMPLEMENTED | StatusCode::FORBIDDEN => {}
            _ => {
                let told = format!("the proxy could not say whether the key is good: {status}");
                return Err(unavailable(told));
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEYS {
            known.retain(|_, since| is_fresh(since));
        }
        if known.len() < MOST_KEYS {
            known.insert(fingerprint, Instant::now());
        }
        Ok(())
    }
}

/// The body of a message, to its end.
async fn read(body: Incoming) -> Result<Bytes, Refused> {
    let read = timeout(BODY, Limited::new(body, MOST_BYTES).collect()).await;
    let read = read.map_err(|_| {
        let message = "the body did not come to its end in time";
        Refused::new(StatusCode::REQUEST_TIMEOUT, message)
    })?;
    let read = read.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let message = format!("expected at most {MOST_BYTES} bytes");
            Refused(StatusCode::PAYLOAD_TOO_LARGE, message)
        } else {
            Refused::new(StatusCode::BAD_REQUEST, "the body broke off")
        }
    })?;
    Ok(read.to_bytes())
}

impl Refused {
    fn new(status: StatusCode, message: &str) -> Self {
        Self(status, message.to_owned())
    }

    /// An error of JSON-RPC without an id, as the transport has it.
    fn response(self) -> Response<Body> {
        let Self(status, message) = self;
        let error = json!({ "code": -32600, "message": message });
        let body = json!({ "jsonrpc": "2.0", "id": null, "error": error });
        let mut response = Response::new(Full::from(body.to_string()).boxed());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
