//! A call's deadline holds wherever it stands, and what is answered then says where that was.

use std::{
    io::Write,
    net::TcpStream,
    sync::mpsc,
    time::{Duration, Instant},
};

use crosswalk_tests::{Answer, Sandbox, Sidecar, exchange, headers, receive};
use serde_json::{Value, json};

use crate::peer::Peer;

const PROVIDER: &str = "hubspot";
const ACCOUNT: &str = "/unified/crm/account/1";
const ACCOUNTS: &str = "/unified/crm/account";

fn started() -> (Sandbox, Sidecar) {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    (sandbox, sidecar)
}

fn slow(sandbox: &Sandbox, path: &str, delay_ms: u32) {
    let fault = json!({"match": {"path": path}, "times": 100, "action": {"delay_ms": delay_ms}});
    sandbox.control(PROVIDER, "POST", "/_sandbox/faults", Some(&fault));
}

/// A call with a timeout of its own, and how long it took.
fn call(
    sidecar: &Sidecar,
    connection: &str,
    method: &str,
    target: &str,
    timeout: &str,
    body: Option<&Value>,
) -> (Answer, Duration) {
    let headers = format!("{}x-request-timeout: {timeout}\r\n", headers(connection));
    let began = Instant::now();
    let answer = exchange(&sidecar.address, method, target, &headers, body);
    (answer, began.elapsed())
}

/// It ended in time, and says where it stood.
fn is_late((answer, took): &(Answer, Duration), words: &str) {
    assert_eq!(answer.status, 504, "{}", answer.text);
    assert_eq!(answer.body["code"], "TIMEOUT");
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.contains(words), "{message}");
    assert!(*took < Duration::from_millis(1_500), "{took:?}");
}

