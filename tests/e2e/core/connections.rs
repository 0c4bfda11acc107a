//! Connections: made, shown, changed, deleted.

use serde_json::{Value, json};

use super::{CANARY, answered, config, connect, good, ids, on_both};

fn oauth() -> Value {
    json!({ "oauth": { "credentials": { "refresh_token": CANARY, "access_token": CANARY, "expires_at": "2027-01-01T00:00:00Z" } } })
}

#[test]
fn what_was_given_is_shown_without_its_secrets() {
    on_both(|sidecar| {
        let app = config(sidecar, "salesforce");
        let mut settings = oauth();
        settings["instance_url"] = json!("https://acme.my.salesforce.com");
        settings["api_version"] = json!("60.0");
        let body = json!({
            "connectorConfigId": app,
            "customerId": "acme",
            "displayName": "Acme's",
            "metadata": { "plan": "small" },
            "integrationId": "int_1",
            "settings": settings,
            "unknown": 1,
        });
        let id = good(
            sidecar,
            "core.connection.create",
            "POST",
            "/core/connection",
            Some(&body),
        );
        let id = id.as_str().unwrap();
        let got = good(
            sidecar,
            "core.connection.get",
            "GET",
            &format!("/core/connection/{id}?expand=connector,integration"),
            None,
        );
        assert_eq!(got["customerId"], "acme");
        assert_eq!(got["displayName"], "Acme's");
        assert_eq!(got["integrationId"], "int_1");
        assert_eq!(got["connectorName"], "salesforce");
        assert_eq!(got["disabled"], false);
        assert_eq!(
            got["settings"],
            json!({ "instance_url": "https://acme.my.salesforce.com", "api_version": "60.0" })
        );
        assert_eq!(got["standard"]["status"], Value::Null);
        assert_eq!(
            got["connector_config"],
            json!({ "id": app, "orgId": "org_crosswalk", "connectorName": "salesforce" })
        );
        assert_eq!(got["connector"]["name"], "Salesforce");
        assert_eq!(got["integration"], Value::Null);
        assert!(!sidecar.process.err.text().contains(CANARY));
    });
}

#[test]
fn they_are_listed_newest_first_by_every_filter() {
    on_both(|sidecar| {
        let (files, app) = (config(sidecar, "sqlite"), config(sidecar, "hubspot"));
        let [a, b, c] =
            [("acme", &files), ("bolt", &files), ("acme", &app)].map(|(customer, by)| {
                let settings = if *by == files {
                    json!({ "path": format!("{customer}.db") })
                } else {
                    json!({ "access_token": CANARY })
                };
                connect(sidecar, by, customer, &settings)
            });
        let list = |query: &str| {
            let target = format!("/core/connection?{query}");
            let listed = good(sidecar, "core.connection.list", "GET", &target, None);
            ids(&listed)
                .iter()
                .map(|id| (*id).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(list(""), [&c[..], &b, &a]);
        assert_eq!(list("limit=1&offset=1"), [&b[..]]);
        assert_eq!(list("customerId=acme"), [&c[..], &a]);
        assert_eq!(list(&format!("connectorConfigId={files}")), [&b[..], &a]);
        assert_eq!(list("connectorName=hubspot"), [&c[..]]);
        assert_eq!(list("connectorName=sqlite&customerId=acme"), [&a[..]]);
        assert_eq!(list("customerId=nobody"), [""; 0]);
    });
}

#[test]
fn a_change_changes_what_it_names() {
    on_both(|sidecar| {
        let app = config(sidecar, "salesforce");
        let id = connect(sidecar, &app, "acme", &oauth());
        let target = format!("/core/connection/{id}");
        let patch = |body: Value| {
            good(
                sidecar,
                "core.connection.update",
                "PATCH",
                &target,
                Some(&body),
            )
        };
        let changed = patch(json!({
            "settings": { "api_version": "60.0", "login_url": "https://test.salesforce.com" },
            "metadata": { "a": { "x": 1 }, "b": 1 },
            "displayName": "Acme",
        }));
        assert_eq!(changed["displayName"], "Acme");
        let changed = patch(json!({
            "settings": { "api_version": "61.0", "login_url": null },
            "metadata": { "a": { "y": 1 } },
            "displayName": null,
            "customerId": "bolt",
            "disabled": true,
        }));
        assert_eq!(changed["settings"], json!({ "api_version": "61.0" }));
        assert_eq!(changed["metadata"], json!({ "a": { "y": 1 }, "b": 1 }));
        assert_eq!(changed["displayName"], Value::Null);
        assert_eq!(changed["customerId"], "bolt");
        assert_eq!(changed["disabled"], true);
        // An access token takes the place of what was there, and needs to be told where.
        let got = answered(
            sidecar,
            ("core.connection.update", 400),
            "PATCH",
            &target,
            Some(&json!({ "settings": { "access_token": CANARY } })),
        );
        assert_eq!(got["issues"][0]["path"], "body.settings");
        patch(
            json!({ "settings": { "access_token": CANARY, "instance_url": "https://acme.my.salesforce.com" } }),
        );
        let customers = good(sidecar, "core.customer.list", "GET", "/core/customer", None);
        assert_eq!(ids(&customers), ["acme", "bolt"]);
    });
}

#[test]
fn one_that_is_deleted_is_gone() {
    on_both(|sidecar| {
        let files = config(sidecar, "sqlite");
        let id = connect(sidecar, &files, "acme", &json!({ "path": "acme.db" }));
        let target = format!("/core/connection/{id}");
        let deleted = good(sidecar, "core.connection.delete", "DELETE", &target, None);
        assert_eq!(deleted["pipelines"], json!([]));
        for (operation, method) in [
            ("core.connection.delete", "DELETE"),
            ("core.connection.get", "GET"),
            ("core.connection.update", "PATCH"),
        ] {
            let body = (method == "PATCH").then(|| json!({}));
            answered(sidecar, (operation, 404), method, &target, body.as_ref());
        }
    });
}

#[test]
fn none_is_made_under_a_config_that_is_disabled() {
    on_both(|sidecar| {
        let files = config(sidecar, "sqlite");
        good(
            sidecar,
            "core.connector_config.update",
            "PATCH",
            &format!("/core/connector_config/{files}"),
            Some(&json!({ "disabled": true })),
        );
        let body = json!({ "connectorConfigId": files, "settings": { "path": "acme.db" } });
        answered(
            sidecar,
            ("core.connection.create", 409),
            "POST",
            "/core/connection",
            Some(&body),
        );
    });
}
