//! Leads, from what another client wrote at the provider: each field, in few calls, and what becomes of them.

use crosswalk_tests::Demo;
use serde_json::{Value, json};

use crate::{
    good,
    natives::{created, empty, native},
};

const HUBSPOT: &str = "hubspot-demo";
const SALESFORCE: &str = "salesforce-demo";
const OBJECTS: &str = "/crm/objects/2026-09";
const ROWS: &str = "/services/data/v59.0/sobjects";

fn get(demo: &Demo, connection: &str, id: &str) -> Value {
    let target = format!("/unified/crm/lead/{id}");
    good(demo, connection, "crm.lead.get", "GET", &target, None)
}

fn list(demo: &Demo, connection: &str, cursor: Option<&str>) -> Value {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let target = format!("/unified/crm/lead?page_size=100{cursor}");
    good(demo, connection, "crm.lead.list", "GET", &target, None)
}

fn link(to: &str, kind: u32) -> Value {
    json!({"to": {"id": to}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]})
}

/// A lead of a person and a company, and the ids of all three.
fn hubspot_lead(demo: &Demo, number: usize) -> [String; 3] {
    let person = json!({"properties": {
        "firstname": "Ada", "lastname": format!("Lovelace {number}"), "email": format!("ada{number}@example.com"), "work_email": "ada@work.example",
        "jobtitle": "Analyst", "phone": "+44 20", "mobilephone": "+44 7", "fax": "+44 9", "address": "1 Market St", "city": "London",
        "state": "LDN", "zip": "W1", "country": "UK"}});
    let contact = created(demo, HUBSPOT, &format!("{OBJECTS}/contacts"), &person);
    let company = json!({"properties": {"name": "Engines Ltd"}});
    let company = created(demo, HUBSPOT, &format!("{OBJECTS}/companies"), &company);
    let lead = json!({
        "properties": {"hs_lead_name": "Engines", "hs_lead_source": "REFERRALS", "hubspot_owner_id": "7001"},
        "associations": [link(&contact, 578), link(&company, 610)],
    });
    let lead = created(demo, HUBSPOT, &format!("{OBJECTS}/leads"), &lead);
    [lead, contact, company]
}

