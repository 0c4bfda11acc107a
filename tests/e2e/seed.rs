//! The request of the page that the API was first documented on: only host, key and connection are changed, and its
//! placeholders are replaced by values.

use crosswalk_tests::{Contract, Demo};
use serde_json::{Value, json};

/// Everything that the page's request has, in the page's order.
fn request(key: &str, industry: &str, address_type: &str, owner_id: &str) -> Value {
    json!({
        "upsert_on": { "key": key, "values": ["integration.example"] },
        "record": {
            "description": "Integration API",
            "industry": industry,
            "name": "Integration",
            "number_of_employees": 123,
            "website": "https://integration.example",
            "addresses": [{
                "address_type": address_type, "city": "Oslo", "country": "Norway", "postal_code": "0150",
                "state": "Oslo", "street_1": "1 Quay", "street_2": "Dock 2",
            }],
            "phone_numbers": [{ "phone_number": "+47 22 00 00 00", "phone_number_type": "primary" }],
            "owner_id": owner_id,
            "lifecycle_stage": "subscriber",
            "passthrough_fields": {},
        },
    })
}

/// The members of the page's answer, in its order.
const MEMBERS: [&str; 16] = [
    "id",
    "updated_at",
    "raw_data",
    "name",
    "is_deleted",
    "website",
    "industry",
    "number_of_employees",
    "owner_id",
    "created_at",
    "description",
    "last_activity_at",
    "addresses",
    "phone_numbers",
    "lifecycle_stage",
    "last_modified_at",
];

fn upsert(demo: &Demo, connection: &str, body: &Value) -> Value {
    let answer = demo.call(
        connection,
        "POST",
        "/unified/crm/account/_upsert",
        Some(body),
    );
    assert_eq!(answer.status, 200, "{connection}: {:#}", answer.body);
    let faults = Contract::load().faults("crm.account.upsert", 200, &answer.body);
    assert!(faults.is_empty(), "{faults:#?} in {:#}", answer.body);
    let members: Vec<&String> = answer.body["record"].as_object().unwrap().keys().collect();
    assert_eq!(members, MEMBERS, "{connection}");
    answer.body
}

/// A user of the played org: the one who owns what is there.
fn salesforce_owner(demo: &Demo) -> String {
    let target = "/unified/crm/account?page_size=1";
    let page = demo.call("salesforce-demo", "GET", target, None).body;
    page["items"][0]["owner_id"].as_str().unwrap().to_owned()
}

fn has_what_was_asked(answer: &Value, asked: &Value, but: &[&str]) {
    for (name, value) in asked["record"].as_object().unwrap() {
        if name != "passthrough_fields" && !but.contains(&name.as_str()) {
            assert_eq!(&answer["record"][name], value, "{name}");
        }
    }
}

#[test]
fn the_pages_request_upserts_at_hubspot_and_answers_the_pages_shape() {
    let demo = Demo::start();
    let asked = request("domain", "COMPUTER_SOFTWARE", "primary", "7001");
    let created = upsert(&demo, "hubspot-demo", &asked);
    has_what_was_asked(&created, &asked, &[]);
    assert_eq!(
        created.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["record"]
    );
    let updated = upsert(&demo, "hubspot-demo", &asked);
    assert_eq!(updated["record"]["id"], created["record"]["id"]);
    assert_eq!(
        updated["record"]["raw_data"]["properties"]["domain"],
        "integration.example"
    );
    assert_eq!(created["record"]["is_deleted"], false);
}

#[test]
fn the_pages_request_upserts_at_salesforce_by_website() {
    let demo = Demo::start();
    let owner = salesforce_owner(&demo);
    let asked = request("website", "Technology", "billing", &owner);
    let created = upsert(&demo, "salesforce-demo", &asked);
    // Accounts there have no lifecycle stage, and the answer says that it was not written.
    has_what_was_asked(&created, &asked, &["lifecycle_stage"]);
    assert_eq!(created["record"]["lifecycle_stage"], Value::Null);
    assert_eq!(
        created.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["record", "warnings"]
    );
    assert_eq!(created["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(created["warnings"][0]["field"], "lifecycle_stage");
    let updated = upsert(&demo, "salesforce-demo", &asked);
    assert_eq!(updated["record"]["id"], created["record"]["id"]);
}

#[test]
fn an_address_type_that_a_provider_has_not_is_told() {
    let demo = Demo::start();
    let owner = salesforce_owner(&demo);
    let asked = request("website", "Technology", "primary", &owner);
    let answer = upsert(&demo, "salesforce-demo", &asked);
    assert_eq!(answer["record"]["addresses"], Value::Null);
    let told: Vec<&Value> = answer["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| &warning["field"])
        .collect();
    assert!(told.contains(&&json!("addresses[0] (primary)")), "{told:?}");
}

#[test]
fn the_pages_key_is_refused_at_salesforce_with_the_reason() {
    let demo = Demo::start();
    let owner = salesforce_owner(&demo);
    let asked = request("domain", "Technology", "billing", &owner);
    demo.native_calls("salesforce-demo");
    let answer = demo.call(
        "salesforce-demo",
        "POST",
        "/unified/crm/account/_upsert",
        Some(&asked),
    );
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (400, &json!("BAD_REQUEST"))
    );
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.contains("body.upsert_on.key"), "{message}");
    assert!(
        message.contains("no domain field; use website"),
        "{message}"
    );
    let faults = Contract::load().faults("crm.account.upsert", 400, &answer.body);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(demo.native_calls("salesforce-demo"), Vec::<String>::new());
}
