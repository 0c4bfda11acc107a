//! Objects, fields and links that are made through the proxy, and records that use them, on both providers.

use crosswalk_tests::{Contract, Demo};
use serde_json::{Value, json};

use crate::{CONNECTIONS, good};

/// All types of fields that can be made, with how each provider names the type of one that it has.
const TYPES: [(&str, &str, &str); 9] = [
    ("text", "text", "text"),
    ("textarea", "textarea", "textarea"),
    ("number", "number", "number"),
    ("picklist", "picklist", "picklist"),
    ("multipicklist", "multipicklist", "multipicklist"),
    ("date", "date", "date"),
    ("datetime", "datetime", "datetime"),
    ("boolean", "boolean", "boolean"),
    // HubSpot has no addresses of their own.
    ("url", "text", "url"),
];

pub(crate) const OBJECTS: &str = "/unified/crm/metadata/objects";

/// An object with a field of each type, with all that the contract lets one say of fields.
pub(crate) fn starship() -> Value {
    let options = json!([
        {"label": "Red & <white>", "value": "red", "description": "the usual"},
        {"label": "Gr\"een'", "value": "green"},
    ]);
    let mut fields = vec![
        json!({"id": "title", "label": "Title", "type": "text", "is_required": true}),
        json!({"id": "crew", "label": "Crew", "type": "number", "is_required": true, "precision": 6, "scale": 0, "default_value": 5, "description": "Heads <aboard> & \"counted\""}),
        json!({"id": "log", "label": "Log", "type": "textarea", "is_required": true}),
        json!({"id": "armed", "label": "Armed", "type": "boolean", "is_required": true, "default_value": true}),
    ];
    for (ty, ..) in TYPES {
        let mut field = json!({"id": format!("a_{ty}"), "label": format!("A {ty} & more"), "type": ty, "group_name": "ships"});
        if ty.ends_with("picklist") {
            field["options"] = options.clone();
        }
        fields.push(field);
    }
    json!({"name": "starship", "description": "Flies & <shines>", "labels": {"singular": "Starship", "plural": "Starships"}, "primary_field_id": "title", "fields": fields})
}

fn is_hubspot(connection: &str) -> bool {
    connection.starts_with("hubspot")
}

/// The name that a provider has a field by.
fn field_name(connection: &str, id: &str) -> String {
    if is_hubspot(connection) {
        id.to_owned()
    } else if id == "title" {
        "Name".to_owned()
    } else {
        format!("{id}__c")
    }
}

/// A record with a value in every field that was made.
fn record(connection: &str) -> Value {
    let is_hubspot = is_hubspot(connection);
    let datetime = if is_hubspot {
        "2026-01-02T03:04:05.000Z"
    } else {
        "2026-01-02T03:04:05.000+0000"
    };
    let mut record = json!({});
    let mut set = |id: &str, value: Value| record[field_name(connection, id)] = value;
    set("title", json!("Heart of Gold"));
    set("crew", json!(4));
    set("log", json!("first\nsecond"));
    set("armed", json!(false));
    for prefix in ["a", "late"] {
        set(
            &format!("{prefix}_text"),
            json!("O'Dell \\ \"x\" <b> & \u{1f680}"),
        );
        set(&format!("{prefix}_textarea"), json!("a\nb"));
        set(&format!("{prefix}_number"), json!(1.25));
        set(&format!("{prefix}_picklist"), json!("green"));
        set(&format!("{prefix}_multipicklist"), json!("red;green"));
        set(&format!("{prefix}_date"), json!("2026-01-02"));
        set(&format!("{prefix}_datetime"), json!(datetime));
        set(&format!("{prefix}_boolean"), json!(true));
        set(&format!("{prefix}_url"), json!("https://x.example/?a=b&c"));
    }
    record
}

/// The native fields of an item.
fn natives<'a>(connection: &str, item: &'a Value) -> &'a Value {
    if is_hubspot(connection) {
        &item["raw_data"]["properties"]
    } else {
        &item["raw_data"]
    }
}

/// Whether a provider's value is the one written; HubSpot has texts only.
fn is_same(native: &Value, written: &Value) -> bool {
    match (native, written) {
        (Value::String(text), Value::Bool(flag)) => text == if *flag { "true" } else { "false" },
        (Value::String(text), Value::Number(number)) => text.parse().ok() == number.as_f64(),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => native == written,
    }
}

pub(crate) fn warnings(answer: &Value, problem: &str) -> Vec<String> {
    let list = answer["warnings"].as_array().into_iter().flatten();
    list.filter(|warning| warning["problem_type"] == problem)
        .map(|warning| {
            let field = warning["field"].as_str().unwrap_or_default();
            format!("{field}: {}", warning["detail"].as_str().unwrap())
        })
        .collect()
}

