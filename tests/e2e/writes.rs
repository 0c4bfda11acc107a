//! What is written of a record, and what is left alone.

use crosswalk_tests::Demo;
use serde_json::{Map, Value, json};

use crate::{CONNECTIONS, good};

fn write(demo: &Demo, connection: &str, entity: &str, id: Option<&str>, record: &Value) -> Value {
    let base = format!("/unified/crm/{entity}");
    let (verb, method, target) = match id {
        None => ("create", "POST", base),
        Some(id) => ("update", "PATCH", format!("{base}/{id}")),
    };
    let operation = format!("crm.{entity}.{verb}");
    let body = json!({ "record": record });
    good(demo, connection, &operation, method, &target, Some(&body))
}

/// Every field that can be written, and those among them that the provider does not let be empty.
fn full(demo: &Demo, connection: &str, entity: &str) -> (Value, Vec<&'static str>) {
    let is_hubspot = connection.starts_with("hubspot");
    if entity == "contact" {
        let record = json!({"first_name": "Ada", "last_name": "L", "email": format!("ada@{connection}.example"), "phone": "+1 555"});
        let required = if is_hubspot {
            vec![]
        } else {
            vec!["last_name"]
        };
        return (record, required);
    }
    let target = "/unified/crm/account?page_size=1";
    let page = demo.call(connection, "GET", target, None).body;
    let owner = page["items"][0]["owner_id"].clone();
    let (owner, industry, address_type) = if is_hubspot {
        (json!("7001"), "COMPUTER_SOFTWARE", "primary")
    } else {
        (owner, "Technology", "billing")
    };
    let mut record = json!({
        "name": "Whole", "description": "All of it", "industry": industry, "number_of_employees": 12,
        "website": "https://whole.example", "owner_id": owner,
        "addresses": [{"address_type": address_type, "city": "Oslo", "country": "Norway", "postal_code": "0150", "state": "Oslo", "street_1": "1 Quay", "street_2": "Dock 2"}],
        "phone_numbers": [{"phone_number": "+47 22", "phone_number_type": "primary"}],
    });
    if is_hubspot {
        record["lifecycle_stage"] = json!("lead");
        (record, vec![])
    } else {
        (record, vec!["name", "owner_id"])
    }
}

/// Covers: clear-and-keep, write-answer-whole
#[test]
fn null_clears_a_field_and_absent_leaves_it_alone() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        for entity in ["account", "contact"] {
            let (record, required) = full(&demo, connection, entity);
            let created = write(&demo, connection, entity, None, &record)["record"].clone();
            let id = created["id"].as_str().unwrap();
            let mut expected = record.as_object().unwrap().clone();
            holds(connection, &created, &expected);
            for (name, value) in record.as_object().unwrap() {
                let nothing = json!({ name: null });
                if required.contains(&name.as_str()) {
                    let target = format!("/unified/crm/{entity}/{id}");
                    let body = json!({ "record": nothing });
                    let answer = demo.call(connection, "PATCH", &target, Some(&body));
                    assert_eq!(answer.status, 400, "{connection} {name}: {}", answer.text);
                    let path = format!("body.record.{name}");
                    assert_eq!(answer.body["issues"][0]["path"], path);
                    continue;
                }
                let cleared = write(&demo, connection, entity, Some(id), &nothing);
                expected.insert(name.clone(), Value::Null);
                holds(connection, &cleared["record"], &expected);
                // And it can be set again.
                let set = json!({ name: value });
                let again = write(&demo, connection, entity, Some(id), &set);
                expected.insert(name.clone(), value.clone());
                holds(connection, &again["record"], &expected);
            }
        }
    }
}

fn holds(connection: &str, record: &Value, expected: &Map<String, Value>) {
    for (name, value) in expected {
        assert_eq!(&record[name], value, "{connection} {name}");
    }
}

