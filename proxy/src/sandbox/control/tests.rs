//! The control without a socket: a provider that echoes, and what faults and the log make of it.

use bytes::Bytes;
use http::HeaderMap;

use super::*;

struct Echo;

impl Provider for Echo {
    fn handle(&self, call: &Call) -> Reply {
        Reply::json(
            StatusCode::OK,
            &json!({ "path": call.path, "access_token": "shown to the caller" }),
        )
    }
    fn command(&self, name: &str, body: &Value) -> Option<Result<Value, String>> {
        match name {
            "repeat" => Some(Ok(body.clone())),
            "refuse" => Some(Err("not now".to_owned())),
            _ => None,
        }
    }
}

fn call(method: Method, path: &str, body: &str) -> Call {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = Bytes::copy_from_slice(body.as_bytes());
    Call {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: HeaderMap::new(),
        body,
    }
}

fn reply(control: &Control, call: &Call) -> Reply {
    match control.serve(call).outcome {
        Outcome::Answer(reply) => reply,
        Outcome::Truncated(..) | Outcome::Reset => panic!("expected an answer"),
    }
}

fn calls(control: &Control, query: &str) -> Vec<Value> {
    let reply = reply(
        control,
        &call(Method::GET, &format!("/_sandbox/calls{query}"), ""),
    );
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    body["calls"].as_array().unwrap().clone()
}

#[test]
fn a_fault_skips_then_hits_so_many_times() {
    let control = Control::new(Arc::new(Echo));
    let order = r#"{"match":{"method":"get","path":"/a"},"times":2,"skip":1,"action":{"reply":{"status":503,"body":"busy"}}}"#;
    assert_eq!(
        reply(&control, &call(Method::POST, "/_sandbox/faults", order)).status,
        204
    );
    let statuses: Vec<u16> = (0..4)
        .map(|_| {
            reply(&control, &call(Method::GET, "/a", ""))
                .status
                .as_u16()
        })
        .collect();
    assert_eq!(statuses, [200, 503, 503, 200]);
}

#[test]
fn a_reset_after_was_carried_out_and_is_recorded_without_status() {
    let control = Control::new(Arc::new(Echo));
    let order = r#"{"action":{"reset":"after"}}"#;
    reply(&control, &call(Method::POST, "/_sandbox/faults", order));
    assert!(matches!(
        control.serve(&call(Method::POST, "/x", "{}")).outcome,
        Outcome::Reset
    ));
    assert_eq!(calls(&control, "")[0]["status"], Value::Null);
}

#[test]
fn a_fault_that_is_not_understood_is_refused() {
    let control = Control::new(Arc::new(Echo));
    let refused = reply(
        &control,
        &call(
            Method::POST,
            "/_sandbox/faults",
            r#"{"action":{"explode":1}}"#,
        ),
    );
    assert_eq!(refused.status, 400);
}

#[test]
fn the_log_has_no_secrets_and_no_own_calls() {
    let control = Control::new(Arc::new(Echo));
    let mut token = call(
        Method::POST,
        "/token?x=1",
        "grant_type=refresh_token&client_secret=hush",
    );
    token.headers.insert(
        "content-type",
        "application/x-www-form-urlencoded".parse().unwrap(),
    );
    token
        .headers
        .insert("authorization", "Bearer hush".parse().unwrap());
    reply(&control, &token);
    reply(&control, &call(Method::POST, "/second", r#"{"a":1}"#));
    let all = calls(&control, "");
    assert_eq!(all.len(), 2);
    assert!(!serde_json::to_string(&all).unwrap().contains("hush"));
    assert_eq!(all[0]["request"]["grant_type"], "refresh_token");
    assert_eq!(all[0]["response"]["access_token"], "***");
    assert_eq!(calls(&control, "?since=1")[0]["request"], json!({ "a": 1 }));
}

#[test]
fn a_provider_has_commands_of_its_own() {
    let control = Control::new(Arc::new(Echo));
    let order = |name: &str| {
        let path = format!("/_sandbox/{name}");
        let reply = reply(&control, &call(Method::POST, &path, r#"{"a":1}"#));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        (reply.status.as_u16(), body)
    };
    assert_eq!(order("repeat"), (200, json!({ "a": 1 })));
    assert_eq!(order("refuse"), (400, json!({ "error": "not now" })));
    let unknown = json!({ "error": "the sandbox has no POST /_sandbox/other" });
    assert_eq!(order("other"), (404, unknown));
}
