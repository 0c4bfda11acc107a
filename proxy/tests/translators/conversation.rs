//! A conversation between an app, a translator and a provider that answers from a script.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use crosswalk::{
    error::Error,
    generated::API,
    route::UnifiedRequest,
    translate::{
        ConnectionSettings, Context, CursorKey, NativeRequest, NativeResponse, Recent, Step,
        Translator, Written,
    },
};
use jiff::Timestamp;
use serde_json::Value;

/// One unified call: what it is, and what the provider will answer to each round of native calls.
pub(crate) struct Conversation {
    provider: &'static str,
    operation: &'static str,
    request: UnifiedRequest,
    rounds: Vec<Vec<(u16, Bytes)>>,
    recent: Recent,
    now: Timestamp,
    /// Answers come in pieces, where they may.
    pieces: Option<Pieces>,
}

/// How an answer comes.
#[derive(Debug, Clone, Copy)]
struct Pieces {
    bytes: usize,
    /// The caller is told after each what can be told.
    are_told: bool,
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
            recent: Recent::default(),
            now,
            pieces: None,
        }
    }

    pub(crate) fn in_pieces(self, bytes: usize) -> Self {
        self.pieces(bytes, true)
    }

    /// In pieces of which nothing is told before the last.
    pub(crate) fn in_pieces_at_once(self, bytes: usize) -> Self {
        self.pieces(bytes, false)
    }

    fn pieces(mut self, bytes: usize, are_told: bool) -> Self {
        self.pieces = Some(Pieces { bytes, are_told });
        self
    }

    pub(crate) fn id(mut self, id: &str) -> Self {
        self.request.path.push(("id", id.to_owned()));
        self
    }

    /// A parameter of the path.
    pub(crate) fn path(mut self, name: &'static str, value: &str) -> Self {
        self.request.path.push((name, value.to_owned()));
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
        let bytes = |(status, body): (u16, Value)| {
            let body = if body.is_null() {
                Bytes::new()
            } else {
                body.to_string().into()
            };
            (status, body)
        };
        self.rounds.push(responses.into_iter().map(bytes).collect());
        self
    }

    /// The same where the answer is not JSON.
    pub(crate) fn answers_text(mut self, status: u16, body: &'static str) -> Self {
        self.rounds
            .push(vec![(status, Bytes::from_static(body.as_bytes()))]);
        self
    }

    /// Ids that were written under the same key a moment ago.
    pub(crate) fn recent(mut self, id: &str) -> Self {
        self.recent.ids.push(id.to_owned());
        self
    }

    /// A record may have been written under the same key whose id is not known.
    pub(crate) fn uncertain(mut self) -> Self {
        self.recent.uncertain_for = Some(Duration::from_mins(1));
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

    /// The answer as it is written: a test that reads it as JSON would round its numbers.
    pub(crate) fn text(self) -> String {
        let body = self.answer().expect("an answer");
        String::from_utf8(body).expect("an answer is text")
    }

    /// The answer as it is written, or the error.
    pub(crate) fn answer(self) -> Result<Vec<u8>, Error> {
        self.talk(&mut String::new())
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
        let result = Self::rounds(
            self.rounds,
            &self.recent,
            self.pieces,
            translator.as_mut(),
            told,
        );
        if result.as_ref().is_err_and(|error| error.outcome.is_some())
            && let Some(left_behind) = translator.left_behind()
        {
            tell_written(told, "left behind", &left_behind);
        }
        result
    }

    fn rounds(
        rounds: Vec<Vec<(u16, Bytes)>>,
        recent: &Recent,
        pieces: Option<Pieces>,
        translator: &mut dyn Translator,
        told: &mut String,
    ) -> Result<Vec<u8>, Error> {
        let mut step = translator.start(recent)?;
        let mut rounds = rounds.into_iter();
        loop {
            match step {
                Step::Answer(answer) => {
                    assert!(
                        rounds.next().is_none(),
                        "the script has answers left:\n{told}"
                    );
                    if let Some(written) = answer.written {
                        tell_written(told, "written", &written);
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
                    if let (Some(pieces), [(200, body)]) = (pieces, responses.as_slice()) {
                        assert!(translator.flows(), "it is not read as it comes\n{told}");
                        return flow(translator, body, pieces);
                    }
                    step = translator.resume(responses.into_iter().map(response).collect())?;
                }
            }
        }
    }
}

/// Reads an answer as it comes.
fn flow(translator: &mut dyn Translator, body: &Bytes, pieces: Pieces) -> Result<Vec<u8>, Error> {
    let head = response((200, Bytes::new()));
    let mut told = Vec::new();
    translator.begins(&head)?;
    for piece in body.chunks(pieces.bytes) {
        if translator.feed(piece)? > 0 && pieces.are_told {
            told.append(&mut translator.hand_on());
        }
    }
    told.extend(translator.flowed(&head)?.body);
    Ok(told)
}

fn tell(told: &mut String, call: &NativeRequest, status: u16) {
    writeln!(
        told,
        "{} {} -> {status}",
        call.operation.method, call.target
    )
    .expect("a String takes all");
    if let Some(body) = &call.body {
        if let Some(at) = call.credential_at {
            // Each element on a line of its own, and the place where the credential will be.
            let (before, after) = body.split_at(at);
            let text = |part: &[u8]| String::from_utf8_lossy(part).replace("><", ">\n  <");
            writeln!(told, "  {}(credential){}", text(before), text(after))
                .expect("a String takes all");
            return;
        }
        let body: Value = serde_json::from_slice(body).expect("a native body is JSON");
        writeln!(told, "  {body}").expect("a String takes all");
    }
}

fn tell_written(told: &mut String, how: &str, written: &Written) {
    let keys = written
        .keys
        .iter()
        .map(|key| format!("{}={}", key.key, key.value));
    let keys: Vec<_> = keys.collect();
    let id = written.id.as_deref().unwrap_or("?");
    writeln!(told, "{how} {id} {}", keys.join(" ")).expect("a String takes all");
}

fn response((status, body): (u16, Bytes)) -> NativeResponse {
    NativeResponse {
        status,
        body,
        date: None,
        correlation_id: None,
        parts: Vec::new(),
    }
}