/// Covers: passthrough-conflict
#[test]
fn passthrough_fields_win_over_mapped_ones_flat_and_wrapped() {
    let demo = Demo::start();
    for (index, fields) in [
        json!({"name": "Native", "about_us": "Us", "phone": null}),
        json!({"properties": {"name": "Native", "about_us": "Us", "phone": null}}),
        json!({"name": "Native", "properties": {"about_us": "Us"}, "phone": null}),
    ]
    .into_iter()
    .enumerate()
    {
        let record = json!({
            "name": "Mapped", "description": "Kept",
            "phone_numbers": [{"phone_number": "+1 555", "phone_number_type": "primary"}],
            "passthrough_fields": fields,
        });
        let target = "/unified/crm/account?fields=about_us";
        let answer = write(&demo, "hubspot-demo", "account", None, &record);
        assert_eq!(answer.get("warnings"), None, "{answer:#}");
        assert_eq!(answer["record"]["name"], "Native", "form {index}");
        assert_eq!(answer["record"]["description"], "Kept");
        assert_eq!(answer["record"]["phone_numbers"], Value::Null);
        let id = answer["record"]["id"].as_str().unwrap();
        let target = target.replace('?', &format!("/{id}?"));
        let got = good(
            &demo,
            "hubspot-demo",
            "crm.account.get",
            "GET",
            &target,
            None,
        );
        assert_eq!(got["record"]["raw_data"]["properties"]["about_us"], "Us");
        // On update and upsert as well, and a mapped null loses to a native value.
        let record = json!({"name": null, "passthrough_fields": {"properties": {"name": "Again"}}});
        let updated = write(&demo, "hubspot-demo", "account", Some(id), &record);
        assert_eq!(updated["record"]["name"], "Again");
    }
}

/// Covers: passthrough-conflict
#[test]
fn native_fields_of_salesforce_are_flat_and_win_in_any_case() {
    let demo = Demo::start();
    let record = json!({
        "name": "Mapped", "description": "Kept", "website": "https://mapped.example",
        "passthrough_fields": {"NAME": "Native", "Rating": "Hot", "website": null},
    });
    let answer = write(&demo, "salesforce-demo", "account", None, &record);
    assert_eq!(answer["record"]["name"], "Native");
    assert_eq!(answer["record"]["description"], "Kept");
    assert_eq!(answer["record"]["website"], Value::Null);
    let id = answer["record"]["id"].as_str().unwrap();
    let target = format!("/unified/crm/account/{id}?fields=Rating");
    let got = good(
        &demo,
        "salesforce-demo",
        "crm.account.get",
        "GET",
        &target,
        None,
    );
    assert_eq!(got["record"]["raw_data"]["Rating"], "Hot");
}

#[test]
fn passthrough_fields_reach_an_upsert_and_are_read_back() {
    let demo = Demo::start();
    for (connection, fields, name) in [
        (
            "hubspot-demo",
            json!({"properties": {"jobtitle": "Engineer", "firstname": "Native"}}),
            "jobtitle",
        ),
        (
            "salesforce-demo",
            json!({"Title": "Engineer", "FirstName": "Native"}),
            "Title",
        ),
    ] {
        let body = json!({
            "upsert_on": {"key": "email", "values": ["through@pass.example"]},
            "record": {"first_name": "Mapped", "last_name": "L", "passthrough_fields": fields},
        });
        for _ in 0..2 {
            let answer = good(
                &demo,
                connection,
                "crm.contact.upsert",
                "POST",
                "/unified/crm/contact/_upsert",
                Some(&body),
            );
            assert_eq!(answer["record"]["first_name"], "Native", "{connection}");
            let id = answer["record"]["id"].as_str().unwrap();
            let target = format!("/unified/crm/contact/{id}?fields={name}");
            let got = good(&demo, connection, "crm.contact.get", "GET", &target, None);
            let raw = &got["record"]["raw_data"];
            let raw = raw.get("properties").unwrap_or(raw);
            assert_eq!(raw[name], "Engineer", "{connection}");
        }
    }
}
