//! How many records there are, by every name that an object may have.

use crosswalk_tests::Demo;
use serde_json::{Value, json};

use crate::{
    CONNECTIONS, good,
    natives::{create_contacts, empty},
};

const ENTITIES: [&str; 6] = ["account", "contact", "lead", "opportunity", "note", "user"];

fn count(demo: &Demo, connection: &str, name: &str) -> u64 {
    let answer = good(
        demo,
        connection,
        "crm.object.count",
        "GET",
        &format!("/unified/crm/{name}/_count"),
        None,
    );
    answer["count"].as_u64().unwrap()
}

/// How many a full list has.
fn listed(demo: &Demo, connection: &str, entity: &str) -> u64 {
    let mut count = 0;
    let mut cursor = String::new();
    loop {
        let target = format!("/unified/crm/{entity}?sync_mode=full&cursor={cursor}");
        let page = demo.call(connection, "GET", &target, None);
        assert_eq!(page.status, 200, "{connection} {entity}: {}", page.text);
        let items = page.body["items"].as_array().unwrap();
        // Owners that were archived are told with the others, and not counted.
        let present = |item: &&Value| item["is_deleted"] != true;
        count += items.iter().filter(present).count() as u64;
        match page.body["next_cursor"].as_str() {
            Some(next) if page.body["has_next_page"] == true => {
                next.clone_into(&mut cursor);
            }
            _ => return count,
        }
    }
}

#[test]
fn as_many_are_counted_as_are_listed() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        for entity in ENTITIES {
            let counted = count(&demo, connection, entity);
            assert!(counted > 0, "{connection} {entity}");
            assert_eq!(
                counted,
                listed(&demo, connection, entity),
                "{connection} {entity}"
            );
        }
    }
}

#[test]
fn a_count_goes_past_what_one_page_or_one_search_can_hold() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        empty(&demo, connection, &json!({}));
        assert_eq!(count(&demo, connection, "contact"), 0, "{connection}");
        create_contacts(&demo, connection, 2_100);
        demo.native_calls(connection);
        assert_eq!(count(&demo, connection, "contact"), 2_100, "{connection}");
        assert_eq!(demo.native_calls(connection).len(), 1, "{connection}");
    }
}

#[test]
fn native_names_are_counted_like_unified_ones() {
    let demo = Demo::start();
    let native = [
        (CONNECTIONS[0], ["companies", "COMPANY", "0-2"], "account"),
        (CONNECTIONS[0], ["deals", "deal", "0-3"], "opportunity"),
        (CONNECTIONS[0], ["owners", "owner", "users"], "user"),
        (CONNECTIONS[1], ["Account", "ACCOUNT", "accoUnt"], "account"),
        (
            CONNECTIONS[1],
            ["ContentNote", "contentnote", "note"],
            "note",
        ),
    ];
    for (connection, names, entity) in native {
        let expected = count(&demo, connection, entity);
        for name in names {
            assert_eq!(
                count(&demo, connection, name),
                expected,
                "{connection} {name}"
            );
        }
    }
}

/// Covers: soql-identifier, path-tricks
#[test]
fn an_unknown_name_is_not_found_and_an_illegal_one_is_refused_before_any_call() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        for name in ["nothing", "Nothing__c", "2-999", "x".repeat(255).as_str()] {
            let answer = demo.call(
                connection,
                "GET",
                &format!("/unified/crm/{name}/_count"),
                None,
            );
            assert_eq!(answer.status, 404, "{connection} {name}: {}", answer.text);
            assert_eq!(answer.body["code"], "NOT_FOUND");
        }
        demo.native_calls(connection);
        let long = "x".repeat(256);
        for name in [
            "a%20b",
            "x'",
            "x%27%20OR%20Name%20LIKE%20%27",
            "x%2Fy",
            "%2e%2e",
            "%2E%2E%2Fowners",
            "-x",
            "_x",
            "x;y",
            "x%00",
            "%F0%9F%9A%80",
            "x%3Fy=1",
            long.as_str(),
        ] {
            for target in [
                format!("/unified/crm/{name}/_count"),
                format!("/unified/crm/custom_objects/{name}"),
                format!("/unified/crm/metadata/objects/{name}/properties"),
            ] {
                let answer = demo.call(connection, "GET", &target, None);
                assert_eq!(answer.status, 400, "{connection} {target}: {}", answer.text);
                assert_eq!(answer.body["code"], "BAD_REQUEST");
            }
        }
        let link = json!({"source_object": "account", "target_object": "a b", "suggested_key_name": "k", "display_name": "d"});
        let target = "/unified/crm/metadata/associations";
        let answer = demo.call(connection, "POST", target, Some(&link));
        assert_eq!(answer.status, 400, "{connection}: {}", answer.text);
        assert_eq!(
            demo.native_calls(connection),
            Vec::<String>::new(),
            "{connection}"
        );
    }
}
