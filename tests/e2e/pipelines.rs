//! Pipelines by the API and the command line alone, from nothing to rows that `psql` shows.

use crosswalk_tests::{API_KEY, POSTGRES_PASSWORD, Postgres, Process, Sandbox, Sidecar, exchange};
use serde_json::{Value, json};

use crate::CONTRACT;

/// A call that must succeed, and whose answer the contract allows.
fn good(
    sidecar: &Sidecar,
    operation: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Value {
    let headers = format!("x-apikey: {API_KEY}\r\n");
    let answer = exchange(&sidecar.address, method, target, &headers, body);
    assert_eq!(answer.status, 200, "{method} {target}: {}", answer.text);
    let faults = CONTRACT.faults(operation, answer.status, &answer.body);
    assert!(
        faults.is_empty(),
        "{operation}: {faults:#?} in {}",
        answer.text
    );
    answer.body
}

fn connect(sidecar: &Sidecar, connector: &str, customer: &str, settings: &Value) -> String {
    let mut body = json!({ "orgId": "org_crosswalk", "connectorName": connector });
    if connector == "hubspot" {
        body["config"] =
            json!({ "client_id": "sandbox-client", "client_secret": "sandbox-secret" });
    }
    let config = good(
        sidecar,
        "core.connector_config.upsert",
        "POST",
        "/core/connector_config",
        Some(&body),
    );
    let body =
        json!({ "connectorConfigId": config["id"], "customerId": customer, "settings": settings });
    let made = good(
        sidecar,
        "core.connection.create",
        "POST",
        "/core/connection",
        Some(&body),
    );
    made.as_str().unwrap().to_owned()
}

fn hubspot(sidecar: &Sidecar, sandbox: &Sandbox, customer: &str) -> String {
    let base_url = format!("http://{}", sandbox.address("hubspot"));
    let settings = json!({
        "oauth": { "credentials": { "refresh_token": "sandbox-refresh" } }, "base_url": base_url,
    });
    connect(sidecar, "hubspot", customer, &settings)
}

fn command(sidecar: &Sidecar, arguments: &[&str]) -> (i32, String, String) {
    let url = format!("http://{}", sidecar.address);
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["pipelines"], arguments, &["--url", &url]].concat();
    let mut process = Process::start(&arguments, folder.path(), &[("CROSSWALK_API_KEY", API_KEY)]);
    let code = process.exit_code();
    (code, process.out.text(), process.err.text())
}

