//! Notes: what is written is what is read, on both providers, and nothing is left half-created.

use crosswalk_tests::{Answer, Demo};
use serde_json::{Value, json};

use crate::{
    CONNECTIONS, good,
    natives::{created, empty, native},
};

const OBJECTS: &str = "/crm/objects/2026-09";
const DATA: &str = "/services/data/v59.0";

fn is_hubspot(connection: &str) -> bool {
    connection.starts_with("hubspot")
}

fn account(demo: &Demo, connection: &str) -> String {
    if is_hubspot(connection) {
        let body = json!({"properties": {"name": "Engines Ltd"}});
        return created(demo, connection, &format!("{OBJECTS}/companies"), &body);
    }
    let body = json!({"Name": "Engines Ltd"});
    created(demo, connection, &format!("{DATA}/sobjects/Account"), &body)
}

fn create(demo: &Demo, connection: &str, record: &Value) -> Answer {
    let body = json!({ "record": record });
    demo.call(connection, "POST", "/unified/crm/note", Some(&body))
}

fn list(demo: &Demo, connection: &str, cursor: Option<&str>) -> Value {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let target = format!("/unified/crm/note?page_size=200{cursor}");
    good(demo, connection, "crm.note.list", "GET", &target, None)
}

fn find<'p>(page: &'p Value, id: &str) -> &'p Value {
    let mut items = page["items"].as_array().unwrap().iter();
    items
        .find(|item| item["id"] == id)
        .unwrap_or_else(|| panic!("{id} is in {page:#}"))
}

/// The accounts that a note is linked to, as the provider tells them.
fn linked(demo: &Demo, connection: &str, note: &str) -> Vec<String> {
    let target = if is_hubspot(connection) {
        format!("/crm/objects/2026-09/notes/{note}/associations/companies")
    } else {
        format!(
            "{DATA}/query?q=SELECT+LinkedEntityId+FROM+ContentDocumentLink+WHERE+ContentDocumentId='{note}'"
        )
    };
    let answer = native(demo, connection, "GET", &target, None);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (rows, id) = if is_hubspot(connection) {
        ("results", "toObjectId")
    } else {
        ("records", "LinkedEntityId")
    };
    let ids = answer.body[rows].as_array().unwrap().iter();
    let ids = ids.map(|row| row[id].as_str().unwrap().to_owned());
    // A note of Salesforce is linked to its owner as well.
    ids.filter(|id| !id.starts_with("005")).collect()
}

/// How many notes the provider has.
fn count(demo: &Demo, connection: &str) -> Value {
    if is_hubspot(connection) {
        let body = json!({"filterGroups": [], "limit": 1});
        let target = format!("{OBJECTS}/notes/search");
        return native(demo, connection, "POST", &target, Some(&body)).body["total"].clone();
    }
    let target = format!("{DATA}/query?q=SELECT+COUNT()+FROM+ContentNote");
    native(demo, connection, "GET", &target, None).body["totalSize"].clone()
}

/// Covers: note-whole
#[test]
fn what_is_written_is_what_is_read() {
    let demo = Demo::start();
    let long: String = "A line of it & more, \"quoted\" 😀\n".repeat(400);
    let long: String = long.chars().take(10_000).collect();
    for connection in CONNECTIONS {
        let account = account(&demo, connection);
        for content in [
            "Called",
            "<p>Called <b>Ada</b> &amp; agreed</p>",
            "<ul><li>one</li><li>two</li></ul>\nand more",
            "Call \"Ada\" & O'Dell: 1 < 2 > 0",
            "emoji 😀 👩‍👩‍👧 and Zoë, Ωmega, 漢字",
            "one\ntwo\r\nthree\n\nfive\ttab",
            "back\\slash, 'quote', `tick`, {{braces}}, ${dollar}, %20, &amp; &#10;",
            "  spaces around  ",
            &long,
        ] {
            let answer = create(
                &demo,
                connection,
                &json!({"content": content, "account_id": account}),
            );
            assert_eq!(
                answer.status, 200,
                "{connection} {content:?}: {}",
                answer.text
            );
            let record = &answer.body["record"];
            assert_eq!(record["content"], content, "{connection}");
            assert_eq!(answer.body.get("warnings"), None, "{}", answer.text);
            let id = record["id"].as_str().unwrap();
            let page = list(&demo, connection, None);
            let listed = find(&page, id);
            assert_eq!(listed["content"], content, "{connection}");
            assert_eq!(listed, record, "{connection}");
            assert_eq!(
                linked(&demo, connection, id),
                std::slice::from_ref(&account),
                "{connection}"
            );
        }
    }
}

