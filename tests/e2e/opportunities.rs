//! Opportunities, from what another client wrote at the provider.

use crosswalk_tests::Demo;
use serde_json::{Value, json};

use crate::{
    good,
    natives::{created, native},
};

const HUBSPOT: &str = "hubspot-demo";
const SALESFORCE: &str = "salesforce-demo";
const OBJECTS: &str = "/crm/objects/2026-09";
const ROWS: &str = "/services/data/v59.0/sobjects";

fn get(demo: &Demo, connection: &str, id: &str) -> Value {
    let target = format!("/unified/crm/opportunity/{id}");
    let answer = good(
        demo,
        connection,
        "crm.opportunity.get",
        "GET",
        &target,
        None,
    );
    assert_eq!(answer.get("warnings"), None, "{answer:#}");
    answer["record"].clone()
}

fn list(demo: &Demo, connection: &str, cursor: Option<&str>) -> Value {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let target = format!("/unified/crm/opportunity?page_size=200{cursor}");
    good(
        demo,
        connection,
        "crm.opportunity.list",
        "GET",
        &target,
        None,
    )
}

fn find<'p>(page: &'p Value, id: &str) -> &'p Value {
    let mut items = page["items"].as_array().unwrap().iter();
    items
        .find(|item| item["id"] == id)
        .unwrap_or_else(|| panic!("{id} is in {page:#}"))
}

/// The amount as it is written in an answer: reading it as JSON would round it.
fn amount<'t>(text: &'t str, id: &str) -> &'t str {
    let (_, rest) = text
        .split_once(&format!("{{\"id\":\"{id}\",\"updated_at\""))
        .unwrap();
    let (_, rest) = rest
        .split_once("\"amount\":")
        .filter(|(_, rest)| !rest.starts_with('"'))
        .unwrap_or_else(|| {
            // The first is in `raw_data`, as HubSpot has it in quotes.
            let (_, rest) = rest.split_once("\"amount\":").unwrap();
            rest.split_once("\"amount\":").unwrap()
        });
    rest.split([',', '}']).next().unwrap()
}

fn deal(demo: &Demo, properties: &Value, companies: &[(&str, u32)]) -> String {
    let mut all =
        json!({"dealname": "Engines", "pipeline": "default", "dealstage": "qualifiedtobuy"});
    all.as_object_mut()
        .unwrap()
        .extend(properties.as_object().unwrap().clone());
    let links: Vec<Value> = companies
        .iter()
        .map(|(id, kind)| json!({"to": {"id": id}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]}))
        .collect();
    let body = json!({"properties": all, "associations": links});
    created(demo, HUBSPOT, &format!("{OBJECTS}/deals"), &body)
}

fn company(demo: &Demo, name: &str) -> String {
    let body = json!({"properties": {"name": name}});
    created(demo, HUBSPOT, &format!("{OBJECTS}/companies"), &body)
}

/// Covers: associations
#[test]
fn a_deal_is_read_with_every_field() {
    let demo = Demo::start();
    let companies = ["One", "Two", "Three"].map(|name| company(&demo, name));
    let [one, two, three] = &companies;
    let properties = json!({"description": "All of it", "amount": "0.1", "closedate": "2026-12-31T23:59:59.999Z", "hubspot_owner_id": "7001",
        "pipeline": "74211953", "dealstage": "148220372"});
    let id = deal(&demo, &properties, &[(one, 341), (two, 5), (three, 341)]);
    let note = json!({
        "properties": {"hs_timestamp": "2026-01-31T10:00:00Z", "hs_note_body": "Called"},
        "associations": [{"to": {"id": id}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214}]}],
    });
    created(&demo, HUBSPOT, &format!("{OBJECTS}/notes"), &note);
    let record = get(&demo, HUBSPOT, &id);
    let raw = &record["raw_data"];
    for (name, value) in [
        ("id", json!(id)),
        ("name", json!("Engines")),
        ("description", json!("All of it")),
        ("owner_id", json!("7001")),
        ("status", json!("OPEN")),
        ("stage", json!("In Negotiation")),
        ("pipeline", json!("Renewals")),
        ("close_date", json!("2026-12-31")),
        // The primary one, which is neither the first nor the last.
        ("account_id", json!(two)),
        ("amount", json!(0.1)),
        ("last_activity_at", json!("2026-01-31T10:00:00.000Z")),
        ("created_at", raw["createdAt"].clone()),
        ("updated_at", raw["updatedAt"].clone()),
        ("last_modified_at", raw["updatedAt"].clone()),
        ("is_deleted", json!(false)),
        ("merged_into", Value::Null),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
    assert_eq!(raw["properties"]["dealstage"], "148220372");
    assert_eq!(raw["properties"]["pipeline"], "74211953");
}

