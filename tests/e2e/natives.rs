//! Rows that come into a played provider by its own API, many at a time, as another client would bring them.

use crosswalk_tests::{Demo, exchange};
use serde_json::{Value, json};

/// Creates so many contacts, and answers their ids.
pub(crate) fn create_contacts(demo: &Demo, connection: &str, count: usize) -> Vec<String> {
    let is_hubspot = connection.starts_with("hubspot");
    let most = if is_hubspot { 100 } else { 200 };
    let numbers: Vec<usize> = (0..count).collect();
    let mut ids = Vec::new();
    for part in numbers.chunks(most) {
        let (target, token, body) = if is_hubspot {
            let row = |number: &usize| json!({"properties": {"lastname": format!("No. {number}")}});
            let inputs: Vec<Value> = part.iter().map(row).collect();
            (
                "/crm/objects/2026-09/contacts/batch/create",
                "pat-na1-sandbox-demo",
                json!({ "inputs": inputs }),
            )
        } else {
            let row = |number: &usize| json!({"attributes": {"type": "Contact"}, "LastName": format!("No. {number}")});
            let records: Vec<Value> = part.iter().map(row).collect();
            (
                "/services/data/v59.0/composite/sobjects",
                "00DSANDBOX!demo",
                json!({ "allOrNone": true, "records": records }),
            )
        };
        let authorization = format!("authorization: Bearer {token}\r\n");
        let address = demo.sandbox_address(connection);
        let answer = exchange(address, "POST", target, &authorization, Some(&body));
        assert!(answer.status < 300, "{}", answer.text);
        let rows = if is_hubspot {
            &answer.body["results"]
        } else {
            &answer.body
        };
        let known = ids.len();
        let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
        ids.extend(rows.as_array().unwrap().iter().map(id));
        assert_eq!(ids.len() - known, part.len());
    }
    ids
}

/// Takes all rows away, and sets what a provider's settings have.
pub(crate) fn empty(demo: &Demo, connection: &str, settings: &Value) {
    let reset = json!({"empty": true});
    demo.sandbox(connection, "POST", "/_sandbox/reset", Some(&reset));
    configure(demo, connection, settings);
}

pub(crate) fn configure(demo: &Demo, connection: &str, settings: &Value) {
    let answer = demo.sandbox(connection, "PATCH", "/_sandbox/settings", Some(settings));
    assert_eq!(answer.status, 200, "{}", answer.text);
}
