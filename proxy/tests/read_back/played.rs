//! A provider that is played, and the translators in front of it.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use crosswalk::{
    error::Error,
    generated::API,
    route::{self, UnifiedRequest},
    sandbox::{
        http::{Call, Provider},
        hubspot::{self, HubSpot},
        salesforce::{self, Salesforce},
    },
    translate::{
        ConnectionSettings, Context, CursorKey, NativeRequest, NativeResponse, Recent, Step,
    },
};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The providers, by name.
pub(crate) const PROVIDERS: [&str; 2] = ["hubspot", "salesforce"];

pub(crate) struct Played {
    pub(crate) name: &'static str,
    provider: Box<dyn Provider>,
    headers: HeaderMap,
    token: String,
    calls: AtomicUsize,
    /// What the provider was asked, call by call.
    asked: RefCell<Vec<Asked>>,
}

/// A native call as it went out.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) body: Bytes,
}

/// What became of a call: its answer, or why it was refused.
pub(crate) type Outcome = Result<Value, Refusal>;

#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Played {
    /// A provider without records.
    pub(crate) fn new(name: &'static str) -> Self {
        let (provider, token): (Box<dyn Provider>, _) = if name == "hubspot" {
            let options = hubspot::Options {
                sample_data: false,
                ..hubspot::Options::default()
            };
            let token = options.private_app_token.clone();
            (Box::new(HubSpot::new(options)), token)
        } else {
            let played = Salesforce::new(&salesforce::Options { sample: false });
            (Box::new(played), salesforce::ACCESS_TOKEN.to_owned())
        };
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        headers.insert("soapaction", "\"\"".parse().unwrap());
        headers.insert("host", "localhost".parse().unwrap());
        Self {
            name,
            provider,
            headers,
            asked: RefCell::default(),
            token,
            calls: AtomicUsize::new(0),
        }
    }

    /// The native calls since it was last asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.take()
    }

    /// A call of another client's, at the provider itself: the status and the body.
    pub(crate) fn other(&self, method: &Method, path: &str, body: &Value) -> (u16, Value) {
        let reply = self.provider.handle(&Call {
            method: method.clone(),
            path: path.to_owned(),
            query: String::new(),
            headers: self.headers.clone(),
            body: body.to_string().into(),
        });
        let body = serde_json::from_slice(&reply.body).unwrap_or_default();
        (reply.status.as_u16(), body)
    }

    pub(crate) fn is_hubspot(&self) -> bool {
        self.name == "hubspot"
    }

    /// How many native calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn configure(&self, settings: &Value) {
        self.provider.configure(settings).unwrap();
    }

    /// A unified call.
    pub(crate) fn call(&self, method: &Method, target: &str, body: &Value) -> Outcome {
        self.translate(method, target, body)
            .map(|body| serde_json::from_slice(&body).unwrap())
            .map_err(|error| Refusal {
                status: error.status().as_u16(),
                body: serde_json::from_slice(&error.body("r")).unwrap(),
            })
    }

    fn translate(&self, method: &Method, target: &str, body: &Value) -> Result<Vec<u8>, Error> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let found = route::Router::new(API.routes).find(method, path)?;
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let request = UnifiedRequest {
            path: found.parameters,
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            body,
        };
        let operation = found.route.operation;
        let mut translator = (API.translator)(operation, self.context(operation), &request)?;
        let mut step = translator.start(&Recent::default())?;
        loop {
            match step {
                Step::Answer(answer) => return Ok(answer.body),
                Step::Calls(calls) => {
                    let responses = calls.iter().map(|call| self.native(call)).collect();
                    step = translator.resume(responses)?;
                }
            }
        }
    }

    fn context(&self, operation: &'static str) -> Context {
        let provider = API.provider(self.name).unwrap();
        let version = provider.versions.default;
        let roots = provider.versions.families[0].roots;
        let settings = ConnectionSettings {
            id: "c".to_owned(),
            roots: roots
                .iter()
                .map(|root| root.replace("{version}", version))
                .collect(),
            cursor_key: CursorKey([1; 32]),
        };
        Context {
            provider,
            operation,
            connection: Arc::new(settings),
            now: Timestamp::now(),
            hidden: Arc::default(),
            objects: Arc::default(),
            fields: None,
        }
    }

    fn native(&self, request: &NativeRequest) -> NativeResponse {
        self.asked.borrow_mut().push(Asked {
            method: request.operation.method.clone(),
            target: request.target.clone(),
            body: request.body.clone().unwrap_or_default(),
        });
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut body = request.body.clone().unwrap_or_default();
        if let Some(at) = request.credential_at {
            body = [&body[..at], self.token.as_bytes(), &body[at..]]
                .concat()
                .into();
        }
        let reply = self.provider.handle(&Call {
            method: request.operation.method.clone(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: self.headers.clone(),
            body,
        });
        NativeResponse {
            status: reply.status.as_u16(),
            body: reply.body,
            date: None,
            correlation_id: None,
            parts: Vec::new(),
        }
    }

    /// An id that a record's owner may have.
    pub(crate) fn owner(&self) -> Value {
        if self.is_hubspot() {
            return json!("7001");
        }
        let record = json!({"record": {"name": "Owned"}});
        let created = self
            .call(&Method::POST, "/unified/crm/account", &record)
            .unwrap();
        created["record"]["owner_id"].clone()
    }
}
