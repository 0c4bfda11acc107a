//! What the fuzz targets share: contexts of made-up connections, and a provider that answers with whatever comes.

use std::sync::Arc;

use bytes::Bytes;
use crosswalk::{
    error::Error,
    generated::API,
    route::{Route, ServedBy, UnifiedRequest},
    translate::{
        Answer, ConnectionSettings, Context, CursorKey, NativeRequest, NativeResponse, Recent, Step,
    },
    upstream::provider::Provider,
};

/// More rounds than any translator has.
const MOST_ROUNDS: usize = 64;

/// The operations that providers serve.
pub fn routes() -> Vec<&'static Route> {
    API.routes
        .iter()
        .filter(|route| route.served_by == ServedBy::Provider)
        .collect()
}

/// A connection of a provider, at a fixed time.
pub fn context(provider: &'static Provider, operation: &'static str) -> Context {
    let version = provider.versions.default;
    let roots = provider.versions.families[0].roots.iter();
    Context {
        provider,
        operation,
        connection: Arc::new(ConnectionSettings {
            id: "c1".to_owned(),
            roots: roots
                .map(|root| root.replace("{version}", version))
                .collect(),
            cursor_key: CursorKey([1; 32]),
        }),
        now: "2026-11-23T12:00:00Z".parse().expect("a time"),
        hidden: Arc::default(),
        objects: Arc::default(),
        fields: None,
    }
}

/// Drives a call to its end. Holds each native call against what may go out, and the end against what may come back.
pub fn drive(
    provider: &'static Provider,
    operation: &'static str,
    request: &UnifiedRequest,
    mut respond: impl FnMut(&NativeRequest) -> (u16, Vec<u8>),
) -> Result<Answer, Error> {
    let cx = context(provider, operation);
    let roots = cx.connection.settings().roots.clone();
    let mut translator = (API.translator)(operation, cx, request).inspect_err(explained)?;
    let mut step = translator
        .start(&Recent::default())
        .inspect_err(explained)?;
    for _ in 0..MOST_ROUNDS {
        match step {
            Step::Answer(answer) => {
                let body: Result<serde_json::Value, _> = serde_json::from_slice(&answer.body);
                assert!(body.is_ok(), "{operation}: the answer is no JSON");
                return Ok(answer);
            }
            Step::Calls(calls) => {
                assert!(
                    !calls.is_empty(),
                    "{operation}: no calls, so nothing would ever come"
                );
                let responses = calls.iter().map(|call| {
                    check(call, &roots);
                    let (status, body) = respond(call);
                    NativeResponse {
                        status,
                        body: body.into(),
                        date: None,
                        correlation_id: None,
                        parts: Vec::new(),
                    }
                });
                step = translator
                    .resume(responses.collect())
                    .inspect_err(explained)?;
            }
        }
    }
    panic!("{operation}: the translator does not come to an end");
}

/// What goes out stays under the provider's roots, and is fit for a request line.
fn check(call: &NativeRequest, roots: &[String]) {
    let (target, id) = (&call.target, call.operation.id);
    assert!(
        target.bytes().all(|byte| byte.is_ascii_graphic()),
        "{id}: {target:?} is no request target"
    );
    assert!(
        roots.iter().any(|root| target.starts_with(root.as_str())),
        "{id}: {target:?} is under none of {roots:?}"
    );
    let path = target.split('?').next().unwrap_or_default();
    assert!(
        path.split('/').all(|part| part != "." && part != ".."),
        "{id}: {target:?} climbs"
    );
    if let (Some(body), None) = (&call.body, call.credential_at) {
        let body: Result<serde_json::Value, _> = serde_json::from_slice(body);
        assert!(body.is_ok(), "{id}: the body is no JSON");
    }
}

fn explained(error: &Error) {
    assert!(!error.message.is_empty(), "an error says what is wrong");
    let body: Result<serde_json::Value, _> = serde_json::from_slice(&error.body("r"));
    assert!(body.is_ok(), "an error is JSON");
}

/// Text of a request, short enough for a path.
pub fn request(
    route: &'static Route,
    path: &[String],
    query: Vec<(String, String)>,
    body: impl Into<Bytes>,
) -> UnifiedRequest {
    let names = route.path.split('/');
    let names = names.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let values = path
        .iter()
        .cloned()
        .chain(std::iter::repeat("1".to_owned()));
    UnifiedRequest {
        path: names.zip(values).collect(),
        query,
        body: body.into(),
    }
}
