//! Checks of connections, and what becomes of their secrets at the end.

use crosswalk_tests::{Postgres, Sandbox, Sidecar};
use serde_json::{Value, json};

use super::{answered, connect, good, on_both};

fn check(sidecar: &Sidecar, id: &str) -> Value {
    let target = format!("/core/connection/{id}/_check");
    good(
        sidecar,
        "core.connection.check",
        "POST",
        &target,
        Some(&json!({ "skipCache": true, "sandboxSimulateDisconnect": true, "unknown": 1 })),
    )
}

/// A connector config for a provider of the sandbox; its id.
fn app(sidecar: &Sidecar, sandbox: &Sandbox, provider: &str) -> String {
    let url = format!("http://{}", sandbox.address(provider));
    let mut config = json!({ "client_id": "sandbox-client", "client_secret": "sandbox-secret", "base_url": url });
    if provider == "salesforce" {
        config["login_url"] = json!(url);
    }
    let body = json!({ "orgId": "org_crosswalk", "connectorName": provider, "config": config });
    let made = good(
        sidecar,
        "core.connector_config.upsert",
        "POST",
        "/core/connector_config",
        Some(&body),
    );
    made["id"].as_str().unwrap().to_owned()
}

fn granted(sidecar: &Sidecar, sandbox: &Sandbox, provider: &str) -> String {
    let settings = json!({ "oauth": { "credentials": { "refresh_token": "sandbox-refresh" } } });
    connect(sidecar, &app(sidecar, sandbox, provider), "acme", &settings)
}

fn status(sidecar: &Sidecar, id: &str) -> Value {
    let target = format!("/core/connection/{id}");
    good(sidecar, "core.connection.get", "GET", &target, None)["standard"].clone()
}

/// Covers: version-retires
#[test]
fn a_good_one_tells_whose_it_is_and_what_it_is_good_for() {
    on_both(|sidecar| {
        let sandbox = Sandbox::start();
        let id = granted(sidecar, &sandbox, "hubspot");
        let told = check(sidecar, &id);
        assert_eq!(told["status"], "healthy", "{told:#}");
        assert!(told["account"]["id"].is_string(), "{told:#}");
        assert!(told["account"]["name"].is_string(), "{told:#}");
        assert!(told["scopes"]["granted"].is_array(), "{told:#}");
        assert_eq!(told["api_version"]["used"], "2026-09");
        assert_eq!(told["api_version"]["retires_on"], "2028-03-01");
        assert_eq!(status(sidecar, &id)["status"], "healthy");

        let id = granted(sidecar, &sandbox, "salesforce");
        let told = check(sidecar, &id);
        assert_eq!(told["status"], "healthy", "{told:#}");
        assert!(told["account"]["id"].is_string(), "{told:#}");
        assert_eq!(told["api_version"]["used"], "59.0");
        assert!(told["scopes"]["granted"].is_array(), "{told:#}");
        assert!(
            told["quota"]["remaining"].as_u64() <= told["quota"]["limit"].as_u64(),
            "{told:#}"
        );
    });
}

/// Covers: check-is-honest, token-revoked
#[test]
fn one_that_is_refused_is_disconnected_until_it_works_again() {
    on_both(|sidecar| {
        let sandbox = Sandbox::start();
        let config = app(sidecar, &sandbox, "hubspot");
        let wrong = json!({ "access_token": "nobody-gave-this" });
        let id = connect(sidecar, &config, "acme", &wrong);
        let told = check(sidecar, &id);
        assert_eq!(told["status"], "disconnected", "{told:#}");
        assert!(told["status_message"].is_string());
        assert_eq!(status(sidecar, &id)["status"], "disconnected");
        good(
            sidecar,
            "core.connection.update",
            "PATCH",
            &format!("/core/connection/{id}"),
            Some(
                &json!({ "settings": { "oauth": { "credentials": { "refresh_token": "sandbox-refresh" } } } }),
            ),
        );
        assert_eq!(check(sidecar, &id)["status"], "healthy");
        let standard = status(sidecar, &id);
        assert_eq!(standard["status"], "healthy");
        assert_eq!(standard["statusMessage"], Value::Null);
        let names: Vec<_> = events(sidecar)
            .into_iter()
            .filter(|event| event["data"]["connection_id"] == id.as_str())
            .map(|event| event["name"].as_str().unwrap().to_owned())
            .collect();
        for name in [
            "connection.created",
            "connection.broken",
            "connection.repaired",
        ] {
            let count = names.iter().filter(|it| *it == name).count();
            assert_eq!(count, 1, "{name} in {names:?}");
        }
    });
}

/// All events, as `GET /core/events` has them.
fn events(sidecar: &Sidecar) -> Vec<Value> {
    let page = good(
        sidecar,
        "core.event.list",
        "GET",
        "/core/events?since=0&page_size=100",
        None,
    );
    page["items"].as_array().unwrap().clone()
}

/// Covers: check-is-honest
#[test]
fn a_token_without_a_scope_tells_the_operations_that_lack_it() {
    let sandbox = Sandbox::start();
    sandbox.control(
        "hubspot",
        "PATCH",
        "/_sandbox/settings",
        Some(&json!({ "revoked_scopes": ["crm.objects.companies.write"] })),
    );
    let sidecar = Sidecar::start("connections: {}\n");
    let id = granted(&sidecar, &sandbox, "hubspot");
    let missing = check(&sidecar, &id)["scopes"]["missing"].clone();
    assert_eq!(
        missing["crm.account.upsert"],
        json!(["crm.objects.companies.write"]),
        "{missing:#}"
    );
    assert!(missing.get("crm.account.list").is_none(), "{missing:#}");
}