#[test]
fn a_stage_that_was_just_made_has_its_label_and_known_ones_cost_no_call() {
    let demo = Demo::start();
    let known = deal(&demo, &json!({}), &[]);
    get(&demo, HUBSPOT, &known);
    demo.native_calls(HUBSPOT);
    get(&demo, HUBSPOT, &known);
    list(&demo, HUBSPOT, None);
    let calls = demo.native_calls(HUBSPOT);
    assert!(
        !calls.iter().any(|call| call.contains("/pipelines/")),
        "{calls:?}"
    );
    let stage = json!({"label": "Legal Review", "displayOrder": 3, "metadata": {"isClosed": "false", "probability": "0.5"}});
    let target = "/crm/pipelines/2026-09/deals/default/stages";
    let stage = created(&demo, HUBSPOT, target, &stage);
    let moved = json!({"properties": {"dealstage": stage}});
    let target = format!("{OBJECTS}/deals/{known}");
    let answer = native(&demo, HUBSPOT, "PATCH", &target, Some(&moved));
    assert_eq!(answer.status, 200, "{}", answer.text);
    // Labels are not asked for again within two seconds.
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    assert_eq!(get(&demo, HUBSPOT, &known)["stage"], "Legal Review");
    demo.native_calls(HUBSPOT);
    list(&demo, HUBSPOT, None);
    assert_eq!(demo.native_calls(HUBSPOT).len(), 1, "and then it is known");
}

/// Covers: open-is-not-won, text-booleans
#[test]
fn a_status_follows_the_stage_and_never_the_words_of_a_flag() {
    let demo = Demo::start();
    for (stage, status) in [
        ("contractsent", "OPEN"),
        ("closedwon", "WON"),
        ("closedlost", "LOST"),
    ] {
        let id = deal(&demo, &json!({"dealstage": stage}), &[]);
        assert_eq!(get(&demo, HUBSPOT, &id)["status"], status);
    }
    for (stage, status) in [
        ("Prospecting", "OPEN"),
        ("Closed Won", "WON"),
        ("Closed Lost", "LOST"),
        // Any text is taken for a stage, and is not a closed one.
        ("Of our own", "OPEN"),
    ] {
        let body = json!({"Name": "Engines", "StageName": stage, "CloseDate": "2026-12-31"});
        let id = created(&demo, SALESFORCE, &format!("{ROWS}/Opportunity"), &body);
        let record = get(&demo, SALESFORCE, &id);
        assert_eq!(record["status"], status);
        assert_eq!(record["stage"], stage);
    }
}

