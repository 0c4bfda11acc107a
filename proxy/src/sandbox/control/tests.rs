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

#[test]
fn the_log_unpacks_what_was_packed() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(br#"{"packed": true, "access_token": "x"}"#)
        .unwrap();
    let control = Control::new(Arc::new(Echo));
    let mut packed = call(Method::POST, "/a", "");
    packed.body = encoder.finish().unwrap().into();
    control.serve(&packed);
    assert_eq!(
        calls(&control, "")[0]["request"],
        json!({"packed": true, "access_token": "***"})
    );
}

#[test]
fn an_answer_is_replaced_after_the_call_was_carried_out() {
    struct Counts(std::sync::atomic::AtomicU32);
    impl Provider for Counts {
        fn handle(&self, _call: &Call) -> Reply {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Reply::empty(StatusCode::OK)
        }
    }
    let provider = Arc::new(Counts(0.into()));
    let control = Control::new(provider.clone());
    let order =
        r#"{"match":{"body":"grant_type=refresh_token"},"action":{"replace":{"status":500}}}"#;
    reply(&control, &call(Method::POST, "/_sandbox/faults", order));
    let ask = |grant: &str| {
        let body = format!("grant_type={grant}&client_id=x");
        reply(&control, &call(Method::POST, "/token", &body))
            .status
            .as_u16()
    };
    let left = |control: &Control| {
        let body = reply(control, &call(Method::GET, "/_sandbox/faults", "")).body;
        serde_json::from_slice::<Value>(&body).unwrap()["left"].clone()
    };
    assert_eq!((ask("authorization_code"), left(&control)), (200, json!(1)));
    assert_eq!((ask("refresh_token"), left(&control)), (500, json!(0)));
    assert_eq!(provider.0.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[test]
fn tokens_in_addresses_are_not_recorded() {
    let control = Control::new(Arc::new(Echo));
    reply(
        &control,
        &call(Method::GET, "/oauth/v1/access-tokens/hush", ""),
    );
    reply(
        &control,
        &call(Method::GET, "/revoke?token=hush&a=%20b", ""),
    );
    reply(
        &control,
        &call(Method::GET, "/list?a=%20b&tokens=shown", ""),
    );
    let all = calls(&control, "");
    assert_eq!(all[0]["path"], "/oauth/v1/access-tokens/***");
    assert_eq!(all[1]["query"], "token=***&a=+b");
    assert_eq!(all[2]["query"], "a=%20b&tokens=shown");
    let requests: Vec<&Value> = all.iter().map(|call| &call["query"]).collect();
    assert!(!format!("{requests:?}").contains("hush"));
}

#[test]
fn a_refresh_whose_answer_is_lost_was_carried_out_and_is_listed_without_its_tokens() {
    use crate::sandbox::salesforce::{Options, REFRESH_TOKEN, Salesforce};
    let control = Control::new(Arc::new(Salesforce::new(&Options { sample: false })));
    let order = |method: Method, path: &str, body: &str| reply(&control, &call(method, path, body));
    order(
        Method::PATCH,
        "/_sandbox/settings",
        r#"{"rotate_refresh_tokens":true}"#,
    );
    let lost = r#"{"match":{"path":"/oauth2/token","body":"grant_type=refresh_token"},"action":{"reset":"after"}}"#;
    order(Method::POST, "/_sandbox/faults", lost);
    let mut refresh = call(
        Method::POST,
        "/services/oauth2/token",
        &format!(
            "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token={REFRESH_TOKEN}"
        ),
    );
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    refresh.headers.insert("content-type", form);
    assert!(matches!(control.serve(&refresh).outcome, Outcome::Reset));
    // The old token is dead, and nobody has the new one.
    let refused = reply(&control, &refresh);
    assert_eq!(refused.status, 400);
    assert!(String::from_utf8_lossy(&refused.body).contains("invalid_grant"));
    let seen = calls(&control, "");
    let statuses: Vec<&Value> = seen.iter().map(|call| &call["status"]).collect();
    assert_eq!(statuses, [&Value::Null, &json!(400)]);
    assert_eq!(seen[0]["request"]["grant_type"], "refresh_token");
    assert!(!format!("{seen:?}").contains(REFRESH_TOKEN));
    let grants = order(Method::GET, "/_sandbox/grants", "").body;
    let grants: Value = serde_json::from_slice(&grants).unwrap();
    assert_eq!(
        grants["token_calls"],
        json!({"granted": {"refresh_token": 1}, "refused": 1})
    );
    assert_eq!(grants["grants"][0]["ended"], "old_token_used");
}