/// Covers: lead-fields
#[test]
fn a_lead_of_hubspot_is_read_with_every_field_of_its_person() {
    let demo = Demo::start();
    let [lead, contact, company] = hubspot_lead(&demo, 1);
    let answer = get(&demo, HUBSPOT, &lead);
    assert_eq!(answer.get("warnings"), None, "{answer:#}");
    let record = &answer["record"];
    for (name, value) in [
        ("id", json!(lead)),
        ("name", json!("Engines")),
        ("first_name", json!("Ada")),
        ("last_name", json!("Lovelace 1")),
        ("owner_id", json!("7001")),
        ("title", json!("Analyst")),
        ("company", json!("Engines Ltd")),
        ("converted_date", Value::Null),
        ("lead_source", json!("REFERRALS")),
        ("converted_account_id", json!(company)),
        ("converted_contact_id", json!(contact)),
        (
            "addresses",
            json!([{"address_type": "primary", "street_1": "1 Market St", "street_2": null, "city": "London", "state": "LDN", "postal_code": "W1", "country": "UK"}]),
        ),
        (
            "email_addresses",
            json!([{"email_address": "ada1@example.com", "email_address_type": "primary"}, {"email_address": "ada@work.example", "email_address_type": "work"}]),
        ),
        (
            "phone_numbers",
            json!([{"phone_number": "+44 20", "phone_number_type": "primary"}, {"phone_number": "+44 7", "phone_number_type": "mobile"}, {"phone_number": "+44 9", "phone_number_type": "fax"}]),
        ),
        ("is_deleted", json!(false)),
        ("merged_into", Value::Null),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
    assert_eq!(record["created_at"], record["raw_data"]["createdAt"]);
    assert_eq!(record["updated_at"], record["raw_data"]["updatedAt"]);
    assert_eq!(record["last_modified_at"], record["updated_at"]);
}

#[test]
fn the_people_of_many_leads_are_read_in_batches() {
    let demo = Demo::start();
    empty(&demo, HUBSPOT, &json!({}));
    for number in 0..150 {
        hubspot_lead(&demo, number);
    }
    demo.native_calls(HUBSPOT);
    let first = list(&demo, HUBSPOT, None);
    let rest = list(&demo, HUBSPOT, first["next_cursor"].as_str());
    let calls = demo.native_calls(HUBSPOT);
    let people = calls
        .iter()
        .filter(|call| call.ends_with("/contacts/batch/read"));
    assert_eq!(people.count(), 2, "{calls:?}");
    assert_eq!(calls.len(), 4, "two pages, and two batches: {calls:?}");
    let pages = [&first, &rest].map(|page| page["items"].as_array().unwrap());
    assert_eq!(pages.map(Vec::len), [100, 50]);
    for (number, item) in pages.into_iter().flatten().enumerate() {
        assert_eq!(item["last_name"], format!("Lovelace {number}"));
        assert_eq!(item["phone_numbers"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn a_lead_without_the_scope_of_contacts_comes_with_a_warning_that_names_it() {
    let demo = Demo::start();
    let [lead, ..] = hubspot_lead(&demo, 1);
    let granted = json!({"granted_scopes": ["crm.objects.leads.read"]});
    crate::natives::configure(&demo, HUBSPOT, &granted);
    let answer = get(&demo, HUBSPOT, &lead);
    let record = &answer["record"];
    // What HubSpot keeps on the lead itself is there all the same.
    assert_eq!(record["first_name"], "Ada");
    assert_eq!(record["company"], "Engines Ltd");
    assert_eq!(record["phone_numbers"], Value::Null);
    assert_eq!(record["addresses"], Value::Null);
    let warnings = answer["warnings"].as_array().unwrap();
    let phones = warnings.iter().find(|one| one["field"] == "phone_numbers");
    let detail = phones.unwrap()["detail"].as_str().unwrap();
    assert!(detail.contains("crm.objects.contacts.read"), "{detail}");
}

#[test]
fn a_lead_that_was_archived_is_told_once_it_is_gone() {
    let demo = Demo::start();
    let [lead, ..] = hubspot_lead(&demo, 1);
    let first = list(&demo, HUBSPOT, None);
    let cursor = first["next_cursor"].as_str().unwrap();
    let gone = native(
        &demo,
        HUBSPOT,
        "DELETE",
        &format!("{OBJECTS}/leads/{lead}"),
        None,
    );
    assert_eq!(gone.status, 204);
    let target = format!("/unified/crm/lead/{lead}");
    let answer = demo.call(HUBSPOT, "GET", &target, None);
    assert_eq!(answer.status, 404, "{}", answer.text);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let changes = list(&demo, HUBSPOT, Some(cursor));
    let item = find(&changes, &lead);
    assert_eq!(item["is_deleted"], true);
    assert_eq!(item["name"], "Engines");
}

fn find<'p>(page: &'p Value, id: &str) -> &'p Value {
    let mut items = page["items"].as_array().unwrap().iter();
    items
        .find(|item| item["id"] == id)
        .unwrap_or_else(|| panic!("{id} is in {page:#}"))
}

fn salesforce_lead(demo: &Demo, email: &str) -> String {
    let lead = json!({
        "FirstName": "Ada", "LastName": "Lovelace", "Company": "Engines Ltd", "Title": "Analyst", "LeadSource": "Web", "Email": email,
        "Phone": "+44 20", "MobilePhone": "+44 7", "Fax": "+44 9", "Street": "1 Market St\r\nSuite 300", "City": "London",
        "State": "LDN", "PostalCode": "W1", "Country": "UK"});
    created(demo, SALESFORCE, &format!("{ROWS}/Lead"), &lead)
}

/// Covers: lead-fields
#[test]
fn a_lead_of_salesforce_is_read_with_every_field() {
    let demo = Demo::start();
    let lead = salesforce_lead(&demo, "ada@example.com");
    let answer = get(&demo, SALESFORCE, &lead);
    assert_eq!(answer.get("warnings"), None, "{answer:#}");
    let record = &answer["record"];
    let raw = &record["raw_data"];
    for (name, value) in [
        ("id", json!(lead)),
        ("name", json!("Ada Lovelace")),
        ("first_name", json!("Ada")),
        ("last_name", json!("Lovelace")),
        ("owner_id", raw["OwnerId"].clone()),
        ("title", json!("Analyst")),
        ("company", json!("Engines Ltd")),
        ("converted_date", Value::Null),
        ("lead_source", json!("Web")),
        ("converted_account_id", Value::Null),
        ("converted_contact_id", Value::Null),
        (
            "addresses",
            json!([{"address_type": "primary", "street_1": "1 Market St", "street_2": "Suite 300", "city": "London", "state": "LDN", "postal_code": "W1", "country": "UK"}]),
        ),
        (
            "email_addresses",
            json!([{"email_address": "ada@example.com", "email_address_type": "primary"}]),
        ),
        (
            "phone_numbers",
            json!([{"phone_number": "+44 20", "phone_number_type": "primary"}, {"phone_number": "+44 7", "phone_number_type": "mobile"}, {"phone_number": "+44 9", "phone_number_type": "fax"}]),
        ),
        ("is_deleted", json!(false)),
        ("merged_into", Value::Null),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
    for (name, native) in [
        ("created_at", "CreatedDate"),
        ("updated_at", "SystemModstamp"),
        ("last_modified_at", "LastModifiedDate"),
    ] {
        let told = raw[native].as_str().unwrap().replace("+0000", "Z");
        assert_eq!(record[name], told, "{name}");
    }
    assert!(record["owner_id"].as_str().unwrap().starts_with("005"));
}

#[test]
fn leads_that_were_deleted_or_merged_are_told_with_what_became_of_them() {
    let demo = Demo::start();
    let [kept, merged, deleted] =
        ["a@x.example", "b@x.example", "c@x.example"].map(|email| salesforce_lead(&demo, email));
    let first = list(&demo, SALESFORCE, None);
    let cursor = first["next_cursor"].as_str().unwrap();
    let gone = native(
        &demo,
        SALESFORCE,
        "DELETE",
        &format!("{ROWS}/Lead/{deleted}"),
        None,
    );
    assert_eq!(gone.status, 204);
    let merge = json!({"master": kept, "losers": [merged]});
    let answer = demo.sandbox(SALESFORCE, "POST", "/_sandbox/merge", Some(&merge));
    assert_eq!(answer.status, 200, "{}", answer.text);
    for id in [&merged, &deleted] {
        let target = format!("/unified/crm/lead/{id}");
        assert_eq!(demo.call(SALESFORCE, "GET", &target, None).status, 404);
    }
    // A window ends at the provider's clock in whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let changes = list(&demo, SALESFORCE, Some(cursor));
    assert_eq!(find(&changes, &deleted)["is_deleted"], true);
    assert_eq!(find(&changes, &deleted)["merged_into"], Value::Null);
    assert_eq!(find(&changes, &merged)["is_deleted"], true);
    assert_eq!(find(&changes, &merged)["merged_into"], json!(kept));
}
