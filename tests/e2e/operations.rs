use std::collections::BTreeSet;

use crosswalk_tests::{Contract, Demo};
use serde_json::{Value, json};

use crate::{CONNECTIONS, good};

/// Covers: answers-by-contract
#[test]
fn all_twelve_operations_answer_by_the_contract() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        for (entity, record, change) in [
            (
                "account",
                json!({"name": "Acme", "website": "https://acme.example", "number_of_employees": 40}),
                json!({"description": "Anvils", "website": null}),
            ),
            (
                "contact",
                json!({"first_name": "Ada", "last_name": "L", "email": "ada@acme.example"}),
                json!({"phone": "+1 555", "first_name": null}),
            ),
        ] {
            let base = format!("/unified/crm/{entity}");
            let call = |verb: &str, method, target: &str, body: Option<&Value>| {
                good(
                    &demo,
                    connection,
                    &format!("crm.{entity}.{verb}"),
                    method,
                    target,
                    body,
                )
            };
            let created = call("create", "POST", &base, Some(&json!({"record": record})));
            let id = created["record"]["id"].as_str().unwrap().to_owned();
            for (name, value) in record.as_object().unwrap() {
                assert_eq!(&created["record"][name], value, "{connection} {name}");
            }
            let updated = call(
                "update",
                "PATCH",
                &format!("{base}/{id}"),
                Some(&json!({"record": change})),
            );
            for (name, value) in change.as_object().unwrap() {
                assert_eq!(&updated["record"][name], value, "{connection} {name}");
            }
            let got = call("get", "GET", &format!("{base}/{id}"), None);
            assert_eq!(got["record"], updated["record"]);
            let batch = call(
                "batch_read",
                "POST",
                &format!("{base}/_batch_read"),
                Some(&json!({"ids": [id, "nonsense", id], "properties": []})),
            );
            assert_eq!(batch.as_array().unwrap().len(), 2);
            let page = call("list", "GET", &format!("{base}?page_size=2"), None);
            assert_eq!(page["items"].as_array().unwrap().len(), 2);
            let key = if entity == "account" {
                json!({"key": "website", "values": ["new.example"]})
            } else {
                json!({"key": "email", "values": ["new@new.example"]})
            };
            let new = json!({"upsert_on": key, "record": {(if entity == "account" { "name" } else { "last_name" }): "New"}});
            let upserted = call("upsert", "POST", &format!("{base}/_upsert"), Some(&new));
            let again = call("upsert", "POST", &format!("{base}/_upsert"), Some(&new));
            assert_eq!(upserted["record"]["id"], again["record"]["id"]);
        }
    }
}

/// Covers: answers-by-contract
#[test]
fn the_contract_finds_a_wrong_answer() {
    let contract = Contract::load();
    let good = json!({"record": {"id": "1", "updated_at": "2024-01-01T00:00:00Z", "name": null}});
    assert_eq!(
        contract.faults("crm.account.create", 200, &good),
        Vec::<String>::new()
    );
    for wrong in [
        json!({"record": {"id": 1, "updated_at": "2024-01-01T00:00:00Z"}}),
        json!({"record": {"id": "1"}}),
        json!({"record": {"id": "1", "updated_at": "x", "lifecycle_stage": "unheard of"}}),
        json!({"record": {"id": "1", "updated_at": "x", "addresses": [{"address_type": "primary"}]}}),
        json!({}),
    ] {
        assert!(
            !contract
                .faults("crm.account.create", 200, &wrong)
                .is_empty(),
            "{wrong}"
        );
    }
}

