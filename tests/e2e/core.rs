//! `/core`: customers, connector configs and connections, kept on SQLite and on PostgreSQL.

mod access;
mod bad;
mod checks;
mod configs;
mod connections;
mod customers;
mod demo;

use crosswalk_tests::{API_KEY, Answer, Postgres, Sidecar, exchange};
use serde_json::{Value, json};

use crate::CONTRACT;

/// What must never be shown. `configs` and `connections` put it into every place for a secret.
const CANARY: &str = "canary-core-secret";

/// Runs a test with each kind of store.
fn on_both(test: impl Fn(&Sidecar)) {
    test(&Sidecar::start("connections: {}\n"));
    if let Some(server) = Postgres::shared() {
        let store = format!("store: \"{}\"\nconnections: {{}}\n", server.database());
        test(&Sidecar::start(&store));
    }
}

/// A call with the admin's key.
fn call(sidecar: &Sidecar, method: &str, target: &str, body: Option<&Value>) -> Answer {
    let headers = format!("x-apikey: {API_KEY}\r\n");
    exchange(&sidecar.address, method, target, &headers, body)
}

/// A call that is answered with this status, by the contract. No answer has a secret in it.
fn answered(
    sidecar: &Sidecar,
    (operation, status): (&str, u16),
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Value {
    let got = call(sidecar, method, target, body);
    assert_eq!(got.status, status, "{method} {target}: {}", got.text);
    let faults = CONTRACT.faults(operation, status, &got.body);
    assert!(
        faults.is_empty(),
        "{operation}: {faults:#?} in {}",
        got.text
    );
    assert!(!got.text.contains(CANARY), "{operation}: {}", got.text);
    got.body
}

fn good(
    sidecar: &Sidecar,
    operation: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Value {
    answered(sidecar, (operation, 200), method, target, body)
}

/// Makes a connector config; its id.
fn config(sidecar: &Sidecar, connector: &str) -> String {
    let mut body = json!({ "orgId": "org_crosswalk", "connectorName": connector });
    if !matches!(connector, "postgres" | "sqlite") {
        body["config"] = json!({ "client_id": "app", "client_secret": CANARY });
    }
    let made = good(
        sidecar,
        "core.connector_config.upsert",
        "POST",
        "/core/connector_config",
        Some(&body),
    );
    made["id"].as_str().unwrap().to_owned()
}

/// Makes a connection; its id.
fn connect(sidecar: &Sidecar, config: &str, customer: &str, settings: &Value) -> String {
    let body = json!({ "connectorConfigId": config, "customerId": customer, "settings": settings });
    let made = good(
        sidecar,
        "core.connection.create",
        "POST",
        "/core/connection",
        Some(&body),
    );
    made.as_str().unwrap().to_owned()
}

/// The ids of all elements of an answer.
fn ids(answer: &Value) -> Vec<&str> {
    let elements = answer.as_array().unwrap();
    elements
        .iter()
        .map(|element| element["id"].as_str().unwrap())
        .collect()
}

/// Everything that is kept, as the API shows it.
fn all(sidecar: &Sidecar) -> [Value; 3] {
    [
        ("core.customer.list", "/core/customer"),
        ("core.connector_config.list", "/core/connector_config"),
        ("core.connection.list", "/core/connection"),
    ]
    .map(|(operation, target)| good(sidecar, operation, "GET", target, None))
}
