//! The life of one request, from top to bottom.
//!
//! Assumes that the server has bounded the head and the connections. Every call ends within its deadline. A read ends
//! when its caller hangs up; a call that writes goes on to its end, so that no record is left half done.

use std::{
    future::poll_fn,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE},
    request,
};
use http_body_util::Full;
use hyper::body::Body;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};
use url::form_urlencoded;
use uuid::Uuid;

use crate::{
    auth::Auth,
    config::{Limits, LiveLimits, State},
    connect::PageRoute,
    connections::Directory,
    error::{Code, Error},
    idempotency::{Answer, Idempotency},
    log::CallLog,
    metrics::Metrics,
    openapi::{Contract, Document},
    own::{Own, OwnCall},
    recorder::{Recorder, Recording},
    route::{Api, Router, ServedBy, UnifiedRequest},
    store::Store,
    sync,
    telemetry::{Exporter, Trace},
    upstream::{Behalf, Exchange, Keeps, NativeLog, Upstream, Urgency, provider::Effect},
    webhook,
};

mod body;
mod deadline;
mod drive;
mod flowing;
pub(crate) mod head;
mod keyed;
mod keys;
mod memory;
mod native;
mod origin;
mod page;
mod ready;
mod to_the_end;
mod unified;
mod watched;

pub use flowing::{AnswerBody, Cut};
pub use native::Native;
pub use origin::Origins;
pub use unified::{Unified, UnifiedCall};

use deadline::within;
use drive::Driver;
use flowing::{First, Life};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// draft-ietf-httpapi-ratelimit-headers-10.
static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// When a caller that met an overload may come back. Calls take well below a second.
const OVERLOAD_PASSES: Duration = Duration::from_secs(1);

/// A store that takes longer to say a word counts as one that is down.
const STORE_ANSWERS: Duration = Duration::from_secs(1);
/// What is said when the time is up before the provider is asked.
const UNKNOWN_CALLER: &str =
    "the store did not tell in time who calls; nothing was sent to the provider";
const UNKNOWN_CONNECTION: &str =
    "the store did not tell in time what the connection is; nothing was sent to the provider";
const NO_BODY: &str =
    "the call's body did not come to its end in time; nothing was sent to the provider";

/// All that requests share.
#[derive(Debug)]
pub struct Pipeline {
    api: Api,
    contract: Contract,
    router: Router,
    auth: Arc<Auth>,
    origins: Origins,
    limits: LiveLimits,
    own: Arc<Own>,
    unified: Arc<Unified>,
    idempotency: Arc<Idempotency>,
    /// One place for each call in flight.
    places: Arc<Semaphore>,
    is_draining: AtomicBool,
    /// Whether callers may reach providers' own APIs.
    native_door: bool,
    /// Where spans of calls are put, if anywhere.
    exporter: Option<Arc<Exporter>>,
    explain: Option<Explain>,
    /// None where no calls are remembered.
    recorder: Option<Arc<Recorder>>,
}

/// What a pipeline is put together from.
#[derive(Debug)]
pub struct Parts {
    pub api: Api,
    pub auth: Auth,
    pub origins: Origins,
    pub limits: LiveLimits,
    pub upstream: Upstream,
    pub webhooks: webhook::Sender,
    pub store: Option<Store>,
    pub state: State,
    pub directory: Arc<Directory>,
    /// Where the proxy listens.
    pub address: SocketAddr,
    /// Whether callers may reach providers' own APIs.
    pub native_door: bool,
}

/// Is told of every call, with everything that it became.
#[derive(Clone)]
pub struct Explain(pub Arc<dyn Fn(&Explained<'_>) + Send + Sync>);

/// One call, told from its beginning to its end.
#[derive(Debug)]
pub struct Explained<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub connection: &'a str,
    pub request: &'a [u8],
    pub exchanges: Vec<Exchange>,
    pub status: StatusCode,
    pub response: &'a [u8],
}

impl std::fmt::Debug for Explain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Explain(…)")
    }
}

