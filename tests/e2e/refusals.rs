use crosswalk_tests::{Contract, Demo, exchange_text};
use serde_json::{Value, json};

use crate::{CONNECTIONS, good};

/// Covers: wrong-value, path-tricks, soql-identifier
#[test]
fn bad_input_is_told_and_changes_nothing() {
    let demo = Demo::start();
    let contract = Contract::load();
    for connection in CONNECTIONS {
        demo.native_calls(connection);
        for (operation, method, target, body, status, words) in [
            (
                "crm.account.create",
                "POST",
                "/unified/crm/account",
                Some(json!({"record": {"number_of_employees": "many"}})),
                400,
                "body.record.number_of_employees",
            ),
            (
                "crm.account.create",
                "POST",
                "/unified/crm/account",
                Some(json!({"record": {"number_of_employees": 1.5}})),
                400,
                "a whole number",
            ),
            (
                "crm.account.list",
                "GET",
                "/unified/crm/account?page_size=5000",
                None,
                400,
                "expected at most",
            ),
            (
                "crm.account.list",
                "GET",
                "/unified/crm/account?cursor=abc",
                None,
                400,
                "query.cursor",
            ),
            (
                "crm.account.list",
                "GET",
                "/unified/crm/account?fields=a%20FROM%20User",
                None,
                400,
                "query.fields",
            ),
            (
                "crm.account.get",
                "GET",
                "/unified/crm/account/..%2F..%2Fowners",
                None,
                404,
                "no account has the id",
            ),
            (
                "crm.account.upsert",
                "POST",
                "/unified/crm/account/_upsert",
                Some(json!({"upsert_on": {"key": "name", "values": ["x"]}, "record": {}})),
                400,
                "body.upsert_on.key",
            ),
            (
                "crm.account.upsert",
                "POST",
                "/unified/crm/account/_upsert",
                Some(json!({"upsert_on": {"key": "website", "values": []}, "record": {}})),
                400,
                "body.upsert_on.values",
            ),
            (
                "crm.contact.upsert",
                "POST",
                "/unified/crm/contact/_upsert",
                Some(
                    json!({"upsert_on": {"key": "email", "values": ["x' OR Name != '"]}, "record": {}}),
                ),
                400,
                "an email address",
            ),
        ] {
            let answer = demo.call(connection, method, target, body.as_ref());
            let message = answer.body["message"].as_str().unwrap_or_default();
            assert_eq!(
                answer.status, status,
                "{connection} {target}: {:#}",
                answer.body
            );
            assert!(message.contains(words), "{connection} {target}: {message}");
            let faults = contract.faults(operation, status, &answer.body);
            assert!(faults.is_empty(), "{faults:?}");
        }
        assert_eq!(
            demo.native_calls(connection),
            Vec::<String>::new(),
            "{connection}"
        );
    }
}

/// Covers: cursor-of-another
#[test]
fn a_cursor_of_another_connection_or_operation_is_refused() {
    let demo = Demo::start();
    let page = good(
        &demo,
        "hubspot-demo",
        "crm.account.list",
        "GET",
        "/unified/crm/account?page_size=2",
        None,
    );
    let cursor = page["next_cursor"].as_str().unwrap();
    for (connection, entity) in [("salesforce-demo", "account"), ("hubspot-demo", "contact")] {
        let answer = demo.call(
            connection,
            "GET",
            &format!("/unified/crm/{entity}?cursor={cursor}"),
            None,
        );
        assert_eq!(answer.status, 400, "{:#}", answer.body);
    }
}

/// Covers: caller-unknown
#[test]
fn who_calls_and_for_whom_is_checked() {
    let demo = Demo::start();
    let status = |headers: &str| {
        demo.call_with("GET", "/unified/crm/account", headers, None)
            .status
    };
    assert_eq!(status("x-connection-id: hubspot-demo\r\n"), 401);
    assert_eq!(
        status("x-apikey: wrong\r\nx-connection-id: hubspot-demo\r\n"),
        401
    );
    assert_eq!(status("x-apikey: demo\r\n"), 400);
    assert_eq!(status("x-apikey: demo\r\nx-connection-id: nobody\r\n"), 404);
    assert_eq!(
        status("host: evil.example\r\nx-apikey: demo\r\nx-connection-id: hubspot-demo\r\n"),
        421
    );
    assert_eq!(
        demo.call("hubspot-demo", "PUT", "/unified/crm/account", None)
            .status,
        405
    );
    assert_eq!(
        demo.call("hubspot-demo", "GET", "/unified/crm/nothing", None)
            .status,
        404
    );
}

/// Covers: refused-write
#[test]
fn what_a_provider_refuses_is_told_in_its_words() {
    let demo = Demo::start();
    let record =
        json!({"record": {"passthrough_fields": {"no_such_field": "x"}, "last_name": "L"}});
    for (connection, code) in [
        ("hubspot-demo", "VALIDATION_ERROR"),
        ("salesforce-demo", "INVALID_FIELD"),
    ] {
        let answer = demo.call(connection, "POST", "/unified/crm/contact", Some(&record));
        assert_eq!(
            (answer.status, &answer.body["provider"]["code"]),
            (400, &json!(code)),
            "{:#}",
            answer.body
        );
        assert!(
            answer.body["message"]
                .as_str()
                .unwrap()
                .contains("no_such_field"),
            "{:#}",
            answer.body
        );
    }
}

