//! The invented provider `acme`, its API, and the harness around them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use crosswalk::{
    config::{self, Config},
    error::{Code, Error},
    pipeline::Explain,
    route::{Api, Route, ServedBy, UnifiedRequest},
    server::{Drained, Server},
    translate::{
        Answer, Context, Freshness, MatchKey, NativeRequest, NativeResponse, Recent, Step,
        Translator, Written,
    },
    upstream::{
        fault,
        provider::{
            Auth, BaseUrl, Content, Details, Effect, ErrorRule, Errors, NativeDoor,
            NativeOperation, Provider, VersionFamily, VersionMatch, Versions,
        },
    },
};
use http::{HeaderName, Method, Request, Response, StatusCode, header::HeaderMap};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

// The provider as data.

static TRACE: HeaderName = HeaderName::from_static("x-acme-trace");

pub(crate) static ACME: Provider = Provider {
    name: "acme",
    title: "Acme",
    base_url: BaseUrl::PerConnection {
        setting: "shop_url",
        allowed_hosts: &[".acme.example"],
    },
    versions: Versions {
        default: "1",
        retires: &[],
        families: &[VersionFamily {
            matches: VersionMatch::OneOf(&["1"]),
            roots: &["/api/{version}"],
        }],
    },
    auth: Auth {
        token_url: "{login_url}/token",
        login_url: Some("https://login.acme.example"),
        lifetime_seconds: None,
        base_url_member: Some("shop"),
        revoked: &[("error", &["invalid_grant"])],
        incurable: &["blocked for good"],
        authorize: None,
        logins: &[],
        revoke: None,
        granted: None,
    },
    check: None,
    scopes: &[],
    limits: &[],
    joins: &[],
    native_door: NativeDoor::PLAIN,
    errors: Errors {
        list: false,
        code: &["code"],
        message: "message",
        correlation_id: Some("trace"),
        correlation_header: Some(&TRACE),
        details: Details {
            list: None,
            message: None,
            code: None,
            fields: None,
            context: None,
        },
        named: &[],
        existing_id_after: None,
        partial: None,
        classify: &[
            rule(401, Code::Unauthorized, true, false),
            rule(404, Code::NotFound, false, false),
            rule(423, Code::TooManyRequests, false, true),
            ErrorRule {
                status: Some(429),
                with: &[("window", &["day"])],
                not_carried_out: true,
                never_again: true,
                ..ErrorRule::new(Code::TooManyRequests)
            },
            ErrorRule {
                status: Some(429),
                message: Some("rolling"),
                retry_after_seconds: Some(10),
                ..ErrorRule::new(Code::TooManyRequests)
            },
            rule(503, Code::ServiceUnavailable, false, false),
            rule(400, Code::BadRequest, false, false),
        ],
    },
};

const fn rule(status: u16, code: Code, refresh: bool, not_carried_out: bool) -> ErrorRule {
    ErrorRule {
        status: Some(status),
        refresh,
        not_carried_out,
        ..ErrorRule::new(code)
    }
}

static READ: NativeOperation = NativeOperation {
    id: "readThing",
    method: Method::GET,
    effect: Effect::Read,
    content: Content::Json,
};
static WRITE: NativeOperation = NativeOperation {
    id: "writeThing",
    method: Method::POST,
    effect: Effect::Write,
    content: Content::Json,
};

// The unified API.

static ROUTES: [Route; 8] = [
    route(Method::GET, "/unified/thing/{id}", "get", Effect::Read),
    route(Method::GET, "/unified/things", "many", Effect::Read),
    route(Method::POST, "/unified/thing", "create", Effect::Write),
    route(
        Method::POST,
        "/unified/thing/_upsert",
        "upsert",
        Effect::Write,
    ),
    route(
        Method::POST,
        "/unified/thing/_create_and_read",
        "create_and_read",
        Effect::Write,
    ),
    route(Method::POST, "/unified/panic", "panic", Effect::Write),
    route(Method::GET, "/unified/endless", "endless", Effect::Read),
    Route {
        method: Method::GET,
        path: "/capabilities",
        operation: "capabilities",
        effect: Effect::Read,
        served_by: ServedBy::Own,
    },
];

const fn route(
    method: Method,
    path: &'static str,
    operation: &'static str,
    effect: Effect,
) -> Route {
    Route {
        method,
        path,
        operation,
        effect,
        served_by: ServedBy::Provider,
    }
}

