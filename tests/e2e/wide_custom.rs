//! Objects with hundreds of fields, whose names no address has room for.

use crosswalk_tests::{Demo, exchange};
use serde_json::{Value, json};

use crate::{CONNECTIONS, good, natives::configure};

const FIELDS: usize = 600;

fn name(number: usize) -> String {
    format!("a_field_with_a_long_name_{number:04}")
}

fn field(number: usize) -> Value {
    json!({"id": name(number), "label": format!("Field {number}"), "type": "text"})
}

/// Makes the object, at Salesforce with most of its fields by the sandbox's door: a call for each would take long.
fn create(demo: &Demo, connection: &str) {
    let is_hubspot = connection == CONNECTIONS[0];
    let inline = if is_hubspot { FIELDS } else { 100 };
    let mut fields = vec![json!({"id": "title", "label": "Title", "type": "text"})];
    fields.extend((0..inline).map(field));
    let body = json!({"name": "wide", "description": null, "labels": {"singular": "Wide", "plural": "Wides"}, "primary_field_id": "title", "fields": fields});
    good(
        demo,
        connection,
        "crm.metadata.create_object",
        "POST",
        "/unified/crm/metadata/objects",
        Some(&body),
    );
    if !is_hubspot {
        let names = (inline..FIELDS).map(|number| json!({"name": format!("{}__c", name(number))}));
        let names: Vec<Value> = names.collect();
        configure(
            demo,
            connection,
            &json!({"custom_fields": {"wide__c": names}}),
        );
    }
}

/// The first record that changes tell as deleted. The provider's clock may be a moment ahead of a list's window: what was
/// deleted then comes with the list after.
fn deleted(demo: &Demo, connection: &str, cursor: &str) -> Value {
    let mut cursor = cursor.to_owned();
    for _ in 0..20 {
        let target = format!("/unified/crm/custom_objects/wide?cursor={cursor}");
        let operation = "crm.custom_object.list";
        let page = good(demo, connection, operation, "GET", &target, None);
        let mut items = page["items"].as_array().unwrap().iter();
        if let Some(item) = items.find(|item| item["is_deleted"] == true) {
            return item.clone();
        }
        let next = page["next_cursor"].as_str().unwrap();
        next.clone_into(&mut cursor);
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    panic!("{connection}: what was deleted was never told");
}

/// Covers: wide-object
#[test]
fn records_of_an_object_with_hundreds_of_fields_are_made_and_listed_whole() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        create(&demo, connection);
        let is_hubspot = connection == CONNECTIONS[0];
        let last = if is_hubspot {
            name(FIELDS - 1)
        } else {
            format!("{}__c", name(FIELDS - 1))
        };
        let (title, at) = if is_hubspot {
            ("title", "/raw_data/properties")
        } else {
            ("Name", "/raw_data")
        };
        let value = |item: &Value| item.pointer(at).unwrap()[&last].clone();
        let record = json!({"record": {title: "one", &last: "the last"}});
        let target = "/unified/crm/custom_objects/wide";
        let operation = "crm.custom_object.create";
        let created = good(&demo, connection, operation, "POST", target, Some(&record));
        assert_eq!(value(&created["record"]), "the last", "{connection}");
        let operation = "crm.custom_object.list";
        let full = good(&demo, connection, operation, "GET", target, None);
        assert_eq!(value(&full["items"][0]), "the last", "{connection}");
        let cursor = full["next_cursor"].as_str().unwrap();

        let id = created["record"]["id"].as_str().unwrap();
        let (path, token) = if is_hubspot {
            (
                format!("/crm/objects/2026-09/p26110042_wide/{id}"),
                "pat-na1-sandbox-demo",
            )
        } else {
            (
                format!("/services/data/v59.0/sobjects/wide__c/{id}"),
                "00DSANDBOX!demo",
            )
        };
        let authorization = format!("authorization: Bearer {token}\r\n");
        let address = demo.sandbox_address(connection);
        let gone = exchange(address, "DELETE", &path, &authorization, None);
        assert_eq!(gone.status, 204, "{connection}: {}", gone.text);
        let deleted = deleted(&demo, connection, cursor);
        assert_eq!(deleted["id"], id, "{connection}");
        assert!(deleted["updated_at"].is_string(), "{connection}");
    }
}