#[test]
fn what_a_provider_has_no_place_for_is_warned_of() {
    let demo = Demo::start();
    let address = json!({"address_type": "shipping", "city": "Oslo", "country": null, "postal_code": null, "state": null, "street_1": "1 Quay", "street_2": "Dock 2"});
    let record = json!({"record": {"name": "Warned", "lifecycle_stage": "customer", "addresses": [address]}});
    let salesforce = good(
        &demo,
        "salesforce-demo",
        "crm.account.create",
        "POST",
        "/unified/crm/account",
        Some(&record),
    );
    assert_eq!(salesforce["warnings"][0]["field"], "lifecycle_stage");
    assert_eq!(salesforce["record"]["addresses"], json!([address]));
    let hubspot = good(
        &demo,
        "hubspot-demo",
        "crm.account.create",
        "POST",
        "/unified/crm/account",
        Some(&record),
    );
    assert_eq!(hubspot["warnings"][0]["field"], "addresses[0] (shipping)");
    assert_eq!(hubspot["record"]["lifecycle_stage"], "customer");
    assert_eq!(hubspot["record"]["addresses"], Value::Null);
}

/// Covers: write-cut, throttled
#[test]
fn a_read_is_repeated_when_throttled_and_a_cut_write_is_not() {
    let demo = Demo::start();
    let throttle = json!({"match": {"method": "GET", "path": "/companies"}, "times": 1, "action": {"reply": {"status": 429, "headers": {"Retry-After": "0"}, "body": {"status": "error", "message": "You have reached your secondly limit.", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"}}}});
    demo.sandbox("hubspot-demo", "POST", "/_sandbox/faults", Some(&throttle));
    good(
        &demo,
        "hubspot-demo",
        "crm.account.list",
        "GET",
        "/unified/crm/account?page_size=1",
        None,
    );
    demo.native_calls("hubspot-demo");
    let cut = json!({"match": {"method": "POST", "path": "/companies"}, "times": 1, "action": {"reset": "after"}});
    demo.sandbox("hubspot-demo", "POST", "/_sandbox/faults", Some(&cut));
    let answer = demo.call(
        "hubspot-demo",
        "POST",
        "/unified/crm/account",
        Some(&json!({"record": {"name": "Cut"}})),
    );
    assert_eq!(answer.body["outcome"], "unknown", "{:#}", answer.body);
    let posts = demo
        .native_calls("hubspot-demo")
        .into_iter()
        .filter(|call| call.starts_with("POST"))
        .count();
    assert_eq!(posts, 1);
}

#[test]
fn every_operation_documents_that_a_connection_may_be_unknown() {
    let demo = Demo::start();
    let contract = Contract::load();
    let body = json!({"record": {}, "upsert_on": {"key": "email", "values": ["a@b.example"]}, "ids": [], "properties": []});
    for entity in ["account", "contact"] {
        for (verb, method, path) in [
            ("list", "GET", ""),
            ("create", "POST", ""),
            ("get", "GET", "/1"),
            ("update", "PATCH", "/1"),
            ("batch_read", "POST", "/_batch_read"),
            ("upsert", "POST", "/_upsert"),
        ] {
            let body = (method != "GET").then_some(&body);
            let answer = demo.call(
                "nobody",
                method,
                &format!("/unified/crm/{entity}{path}"),
                body,
            );
            assert_eq!(answer.status, 404, "{:#}", answer.body);
            let faults = contract.faults(&format!("crm.{entity}.{verb}"), 404, &answer.body);
            assert!(faults.is_empty(), "{faults:?}");
        }
    }
}

/// Covers: daily-limit
#[test]
fn a_spent_day_is_told_at_once() {
    let demo = Demo::start();
    for (connection, settings) in [
        ("hubspot-demo", json!({"rate_limits": {"daily": 0}})),
        (
            "salesforce-demo",
            json!({"calls_today": 100_000, "daily_limit": 100_000}),
        ),
    ] {
        demo.sandbox(connection, "PATCH", "/_sandbox/settings", Some(&settings));
        demo.native_calls(connection);
        let answer = demo.call(connection, "GET", "/unified/crm/contact", None);
        assert_eq!(answer.status, 429, "{connection}: {:#}", answer.body);
        assert_eq!(demo.native_calls(connection).len(), 1, "{connection}");
    }
}

/// Covers: json-deep
#[test]
fn a_body_that_is_nested_without_end_harms_nobody() {
    const DEEP: usize = 100_000;
    let demo = Demo::start();
    let lists = "[".repeat(DEEP) + &"]".repeat(DEEP);
    let objects = "{\"a\":".repeat(DEEP) + "1" + &"}".repeat(DEEP);
    for connection in CONNECTIONS {
        let headers = format!(
            "x-apikey: demo\r\nx-connection-id: {connection}\r\ncontent-type: application/json\r\n"
        );
        for nested in [&lists, &objects] {
            for (body, status) in [
                (nested.clone(), 400),
                (format!("{{\"record\":{{\"name\":{nested}}}}}"), 400),
                // The provider's to refuse, and it does.
                (
                    format!(
                        "{{\"record\":{{\"name\":\"A\",\"passthrough_fields\":{{\"x\":{nested}}}}}}}"
                    ),
                    400,
                ),
                // What means nothing is passed over.
                (
                    format!("{{\"record\":{{\"name\":\"A\"}},\"unknown\":{nested}}}"),
                    200,
                ),
            ] {
                let target = "/unified/crm/account";
                let answer = exchange_text(&demo.address, "POST", target, &headers, &body);
                assert_eq!(answer.status, status, "{body:.100}: {}", answer.text);
            }
        }
        let target = "/unified/crm/account?page_size=1";
        good(&demo, connection, "crm.account.list", "GET", target, None);
    }
}