impl Pipeline {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            api,
            auth,
            origins,
            limits,
            upstream,
            webhooks,
            store,
            state,
            directory,
            address,
            native_door,
        } = parts;
        let auth = Arc::new(auth);
        let upstream = Arc::new(upstream);
        for provider in api.providers {
            upstream.metrics().expect(provider);
        }
        let driver = Driver::new(Arc::clone(&upstream), limits.clone());
        let unified = Arc::new(Unified::new(api, driver));
        let idempotency = Arc::new(Idempotency::new(store.clone(), &limits.now()));
        let own = Own {
            api,
            auth: Arc::clone(&auth),
            limits: limits.clone(),
            store,
            state,
            directory,
            upstream,
            unified: Arc::clone(&unified),
            syncs: sync::Syncs::default(),
            webhooks: Arc::new(webhooks),
            address,
        };
        Self {
            api,
            contract: Contract::of(&api),
            router: Router::new(api.routes),
            own: Arc::new(own),
            auth,
            origins,
            unified,
            idempotency,
            places: Arc::new(Semaphore::new(limits.now().calls_in_flight)),
            limits,
            is_draining: AtomicBool::new(false),
            native_door,
            exporter: None,
            explain: None,
            recorder: None,
        }
    }

    /// The same, remembering its last calls.
    #[must_use]
    pub fn with_recorder(mut self, recorder: Arc<Recorder>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// The same, telling every call to `explain`.
    #[must_use]
    pub fn with_explain(mut self, explain: Explain) -> Self {
        self.explain = Some(explain);
        self
    }

    /// The same, putting a span of every call there.
    #[must_use]
    pub fn with_exporter(mut self, exporter: Arc<Exporter>) -> Self {
        self.exporter = Some(exporter);
        self
    }

    /// Answers one request, whatever comes: a request id, a deadline, a line in the log, and errors as responses.
    pub async fn handle<B>(self: &Arc<Self>, request: Request<B>) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Some(response) = self.health(request.uri().path()) {
            return response.map(AnswerBody::Whole);
        }
        if let Some(document) = Document::find(request.uri().path()) {
            return self.document(document, request).map(AnswerBody::Whole);
        }
        if let Some(route) = PageRoute::find(request.uri().path()) {
            return self.page(route, request).await.map(AnswerBody::Whole);
        }
        let request_id = request_id(request.headers());
        let recorder = self.recorder.as_ref();
        let recording = recorder.map(|recorder| Recording::begin(recorder, &request));
        let is_whole = recording.as_ref().is_some_and(|it| it.is_whole());
        let keeps = match &recording {
            _ if is_whole || self.explain.is_some() => Keeps::Whole,
            Some(_) => Keeps::Heads,
            None => Keeps::Nothing,
        };
        let exporter = self.exporter.as_ref();
        let trace = exporter.and_then(|exporter| Trace::begin(exporter, request.headers()));
        let log = CallLog::new(request_id, NativeLog::keeping(keeps).traced(trace))
            .counted_by(self.own.upstream.metrics())
            .recorded(recording);
        let log = Arc::new(log);
        // What is to be explained is told whole. To callers of older versions a body that breaks off looks like a whole
        // one.
        if keeps != Keeps::Whole && request.version() >= Version::HTTP_11 {
            log.outlet.open();
        }
        // On the heap: the life of a request is long, and a connection rests most of the time. It may also go on as the
        // body of the response.
        let mut life: Life = Box::pin(Arc::clone(self).life(request, Arc::clone(&log)));
        let mut response = match flowing::first(&mut life, &log.outlet).await {
            First::Flows(piece) => flowing::response(piece, life, &log),
            First::Halves(first, last) => flowing::halves(first, last, &log),
            First::Ended(Ok(Answer::Now(body))) => {
                json(StatusCode::OK, body).map(AnswerBody::Whole)
            }
            First::Ended(Ok(Answer::Replayed(kept))) => kept.response().map(AnswerBody::Whole),
            First::Ended(Ok(Answer::Native(native))) => native.response().map(AnswerBody::Whole),
            First::Ended(Err(error)) => error.response(&log.request_id).map(AnswerBody::Whole),
        };
        tell_limits(&log, response.headers_mut());
        name(&mut response, &log.request_id);
        response
    }

    /// The life of one request to its very end.
    async fn life<B>(
        self: Arc<Self>,
        request: Request<B>,
        log: Arc<CallLog>,
    ) -> Result<Answer, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let mut body = pin!(body);
        let limits = self.limits.held();
        let result = {
            let answer = pin!(self.answer(&head, body.as_mut(), &limits, &log));
            caught(answer).await
        };
        let result = result.unwrap_or_else(|Panicked| Err(panicked()));
        match &result {
            Ok(Answer::Replayed(_)) => self.counters().replayed(),
            Ok(Answer::Native(native)) if native.is_replayed() => self.counters().replayed(),
            _ => {}
        }
        log.ends_as(&result);
        // Whose time is up is not waited for once more.
        if !matches!(&result, Err(error) if error.code == Code::Timeout) {
            body::drain_unless_read(&head, body, &limits).await;
        }
        if let Some(explain) = &self.explain {
            tell(explain, &head, &log, &result);
        }
        if let Some(recording) = log.recording().filter(|it| it.is_whole()) {
            recording.answered(&answer(&log, &result).1);
        }
        result
    }

    /// Answers a request of which it is not certain where it ends, so that nothing of it can be trusted, and nothing that
    /// comes after it.
    pub fn refuse<B>(&self, request: &Request<B>, error: &Error) -> Response<Full<Bytes>> {
        let log = CallLog::new(request_id(request.headers()), NativeLog::default());
        log.ended(&Err::<(), _>(error.clone()));
        let mut response = error.response(&log.request_id);
        name(&mut response, &log.request_id);
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        response
    }

    /// What is answered to one request.
    async fn answer<B>(
        &self,
        head: &request::Parts,
        mut body: Pin<&mut B>,
        limits: &Limits,
        log: &Arc<CallLog>,
    ) -> Result<Answer, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        head::check(head, limits)?;
        self.origins.check(head)?;
        let deadline = deadline::of(&head.headers, limits.request_timeout, log.started)?;
        let place = self.place()?;
        if let Some(path) = native::behind_the_door(head.uri.path()) {
            self.must_have_native_door()?;
            let caller = self.auth.caller(&head.headers);
            let caller = within(deadline, UNKNOWN_CALLER, caller).await?;
            // Apart, as what is rare and large is: every call has room for all that it could become.
            let native = self.native(path, head, body, deadline, caller, (log, place));
            return Box::pin(native).await;
        }
        let found = self.router.find(&head.method, head.uri.path())?;
        let route = found.route;
        let _ = log.operation.set(route.operation);
        let caller = self.auth.caller(&head.headers);
        let caller = within(deadline, UNKNOWN_CALLER, caller).await?;
        if route.served_by == ServedBy::Own {
            let call = OwnCall {
                operation: route.operation,
                caller,
                request: UnifiedRequest {
                    path: found.parameters,
                    query: query(head),
                    // Never explained: it may have secrets that no line of a terminal should have.
                    body: within(deadline, NO_BODY, body::read(head, body.as_mut(), limits))
                        .await?,
                },
                headers: head.headers.clone(),
                deadline,
                log: Arc::clone(log),
            };
            // Apart, as what is rare and large is: every call has room for all that it could become.
            let own = Box::pin(self.own(route.effect, call, place));
            return own.await.map(Answer::Now);
        }
        caller.must_be_allowed(route.effect)?;
        let behalf = Behalf::new(Arc::clone(&caller.id), Urgency::Interactive);
        log.native.is_for(behalf);
        let connection = self.auth.connection(&head.headers, &caller);
        let connection = within(deadline, UNKNOWN_CONNECTION, connection).await?;
        log.note(&connection);
        let key = self.key(route, head)?;
        let body = within(deadline, NO_BODY, body::read(head, body.as_mut(), limits)).await?;
        if self.explain.is_some() || log.recording().is_some_and(Recording::is_whole) {
            let _ = log.body.set(body.clone());
        }
        let request = UnifiedRequest {
            path: found.parameters,
            query: query(head),
            body,
        };
        let call = UnifiedCall {
            operation: route.operation,
            effect: route.effect,
            connection,
            deadline,
            log: Arc::clone(log),
            keyed: None,
            place: Some(place),
        };
        if let (Effect::Write, Some(key)) = (route.effect, key) {
            let answer = Box::pin(self.keyed(key, head, call, request));
            return deadline::write_within(deadline, answer).await;
        }
        // Pinned here, so that it is not moved from hand to hand.
        let answer = pin!(self.unified.answer(call, &request));
        let answered = match route.effect {
            Effect::Read => deadline::read_within(deadline, answer).await,
            Effect::Write => deadline::write_within(deadline, answer).await,
        };
        answered.map(Answer::Now)
    }

    /// The answer to an operation of our own. One that writes goes on when its caller hangs up, as those of providers
    /// do.
    async fn own(
        &self,
        effect: Effect,
        call: OwnCall,
        place: OwnedSemaphorePermit,
    ) -> Result<Vec<u8>, Error> {
        let deadline = call.deadline;
        match effect {
            Effect::Read => deadline::read_within(deadline, self.own.answer(&call)).await,
            Effect::Write => {
                let own = Arc::clone(&self.own);
                let task = tokio::spawn(async move {
                    let result = own.answer(&call).await;
                    call.log.ended(&result);
                    drop(place);
                    result
                });
                let ended = async { task.await.unwrap_or_else(|_| Err(panicked())) };
                deadline::write_within(deadline, ended).await
            }
        }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Error::new(
                Code::ServiceUnavailable,
                format!(
                    "{} calls are in flight already (limits.calls_in_flight); try again",
                    self.limits.now().calls_in_flight
                ),
            )
            .with_retry_after(OVERLOAD_PASSES)
        })
    }

    /// For those who watch the process; needs no key and tells nothing.
    pub(crate) fn health(&self, path: &str) -> Option<Response<Full<Bytes>>> {
        match path {
            "/readyz" if self.is_draining.load(Ordering::Relaxed) => Some(json(
                StatusCode::SERVICE_UNAVAILABLE,
                br#"{"status":"draining"}"#.to_vec(),
            )),
            "/livez" | "/readyz" => Some(json(StatusCode::OK, br#"{"status":"ok"}"#.to_vec())),
            _ => None,
        }
    }

    /// The API's contract, for whom the request is meant. Needs no key.
    fn document<B>(&self, document: Document, request: Request<B>) -> Response<Full<Bytes>> {
        let (head, _) = request.into_parts();
        let checked =
            head::check(&head, &self.limits.now()).and_then(|()| self.origins.check(&head));
        let request_id = request_id(&head.headers);
        let answered = checked.and_then(|()| self.contract.answer(document, &head.method));
        let mut response = answered.unwrap_or_else(|error| error.response(&request_id));
        name(&mut response, &request_id);
        response
    }

    /// What was counted, and how things stand, as `OpenMetrics` has it.
    pub(crate) async fn metrics(&self) -> String {
        let metrics = self.own.upstream.metrics();
        self.own.upstream.measure(self.api.providers);
        let busy = self.limits.now().calls_in_flight - self.places.available_permits();
        metrics.in_flight(busy);
        let is_up = match &self.own.store {
            Some(store) => tokio::time::timeout(STORE_ANSWERS, store.ping())
                .await
                .is_ok_and(|pong| pong.is_ok()),
            None => true,
        };
        metrics.store_is_up(is_up);
        if let Some(store) = self.own.store.as_ref().filter(|_| is_up)
            && let Ok(Ok(lag)) = tokio::time::timeout(STORE_ANSWERS, store.pipeline_lag()).await
        {
            metrics.pipeline_lags(lag);
        }
        metrics.text()
    }

    /// The answer to a caller for whose connection there is no place.
    pub(crate) fn full_house(&self) -> Response<Full<Bytes>> {
        self.own.upstream.metrics().turned_away();
        Error::new(
            Code::ServiceUnavailable,
            format!(
                "{} connections are open already (limits.connections); nothing was read, try again",
                self.limits.now().connections
            ),
        )
        .with_retry_after(OVERLOAD_PASSES)
        .response(&request_id(&HeaderMap::new()))
    }

    /// What callers and their connections are looked up in.
    pub(crate) fn lookups(&self) -> (&Auth, &Directory) {
        (&self.auth, &self.own.directory)
    }

    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }

    pub(crate) fn limits(&self) -> &LiveLimits {
        &self.limits
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.own.upstream
    }

    /// Forgets what is remembered of a connection, which leads somewhere else from now on.
    pub(crate) fn forget(&self, connection: &str) {
        self.unified.forget(connection);
    }

    /// What counts.
    pub(crate) fn counters(&self) -> &Arc<Metrics> {
        self.own.upstream.metrics()
    }

    /// Starts what is done without being asked, on the runtime of `handle`.
    pub fn start(&self, stop: &watch::Receiver<bool>, handle: &Handle) -> JoinSet<()> {
        self.own.start(stop, handle)
    }

    /// From now on `/readyz` says no; calls are still answered.
    pub fn start_draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Resolves when no call is in flight, those included whose callers are gone, and no token is on its way.
    pub async fn idle(&self) {
        let all = u32::try_from(self.limits.now().calls_in_flight).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
        self.own.upstream.landed().await;
    }

    /// Closes what is kept. For the very end.
    pub(crate) async fn close(&self) {
        if let Some(store) = &self.own.store {
            store.close().await;
        }
    }
}