#[test]
fn a_timeout_that_is_none_is_refused_for_every_kind_of_operation() {
    let (sandbox, sidecar) = started();
    sandbox.native_calls(PROVIDER);
    for timeout in ["0", "soon", "-1", "1m"] {
        for target in [ACCOUNT, "/core/connection", "/capabilities"] {
            let (answer, _) = call(&sidecar, PROVIDER, "GET", target, timeout, None);
            assert_eq!(answer.status, 400, "{target} {timeout}: {}", answer.text);
            assert_eq!(answer.body["issues"][0]["path"], "header.x-request-timeout");
        }
    }
    assert_eq!(sandbox.native_calls(PROVIDER), Vec::<String>::new());
    let (answer, _) = call(&sidecar, PROVIDER, "GET", ACCOUNTS, "20s", None);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn it_holds_while_a_token_is_fetched() {
    let (sandbox, sidecar) = started();
    slow(&sandbox, "/oauth/v1/token", 3_000);
    let body = json!({"record": {"name": "No token"}});
    let late = call(&sidecar, PROVIDER, "POST", ACCOUNTS, "500ms", Some(&body));
    is_late(
        &late,
        "did not issue a token in time; the call was not sent",
    );
    assert_eq!(late.0.body["outcome"], Value::Null);
}

#[test]
fn it_holds_while_a_connection_is_made() {
    // It accepts and never says a word of TLS.
    let mute = Peer::start(|mut line| {
        line.wait_for_end();
    });
    let sidecar = Sidecar::start(&format!(
        "connections:\n{}",
        mute.connection_by("https", "mute")
    ));
    let body = json!({"record": {"name": "No connection"}});
    let late = call(&sidecar, "mute", "POST", ACCOUNTS, "500ms", Some(&body));
    is_late(&late, "could not be reached in time, nothing was sent");
    assert_eq!(late.0.body["outcome"], Value::Null, "{}", late.0.text);
    assert_eq!(mute.requests(), 0);
}

/// Covers: deadline
#[test]
fn it_holds_while_the_answer_is_waited_for_and_is_capped() {
    let sandbox = Sandbox::start();
    let limited = format!(
        "limits: {{ request_timeout: 600ms }}\n{}",
        sandbox.with_oauth()
    );
    let sidecar = Sidecar::start(&limited);
    let list = "/unified/crm/account?page_size=1";
    assert_eq!(sidecar.call(PROVIDER, "GET", list, None).status, 200);
    slow(&sandbox, "/companies", 3_000);
    is_late(
        &call(&sidecar, PROVIDER, "GET", list, "300ms", None),
        "did not answer in time",
    );
    is_late(
        &call(&sidecar, PROVIDER, "GET", list, "30", None),
        "did not answer in time",
    );
}

/// Covers: deadline, write-cut
#[test]
fn it_holds_while_an_answer_drips() {
    let dripping = Peer::start(|mut line| {
        let _ = line.request();
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
        let _ = line.stream.write_all(head);
        for _ in 0..100 {
            if line.stream.write_all(b" ").is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let sidecar = Sidecar::start(&format!("connections:\n{}", dripping.connection("drip")));
    let late = call(&sidecar, "drip", "GET", ACCOUNT, "500ms", None);
    is_late(&late, "began to answer and did not come to an end in time");
    let body = json!({"record": {"name": "Drip"}});
    let late = call(&sidecar, "drip", "POST", ACCOUNTS, "500ms", Some(&body));
    is_late(&late, "began to answer and did not come to an end in time");
    assert_eq!(late.0.body["outcome"], "unknown");
}

/// Covers: deadline
#[test]
fn nobody_waits_for_a_retry_that_would_come_too_late() {
    let busy = Peer::answering(|_| (503, r#"{"message":"busy"}"#.into()));
    let sidecar = Sidecar::start(&format!("connections:\n{}", busy.connection("busy")));
    let (answer, took) = call(&sidecar, "busy", "GET", ACCOUNT, "50ms", None);
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert!(answer.text.contains("busy"), "{}", answer.text);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn it_holds_while_another_call_works_on_the_same_key() {
    let (sandbox, sidecar) = started();
    assert_eq!(sidecar.call(PROVIDER, "GET", ACCOUNTS, None).status, 200);
    slow(&sandbox, "/search", 2_000);
    let upsert = json!({"upsert_on": {"key": "website", "values": ["one.example"]}, "record": {"name": "One"}});
    let target = "/unified/crm/account/_upsert";
    std::thread::scope(|scope| {
        let first = scope.spawn(|| sidecar.call(PROVIDER, "POST", target, Some(&upsert)));
        std::thread::sleep(Duration::from_millis(300));
        let late = call(&sidecar, PROVIDER, "POST", target, "300ms", Some(&upsert));
        is_late(
            &late,
            "another call that matches by the same key did not end in time; nothing was sent",
        );
        assert_eq!(late.0.body["outcome"], Value::Null);
        assert_eq!(first.join().unwrap().status, 200);
    });
}

/// Covers: deadline, slow-body
#[test]
fn it_holds_while_a_body_is_waited_for() {
    let (_sandbox, sidecar) = started();
    let mut stream = TcpStream::connect(&sidecar.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let began = Instant::now();
    write!(
        stream,
        "POST {ACCOUNTS} HTTP/1.1\r\nhost: {}\r\n{}x-request-timeout: 400ms\r\ncontent-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{{",
        sidecar.address,
        headers(PROVIDER)
    )
    .unwrap();
    let answer = receive(&mut stream);
    is_late(
        &(answer, began.elapsed()),
        "the call's body did not come to its end in time",
    );
}

/// Covers: caller-hangs-up-read
#[test]
fn a_caller_that_hangs_up_ends_the_native_call_of_a_read() {
    let (told, ended) = mpsc::channel();
    let silent = Peer::start(move |mut line| {
        let _ = line.request();
        let _ = told.send(line.wait_for_end());
    });
    let sidecar = Sidecar::start(&format!("connections:\n{}", silent.connection("silent")));
    let caller = crosswalk_tests::send(&sidecar.address, "GET", ACCOUNT, &headers("silent"), "");
    let until = Instant::now() + Duration::from_secs(10);
    while silent.requests() == 0 {
        assert!(Instant::now() < until, "it is called");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(caller);
    let took = ended.recv_timeout(Duration::from_secs(5));
    assert!(took.is_ok(), "the native connection is closed: {took:?}");
    assert_eq!(sidecar.logged(1)[0]["status"], 499);
    assert_eq!(silent.connections(), 1);
}

/// Covers: caller-hangs-up-write
#[test]
fn a_caller_that_hangs_up_does_not_cut_a_write() {
    let (told, ended) = mpsc::channel();
    let slow = Peer::start(move |mut line| {
        while let Some(request) = line.request() {
            if request.starts_with("POST") {
                std::thread::sleep(Duration::from_millis(700));
                line.answer(201, r#"{"id":"7","properties":{},"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z","archived":false}"#);
            } else {
                let _ = told.send(request.lines().next().unwrap_or_default().to_owned());
                line.answer(404, r#"{"status":"error","message":"resource not found"}"#);
            }
        }
    });
    let sidecar = Sidecar::start(&format!("connections:\n{}", slow.connection("slow")));
    let lines = format!("{}content-type: application/json\r\n", headers("slow"));
    let caller = crosswalk_tests::send(
        &sidecar.address,
        "POST",
        ACCOUNTS,
        &lines,
        r#"{"record":{"name":"Left"}}"#,
    );
    let until = Instant::now() + Duration::from_secs(10);
    while slow.requests() == 0 {
        assert!(Instant::now() < until, "it is called");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(caller);
    let next = ended.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(
        next.starts_with("GET ") && next.contains("/7"),
        "it is read back: {next}"
    );
    let logged = &sidecar.logged(1)[0];
    assert_eq!(logged["native_calls"], 2, "{logged}");
}