pub(crate) static API: Api = Api {
    document: "{}",
    origins: "{}",
    routes: &ROUTES,
    entities: &[],
    providers: &[&ACME],
    capabilities: &[],
    records: &[],
    translator,
};

fn translator(
    operation: &'static str,
    context: Context,
    request: &UnifiedRequest,
) -> Result<Box<dyn Translator>, Error> {
    let keys = match operation {
        "upsert" => vec![MatchKey {
            entity: "thing",
            key: "name",
            value: String::from_utf8_lossy(&request.body).into_owned(),
        }],
        _ => Vec::new(),
    };
    let Context { connection, .. } = context;
    if !ROUTES.iter().any(|route| route.operation == operation) {
        return Err(Error::new(Code::NotImplemented, operation));
    }
    Ok(Box::new(Script {
        operation,
        root: connection.settings().roots[0].clone(),
        request: UnifiedRequest {
            path: request.path.clone(),
            query: request.query.clone(),
            body: request.body.clone(),
        },
        keys,
        went_on: false,
    }))
}

/// Answers with the last responses as text, one a line.
struct Script {
    operation: &'static str,
    root: String,
    request: UnifiedRequest,
    keys: Vec<MatchKey>,
    went_on: bool,
}

impl Script {
    fn read(&self, path: &str) -> NativeRequest {
        NativeRequest {
            operation: &READ,
            target: format!("{}/{path}", self.root),
            body: None,
            freshness: Freshness::Asked,
            credential_at: None,
            parts: None,
        }
    }

    fn write(&self) -> NativeRequest {
        NativeRequest {
            operation: &WRITE,
            target: format!("{}/things", self.root),
            body: Some(self.request.body.clone()),
            freshness: Freshness::Asked,
            credential_at: None,
            parts: None,
        }
    }
}

impl Translator for Script {
    fn keys(&self) -> &[MatchKey] {
        &self.keys
    }

    fn start(&mut self, recent: &Recent) -> Result<Step, Error> {
        Ok(Step::Calls(match self.operation {
            "get" => vec![self.read(&format!("things/{}", self.request.path[0].1))],
            "many" => (0..self.request.query.len())
                .map(|index| self.read(&format!("things/{index}")))
                .collect(),
            "upsert" if !recent.ids.is_empty() => {
                return Ok(Step::Answer(Answer {
                    body: format!("recent {}", recent.ids.join(",")).into_bytes(),
                    written: None,
                    hidden: Vec::new(),
                    changed_metadata: false,
                }));
            }
            "upsert" => vec![self.read("search")],
            "endless" => vec![self.read("things/1")],
            "panic" => panic!("the translator panics on purpose"),
            _ => vec![self.write()],
        }))
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        if let Some(refused) = responses.iter().find(|response| !response.is_success()) {
            return Err(fault::fault(&ACME, refused));
        }
        if self.operation == "endless" {
            return Ok(Step::Calls(vec![self.read("things/1")]));
        }
        if !self.went_on {
            self.went_on = true;
            match self.operation {
                "upsert" => return Ok(Step::Calls(vec![self.write()])),
                "create_and_read" => return Ok(Step::Calls(vec![self.read("things/1")])),
                _ => {}
            }
        }
        let lines: Vec<_> = responses
            .iter()
            .map(|response| String::from_utf8_lossy(&response.body).into_owned())
            .collect();
        let written = (self.operation == "upsert").then(|| Written {
            id: Some("made".to_owned()),
            keys: self.keys.clone(),
        });
        Ok(Step::Answer(Answer {
            body: lines.join("\n").into_bytes(),
            written,
            hidden: Vec::new(),
            changed_metadata: false,
        }))
    }
}

// The provider as a server.

/// One request that the provider got.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// How many requests came before it.
    pub(crate) index: u32,
}

impl Seen {
    pub(crate) fn is_token_request(&self) -> bool {
        self.path == "/token"
    }
}

