//! Rows that come into a played provider by its own API, many at a time, as another client would bring them.

use crosswalk_tests::{Answer, Demo, exchange};
use serde_json::{Value, json};

/// A call to the played provider itself, as another client makes it.
pub(crate) fn native(
    demo: &Demo,
    connection: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Answer {
    let token = if connection.starts_with("hubspot") {
        "pat-na1-sandbox-demo"
    } else {
        "00DSANDBOX!demo"
    };
    let authorization = format!("authorization: Bearer {token}\r\n");
    let address = demo.sandbox_address(connection);
    exchange(address, method, target, &authorization, body)
}

/// The id of what a native call has created.
pub(crate) fn created(demo: &Demo, connection: &str, target: &str, body: &Value) -> String {
    let answer = native(demo, connection, "POST", target, Some(body));
    assert_eq!(answer.status, 201, "{target}: {}", answer.text);
    answer.body["id"].as_str().unwrap().to_owned()
}

/// Creates so many contacts, and answers their ids.
pub(crate) fn create_contacts(demo: &Demo, connection: &str, count: usize) -> Vec<String> {
    let is_hubspot = connection.starts_with("hubspot");
    let most = if is_hubspot { 100 } else { 200 };
    let numbers: Vec<usize> = (0..count).collect();
    let mut ids = Vec::new();
    for part in numbers.chunks(most) {
        let (target, body) = if is_hubspot {
            let row = |number: &usize| json!({"properties": {"lastname": format!("No. {number}")}});
            let inputs: Vec<Value> = part.iter().map(row).collect();
            (
                "/crm/objects/2026-09/contacts/batch/create",
                json!({ "inputs": inputs }),
            )
        } else {
            let row = |number: &usize| json!({"attributes": {"type": "Contact"}, "LastName": format!("No. {number}")});
            let records: Vec<Value> = part.iter().map(row).collect();
            (
                "/services/data/v59.0/composite/sobjects",
                json!({ "allOrNone": true, "records": records }),
            )
        };
        let answer = native(demo, connection, "POST", target, Some(&body));
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
