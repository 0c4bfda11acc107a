//! How keyed writes end: what keeps the key, what gives it back, and callers that do not wait for it.

use std::time::{Duration, Instant};

use crosswalk_tests::{headers, send};
use serde_json::{Value, json};

use super::{
    ACCOUNT, PROVIDERS, Stage, account, accounts, assert_refused, assert_replays, create,
    is_replay, keyed,
};

/// A part of the path of the native call that creates an account.
fn creating(provider: &str) -> &'static str {
    match provider {
        "hubspot" => "/companies",
        _ => "/composite",
    }
}

fn fault(provider: &str, times: u32, action: &Value) -> Value {
    json!({"match": {"method": "POST", "path": creating(provider)}, "times": times, "action": action})
}

/// Covers: key-after-refusal
#[test]
fn what_the_provider_refused_is_told_again() {
    let stage = Stage::new();
    let sidecar = stage.sidecar();
    for provider in PROVIDERS {
        let body =
            json!({"record": {"name": "Refused", "passthrough_fields": {"no_such_field__c": "x"}}});
        let refused = keyed(&sidecar, provider, "k", "POST", ACCOUNT, &body);
        assert_refused(&refused, "crm.account.create", 400, "BAD_REQUEST");
        stage.sandbox.native_calls(provider);
        let again = keyed(&sidecar, provider, "k", "POST", ACCOUNT, &body);
        assert_replays(&again, &refused);
        assert_eq!(stage.sandbox.native_calls(provider), [""; 0]);
        // Each call has its own request id; the body tells that of the call that was carried out.
        assert_ne!(again.header("x-request-id"), refused.header("x-request-id"));
        assert_eq!(
            again.body["request_id"].as_str(),
            refused.header("x-request-id")
        );
    }
}

/// Covers: key-after-refusal
#[test]
fn what_was_not_written_and_may_pass_gives_the_key_back() {
    let stage = Stage::new();
    let sidecar = stage.sidecar();
    for provider in PROVIDERS {
        // Whatever is written so is our own to refuse, and nothing is sent.
        let wrong = json!({"record": {"name": 12}});
        let answer = keyed(&sidecar, provider, "k", "POST", ACCOUNT, &wrong);
        assert_refused(&answer, "crm.account.create", 400, "BAD_REQUEST");
        let throttled = json!({"reply": {"status": 429, "headers": {"Retry-After": "1"},
            "body": {"status": "error", "message": "too many", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"}}});
        stage.fault(provider, &fault(provider, 3, &throttled));
        let answer = create(&sidecar, provider, "k", "Passing");
        assert_eq!(answer.status, 429, "{}", answer.text);
        assert!(answer.body["outcome"].is_null(), "{}", answer.text);
        stage
            .sandbox
            .control(provider, "DELETE", "/_sandbox/faults", None);
        // With another body even: it is as if the key had not been used.
        let answer = create(&sidecar, provider, "k", "Passed");
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!is_replay(&answer));
        assert_eq!(accounts(&sidecar, provider, "Passing"), 0);
        assert_eq!(accounts(&sidecar, provider, "Passed"), 1);
    }
}

/// Covers: key-after-refusal, write-cut
#[test]
fn an_unknown_outcome_is_told_again_and_never_tried_again() {
    let stage = Stage::new();
    let sidecar = stage.sidecar();
    for provider in PROVIDERS {
        for (moment, records) in [("after", 1), ("before", 0)] {
            let name = format!("Lost {moment}");
            let lost = json!({ "reset": moment });
            stage.fault(provider, &fault(provider, 1, &lost));
            let first = create(&sidecar, provider, moment, &name);
            assert_refused(&first, "crm.account.create", 502, "BAD_GATEWAY");
            assert_eq!(first.body["outcome"], "unknown", "{}", first.text);
            stage.sandbox.native_calls(provider);
            let again = create(&sidecar, provider, moment, &name);
            assert_replays(&again, &first);
            assert_eq!(stage.sandbox.native_calls(provider), [""; 0]);
            assert_eq!(accounts(&sidecar, provider, &name), records, "{name}");
        }
    }
}

/// Covers: caller-hangs-up-write
#[test]
fn a_caller_that_hangs_up_finds_its_write_carried_out() {
    let stage = Stage::new();
    let sidecar = stage.sidecar();
    for provider in PROVIDERS {
        sidecar.call(provider, "GET", &format!("{ACCOUNT}?page_size=1"), None);
        stage.fault(provider, &fault(provider, 1, &json!({ "delay_ms": 1_000 })));
        hang_up(&stage, &sidecar.address, provider);
        let until = Instant::now() + Duration::from_secs(20);
        let answer = loop {
            let answer = create(&sidecar, provider, "k", "Hung up");
            if answer.status != 409 {
                break answer;
            }
            assert!(Instant::now() < until, "{}", answer.text);
            std::thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(is_replay(&answer));
        assert_eq!(accounts(&sidecar, provider, "Hung up"), 1);
    }
}

/// Asks for an account with the key `k`, and hangs up once the provider was asked to make it.
fn hang_up(stage: &Stage, address: &str, provider: &str) {
    let headers = format!(
        "{}idempotency-key: k\r\ncontent-type: application/json\r\n",
        headers(provider)
    );
    stage.sandbox.native_calls(provider);
    let body = account("Hung up").to_string();
    let caller = send(address, "POST", ACCOUNT, &headers, &body);
    let until = Instant::now() + Duration::from_secs(20);
    let is_sent = || {
        let seen = stage.sandbox.seen(provider);
        seen.iter().any(|call| {
            call["method"] == "POST" && call["path"].as_str().unwrap().contains(creating(provider))
        })
    };
    while !is_sent() {
        assert!(Instant::now() < until, "the write is sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(caller);
}

/// Covers: sigterm-drains, key-after-restart
#[test]
#[cfg(unix)]
fn a_signal_lets_a_keyed_write_end_and_be_kept() {
    for provider in PROVIDERS {
        let stage = Stage::new();
        let mut sidecar = stage.sidecar();
        sidecar.call(provider, "GET", &format!("{ACCOUNT}?page_size=1"), None);
        stage.fault(provider, &fault(provider, 1, &json!({ "delay_ms": 1_500 })));
        hang_up(&stage, &sidecar.address, provider);
        sidecar.process.terminate();
        assert_eq!(sidecar.process.exit_code(), 0);
        let next = stage.sidecar();
        let answer = create(&next, provider, "k", "Hung up");
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(is_replay(&answer));
        assert_eq!(accounts(&next, provider, "Hung up"), 1);
    }
}

/// Covers: key-answer-lost
#[test]
fn an_answer_that_is_too_large_to_be_kept_is_told_to_have_been() {
    let stage = Stage::new();
    let sidecar = stage.sidecar_with("idempotency_answer_bytes: 1KiB");
    for provider in PROVIDERS {
        let body = json!({"record": {"name": "Large", "description": "d".repeat(2_000)}});
        let first = keyed(&sidecar, provider, "k", "POST", ACCOUNT, &body);
        assert_eq!(first.status, 200, "{}", first.text);
        stage.sandbox.native_calls(provider);
        let again = keyed(&sidecar, provider, "k", "POST", ACCOUNT, &body);
        assert_refused(&again, "crm.account.create", 409, "CONFLICT");
        assert!(is_replay(&again) && again.text.contains("idempotency_answer_bytes"));
        assert_eq!(again.body["outcome"], "written");
        assert_eq!(stage.sandbox.native_calls(provider), [""; 0]);
    }
}