/// Covers: note-whole
#[test]
fn what_a_person_wrote_is_read_whole() {
    let demo = Demo::start();
    let html = format!("<p>{}</p><p>The end.</p>", "A long story. ".repeat(200));
    let body = json!({"properties": {"hs_note_body": html, "hs_timestamp": "2026-01-31T10:00:00Z", "hubspot_owner_id": "7001"}});
    let id = created(&demo, "hubspot-demo", &format!("{OBJECTS}/notes"), &body);
    let page = list(&demo, "hubspot-demo", None);
    let note = find(&page, &id);
    assert_eq!(note["content"], html);
    assert_eq!(note["owner_id"], "7001");
    assert_eq!(note["created_at"], note["raw_data"]["createdAt"]);
    assert_eq!(note["updated_at"], note["raw_data"]["updatedAt"]);
    assert_eq!(note["is_deleted"], false);
    // base64 of `<p>Called <b>Ada</b></p>`.
    let body = json!({"Title": "Call", "Content": "PHA+Q2FsbGVkIDxiPkFkYTwvYj48L3A+"});
    let id = created(
        &demo,
        "salesforce-demo",
        &format!("{DATA}/sobjects/ContentNote"),
        &body,
    );
    let page = list(&demo, "salesforce-demo", None);
    let note = find(&page, &id);
    assert_eq!(note["content"], "<p>Called <b>Ada</b></p>");
    assert_eq!(note["owner_id"], note["raw_data"]["OwnerId"]);
    let time = |name: &str| {
        json!(
            note["raw_data"][name]
                .as_str()
                .unwrap()
                .replace("+0000", "Z")
        )
    };
    assert_eq!(note["created_at"], time("CreatedDate"));
    assert_eq!(note["updated_at"], time("SystemModstamp"));
    assert_eq!(note["is_deleted"], false);
}

#[test]
fn a_note_of_an_account_that_is_not_there_is_not_made_at_all() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        empty(&demo, connection, &json!({}));
        let unknown = if is_hubspot(connection) {
            ["999999999", "acme", "-1"]
        } else {
            ["001000000000999AAA", "acme", "00100000000099"]
        };
        for account in unknown {
            let answer = create(
                &demo,
                connection,
                &json!({"content": "Called", "account_id": account}),
            );
            // Salesforce does not tell an account that is not there from one that may not be seen.
            let (status, code) = if account == "001000000000999AAA" {
                (403, "FORBIDDEN")
            } else {
                (400, "BAD_REQUEST")
            };
            assert_eq!(
                answer.status, status,
                "{connection} {account}: {}",
                answer.text
            );
            assert_eq!(answer.body["code"], code);
            let issue = &answer.body["issues"][0];
            // HubSpot names the account; Salesforce refuses the link, which is there for this field alone.
            if is_hubspot(connection) {
                let message = issue["message"].as_str().unwrap_or_default();
                assert!(message.contains(account), "{account}: {}", answer.text);
            } else {
                assert_eq!(issue["path"], "body.record.account_id", "{}", answer.text);
            }
            assert_eq!(answer.body.get("outcome"), None, "{}", answer.text);
        }
        assert_eq!(
            count(&demo, connection),
            0,
            "{connection}: none is left behind"
        );
    }
}

#[test]
fn a_note_needs_no_account() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let answer = create(&demo, connection, &json!({"content": "Called"}));
        assert_eq!(answer.status, 200, "{connection}: {}", answer.text);
        let id = answer.body["record"]["id"].as_str().unwrap();
        assert_eq!(linked(&demo, connection, id), Vec::<String>::new());
    }
}

#[test]
fn a_deleted_note_is_told_where_the_provider_can() {
    let demo = Demo::start();
    let connection = "salesforce-demo";
    let answer = create(&demo, connection, &json!({"content": "Called"}));
    let id = answer.body["record"]["id"].as_str().unwrap();
    let first = list(&demo, connection, None);
    let cursor = first["next_cursor"].as_str().unwrap();
    let target = format!("{DATA}/sobjects/ContentNote/{id}");
    assert_eq!(
        native(&demo, connection, "DELETE", &target, None).status,
        204
    );
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let changes = list(&demo, connection, Some(cursor));
    assert_eq!(find(&changes, id)["is_deleted"], true);
}
