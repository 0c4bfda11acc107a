//! What is made again by the proxy, what is not, and what a caller is told who must decide that himself.

use std::{
    io::Write as _,
    net::TcpListener,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use crosswalk_tests::{Answer, Sandbox, Sidecar, exchange, headers};
use serde_json::{Value, json};

use crate::peer::Peer;

const PROVIDER: &str = "hubspot";
const ACCOUNTS: &str = "/unified/crm/account";

fn started() -> (Sandbox, Sidecar) {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    (sandbox, sidecar)
}

fn fault(sandbox: &Sandbox, fault: &Value) {
    sandbox.control(PROVIDER, "POST", "/_sandbox/faults", Some(fault));
}

fn create(sidecar: &Sidecar, name: &str) -> Answer {
    let record = json!({"record": {"name": name}});
    sidecar.call(PROVIDER, "POST", ACCOUNTS, Some(&record))
}

/// The accounts of a name.
fn count(sidecar: &Sidecar, name: &str) -> usize {
    let list = sidecar.call(PROVIDER, "GET", "/unified/crm/account?page_size=200", None);
    assert_eq!(list.status, 200, "{}", list.text);
    let items = list.body["items"].as_array().unwrap();
    items.iter().filter(|item| item["name"] == name).count()
}

/// The native calls that created something.
fn creations(sandbox: &Sandbox) -> usize {
    let calls = sandbox.native_calls(PROVIDER);
    let is_creation = |call: &&String| {
        *call == "POST /crm/v3/objects/companies"
            || call.ends_with("/companies") && call.starts_with("POST")
    };
    calls.iter().filter(is_creation).count()
}

/// Whoever reads it knows what to do.
fn is_told_to_be_unknown(answer: &Answer) {
    assert_eq!(answer.body["outcome"], "unknown", "{}", answer.text);
    let message = answer.body["message"].as_str().unwrap();
    assert!(
        message.contains("read the record, or search for it, before the call is made again"),
        "{message}"
    );
}

/// Covers: write-not-carried-out, provider-down
#[test]
fn a_write_that_met_nobody_is_made_again_and_is_known_not_to_be_done() {
    // A port that nothing listens on.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sidecar = Sidecar::start(&format!(
        "connections:\n  gone: {{ provider: hubspot, base_url: \"http://{address}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }}\n"
    ));
    let record = json!({"record": {"name": "Nowhere"}});
    let answer = sidecar.call("gone", "POST", ACCOUNTS, Some(&record));
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert!(
        answer.text.contains("nothing was sent; try again"),
        "{}",
        answer.text
    );
    assert_eq!(answer.body["outcome"], Value::Null);
    assert_eq!(sidecar.logged(1)[0]["native_calls"], 3);
}