#[test]
fn a_provider_that_cannot_be_reached_is_an_error_and_changes_no_status() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start("connections: {}\n");
    let id = granted(&sidecar, &sandbox, "hubspot");
    drop(sandbox);
    let target = format!("/core/connection/{id}/_check");
    answered(
        &sidecar,
        ("core.connection.check", 502),
        "POST",
        &target,
        Some(&json!({})),
    );
    assert_eq!(status(&sidecar, &id)["status"], Value::Null);
}

#[test]
fn databases_are_opened() {
    on_both(|sidecar| {
        let files = super::config(sidecar, "sqlite");
        let id = connect(sidecar, &files, "acme", &json!({ "path": "acme.db" }));
        let told = check(sidecar, &id);
        assert_eq!(told["status"], "healthy", "{told:#}");
        let version = told["api_version"]["used"].as_str().unwrap();
        assert!(version.starts_with("SQLite 3"), "{version}");

        let databases = super::config(sidecar, "postgres");
        let dead = json!({ "url": "postgres://nobody:canary-core-secret@127.0.0.1:1/none" });
        let id = connect(sidecar, &databases, "acme", &dead);
        assert_eq!(check(sidecar, &id)["status"], "error");
        assert_eq!(status(sidecar, &id)["status"], "error");
        if let Some(server) = Postgres::shared() {
            let settings = json!({ "url": server.database(), "schema": "crm" });
            let id = connect(sidecar, &databases, "acme", &settings);
            let told = check(sidecar, &id);
            assert_eq!(told["status"], "healthy", "{told:#}");
            let version = told["api_version"]["used"].as_str().unwrap();
            assert!(version.starts_with("PostgreSQL "), "{version}");
        }
    });
}

#[test]
fn tokens_are_revoked_when_a_connection_is_deleted() {
    on_both(|sidecar| {
        let sandbox = Sandbox::start();
        let delete = |id: &str, query: &str| {
            let target = format!("/core/connection/{id}{query}");
            good(sidecar, "core.connection.delete", "DELETE", &target, None)
        };
        for provider in ["hubspot", "salesforce"] {
            let id = granted(sidecar, &sandbox, provider);
            assert_eq!(check(sidecar, &id)["status"], "healthy");
            let told = delete(&id, "?skipRevoke=true");
            assert_eq!(told["secrets"], "forgotten", "{told}");
            let id = granted(sidecar, &sandbox, provider);
            let told = delete(&id, "");
            assert_eq!(told["secrets"], "revoked", "{told}");
            // The provider really has ended it.
            let id = granted(sidecar, &sandbox, provider);
            let told = check(sidecar, &id);
            assert_eq!(told["status"], "disconnected", "{told}");
        }
    });
}

#[test]
fn one_whose_provider_is_gone_is_forgotten_all_the_same() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start("connections: {}\n");
    let id = granted(&sidecar, &sandbox, "hubspot");
    drop(sandbox);
    let target = format!("/core/connection/{id}");
    let told = good(&sidecar, "core.connection.delete", "DELETE", &target, None);
    assert_eq!(told["secrets"], "forgotten", "{told}");
    assert!(told["secretsMessage"].is_string());
    answered(&sidecar, ("core.connection.get", 404), "GET", &target, None);
}

#[test]
fn each_new_connection_gets_the_pipelines_that_its_config_wants() {
    on_both(|sidecar| {
        let files = super::config(sidecar, "sqlite");
        let into = connect(sidecar, &files, "us", &json!({ "path": "all.db" }));
        let app = super::config(sidecar, "hubspot");
        good(
            sidecar,
            "core.connector_config.upsert",
            "POST",
            "/core/connector_config",
            Some(&json!({
                "id": app,
                "orgId": "org_crosswalk",
                "defaultPipeOut": { "destination_id": into, "streams": { "crm.account": true, "crm.lead": false } },
            })),
        );
        let token = json!({ "access_token": "given-by-hand" });
        let id = connect(sidecar, &app, "acme", &token);
        let pipelines = good(sidecar, "core.pipeline.list", "GET", "/core/pipeline", None);
        let pipelines = pipelines.as_array().unwrap();
        assert_eq!(pipelines.len(), 1);
        assert_eq!(pipelines[0]["sourceId"], id.as_str());
        assert_eq!(pipelines[0]["destinationId"], into.as_str());
        // It goes with either end, and a config whose other end is gone makes none.
        let target = format!("/core/connection/{into}");
        let told = good(sidecar, "core.connection.delete", "DELETE", &target, None);
        assert_eq!(
            told["pipelines"],
            json!([{ "id": pipelines[0]["id"], "outcome": "deleted" }])
        );
        connect(sidecar, &app, "bolt", &token);
        let pipelines = good(sidecar, "core.pipeline.list", "GET", "/core/pipeline", None);
        assert_eq!(pipelines, json!([]));
    });
}

#[test]
fn tokens_are_renewed_before_the_answer_where_that_is_asked_for() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start("connections: {}\n");
    let id = granted(&sidecar, &sandbox, "hubspot");
    let list = |query: &str| {
        let target = format!("/core/connection{query}");
        good(&sidecar, "core.connection.list", "GET", &target, None)
    };
    list("");
    assert_eq!(sandbox.native_calls("hubspot"), [""; 0]);
    let listed = list("?forceRefresh=true");
    assert_eq!(
        sandbox.native_calls("hubspot"),
        ["POST /oauth/v1/token"],
        "{listed}"
    );
    assert_eq!(listed[0]["standard"]["status"], "healthy");
    good(
        &sidecar,
        "core.connection.get",
        "GET",
        &format!("/core/connection/{id}?forceRefresh=true"),
        None,
    );
    assert_eq!(sandbox.native_calls("hubspot"), ["POST /oauth/v1/token"]);
}