/// Tells what is left of the provider's limits, where it was asked.
fn tell_limits(log: &CallLog, headers: &mut HeaderMap) {
    let Some((policy, left)) = log.native.left().and_then(|left| left.headers()) else {
        return;
    };
    for (name, value) in [(&RATE_LIMIT_POLICY, policy), (&RATE_LIMIT, left)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// The caller's request id, where it is fit for logs and headers; otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok());
    match given {
        Some(id) if (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) => {
            id.to_owned()
        }
        _ => {
            let made = Uuid::from_u128(rand::random()).simple();
            made.encode_lower(&mut Uuid::encode_buffer()).to_owned()
        }
    }
}

/// Puts the id of its request into a response. It was checked or made by us, so it can stand in a header.
fn name<T>(response: &mut Response<T>, request_id: &str) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(&REQUEST_ID, id);
    }
}

fn query(head: &request::Parts) -> Vec<(String, String)> {
    form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

fn json(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer to a call that is to be told of.
fn answer(log: &CallLog, result: &Result<Answer, Error>) -> (StatusCode, Vec<u8>) {
    match result {
        // A call whose body is not told has no answer that could be: it may have tokens or keys in it.
        Ok(answer) if log.body.get().is_none() => (answer.status(), Vec::new()),
        Ok(Answer::Now(body)) => (StatusCode::OK, body.clone()),
        Ok(Answer::Replayed(kept)) => (kept.status(), kept.body().to_vec()),
        Ok(Answer::Native(native)) => (native.status(), native.body().to_vec()),
        Err(error) => (error.status(), error.body(&log.request_id)),
    }
}

fn tell(explain: &Explain, head: &request::Parts, log: &CallLog, result: &Result<Answer, Error>) {
    let (status, response) = answer(log, result);
    (explain.0)(&Explained {
        method: head.method.as_str(),
        target: head
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str),
        connection: log.connection_id().unwrap_or("-"),
        request: log.body.get().map_or(&[], |body| body),
        exchanges: log.native.exchanges(),
        status,
        response: &response,
    });
}

/// A future ended by panicking.
struct Panicked;

/// Keeps a panic from ending more than the call that met it.
async fn caught<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Panicked> {
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        },
    )
    .await
}

fn panicked() -> Error {
    Error::new(
        Code::InternalServerError,
        "crosswalk met a fault of its own; please report it with the request id",
    )
    .with_detail("a panic; its message is on stderr")
}
