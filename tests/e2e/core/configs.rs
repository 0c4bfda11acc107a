//! Connector configs.

use serde_json::{Value, json};

use super::{CANARY, answered, config, connect, good, ids, on_both};
use crosswalk_tests::Sidecar;

const UPSERT: &str = "core.connector_config.upsert";

fn upsert(sidecar: &Sidecar, body: &Value) -> Value {
    good(
        sidecar,
        UPSERT,
        "POST",
        "/core/connector_config",
        Some(body),
    )
}

#[test]
fn what_is_given_is_changed_and_secrets_are_never_shown() {
    on_both(|sidecar| {
        let made = upsert(
            sidecar,
            &json!({
                "orgId": "org_crosswalk",
                "connectorName": "salesforce",
                "displayName": "Our app",
                "config": {
                    "client_id": "app",
                    "client_secret": CANARY,
                    "scopes": ["api", "refresh_token"],
                    "api_version": "60.0",
                    "login_url": "https://test.salesforce.com",
                },
            }),
        );
        let id = made["id"].as_str().unwrap();
        assert!(id.starts_with("ccfg_"), "{id}");
        let shown = json!({
            "client_id": "app",
            "scopes": ["api", "refresh_token"],
            "api_version": "60.0",
            "login_url": "https://test.salesforce.com",
        });
        assert_eq!(made["config"], shown);
        assert_eq!(made["disabled"], false);

        // The connector need not be named again; what is not given stays, null removes a member.
        let changed = upsert(
            sidecar,
            &json!({ "id": id, "orgId": "org_crosswalk", "config": { "api_version": null, "client_id": "other" } }),
        );
        assert_eq!(
            changed["config"],
            json!({
                "client_id": "other",
                "scopes": ["api", "refresh_token"],
                "login_url": "https://test.salesforce.com",
            })
        );
        assert_eq!(changed["displayName"], "Our app");

        let target = format!("/core/connector_config/{id}");
        let patch = |body: Value| {
            good(
                sidecar,
                "core.connector_config.update",
                "PATCH",
                &target,
                Some(&body),
            )
        };
        patch(json!({ "metadata": { "a": 1, "b": 1 }, "displayName": null }));
        let patched = patch(json!({ "metadata": { "b": 2 }, "disabled": true }));
        assert_eq!(patched["metadata"], json!({ "a": 1, "b": 2 }));
        assert_eq!(patched["displayName"], Value::Null);
        assert_eq!(patched["disabled"], true);
        let got = good(sidecar, "core.connector_config.get", "GET", &target, None);
        assert_eq!(got, patched);
        let listed = good(
            sidecar,
            "core.connector_config.list",
            "GET",
            "/core/connector_config",
            None,
        );
        assert_eq!(listed, json!([patched]));
        assert!(!sidecar.process.err.text().contains(CANARY));
    });
}

#[test]
fn an_id_of_the_callers_own_is_taken_and_its_connector_stays() {
    on_both(|sidecar| {
        let body = |connector: &str| json!({ "id": "ccfg_mine", "orgId": "org_crosswalk", "connectorName": connector });
        assert_eq!(upsert(sidecar, &body("hubspot"))["id"], "ccfg_mine");
        assert_eq!(upsert(sidecar, &body("hubspot"))["id"], "ccfg_mine");
        let got = answered(
            sidecar,
            (UPSERT, 400),
            "POST",
            "/core/connector_config",
            Some(&body("sqlite")),
        );
        assert_eq!(got["issues"][0]["path"], "body.connectorName");
    });
}

#[test]
fn one_with_connections_is_not_deleted() {
    on_both(|sidecar| {
        let id = config(sidecar, "sqlite");
        let connection = connect(sidecar, &id, "acme", &json!({ "path": "acme.db" }));
        let target = format!("/core/connector_config/{id}");
        let delete = "core.connector_config.delete";
        answered(sidecar, (delete, 409), "DELETE", &target, None);
        good(
            sidecar,
            "core.connection.delete",
            "DELETE",
            &format!("/core/connection/{connection}"),
            None,
        );
        good(sidecar, delete, "DELETE", &target, None);
        for (operation, method) in [
            (delete, "DELETE"),
            ("core.connector_config.get", "GET"),
            ("core.connector_config.update", "PATCH"),
        ] {
            let body = (method == "PATCH").then(|| json!({}));
            answered(sidecar, (operation, 404), method, &target, body.as_ref());
        }
    });
}

#[test]
fn customers_are_told_what_can_be_connected() {
    on_both(|sidecar| {
        let [hubspot, files, off] =
            ["hubspot", "sqlite", "salesforce"].map(|connector| config(sidecar, connector));
        good(
            sidecar,
            "core.connector_config.update",
            "PATCH",
            &format!("/core/connector_config/{off}"),
            Some(&json!({ "disabled": true })),
        );
        let infos = |query: &str| {
            good(
                sidecar,
                "core.connector_config_info.list",
                "GET",
                &format!("/core/connector_config_info{query}"),
                None,
            )
        };
        let all = infos("");
        assert_eq!(ids(&all), [hubspot.as_str(), files.as_str()]);
        assert_eq!(all[0]["verticals"], json!(["crm"]));
        assert_eq!(all[0]["isSource"], true);
        assert_eq!(all[1]["verticals"], json!(["database"]));
        assert_eq!(all[1]["isDestination"], true);
        assert!(all[0].get("config").is_none());
        assert_eq!(ids(&infos("?type=destination")), [files.as_str()]);
        assert_eq!(ids(&infos("?type=source")), [hubspot.as_str()]);
        assert_eq!(ids(&infos(&format!("?id={files}"))), [files.as_str()]);
        assert_eq!(ids(&infos("?connectorName=hubspot")), [hubspot.as_str()]);
        assert!(ids(&infos("?connectorName=salesforce")).is_empty());
    });
}