#[test]
fn a_list_gives_every_record_once_and_then_what_changes() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let mut seen = BTreeSet::new();
        let mut cursor = String::new();
        loop {
            let page = good(
                &demo,
                connection,
                "crm.contact.list",
                "GET",
                &format!("/unified/crm/contact?page_size=7&cursor={cursor}"),
                None,
            );
            for item in page["items"].as_array().unwrap() {
                assert!(
                    seen.insert(item["id"].as_str().unwrap().to_owned()),
                    "{connection}: {item} came twice"
                );
            }
            cursor = page["next_cursor"].as_str().unwrap().to_owned();
            if page["has_next_page"] == false {
                break;
            }
        }
        assert!(seen.len() >= 48, "{connection}: {}", seen.len());
        let record = json!({"record": {"last_name": "Late", "email": "late@new.example"}});
        let late = good(
            &demo,
            connection,
            "crm.contact.create",
            "POST",
            "/unified/crm/contact",
            Some(&record),
        );
        let changes = good(
            &demo,
            connection,
            "crm.contact.list",
            "GET",
            &format!("/unified/crm/contact?cursor={cursor}"),
            None,
        );
        let ids: Vec<&Value> = changes["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["id"])
            .collect();
        assert!(
            ids.contains(&&late["record"]["id"]),
            "{connection}: {changes:#}"
        );
        let full = good(
            &demo,
            connection,
            "crm.contact.list",
            "GET",
            "/unified/crm/contact?sync_mode=full&page_size=100",
            None,
        );
        assert_eq!(
            (&full["has_next_page"], &full["next_cursor"]),
            (&json!(false), &Value::Null),
            "{connection}"
        );
    }
}

/// Covers: clock-differs
#[test]
fn changes_are_seen_whatever_the_providers_clock_says() {
    for offset in [-3_600_000, 3_600_000] {
        let demo = Demo::start();
        for connection in CONNECTIONS {
            let settings = json!({"clock_offset_ms": offset});
            demo.sandbox(connection, "PATCH", "/_sandbox/settings", Some(&settings));
            let list = |cursor: &Value| {
                let cursor = cursor.as_str().unwrap_or_default();
                let target = format!("/unified/crm/contact?page_size=2&cursor={cursor}");
                good(&demo, connection, "crm.contact.list", "GET", &target, None)
            };
            let mut page = list(&Value::Null);
            while page["has_next_page"] == true {
                page = list(&page["next_cursor"]);
            }
            for name in ["First", "Second"] {
                let record = json!({"record": {"last_name": name, "email": format!("{name}@clock.example")}});
                let made = good(
                    &demo,
                    connection,
                    "crm.contact.create",
                    "POST",
                    "/unified/crm/contact",
                    Some(&record),
                );
                let mut seen = Vec::new();
                loop {
                    page = list(&page["next_cursor"]);
                    let items = page["items"].as_array().unwrap();
                    seen.extend(items.iter().map(|item| item["id"].clone()));
                    if page["has_next_page"] == false {
                        break;
                    }
                }
                assert!(
                    seen.contains(&made["record"]["id"]),
                    "{connection} {offset} {name}: {page:#}"
                );
            }
        }
    }
}

