//! Users: HubSpot's owners with the archived ones, Salesforce's users with the inactive ones.

use crosswalk_tests::Demo;
use serde_json::{Value, json};

use crate::{
    good,
    natives::{empty, native},
};

const HUBSPOT: &str = "hubspot-demo";
const SALESFORCE: &str = "salesforce-demo";

fn list(demo: &Demo, connection: &str, cursor: Option<&str>) -> Value {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let target = format!("/unified/crm/user?page_size=100{cursor}");
    good(demo, connection, "crm.user.list", "GET", &target, None)
}

fn get(demo: &Demo, connection: &str, id: &str) -> Value {
    let target = format!("/unified/crm/user/{id}");
    let answer = good(demo, connection, "crm.user.get", "GET", &target, None);
    assert_eq!(answer.get("warnings"), None, "{answer:#}");
    answer["record"].clone()
}

fn rows(demo: &Demo, connection: &str, target: &str, list: &str) -> Vec<Value> {
    let answer = native(demo, connection, "GET", target, None);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body[list].as_array().unwrap().clone()
}

#[test]
fn every_owner_is_listed_active_or_not_as_get_has_it() {
    let demo = Demo::start();
    let active = rows(&demo, HUBSPOT, "/crm/owners/2026-09?limit=500", "results");
    let archived = "/crm/owners/2026-09?limit=500&archived=true";
    let archived = rows(&demo, HUBSPOT, archived, "results");
    assert!(!active.is_empty() && !archived.is_empty());
    let page = list(&demo, HUBSPOT, None);
    let items = page["items"].as_array().unwrap();
    let natives: Vec<&Value> = active.iter().chain(&archived).collect();
    assert_eq!(items.len(), natives.len());
    for (item, raw) in items.iter().zip(natives) {
        assert_eq!(&item["raw_data"], raw);
        let words = [&raw["firstName"], &raw["lastName"]];
        let words: Vec<&str> = words
            .into_iter()
            .filter_map(Value::as_str)
            .filter(|word| !word.is_empty())
            .collect();
        let name = if words.is_empty() {
            Value::Null
        } else {
            json!(words.join(" "))
        };
        for (field, value) in [
            ("id", &raw["id"]),
            ("name", &name),
            ("email", &raw["email"]),
            ("is_deleted", &raw["archived"]),
            ("is_active", &json!(raw["archived"] == false)),
            ("created_at", &raw["createdAt"]),
            ("updated_at", &raw["updatedAt"]),
            ("last_modified_at", &raw["updatedAt"]),
        ] {
            assert_eq!(&item[field], value, "{field} of {raw}");
        }
        assert_eq!(&get(&demo, HUBSPOT, raw["id"].as_str().unwrap()), item);
    }
    let missing = demo.call(HUBSPOT, "GET", "/unified/crm/user/999999", None);
    assert_eq!(missing.status, 404, "{}", missing.text);
}

#[test]
fn an_owner_who_leaves_is_among_the_changes() {
    let demo = Demo::start();
    let first = list(&demo, HUBSPOT, None);
    let cursor = first["next_cursor"].as_str().unwrap();
    let leave = json!({"archive": "7001", "add": 1});
    let done = demo.sandbox(HUBSPOT, "POST", "/_sandbox/owners", Some(&leave));
    assert_eq!(done.status, 200, "{}", done.text);
    let new = done.body["added"][0].as_str().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let changes = list(&demo, HUBSPOT, Some(cursor));
    let items = changes["items"].as_array().unwrap();
    let told: Vec<(&str, bool)> = items
        .iter()
        .map(|item| (item["id"].as_str().unwrap(), item["is_active"] == true))
        .collect();
    assert_eq!(told, [(new, true), ("7001", false)]);
}

#[test]
fn all_owners_are_listed_over_pages() {
    let demo = Demo::start();
    empty(&demo, HUBSPOT, &json!({}));
    let before = list(&demo, HUBSPOT, None)["items"]
        .as_array()
        .unwrap()
        .len();
    let many = json!({"add": 120});
    demo.sandbox(HUBSPOT, "POST", "/_sandbox/owners", Some(&many));
    let mut seen = std::collections::BTreeSet::new();
    let mut cursor = String::new();
    for _ in 0..20 {
        let target = format!("/unified/crm/user?page_size=50{cursor}");
        let page = good(&demo, HUBSPOT, "crm.user.list", "GET", &target, None);
        for item in page["items"].as_array().unwrap() {
            assert!(seen.insert(item["id"].as_str().unwrap().to_owned()));
        }
        if page["has_next_page"] == false {
            break;
        }
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    }
    assert_eq!(seen.len(), before + 120);
}

#[test]
fn users_of_salesforce_are_read_active_and_inactive() {
    let demo = Demo::start();
    let data = "/services/data/v59.0";
    let query = format!(
        "{data}/query?q=SELECT+Id,Name,Email,IsActive,CreatedDate,SystemModstamp,LastModifiedDate+FROM+User+ORDER+BY+Id"
    );
    let natives = rows(&demo, SALESFORCE, &query, "records");
    let page = list(&demo, SALESFORCE, None);
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), natives.len());
    for (item, raw) in items.iter().zip(&natives) {
        let time = |name: &str| json!(raw[name].as_str().unwrap().replace("+0000", "Z"));
        for (field, value) in [
            ("id", &raw["Id"]),
            ("name", &raw["Name"]),
            ("email", &raw["Email"]),
            ("is_active", &raw["IsActive"]),
            ("is_deleted", &json!(false)),
            ("created_at", &time("CreatedDate")),
            ("updated_at", &time("SystemModstamp")),
            ("last_modified_at", &time("LastModifiedDate")),
        ] {
            assert_eq!(&item[field], value, "{field} of {raw}");
        }
        assert_eq!(&get(&demo, SALESFORCE, raw["Id"].as_str().unwrap()), item);
    }
    assert!(items.iter().any(|item| item["is_active"] == false));
    assert!(items.iter().any(|item| item["is_active"] == true));
}
