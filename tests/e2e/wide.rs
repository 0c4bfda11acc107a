//! Objects with hundreds of fields of the customer's own, all of them filled: read whole, in calls that the provider takes.

use crosswalk_tests::{Demo, exchange};
use serde_json::{Map, Value, json};

use crate::{CONNECTIONS, good, natives::empty};

const FIELDS: usize = 500;
const ROWS: usize = 5;
/// The longest path and query that a provider takes, in bytes.
const LONGEST: usize = 16_384;

/// A name of forty characters.
fn field(number: usize) -> String {
    format!("a_field_whose_name_has_forty_char_{number:03}__c")
}

fn native(demo: &Demo, connection: &str, target: &str, body: &Value) -> Value {
    let token = if connection.starts_with("hubspot") {
        "pat-na1-sandbox-demo"
    } else {
        "00DSANDBOX!demo"
    };
    let headers = format!("authorization: Bearer {token}\r\n");
    let address = demo.sandbox_address(connection);
    let answer = exchange(address, "POST", target, &headers, Some(body));
    assert!(answer.status < 300, "{target}: {}", answer.text);
    answer.body
}

/// Gives an object the fields, and rows that have a value in each.
fn widen(demo: &Demo, connection: &str, object: &str, base: &Value) {
    let names = || (0..FIELDS).map(field);
    let mut row: Map<String, Value> = names().map(|name| (name, json!("v"))).collect();
    row.extend(base.as_object().cloned().unwrap_or_default());
    if connection.starts_with("hubspot") {
        for part in names().collect::<Vec<_>>().chunks(100) {
            let property = |name: &String| json!({"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": group(object)});
            let inputs: Vec<Value> = part.iter().map(property).collect();
            let target = format!("/crm/v3/properties/{object}/batch/create");
            native(demo, connection, &target, &json!({ "inputs": inputs }));
        }
        let inputs = vec![json!({ "properties": row }); ROWS];
        let target = format!("/crm/v3/objects/{object}/batch/create");
        native(demo, connection, &target, &json!({ "inputs": inputs }));
        return;
    }
    let field = |name| json!({"name": name, "type": "string", "length": 20});
    let fields: Vec<Value> = names().map(field).collect();
    let settings = json!({"custom_fields": {(object): fields}});
    crate::natives::configure(demo, connection, &settings);
    row.insert("attributes".to_owned(), json!({ "type": object }));
    let target = "/services/data/v59.0/composite/sobjects";
    let body = json!({"allOrNone": true, "records": vec![row; ROWS]});
    native(demo, connection, target, &body);
}

fn group(object: &str) -> &'static str {
    match object {
        "companies" => "companyinformation",
        "contacts" => "contactinformation",
        _ => "dealinformation",
    }
}

/// All fields of a record, with their values.
fn is_whole(connection: &str, record: &Value) -> bool {
    let place = if connection.starts_with("hubspot") {
        &record["raw_data"]["properties"]
    } else {
        &record["raw_data"]
    };
    (0..FIELDS).all(|number| place[field(number)] == "v")
}

/// Covers: wide-object
#[test]
fn records_with_hundreds_of_filled_fields_are_read_whole() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        empty(&demo, connection, &json!({}));
        let is_hubspot = connection.starts_with("hubspot");
        let all: Vec<String> = (0..FIELDS).map(field).collect();
        for (entity, hubspot, salesforce, base) in [
            (
                "account",
                "companies",
                "Account",
                [json!({"name": "N"}), json!({"Name": "N"})],
            ),
            (
                "contact",
                "contacts",
                "Contact",
                [json!({"lastname": "N"}), json!({"LastName": "N"})],
            ),
            (
                "opportunity",
                "deals",
                "Opportunity",
                [
                    json!({"dealname": "N", "pipeline": "default", "dealstage": "appointmentscheduled"}),
                    json!({"Name": "N", "StageName": "Prospecting", "CloseDate": "2026-12-31"}),
                ],
            ),
        ] {
            let (object, base) = if is_hubspot {
                (hubspot, &base[0])
            } else {
                (salesforce, &base[1])
            };
            widen(&demo, connection, object, base);
            exchange(
                demo.sandbox_address(connection),
                "DELETE",
                "/_sandbox/calls",
                "",
                None,
            );
            let read = |verb: &str, method, target: &str, body: Option<&Value>| {
                let operation = format!("crm.{entity}.{verb}");
                good(&demo, connection, &operation, method, target, body)
            };
            let base = format!("/unified/crm/{entity}");
            let list = format!("{base}?fields={}", all.join(","));
            let page = read("list", "GET", &list, None);
            let items = page["items"].as_array().unwrap();
            assert_eq!(items.len(), ROWS);
            for item in items {
                assert!(is_whole(connection, item), "{connection} {entity} list");
            }
            let id = items[0]["id"].as_str().unwrap();
            let got = read(
                "get",
                "GET",
                &format!("{base}/{id}?fields={}", all.join(",")),
                None,
            );
            assert!(
                is_whole(connection, &got["record"]),
                "{connection} {entity} get"
            );
            // The changes since: all of them, by the overlap.
            let cursor = page["next_cursor"].as_str().unwrap();
            let changes = read("list", "GET", &format!("{list}&cursor={cursor}"), None);
            let items = changes["items"].as_array().unwrap();
            assert!(items.iter().all(|item| is_whole(connection, item)));
            if entity != "opportunity" {
                let ids: Vec<&Value> = items.iter().map(|item| &item["id"]).collect();
                let body = json!({"ids": ids, "properties": all});
                let some = read(
                    "batch_read",
                    "POST",
                    &format!("{base}/_batch_read"),
                    Some(&body),
                );
                let some = some.as_array().unwrap();
                assert_eq!(some.len(), items.len());
                assert!(
                    some.iter().all(|item| is_whole(connection, item)),
                    "{connection} {entity} batch"
                );
            }
            // As an object of the customer's, where nobody says which fields there are.
            let target = format!("/unified/crm/custom_objects/{object}");
            let page = good(
                &demo,
                connection,
                "crm.custom_object.list",
                "GET",
                &target,
                None,
            );
            let items = page["items"].as_array().unwrap();
            assert_eq!(items.len(), ROWS);
            assert!(
                items.iter().all(|item| is_whole(connection, item)),
                "{connection} {object}"
            );
            let calls = exchange(
                demo.sandbox_address(connection),
                "GET",
                "/_sandbox/calls",
                "",
                None,
            );
            for call in calls.body["calls"].as_array().unwrap() {
                let length = |name: &str| call[name].as_str().map_or(0, str::len);
                let length = length("path") + length("query") + 1;
                assert!(length <= LONGEST, "{connection} {}: {length}", call["path"]);
            }
        }
    }
}