#[test]
fn a_customer_s_accounts_come_into_a_database() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database();
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start("connections: {}\n");
    let source = hubspot(&sidecar, &sandbox, "acme");
    let destination = connect(&sidecar, "postgres", "acme", &json!({ "url": url }));
    let body = json!({ "id": "pipe_crm", "sourceId": source, "destinationId": destination });
    good(
        &sidecar,
        "core.pipeline.create",
        "POST",
        "/core/pipeline",
        Some(&body),
    );
    let (code, out, _) = command(&sidecar, &["list"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("pipe_crm") && out.contains("never synced"),
        "{out}"
    );

    let (code, out, err) = command(&sidecar, &["sync", "pipe_crm"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("pipe_crm: completed"), "{out}");
    assert!(
        err.contains("crm.account"),
        "progress is told on stderr: {err}"
    );
    let sql = format!(
        "SELECT count(*) > 1 AND bool_and(_customer_id = 'acme' AND raw_data ->> 'id' = id) FROM crm_account WHERE _connection_id = '{source}'"
    );
    assert_eq!(server.psql(&url, &sql), "t");

    let events = good(
        &sidecar,
        "core.event.list",
        "GET",
        "/core/events?since=0&name=sync.completed",
        None,
    );
    let event = &events["items"][0];
    assert_eq!(event["data"]["pipeline_id"], "pipe_crm", "{events:#}");
    let faults = CONTRACT.webhook_faults(
        "sync.completed",
        &json!({ "name": event["name"], "data": event["data"] }),
    );
    assert!(faults.is_empty(), "{faults:#?}");
    let told = format!("{events}{}{out}{err}", sidecar.process.err.text());
    assert!(!told.contains(POSTGRES_PASSWORD));

    let (code, _, err) = command(&sidecar, &["sync", "pipe_none"]);
    assert_eq!(code, 4);
    assert!(err.contains("there is no pipeline pipe_none"), "{err}");
}

#[test]
fn a_stream_that_fails_is_told_by_the_command() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start("connections: {}\n");
    let source = hubspot(&sidecar, &sandbox, "acme");
    let destination = connect(&sidecar, "sqlite", "acme", &json!({ "path": "crm.db" }));
    let body = json!({
        "id": "pipe_crm", "sourceId": source, "destinationId": destination,
        "streams": { "account": {}, "contact": {} },
    });
    good(
        &sidecar,
        "core.pipeline.create",
        "POST",
        "/core/pipeline",
        Some(&body),
    );
    let settings = json!({ "revoked_scopes": ["crm.objects.companies.read"] });
    sandbox.control("hubspot", "PATCH", "/_sandbox/settings", Some(&settings));
    let (code, out, err) = command(&sidecar, &["sync", "pipe_crm", "--full-resync"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("pipe_crm: partial"), "{out}");
    assert!(err.contains("1 of 2 streams failed; crm.account"), "{err}");
    let (_, out, _) = command(&sidecar, &["list"]);
    assert!(
        out.contains("partial") && out.contains("1 of 2 streams failed"),
        "{out}"
    );
}

#[test]
fn another_customer_s_database_is_refused() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start("connections: {}\n");
    let source = hubspot(&sidecar, &sandbox, "acme");
    let destination = connect(&sidecar, "sqlite", "globex", &json!({ "path": "crm.db" }));
    let body = json!({ "id": "pipe_crm", "sourceId": source, "destinationId": destination });
    let headers = format!("x-apikey: {API_KEY}\r\n");
    let refused = exchange(
        &sidecar.address,
        "POST",
        "/core/pipeline",
        &headers,
        Some(&body),
    );
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(refused.body["issues"][0]["path"], "body.destinationId");
    // Nor does a customer's own token reach pipelines.
    let body = json!({ "customerId": "acme" });
    let token = exchange(
        &sidecar.address,
        "POST",
        "/connect/token",
        &headers,
        Some(&body),
    );
    if token.status == 200 {
        let bearer = format!(
            "authorization: Bearer {}\r\n",
            token.body["token"].as_str().unwrap()
        );
        let refused = exchange(&sidecar.address, "GET", "/core/pipeline", &bearer, None);
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
}

#[test]
fn a_pipeline_keeps_to_the_provider_s_limits() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database();
    let sandbox = Sandbox::start();
    let limits = json!({ "rate_limits": { "burst_per_10s": 20, "search_per_second": 5 } });
    sandbox.control("hubspot", "PATCH", "/_sandbox/settings", Some(&limits));
    let sidecar = Sidecar::start("connections: {}\nprovider_limits: assumed\n");
    let source = hubspot(&sidecar, &sandbox, "acme");
    let destination = connect(&sidecar, "postgres", "acme", &json!({ "url": url }));
    let body = json!({ "id": "pipe_crm", "sourceId": source, "destinationId": destination });
    let target = "/core/pipeline";
    good(
        &sidecar,
        "core.pipeline.create",
        "POST",
        target,
        Some(&body),
    );
    for _ in 0..2 {
        let (code, out, err) = command(&sidecar, &["sync", "pipe_crm"]);
        assert_eq!(code, 0, "{out}{err}");
    }
    let seen = sandbox.seen("hubspot");
    let refused = seen.iter().filter(|call| call["status"] == 429).count();
    assert_eq!(refused, 0);
    // More than one window's worth, or nothing was shown.
    assert!(seen.len() > 30, "{}", seen.len());
}
