//! The demo has a store, and everything in it that can be connected.

use crosswalk_tests::{Answer, Demo};
use serde_json::{Value, json};

use crate::CONTRACT;

fn call(demo: &Demo, operation: &str, method: &str, target: &str, body: Option<&Value>) -> Value {
    let Answer {
        status, body, text, ..
    } = demo.call_with(method, target, "x-apikey: demo\r\n", body);
    assert_eq!(status, 200, "{operation}: {text}");
    let faults = CONTRACT.faults(operation, status, &body);
    assert!(faults.is_empty(), "{operation}: {faults:#?} in {text}");
    body
}

#[test]
fn accounts_of_the_sandbox_can_be_connected_and_used() {
    let demo = Demo::start();
    let infos = call(
        &demo,
        "core.connector_config_info.list",
        "GET",
        "/core/connector_config_info",
        None,
    );
    assert_eq!(
        super::ids(&infos),
        [
            "ccfg_hubspot_demo",
            "ccfg_salesforce_demo",
            "ccfg_postgres_demo",
            "ccfg_sqlite_demo"
        ]
    );
    for provider in ["hubspot", "salesforce"] {
        let body = json!({
            "connectorConfigId": format!("ccfg_{provider}_demo"),
            "customerId": "acme",
            "settings": { "oauth": { "credentials": { "refresh_token": "sandbox-refresh" } } },
        });
        let id = call(
            &demo,
            "core.connection.create",
            "POST",
            "/core/connection",
            Some(&body),
        );
        let id = id.as_str().unwrap();
        let told = call(
            &demo,
            "core.connection.check",
            "POST",
            &format!("/core/connection/{id}/_check"),
            Some(&json!({})),
        );
        assert_eq!(told["status"], "healthy", "{told:#}");
        crate::good(
            &demo,
            id,
            "crm.account.list",
            "GET",
            "/unified/crm/account",
            None,
        );
    }
}

#[test]
fn what_it_kept_goes_with_it() {
    let mut demo = Demo::start();
    assert_eq!(demo.temporary().len(), 1);
    demo.end();
    assert_eq!(demo.temporary(), [""; 0]);
}