pub(crate) fn create_starship(demo: &Demo, connection: &str) -> Value {
    good(
        demo,
        connection,
        "crm.metadata.create_object",
        "POST",
        OBJECTS,
        Some(&starship()),
    )
}

#[test]
fn an_object_is_made_extended_linked_and_used() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let object = create_starship(&demo, connection);
        assert_eq!(
            warnings(&object, "access_not_granted"),
            Vec::<String>::new(),
            "{connection}"
        );
        let granted = warnings(&object, "access_granted");
        if is_hubspot(connection) {
            assert_eq!(granted, Vec::<String>::new());
        } else {
            assert!(
                granted[0].starts_with("starship__c: ") && granted[0].contains("(0PS"),
                "{granted:?}"
            );
        }

        let properties = format!("{OBJECTS}/starship/properties");
        for (ty, ..) in TYPES {
            let mut body =
                json!({"id": format!("late_{ty}"), "label": format!("Late <{ty}>"), "type": ty});
            if ty.ends_with("picklist") {
                body["raw_details"] = json!({"options": [{"label": "R", "value": "red"}, {"label": "G", "value": "green"}]});
            }
            let made = good(
                &demo,
                connection,
                "crm.metadata.create_property",
                "POST",
                &properties,
                Some(&body),
            );
            assert_eq!(made["id"], field_name(connection, &format!("late_{ty}")));
            assert!(made["raw_details"].is_object(), "{connection}: {made:#}");
            assert_eq!(
                warnings(&made, "access_granted").len(),
                usize::from(!is_hubspot(connection)),
                "{made:#}"
            );
        }

        for target in ["account", "contact"] {
            let link = json!({"source_object": "starship", "target_object": target, "suggested_key_name": format!("owned_by_{target}"), "display_name": format!("Owned by {target}")});
            let made = good(
                &demo,
                connection,
                "crm.metadata.create_association",
                "POST",
                "/unified/crm/metadata/associations",
                Some(&link),
            );
            let schema = &made["association_schema"];
            for name in ["source_object", "target_object", "display_name"] {
                assert_eq!(schema[name], link[name], "{connection}");
            }
            if !is_hubspot(connection) {
                assert_eq!(schema["id"], format!("starship__c.owned_by_{target}__c"));
            }
        }

        let objects = good(
            &demo,
            connection,
            "crm.metadata.list_objects",
            "GET",
            OBJECTS,
            None,
        );
        let listed = objects.as_array().unwrap().iter();
        assert_eq!(
            listed.filter(|listed| listed["id"] == object["id"]).count(),
            1,
            "{connection}: {objects:#}"
        );

        let listed = good(
            &demo,
            connection,
            "crm.metadata.list_properties",
            "GET",
            &properties,
            None,
        );
        let find = |id: &str| {
            let name = field_name(connection, id);
            let mut found = listed.as_array().unwrap().iter();
            found
                .find(|property| property["id"] == *name)
                .unwrap_or_else(|| panic!("{connection}: no {name} in {listed:#}"))
        };
        for (ty, hubspot, salesforce) in TYPES {
            let expected = if is_hubspot(connection) {
                hubspot
            } else {
                salesforce
            };
            for (id, label) in [
                (format!("a_{ty}"), format!("A {ty} & more")),
                (format!("late_{ty}"), format!("Late <{ty}>")),
            ] {
                let property = find(&id);
                assert_eq!(property["type"], expected, "{connection} {id}");
                assert_eq!(property["label"], label, "{connection}");
                assert_eq!(property["raw_details"]["name"], property["id"]);
            }
        }
        let member = if is_hubspot(connection) {
            "options"
        } else {
            "picklistValues"
        };
        let options = &find("a_picklist")["raw_details"][member];
        assert_eq!(
            (&options[0]["value"], &options[0]["label"]),
            (&json!("red"), &json!("Red & <white>")),
            "{connection}: {options:#}"
        );
        if !is_hubspot(connection) {
            let crew = &find("crew")["raw_details"];
            assert_eq!(
                (&crew["precision"], &crew["scale"], &crew["nillable"]),
                (&json!(6), &json!(0), &json!(false))
            );
        }

        let written = record(connection);
        let target = "/unified/crm/custom_objects/starship";
        let created = good(
            &demo,
            connection,
            "crm.custom_object.create",
            "POST",
            target,
            Some(&json!({ "record": written })),
        );
        let full = good(
            &demo,
            connection,
            "crm.custom_object.list",
            "GET",
            &format!("{target}?page_size=1"),
            None,
        );
        let cursor = full["next_cursor"].as_str().unwrap();
        let second = good(
            &demo,
            connection,
            "crm.custom_object.create",
            "POST",
            target,
            Some(&json!({ "record": written })),
        );
        let changes = good(
            &demo,
            connection,
            "crm.custom_object.list",
            "GET",
            &format!("{target}?cursor={cursor}"),
            None,
        );
        let pages = [&created["record"], &full["items"][0], &second["record"]];
        let told = changes["items"].as_array().unwrap();
        let told = told
            .iter()
            .filter(|item| item["id"] == second["record"]["id"]);
        let told: Vec<&Value> = told.collect();
        assert_eq!(told.len(), 1, "{connection}: {changes:#}");
        for item in pages.into_iter().chain(told) {
            let native = natives(connection, item);
            for (name, value) in written.as_object().unwrap() {
                assert!(
                    is_same(&native[name], value),
                    "{connection} {name}: {} is not {value}",
                    native[name]
                );
            }
        }
        let page = good(
            &demo,
            connection,
            "crm.custom_object.list",
            "GET",
            &format!("{target}?page_size=1&sync_mode=full"),
            None,
        );
        assert_eq!(page["has_next_page"], true, "{connection}");
    }
}

