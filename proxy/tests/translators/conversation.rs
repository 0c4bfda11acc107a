//! A conversation between an app, a translator and a provider that answers from a script.

use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;
use crosswalk::{
    error::Error,
    generated::API,
    route::UnifiedRequest,
    translate::{ConnectionSettings, Context, CursorKey, NativeRequest, NativeResponse, Step},
};
use jiff::Timestamp;
use serde_json::Value;

/// One unified call: what it is, and what the provider will answer to each round of native calls.
pub(crate) struct Conversation {
    provider: &'static str,
    operation: &'static str,
    request: UnifiedRequest,
    rounds: Vec<Vec<(u16, Value)>>,
    recent: Vec<String>,
    now: Timestamp,
}

impl Conversation {
    pub(crate) fn new(provider: &'static str, operation: &'static str) -> Self {
        let request = UnifiedRequest {
            path: Vec::new(),
            query: Vec::new(),
            body: Bytes::new(),
        };
        let now = "2026-11-23T12:00:00Z".parse().expect("a time");
        Self {
            provider,
            operation,
            request,
            rounds: Vec::new(),
            recent: Vec::new(),
            now,
        }
    }

    pub(crate) fn id(mut self, id: &str) -> Self {
        self.request.path.push(("id", id.to_owned()));
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.request.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &Value) -> Self {
        self.request.body = body.to_string().into();
        self
    }

    /// What the provider answers to the next round, when it is one call.
    pub(crate) fn answers(self, status: u16, body: Value) -> Self {
        self.answers_all(vec![(status, body)])
    }

    /// What the provider answers to the calls of the next round.
    pub(crate) fn answers_all(mut self, responses: Vec<(u16, Value)>) -> Self {
        self.rounds.push(responses);
        self
    }

    /// Ids that were written under the same key a moment ago.
    pub(crate) fn recent(mut self, id: &str) -> Self {
        self.recent.push(id.to_owned());
        self
    }

    /// The whole conversation as text, and the answer or the error as JSON.
    pub(crate) fn run(self) -> (String, Value) {
        let mut told = String::new();
        let end = self.talk(&mut told);
        let end = match end {
            Ok(body) => serde_json::from_slice(&body).expect("an answer is JSON"),
            Err(error) => {
                let body: Value =
                    serde_json::from_slice(&error.body("r")).expect("an error is JSON");
                writeln!(told, "error {}", error.status().as_u16()).expect("a String takes all");
                body
            }
        };
        writeln!(told, "{end:#}").expect("a String takes all");
        (told, end)
    }

    fn talk(self, told: &mut String) -> Result<Vec<u8>, Error> {
        let provider = API
            .providers
            .iter()
            .find(|known| known.name == self.provider)
            .expect("a provider");
        let version = provider.versions.default;
        let roots = provider.versions.families[0]
            .roots
            .iter()
            .map(|root| root.replace("{version}", version))
            .collect();
        let settings = ConnectionSettings {
            id: "c1".to_owned(),
            roots,
            cursor_key: CursorKey([1; 32]),
        };
        let cx = Context {
            provider,
            operation: self.operation,
            connection: Arc::new(settings),
            now: self.now,
            hidden: Arc::default(),
            objects: Arc::default(),
            fields: None,
        };
        let mut translator = (API.translator)(self.operation, cx, &self.request)?;
        for key in translator.keys() {
            writeln!(told, "key {}.{} = {}", key.entity, key.key, key.value)
                .expect("a String takes all");
        }
        let mut step = translator.start(&self.recent)?;
        let mut rounds = self.rounds.into_iter();
        loop {
            match step {
                Step::Answer(answer) => {
                    assert!(
                        rounds.next().is_none(),
                        "the script has answers left:\n{told}"
                    );
                    if let Some(written) = answer.written {
                        let keys: Vec<_> = written
                            .keys
                            .iter()
                            .map(|key| format!("{}={}", key.key, key.value))
                            .collect();
                        writeln!(told, "written {} {}", written.id, keys.join(" "))
                            .expect("a String takes all");
                    }
                    told.push_str("answer\n");
                    return Ok(answer.body);
                }
                Step::Calls(calls) => {
                    let responses = rounds
                        .next()
                        .unwrap_or_else(|| panic!("the script has no answer to {calls:?}\n{told}"));
                    assert_eq!(
                        calls.len(),
                        responses.len(),
                        "responses for each call\n{told}"
                    );
                    for (call, (status, _)) in calls.iter().zip(&responses) {
                        tell(told, call, *status);
                    }
                    step = translator.resume(responses.into_iter().map(response).collect())?;
                }
            }
        }
    }
}

fn tell(told: &mut String, call: &NativeRequest, status: u16) {
    writeln!(
        told,
        "{} {} -> {status}",
        call.operation.method, call.target
    )
    .expect("a String takes all");
    if let Some(body) = &call.body {
        let body: Value = serde_json::from_slice(body).expect("a native body is JSON");
        writeln!(told, "  {body}").expect("a String takes all");
    }
}

fn response((status, body): (u16, Value)) -> NativeResponse {
    let body = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    NativeResponse {
        status,
        body,
        date: None,
        correlation_id: None,
    }
}