/// Covers: write-not-carried-out
#[test]
fn a_throttled_write_is_made_again() {
    let (sandbox, sidecar) = started();
    fault(
        &sandbox,
        &json!({"match": {"method": "POST", "path": "/companies"}, "action": {"reply": {"status": 429, "headers": {"Retry-After": "0"}, "body": {"status": "error", "message": "You have reached your secondly limit.", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"}}}}),
    );
    let answer = create(&sidecar, "Throttled");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(creations(&sandbox), 2);
    assert_eq!(count(&sidecar, "Throttled"), 1);
}

#[test]
fn a_write_that_the_provider_failed_at_is_not_made_again() {
    let (sandbox, sidecar) = started();
    // Once it was carried out before the fault, and once it was not: nobody can tell from the answer.
    let body = json!({"status": "error", "message": "internal error"});
    for (name, action, kept) in [
        ("Done", json!({"replace": {"status": 500, "body": body}}), 1),
        (
            "Not done",
            json!({"reply": {"status": 503, "body": body}}),
            0,
        ),
    ] {
        fault(
            &sandbox,
            &json!({"match": {"method": "POST", "path": "/companies"}, "action": action}),
        );
        let answer = create(&sidecar, name);
        assert!(answer.status >= 500, "{}", answer.text);
        is_told_to_be_unknown(&answer);
        assert!(answer.text.contains("internal error"), "{}", answer.text);
        assert_eq!(creations(&sandbox), 1, "{name}");
        assert_eq!(count(&sidecar, name), kept, "{name}");
        sandbox.native_calls(PROVIDER);
    }
}

#[test]
fn a_write_whose_connection_broke_is_not_made_again() {
    let (sandbox, sidecar) = started();
    for (moment, kept) in [("before", 0), ("after", 1)] {
        fault(
            &sandbox,
            &json!({"match": {"method": "POST", "path": "/companies"}, "action": {"reset": moment}}),
        );
        let answer = create(&sidecar, moment);
        assert_eq!(answer.status, 502, "{}", answer.text);
        is_told_to_be_unknown(&answer);
        assert_eq!(creations(&sandbox), 1, "{moment}");
        assert_eq!(count(&sidecar, moment), kept, "{moment}");
        sandbox.native_calls(PROVIDER);
    }
}

/// Covers: read-cut, answer-wrong-length
#[test]
fn a_read_whose_connection_broke_is_made_again() {
    let (sandbox, sidecar) = started();
    for moment in ["before", "after"] {
        fault(
            &sandbox,
            &json!({"match": {"method": "GET", "path": "/companies"}, "action": {"reset": moment}}),
        );
        let list = sidecar.call(PROVIDER, "GET", "/unified/crm/account?page_size=1", None);
        assert_eq!(list.status, 200, "{moment}: {}", list.text);
    }
    for action in [
        json!({"truncate": 40}),
        json!({"reply": {"status": 502, "body": "<html>"}}),
    ] {
        fault(
            &sandbox,
            &json!({"match": {"method": "GET", "path": "/companies"}, "action": action}),
        );
        let list = sidecar.call(PROVIDER, "GET", "/unified/crm/account?page_size=1", None);
        assert_eq!(list.status, 200, "{action}: {}", list.text);
    }
}

/// Covers: write-cut
#[test]
fn a_write_whose_answer_came_too_late_may_have_been_carried_out() {
    let (sandbox, sidecar) = started();
    assert_eq!(count(&sidecar, "Late"), 0, "there is a token now");
    fault(
        &sandbox,
        &json!({"match": {"method": "POST", "path": "/companies"}, "action": {"delay_ms": 1_500}}),
    );
    let body = json!({"record": {"name": "Late"}});
    let headers = format!("{}x-request-timeout: 400ms\r\n", headers(PROVIDER));
    let answer = exchange(&sidecar.address, "POST", ACCOUNTS, &headers, Some(&body));
    assert_eq!(answer.status, 504, "{}", answer.text);
    assert!(
        answer.text.contains("did not answer in time"),
        "{}",
        answer.text
    );
    is_told_to_be_unknown(&answer);
    assert_eq!(count(&sidecar, "Late"), 1);
}

/// Covers: failure-after-write
#[test]
fn a_read_that_was_written_before_says_what_was_written() {
    let (sandbox, sidecar) = started();
    assert_eq!(count(&sidecar, "Unread"), 0, "there is a token now");
    fault(
        &sandbox,
        &json!({"match": {"method": "GET", "path": "/companies/"}, "times": 3, "action": {"delay_ms": 3_000}}),
    );
    let body = json!({"record": {"name": "Unread"}});
    let headers = format!("{}x-request-timeout: 1s\r\n", headers(PROVIDER));
    let answer = exchange(&sidecar.address, "POST", ACCOUNTS, &headers, Some(&body));
    assert_eq!(answer.status, 504, "{}", answer.text);
    assert_eq!(answer.body["outcome"], "written");
    assert!(
        answer.text.contains("the record was written (id "),
        "{}",
        answer.text
    );
}

/// Covers: throttled
#[test]
fn a_host_that_fails_now_and_then_is_not_called_three_times_as_often() {
    // Every third call fails, and few are under way: never five fail in a row, so no circuit opens.
    let turn = AtomicUsize::new(0);
    let shaky = Peer::answering(move |_| {
        if turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
            (500, "{}".into())
        } else {
            let body = r#"{"status":"error","message":"resource not found"}"#;
            (404, body.into())
        }
    });
    let sidecar = Sidecar::start(&format!(
        // Reads that are made as one would be counted as one.
        "admin_listen: 127.0.0.1:0\nlimits: {{ join_reads: false }}\nconnections:\n{}",
        shaky.connection("shaky")
    ));
    let (clients, each) = (3, 300);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..clients {
            let sidecar = &sidecar;
            scope.spawn(move || {
                for number in 0..each {
                    let target = format!("/unified/crm/account/{}", client * 1000 + number);
                    let status = sidecar.call("shaky", "GET", &target, None).status;
                    assert!(status == 404 || status == 502, "{status}");
                }
            });
        }
    });
    // A fifth, three for each second, and those of ten seconds that are there at the beginning.
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 11;
    let (asked, made) = (clients * each, shaky.requests());
    assert!(made > asked, "some are made again");
    assert!(
        made <= asked + asked / 5 + 3 * seconds,
        "{made} of {asked} in {seconds} s"
    );
    let line = sidecar.process.err.wait_for("listening");
    let line: Value = serde_json::from_str(&line).unwrap();
    let metrics = exchange(line["admin"].as_str().unwrap(), "GET", "/metrics", "", None);
    let refused = "crosswalk_retries_refused_total{provider=\"hubspot\"} ";
    assert!(metrics.text.contains(refused), "{}", metrics.text);
}

#[test]
fn a_provider_that_names_a_time_beyond_all_bounds_is_taken_to_mean_a_day() {
    let mad = Peer::start(|mut line| {
        while line.request().is_some() {
            let text = "HTTP/1.1 429 Told\r\nretry-after: 18446744073709551615\r\ncontent-length: 2\r\n\r\n{}";
            let _ = line.stream.write_all(text.as_bytes());
        }
    });
    let sidecar = Sidecar::start(&format!("connections:\n{}", mad.connection("mad")));
    let answer = sidecar.call("mad", "GET", "/unified/crm/account/1", None);
    assert_eq!(answer.status, 429, "{}", answer.text);
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(after <= 86_400, "{after}");
}