/// Covers: definitions-kept
#[test]
fn what_a_provider_does_not_keep_of_an_object_is_told() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let object = create_starship(&demo, connection);
        let lost = warnings(&object, "field_not_written");
        let of = |id: &str| {
            lost.iter()
                .filter(|text| text.starts_with(&format!("{id}: ")))
                .count()
        };
        assert_eq!(of("a_text"), 1, "{connection}: the group of {lost:?}");
        if is_hubspot(connection) {
            // The default, the precision and the scale of the one, the default of the other.
            assert_eq!((of("crew"), of("armed"), of("log")), (3, 1, 0), "{lost:?}");
        } else {
            assert_eq!((of("crew"), of("armed"), of("log")), (0, 0, 1), "{lost:?}");
            let renamed = warnings(&object, "field_renamed");
            assert!(
                renamed[0].starts_with("title: ") && renamed[0].contains("`Name`"),
                "{renamed:?}"
            );
        }
    }
}

/// Covers: custom-objects
#[test]
fn an_object_is_known_by_each_of_its_names() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let object = create_starship(&demo, connection);
        let id = object["id"].as_str().unwrap();
        let names: &[&str] = if is_hubspot(connection) {
            &["starship", "STARSHIP", "p26110042_starship", id]
        } else {
            &["starship", "starship__c", "Starship__C", id]
        };
        for name in names {
            let count = good(
                &demo,
                connection,
                "crm.object.count",
                "GET",
                &format!("/unified/crm/{name}/_count"),
                None,
            );
            assert_eq!(count["count"], 0, "{connection} {name}");
            let list = good(
                &demo,
                connection,
                "crm.custom_object.list",
                "GET",
                &format!("/unified/crm/custom_objects/{name}"),
                None,
            );
            assert_eq!(list["items"], json!([]), "{connection} {name}");
            good(
                &demo,
                connection,
                "crm.metadata.list_properties",
                "GET",
                &format!("{OBJECTS}/{name}/properties"),
                None,
            );
        }
    }
}

/// Covers: refused-write
#[test]
fn an_object_that_is_there_already_is_a_conflict_in_the_providers_words() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        create_starship(&demo, connection);
        let again = demo.call(connection, "POST", OBJECTS, Some(&starship()));
        assert_eq!(again.status, 409, "{connection}: {}", again.text);
        assert_eq!(again.body["code"], "CONFLICT");
        let told = again.body["provider"]["message"].as_str().unwrap();
        assert!(told.contains("already"), "{connection}: {told}");
        assert!(again.body["message"].as_str().unwrap().contains(told));
        assert!(again.body["outcome"].is_null(), "nothing was written");
        assert_eq!(
            Contract::load().faults("crm.metadata.create_object", 409, &again.body),
            Vec::<String>::new()
        );
        let property = json!({"id": "crew", "label": "Crew", "type": "number"});
        let target = format!("{OBJECTS}/starship/properties");
        let again = demo.call(connection, "POST", &target, Some(&property));
        assert_eq!(again.status, 409, "{connection}: {}", again.text);
    }
}

#[test]
fn what_cannot_be_made_is_refused_before_anything_is() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let mut nameless = starship();
        nameless["primary_field_id"] = json!("nobody");
        let mut strange = starship();
        strange["fields"][1]["type"] = json!("other");
        for (body, place) in [(nameless, "primary_field_id"), (strange, "type")] {
            demo.native_calls(connection);
            let refused = demo.call(connection, "POST", OBJECTS, Some(&body));
            assert_eq!(refused.status, 400, "{connection}: {}", refused.text);
            let message = refused.body["message"].as_str().unwrap();
            assert!(message.contains(place), "{connection}: {message}");
            assert_eq!(
                demo.native_calls(connection),
                Vec::<String>::new(),
                "{connection} {place}"
            );
        }
    }
}