/// Covers: money-exact
#[test]
fn amounts_are_exact_to_the_last_digit() {
    let demo = Demo::start();
    for written in ["12345678901234.55", "0.1", "99999999999999999.99", "-7.25"] {
        let id = deal(&demo, &json!({"amount": written}), &[]);
        let target = format!("/unified/crm/opportunity/{id}");
        let answer = demo.call(HUBSPOT, "GET", &target, None);
        assert_eq!(amount(&answer.text, &id), written);
        let page = demo.call(
            HUBSPOT,
            "GET",
            "/unified/crm/opportunity?page_size=200",
            None,
        );
        assert_eq!(amount(&page.text, &id), written);
    }
    for written in [12_345_678_901_234.55, 0.1, -7.25] {
        let body = json!({"Name": "Engines", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": written});
        let id = created(&demo, SALESFORCE, &format!("{ROWS}/Opportunity"), &body);
        let target = format!("/unified/crm/opportunity/{id}");
        let answer = demo.call(SALESFORCE, "GET", &target, None);
        assert_eq!(
            answer.body["record"]["amount"],
            json!(written),
            "{}",
            answer.text
        );
        let raw = &answer.body["record"]["raw_data"]["Amount"];
        assert_eq!(raw, &answer.body["record"]["amount"]);
    }
}

/// Covers: deleted-and-merged
#[test]
fn deals_that_were_archived_or_merged_are_told() {
    let demo = Demo::start();
    let [kept, merged, archived] =
        ["1", "2", "3"].map(|amount| deal(&demo, &json!({"amount": amount}), &[]));
    let first = list(&demo, HUBSPOT, None);
    let cursor = first["next_cursor"].as_str().unwrap();
    let target = format!("{OBJECTS}/deals/{archived}");
    assert_eq!(native(&demo, HUBSPOT, "DELETE", &target, None).status, 204);
    let merge = json!({"primaryObjectId": kept, "objectIdToMerge": merged});
    let merged_row = native(
        &demo,
        HUBSPOT,
        "POST",
        &format!("{OBJECTS}/deals/merge"),
        Some(&merge),
    );
    assert_eq!(merged_row.status, 200, "{}", merged_row.text);
    let winner = merged_row.body["id"].as_str().unwrap();
    // HubSpot answers the id of a merged deal with the one that it went into.
    assert_eq!(get(&demo, HUBSPOT, &merged)["id"], winner);
    let target = format!("/unified/crm/opportunity/{archived}");
    assert_eq!(demo.call(HUBSPOT, "GET", &target, None).status, 404);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let changes = list(&demo, HUBSPOT, Some(cursor));
    let gone = find(&changes, &archived);
    assert_eq!(
        (&gone["is_deleted"], &gone["merged_into"]),
        (&json!(true), &Value::Null)
    );
    let loser = find(&changes, &merged);
    assert_eq!(
        (&loser["is_deleted"], &loser["merged_into"]),
        (&json!(true), &json!(winner))
    );
    assert_eq!(find(&changes, winner)["is_deleted"], false);
}

#[test]
fn an_opportunity_of_salesforce_is_read_with_every_field_and_told_when_deleted() {
    let demo = Demo::start();
    let account = created(
        &demo,
        SALESFORCE,
        &format!("{ROWS}/Account"),
        &json!({"Name": "Engines Ltd"}),
    );
    let body = json!({"Name": "Engines", "Description": "All of it", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 12.5, "AccountId": account});
    let id = created(&demo, SALESFORCE, &format!("{ROWS}/Opportunity"), &body);
    let record = get(&demo, SALESFORCE, &id);
    let raw = &record["raw_data"];
    let time = |name: &str| json!(raw[name].as_str().unwrap().replace("+0000", "Z"));
    for (name, value) in [
        ("id", json!(id)),
        ("name", json!("Engines")),
        ("description", json!("All of it")),
        ("owner_id", raw["OwnerId"].clone()),
        ("status", json!("OPEN")),
        ("stage", json!("Prospecting")),
        ("pipeline", Value::Null),
        ("close_date", json!("2026-12-31")),
        ("account_id", json!(account)),
        ("amount", json!(12.5)),
        ("last_activity_at", Value::Null),
        ("created_at", time("CreatedDate")),
        ("updated_at", time("SystemModstamp")),
        ("last_modified_at", time("LastModifiedDate")),
        ("is_deleted", json!(false)),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
    let first = list(&demo, SALESFORCE, None);
    let cursor = first["next_cursor"].as_str().unwrap();
    let target = format!("{ROWS}/Opportunity/{id}");
    assert_eq!(
        native(&demo, SALESFORCE, "DELETE", &target, None).status,
        204
    );
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let changes = list(&demo, SALESFORCE, Some(cursor));
    assert_eq!(find(&changes, &id)["is_deleted"], true);
}
