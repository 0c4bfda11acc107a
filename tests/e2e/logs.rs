//! One structured line for each call, whatever became of it.

use crosswalk_tests::{Answer, Contract, Demo, Sandbox, Sidecar, exchange, exchange_text, headers};
use serde_json::{Value, json};

use crate::CONNECTIONS;

/// A call and the status of its answer.
#[derive(Clone, Copy)]
struct Asked<'a>(&'a str, &'a str, &'a str, Option<&'a Value>, u16);

/// What the line of a call says of it, beside its status.
struct Said {
    operation: &'static str,
    provider: &'static str,
    native_calls: u64,
}

impl Asked<'_> {
    fn said(
        self,
        operation: &'static str,
        provider: &'static str,
        native_calls: u64,
    ) -> (Self, Said) {
        let said = Said {
            operation,
            provider,
            native_calls,
        };
        (self, said)
    }
}

#[test]
fn every_call_leaves_one_line_that_says_what_it_was() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    let upsert = json!({"upsert_on": {"key": "website", "values": ["logged.example"]}, "record": {"name": "Logged"}});
    let (wrong, list, unified) = (
        json!({"record": {"name": 5}}),
        "/unified/crm/account?page_size=3",
        "/unified/crm/account",
    );
    let upsert_target = "/unified/crm/account/_upsert";
    let calls = [
        Asked("hubspot", "GET", list, None, 200).said("crm.account.list", "hubspot", 1),
        Asked("hubspot", "POST", upsert_target, Some(&upsert), 200).said(
            "crm.account.upsert",
            "hubspot",
            3,
        ),
        Asked("salesforce", "GET", list, None, 200).said("crm.account.list", "salesforce", 1),
        Asked("salesforce", "POST", upsert_target, Some(&upsert), 200).said(
            "crm.account.upsert",
            "salesforce",
            2,
        ),
        Asked("salesforce", "POST", unified, Some(&wrong), 400).said(
            "crm.account.create",
            "salesforce",
            0,
        ),
        Asked("hubspot", "GET", "/unified/crm/account/12345", None, 404).said(
            "crm.account.get",
            "hubspot",
            1,
        ),
        Asked("nobody", "GET", list, None, 404).said("crm.account.list", "-", 0),
        Asked("hubspot", "GET", "/unified/crm/nothing", None, 404).said("-", "-", 0),
    ];
    for (index, (Asked(connection, method, target, body, status), _)) in calls.iter().enumerate() {
        let id = format!("call-{index}");
        let headers = format!("{}x-request-id: {id}\r\n", headers(connection));
        let answer = exchange(&sidecar.address, method, target, &headers, *body);
        assert_eq!(answer.status, *status, "{}", answer.text);
        assert_eq!(answer.header("x-request-id"), Some(id.as_str()));
        // Health is asked every second by whoever watches, and says nothing.
        exchange(&sidecar.address, "GET", "/livez", "", None);
    }
    let lines = sidecar.logged(calls.len());
    assert_eq!(lines.len(), calls.len());
    for (index, (Asked(.., status), said)) in calls.iter().enumerate() {
        let line = &lines[index];
        assert_eq!(line["request_id"], format!("call-{index}"));
        assert_eq!(line["operation"], said.operation, "{line}");
        assert_eq!(line["provider"], said.provider, "{line}");
        assert_eq!(line["native_calls"], said.native_calls, "{line}");
        assert_eq!(line["status"], *status, "{line}");
        assert!(line["duration_ms"].is_u64(), "{line}");
        assert!(line["timestamp"].is_string(), "{line}");
    }
    // Every line of the log is JSON, not only those of calls.
    for line in sidecar.process.err.text().lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}"));
    }
}

/// Covers: body-too-large, body-of-another-kind
#[test]
fn too_large_a_body_and_a_wrong_kind_are_refused_by_the_contract() {
    let demo = Demo::start();
    let contract = Contract::load();
    for connection in CONNECTIONS {
        let headers = format!("x-apikey: demo\r\nx-connection-id: {connection}\r\n");
        let send = |kind: &str, body: &str| -> Answer {
            let headers = format!("{headers}content-type: {kind}\r\n");
            exchange_text(
                &demo.address,
                "POST",
                "/unified/crm/account",
                &headers,
                body,
            )
        };
        demo.native_calls(connection);
        let text = "x".repeat(4 * 1024 * 1024);
        let large = send(
            "application/json",
            &format!("{{\"record\":{{\"name\":\"{text}\"}}}}"),
        );
        assert_eq!(
            (large.status, &large.body["code"]),
            (413, &json!("PAYLOAD_TOO_LARGE"))
        );
        let message = large.body["message"].as_str().unwrap();
        assert!(message.contains("4194304 bytes"), "{message}");
        let faults = contract.faults("crm.account.create", 413, &large.body);
        assert!(faults.is_empty(), "{faults:?}");
        for kind in ["text/plain", "application/x-www-form-urlencoded"] {
            let wrong = send(kind, "{\"record\":{\"name\":\"x\"}}");
            assert_eq!(
                (wrong.status, &wrong.body["code"]),
                (415, &json!("UNSUPPORTED_MEDIA_TYPE"))
            );
            let faults = contract.faults("crm.account.create", 415, &wrong.body);
            assert!(faults.is_empty(), "{faults:?}");
        }
        assert_eq!(demo.native_calls(connection), Vec::<String>::new());
    }
}

/// Covers: host-foreign
#[test]
fn a_foreign_host_is_refused_before_anything_else() {
    let demo = Demo::start();
    let port = demo.address.rsplit(':').next().unwrap();
    for (host, status) in [
        ("evil.example".to_owned(), 421),
        (format!("evil.example:{port}"), 421),
        (format!("localhost.evil.example:{port}"), 421),
        (format!("127.0.0.1.evil.example:{port}"), 421),
        ("127.0.0.1:1".to_owned(), 421),
        (format!("localhost:{port}"), 200),
        (format!("127.0.0.1:{port}"), 200),
        (format!("[::1]:{port}"), 200),
    ] {
        demo.native_calls("hubspot-demo");
        let headers =
            format!("host: {host}\r\nx-apikey: demo\r\nx-connection-id: hubspot-demo\r\n");
        let answer = demo.call_with("GET", "/unified/crm/account?page_size=1", &headers, None);
        assert_eq!(answer.status, status, "{host}: {}", answer.text);
        let calls = demo.native_calls("hubspot-demo").len();
        assert_eq!(calls, usize::from(status == 200), "{host}");
    }
}
