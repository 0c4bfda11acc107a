//! Who may do what: keys by their scopes, and customers with what is theirs.

use crosswalk_tests::{Answer, Home, Sidecar, exchange};
use serde_json::{Value, json};

use super::{config, connect, good, ids, on_both};
use crate::CONTRACT;

/// Covers: caller-may-not
#[test]
fn who_may_only_look_changes_nothing() {
    let home = Home::new("api_keys: [configured]\n");
    let served = home.serve();
    let call = |key: &str, method: &str, target: &str, body: &Value| {
        let body = (method != "GET" && method != "DELETE").then_some(body);
        served.call(key, method, target, body)
    };
    let made = call(
        "configured",
        "POST",
        "/core/connector_config",
        &json!({ "orgId": "org_crosswalk", "connectorName": "sqlite" }),
    );
    let config = made.body["id"].as_str().unwrap().to_owned();
    let settings = json!({ "connectorConfigId": config, "settings": { "path": "a.db" } });
    let made = call("configured", "POST", "/core/connection", &settings);
    let id = made.body.as_str().unwrap().to_owned();
    let config = format!("/core/connector_config/{config}");
    let connection = format!("/core/connection/{id}");
    let check = format!("{connection}/_check");
    let table = [
        ("core.customer.list", "GET", "/core/customer", true),
        ("core.customer.upsert", "PUT", "/core/customer/a", false),
        (
            "core.connector_config.list",
            "GET",
            "/core/connector_config",
            true,
        ),
        ("core.connector_config.get", "GET", &config, true),
        (
            "core.connector_config.upsert",
            "POST",
            "/core/connector_config",
            false,
        ),
        ("core.connector_config.update", "PATCH", &config, false),
        ("core.connector_config.delete", "DELETE", &config, false),
        (
            "core.connector_config_info.list",
            "GET",
            "/core/connector_config_info",
            true,
        ),
        ("core.connection.list", "GET", "/core/connection", true),
        ("core.connection.get", "GET", &connection, true),
        ("core.connection.create", "POST", "/core/connection", false),
        ("core.connection.update", "PATCH", &connection, false),
        ("core.connection.check", "POST", &check, false),
        ("core.connection.delete", "DELETE", &connection, false),
    ];
    for scope in ["unified", "read"] {
        let key = home.key(&["--scope", scope]);
        for (operation, method, target, may) in table {
            // A wrong body is not looked at before it is known who sends it.
            let Answer { status, body, .. } = call(&key, method, target, &json!({ "id": 1 }));
            assert_eq!(
                status,
                if may { 200 } else { 403 },
                "{scope} {operation}: {body}"
            );
            let faults = CONTRACT.faults(operation, status, &body);
            assert!(faults.is_empty(), "{operation}: {faults:#?}");
        }
    }
}

/// A call with a customer's token.
fn as_customer(
    sidecar: &Sidecar,
    token: &str,
    (operation, status): (&str, u16),
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Value {
    let headers = format!("authorization: Bearer {token}\r\n");
    let got = exchange(&sidecar.address, method, target, &headers, body);
    assert_eq!(got.status, status, "{method} {target}: {}", got.text);
    let faults = CONTRACT.faults(operation, status, &got.body);
    assert!(faults.is_empty(), "{operation}: {faults:#?}");
    got.body
}

/// Covers: tenant-connection, caller-may-not
#[test]
fn a_customer_sees_and_touches_what_is_its_own() {
    on_both(|sidecar| {
        let (app, files) = (config(sidecar, "hubspot"), config(sidecar, "sqlite"));
        let by_hand = json!({ "access_token": "given-by-hand" });
        let other = connect(sidecar, &app, "other", &by_hand);
        let made = good(
            sidecar,
            "connect.token.create",
            "POST",
            "/connect/token",
            Some(&json!({ "customerId": "acme" })),
        );
        let token = made["token"].as_str().unwrap();
        let call = |told: (&str, u16), method: &str, target: &str, body: Option<&Value>| {
            as_customer(sidecar, token, told, method, target, body)
        };

        // Its own, although it does not say whose.
        let create = "core.connection.create";
        let body = json!({ "connectorConfigId": app, "settings": by_hand });
        let own = call((create, 200), "POST", "/core/connection", Some(&body));
        let own = own.as_str().unwrap();
        let listed = call(
            ("core.connection.list", 200),
            "GET",
            "/core/connection",
            None,
        );
        assert_eq!(ids(&listed), [own]);
        assert_eq!(listed[0]["customerId"], "acme");
        let infos = call(
            ("core.connector_config_info.list", 200),
            "GET",
            "/core/connector_config_info",
            None,
        );
        assert_eq!(infos.as_array().unwrap().len(), 2);

        // Another's is as one that does not exist.
        let target = format!("/core/connection/{other}");
        let check = format!("{target}/_check");
        let empty = json!({});
        call(("core.connection.get", 404), "GET", &target, None);
        call(("core.connection.delete", 404), "DELETE", &target, None);
        call(("core.connection.check", 404), "POST", &check, Some(&empty));

        // What it may not say.
        for (status, more) in [
            (403, json!({ "customerId": "other" })),
            (
                400,
                json!({ "settings": { "access_token": "x", "base_url": "https://evil.example" } }),
            ),
            (
                400,
                json!({ "settings": { "access_token": "x", "base_url": "http://127.0.0.1:1" } }),
            ),
            (
                403,
                json!({ "connectorConfigId": files, "settings": { "path": "other.db" } }),
            ),
        ] {
            let mut body = body.clone();
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            call((create, status), "POST", "/core/connection", Some(&body));
        }
        let list = "core.connection.list";
        let filtered = "/core/connection?customerId=other";
        call((list, 403), "GET", filtered, None);

        // What is not a customer's.
        let own = format!("/core/connection/{own}");
        let config = format!("/core/connector_config/{app}");
        for (operation, method, target) in [
            ("core.customer.list", "GET", "/core/customer"),
            ("core.customer.get", "GET", "/core/customer/acme"),
            ("core.customer.upsert", "PUT", "/core/customer/acme"),
            (
                "core.connector_config.list",
                "GET",
                "/core/connector_config",
            ),
            ("core.connector_config.get", "GET", &config),
            (
                "core.connector_config.upsert",
                "POST",
                "/core/connector_config",
            ),
            ("core.connector_config.update", "PATCH", &config),
            ("core.connector_config.delete", "DELETE", &config),
            ("core.connection.update", "PATCH", &own),
        ] {
            let body = (method != "GET" && method != "DELETE").then_some(&empty);
            call((operation, 403), method, target, body);
        }
        call(("core.connection.delete", 200), "DELETE", &own, None);
        let left = good(
            sidecar,
            "core.connection.list",
            "GET",
            "/core/connection",
            None,
        );
        assert_eq!(ids(&left), [other.as_str()]);
    });
}