/// Covers: custom-fields, wide-object
#[test]
fn five_hundred_extra_fields_can_be_read() {
    let demo = Demo::start();
    let names: Vec<String> = (0..499)
        .map(|number| format!("a_rather_long_name_of_a_custom_{number:03}__c"))
        .collect();
    let fields: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "type": "string", "length": 20}))
        .collect();
    // HubSpot leaves out what it does not know, Salesforce refuses it.
    let settings = json!({"custom_fields": {"Account": fields, "Contact": fields}});
    let set = demo.sandbox(
        "salesforce-demo",
        "PATCH",
        "/_sandbox/settings",
        Some(&settings),
    );
    assert_eq!(set.status, 200, "{:#}", set.body);
    for connection in CONNECTIONS {
        for entity in ["account", "contact"] {
            let (known, place) = match (connection, entity) {
                ("hubspot-demo", "account") => ("annualrevenue", "/properties/annualrevenue"),
                ("hubspot-demo", _) => ("jobtitle", "/properties/jobtitle"),
                (_, "account") => ("Rating", "/Rating"),
                _ => ("Title", "/Title"),
            };
            let base = format!("/unified/crm/{entity}");
            let all = format!("{},{known}", names.join(","));
            let has_it = |record: &Value| record["raw_data"].pointer(place).is_some();
            let name = if entity == "account" {
                "name"
            } else {
                "last_name"
            };
            let read = |verb: &str, method, target: &str, body: Option<&Value>| {
                let operation = format!("crm.{entity}.{verb}");
                good(&demo, connection, &operation, method, target, body)
            };
            let full = read(
                "list",
                "GET",
                &format!("{base}?page_size=3&fields={all}"),
                None,
            );
            assert_eq!(full["items"].as_array().unwrap().len(), 3);
            for record in full["items"].as_array().unwrap() {
                assert!(has_it(record), "{connection} {record:#}");
                assert!(record["updated_at"].is_string());
            }
            let id = full["items"][0]["id"].as_str().unwrap().to_owned();
            let got = read("get", "GET", &format!("{base}/{id}?fields={all}"), None);
            assert!(has_it(&got["record"]), "{connection} {got:#}");
            assert_eq!(got["record"][name], full["items"][0][name]);
            let ids = json!({"ids": [id], "properties": names.iter().chain([&known.to_owned()]).collect::<Vec<_>>()});
            let batch = read(
                "batch_read",
                "POST",
                &format!("{base}/_batch_read"),
                Some(&ids),
            );
            assert!(has_it(&batch[0]), "{connection} {batch:#}");
            // From the end of the full list to the changes.
            let mut page = full;
            while page["has_next_page"] == true {
                let cursor = page["next_cursor"].as_str().unwrap();
                page = read(
                    "list",
                    "GET",
                    &format!("{base}?page_size=100&cursor={cursor}"),
                    None,
                );
            }
            let cursor = page["next_cursor"].as_str().unwrap().to_owned();
            let change = json!({"record": {name: "Changed"}});
            read("update", "PATCH", &format!("{base}/{id}"), Some(&change));
            let target = format!("{base}?fields={all}&cursor={cursor}");
            let changes = read("list", "GET", &target, None);
            let items = changes["items"].as_array().unwrap();
            let one = items.iter().find(|item| item["id"] == *id).unwrap();
            assert!(has_it(one), "{connection} {one:#}");
            assert_eq!(one[name], "Changed");
        }
    }
    for entity in ["lead", "opportunity"] {
        let fields = names.join(",");
        let read = |verb: &str, target: &str| {
            let operation = format!("crm.{entity}.{verb}");
            good(&demo, "hubspot-demo", &operation, "GET", target, None)
        };
        let base = format!("/unified/crm/{entity}");
        let plain = read("list", &format!("{base}?page_size=3"));
        let wide = read("list", &format!("{base}?page_size=3&fields={fields}"));
        assert_eq!(plain["items"], wide["items"]);
        let id = plain["items"][0]["id"].as_str().unwrap();
        let got = read("get", &format!("{base}/{id}?fields={fields}"));
        assert_eq!(got["record"], plain["items"][0]);
    }
    let unknown = format!("/unified/crm/account/404?fields={}", names.join(","));
    let answer = demo.call("hubspot-demo", "GET", &unknown, None);
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (404, &json!("NOT_FOUND"))
    );
}

/// Covers: wrong-value
#[test]
fn a_value_that_the_provider_does_not_take_is_told() {
    let demo = Demo::start();
    let call = |verb: &str, method, target: &str, record: Value| {
        let body = json!({"record": record});
        let operation = format!("crm.account.{verb}");
        good(
            &demo,
            "hubspot-demo",
            &operation,
            method,
            target,
            Some(&body),
        )
    };
    let new = json!({"name": " Forward ", "website": "HTTPS://www.Forward.example/", "lifecycle_stage": "customer", "number_of_employees": 50});
    let created = call("create", "POST", "/unified/crm/account", new);
    assert_eq!(created.get("warnings"), None, "{created:#}");
    let target = format!(
        "/unified/crm/account/{}",
        created["record"]["id"].as_str().unwrap()
    );
    let back = json!({"lifecycle_stage": "lead", "name": "Backward"});
    let updated = call("update", "PATCH", &target, back);
    assert_eq!(updated["record"]["lifecycle_stage"], "customer");
    let warnings = updated["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{updated:#}");
    assert_eq!(warnings[0]["problem_type"], "field_not_taken");
    assert_eq!(warnings[0]["field"], "lifecycle_stage");
}