/// What the provider does.
pub(crate) enum Act {
    Reply(u16, Value),
    ReplyWith(u16, &'static [(&'static str, &'static str)], Bytes),
    /// Close the connection without a word.
    Reset,
    After(Duration, Box<Act>),
}

pub(crate) fn ok() -> Act {
    Act::Reply(200, json!({ "fine": true }))
}

pub(crate) fn token(number: u32) -> Act {
    Act::Reply(
        200,
        json!({ "access_token": format!("token-{number}"), "expires_in": 1800 }),
    )
}

type Play = dyn Fn(&Seen) -> Act + Send + Sync;

/// The scripted provider; stops when dropped.
pub(crate) struct Acme {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Acme {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Acme {
    pub(crate) async fn start(play: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let count = Arc::new(AtomicU32::new(0));
        let play: Arc<Play> = Arc::new(play);
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (play, seen, count) = (Arc::clone(&play), Arc::clone(&log), Arc::clone(&count));
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        act(
                            request,
                            Arc::clone(&play),
                            Arc::clone(&seen),
                            Arc::clone(&count),
                        )
                    });
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.seen()
            .iter()
            .filter(|it| it.is_token_request())
            .count()
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen().len() - self.token_requests()
    }

    /// Waits until so many calls have come.
    pub(crate) async fn wait_for_calls(&self, count: usize) {
        let waited = tokio::time::timeout(Duration::from_secs(10), async {
            while self.calls() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        waited.await.expect("the calls came");
    }
}

async fn act(
    request: Request<Incoming>,
    play: Arc<Play>,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: Arc<AtomicU32>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let one = Seen {
        method: head.method,
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        index: count.fetch_add(1, Ordering::SeqCst),
    };
    let mut act = play(&one);
    seen.lock().unwrap().push(one);
    loop {
        act = match act {
            Act::Reply(status, body) => {
                return Ok(reply(status, &[], body.to_string().into()));
            }
            Act::ReplyWith(status, headers, body) => return Ok(reply(status, headers, body)),
            Act::Reset => return Err(std::io::Error::other("reset was ordered")),
            Act::After(delay, then) => {
                tokio::time::sleep(delay).await;
                *then
            }
        };
    }
}

fn reply(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: Bytes,
) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body)).unwrap()
}

// The proxy.

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Drained>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the caller got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
}

/// A connection `c` with a static access token.
pub(crate) fn with_access_token(acme: &Acme) -> String {
    format!(
        "connections:\n  c: {{ provider: acme, shop_url: \"{}\", access_token: static-secret }}\n",
        acme.url()
    )
}

/// A connection `c` with OAuth; the token endpoint is the same server, and tells where the API is only if asked to.
pub(crate) fn with_oauth(acme: &Acme) -> String {
    let url = acme.url();
    format!(
        "connections:\n  c: {{ provider: acme, shop_url: \"{url}\", login_url: \"{url}\", oauth: {{ client_id: id, client_secret: client-secret, refresh_token: refresh-secret }} }}\n"
    )
}

pub(crate) fn config(text: &str) -> Config {
    let text =
        format!("listen: 127.0.0.1:0\napi_keys: [key-secret]\ntls: {{ roots: bundled }}\n{text}");
    config::parse("test.yaml", &text, &API, &|_| None).unwrap_or_else(|error| panic!("{error}"))
}

impl Proxy {
    /// A proxy with the rest of a configuration.
    pub(crate) async fn start(text: &str) -> Self {
        Self::start_explained(text, None).await
    }

    pub(crate) async fn start_explained(text: &str, explain: Option<Explain>) -> Self {
        let server = Server::bind(API, &config(text), explain).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            client: Client::builder(TokioExecutor::new()).build_http(),
            stop: Some(stop),
            task,
        }
    }

    pub(crate) fn ask(&self, method: Method, path: &str, body: &str) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("x-apikey", "key-secret")
            .header("x-connection-id", "c");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        request.body(Full::from(body.to_owned())).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Got {
        let response = self.client.request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send(self.ask(Method::GET, path, "")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Got {
        self.send(self.ask(Method::POST, path, body)).await
    }

    /// Asks to stop; the result is how it ended.
    pub(crate) fn stop(mut self) -> impl Future<Output = Drained> {
        let _ = self.stop.take().unwrap().send(());
        let task = std::mem::replace(&mut self.task, tokio::spawn(async { Drained::Partly }));
        async move { task.await.unwrap() }
    }
}

/// The form that the token endpoint got.
pub(crate) fn form(seen: &Seen) -> HashMap<String, String> {
    url::form_urlencoded::parse(seen.body.as_bytes())
        .into_owned()
        .collect()
}

pub(crate) fn bearer(seen: &Seen) -> &str {
    seen.headers["authorization"].to_str().unwrap()
}
