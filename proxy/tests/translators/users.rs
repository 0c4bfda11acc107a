//! Users: HubSpot's owners with those who left, Salesforce's users with the inactive ones.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    conversation::Conversation,
    pages::{ok, readable, walk},
};

/// An owner as `hubspot.md` §5.6 has it.
fn owner(id: &str, updated: &str, archived: bool) -> Value {
    let user_id = if archived {
        Value::Null
    } else {
        json!(9_586_504)
    };
    json!({
        "id": id, "email": "ada@example.com", "type": "PERSON", "firstName": "Ada", "lastName": "Lovelace", "userId": user_id,
        "userIdIncludingInactive": 9_586_504, "createdAt": "2023-01-01T00:00:00.000Z", "updatedAt": updated, "archived": archived
    })
}

const LONG_AGO: &str = "2024-01-01T00:00:00.000Z";

#[test]
fn an_active_owner_is_read_in_one_call() {
    let (told, answer) = Conversation::new("hubspot", "crm.user.get")
        .id("5001")
        .answers(200, owner("5001", LONG_AGO, false))
        .run();
    assert_eq!(answer["record"]["raw_data"], owner("5001", LONG_AGO, false));
    assert_snapshot!(told);
}

#[test]
fn an_owner_who_left_is_looked_for_among_the_archived() {
    let missing = json!({"status":"error","message":"resource not found","correlationId":"c"});
    let (told, answer) = Conversation::new("hubspot", "crm.user.get")
        .id("5001")
        .answers(404, missing.clone())
        .answers(200, owner("5001", LONG_AGO, true))
        .run();
    assert_eq!(answer["record"]["is_active"], false);
    assert_eq!(answer["record"]["is_deleted"], true);
    let (_, answer) = Conversation::new("hubspot", "crm.user.get")
        .id("5009")
        .answers(404, missing.clone())
        .answers(404, missing)
        .run();
    assert_eq!(answer["code"], "NOT_FOUND");
    let calls: Vec<&str> = told.lines().take_while(|line| *line != "answer").collect();
    assert_snapshot!(calls.join("\n"));
}

#[test]
fn a_queue_without_names_has_no_name() {
    let mut queue = owner("5002", LONG_AGO, false);
    queue["type"] = json!("QUEUE");
    queue["firstName"] = json!("");
    queue["lastName"] = json!("");
    queue["email"] = Value::Null;
    let (_, answer) = Conversation::new("hubspot", "crm.user.get")
        .id("5002")
        .answers(200, queue)
        .run();
    assert_eq!(answer["record"]["name"], Value::Null);
    assert_eq!(answer["record"]["email"], Value::Null);
}

#[test]
fn owners_are_listed_with_those_who_left_and_changes_are_picked_out() {
    let (told, pages) = walk(
        "hubspot",
        "crm.user.list",
        vec![
            vec![ok(
                json!({"results": [owner("5001", LONG_AGO, false)], "paging": {"next": {"after": "NTAx", "link": "?after=NTAx"}}}),
            )],
            vec![
                ok(json!({"results": [owner("5002", LONG_AGO, false)]})),
                ok(json!({"results": [owner("5003", LONG_AGO, true)]})),
            ],
            vec![
                ok(
                    json!({"results": [owner("5001", LONG_AGO, false), owner("5002", "2026-11-23T11:59:30.000Z", false)]}),
                ),
                ok(json!({"results": [owner("5003", "2026-11-23T11:59:30.000Z", true)]})),
            ],
        ],
    );
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().into_iter().flatten();
        items
            .filter_map(|item| item["id"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(ids(&pages[0]), ["5001"]);
    assert_eq!(ids(&pages[1]), ["5002", "5003"]);
    assert_eq!(ids(&pages[2]), ["5002", "5003"]);
    assert_snapshot!(told);
}

fn row(active: bool) -> Value {
    json!({
        "attributes": {"type": "User", "url": "/services/data/v59.0/sobjects/User/0055500001QdQWaAAN"},
        "Id": "0055500001QdQWaAAN", "SystemModstamp": "2024-01-31T12:34:56.000+0000", "Name": "Ada Lovelace", "Email": "ada@example.com",
        "IsActive": active, "CreatedDate": "2024-01-30T17:51:23.000+0000", "LastModifiedDate": "2024-01-31T12:30:00.000+0000"
    })
}

#[test]
fn a_user_of_salesforce_is_inactive_and_never_deleted() {
    let (told, answer) = Conversation::new("salesforce", "crm.user.get")
        .id("0055500001QdQWaAAN")
        .answers(200, row(false))
        .run();
    assert_eq!(answer["record"]["raw_data"], row(false));
    assert_snapshot!(readable(&told));
}

#[test]
fn users_of_salesforce_have_no_deleted_ones_to_be_asked_for() {
    let (told, _) = walk(
        "salesforce",
        "crm.user.list",
        vec![
            vec![ok(
                json!({"totalSize": 1, "done": true, "records": [row(true)]}),
            )],
            vec![ok(
                json!({"totalSize": 1, "done": true, "records": [row(false)]}),
            )],
        ],
    );
    assert_snapshot!(told);
}
