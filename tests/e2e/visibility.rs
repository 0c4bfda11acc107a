//! What the connected user may not see: a field costs that field, a scope costs the call, and both are named.

use crosswalk_tests::{Contract, Demo};
use serde_json::{Value, json};

use crate::{good, natives::configure};

const HUBSPOT: &str = "hubspot-demo";
const SALESFORCE: &str = "salesforce-demo";

/// The fields that an answer warns of as not visible.
fn not_visible(answer: &Value) -> Vec<&str> {
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    warnings
        .filter(|warning| warning["problem_type"] == "field_not_visible")
        .map(|warning| warning["field"].as_str().unwrap())
        .collect()
}

/// Covers: hidden-field
#[test]
fn a_field_that_salesforce_hides_is_null_and_named() {
    let demo = Demo::start();
    let hidden = json!({"hidden_fields": {"Lead": ["Phone", "Title"], "Opportunity": ["Amount", "Description"]}});
    configure(&demo, SALESFORCE, &hidden);
    for (entity, fields, natives) in [
        ("lead", ["phone_numbers", "title"], ["Phone", "Title"]),
        (
            "opportunity",
            ["amount", "description"],
            ["Amount", "Description"],
        ),
    ] {
        let target = format!("/unified/crm/{entity}?page_size=3");
        let operation = format!("crm.{entity}.list");
        let page = good(&demo, SALESFORCE, &operation, "GET", &target, None);
        let mut named = not_visible(&page);
        named.sort_unstable();
        assert_eq!(named, natives, "{entity}");
        let item = &page["items"][0];
        for field in fields {
            assert_eq!(item[field], Value::Null, "{field}");
        }
        assert_ne!(item["name"], Value::Null);
        let target = format!("/unified/crm/{entity}/{}", item["id"].as_str().unwrap());
        let operation = format!("crm.{entity}.get");
        let got = good(&demo, SALESFORCE, &operation, "GET", &target, None);
        let mut named = not_visible(&got);
        named.sort_unstable();
        assert_eq!(named, natives, "{entity}");
        assert_eq!(&got["record"], item);
    }
}

/// Covers: hidden-field
#[test]
fn a_property_that_hubspot_holds_back_is_null_and_named() {
    let demo = Demo::start();
    let sensitive = json!({
        "sensitive_properties": {"deals": ["amount", "description"], "notes": ["hs_note_body"], "leads": ["hs_lead_source"]},
        "granted_scopes": ["crm.objects.deals.read", "crm.objects.contacts.read", "crm.objects.leads.read", "crm.objects.companies.read"],
    });
    configure(&demo, HUBSPOT, &sensitive);
    for (entity, field, natives) in [
        ("opportunity", "amount", vec!["amount", "description"]),
        ("note", "content", vec!["hs_note_body"]),
        ("lead", "lead_source", vec!["hs_lead_source"]),
    ] {
        let target = format!("/unified/crm/{entity}?page_size=3");
        let operation = format!("crm.{entity}.list");
        let page = good(&demo, HUBSPOT, &operation, "GET", &target, None);
        let item = &page["items"][0];
        assert_eq!(item[field], Value::Null);
        let mut named = not_visible(&page);
        named.sort_unstable();
        assert_eq!(named, natives, "{page:#}");
        if entity == "note" {
            continue;
        }
        let target = format!("/unified/crm/{entity}/{}", item["id"].as_str().unwrap());
        let operation = format!("crm.{entity}.get");
        let got = good(&demo, HUBSPOT, &operation, "GET", &target, None);
        let mut named = not_visible(&got);
        named.sort_unstable();
        assert_eq!(named, natives, "{got:#}");
    }
}

#[test]
fn a_property_of_the_person_of_a_lead_that_is_held_back_is_named() {
    let demo = Demo::start();
    let sensitive = json!({
        "sensitive_properties": {"contacts": ["phone"]},
        "granted_scopes": ["crm.objects.contacts.read", "crm.objects.leads.read"],
    });
    configure(&demo, HUBSPOT, &sensitive);
    let target = "/unified/crm/lead?page_size=3";
    let page = good(&demo, HUBSPOT, "crm.lead.list", "GET", target, None);
    assert_eq!(not_visible(&page), ["phone"], "{page:#}");
}

/// Covers: missing-scope
#[test]
fn a_scope_that_is_missing_for_the_whole_call_is_named() {
    let demo = Demo::start();
    configure(&demo, HUBSPOT, &json!({"granted_scopes": []}));
    for (entity, scope) in [
        ("lead", "crm.objects.leads.read"),
        ("opportunity", "crm.objects.deals.read"),
        ("note", "crm.objects.contacts.read"),
        ("user", "crm.objects.owners.read"),
    ] {
        let target = format!("/unified/crm/{entity}");
        let answer = demo.call(HUBSPOT, "GET", &target, None);
        refused(&format!("crm.{entity}.list"), scope, &answer);
        if entity != "note" {
            let answer = demo.call(HUBSPOT, "GET", &format!("{target}/1"), None);
            refused(&format!("crm.{entity}.get"), scope, &answer);
        }
    }
    let note = json!({"record": {"content": "Called"}});
    let answer = demo.call(HUBSPOT, "POST", "/unified/crm/note", Some(&note));
    refused("crm.note.create", "crm.objects.contacts.write", &answer);
}

fn refused(operation: &str, scope: &str, answer: &crosswalk_tests::Answer) {
    assert_eq!(answer.status, 403, "{operation}: {}", answer.text);
    assert_eq!(answer.body["code"], "FORBIDDEN");
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.contains("scope"), "{message}");
    let issues = answer.body["issues"].as_array().into_iter().flatten();
    let told = issues.filter_map(|issue| issue["message"].as_str());
    assert!(
        told.into_iter().any(|message| message.contains(scope)),
        "{operation} names {scope}: {}",
        answer.text
    );
    let faults = Contract::load().faults(operation, 403, &answer.body);
    assert!(faults.is_empty(), "{faults:?}");
}
