//! Notes: what is written is what is read, and an account that is not there leaves nothing behind.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    conversation::Conversation,
    pages::{ok, readable, walk},
};

const TEXT: &str = "Call \"Ada\" & O'Dell 😀\n1 < 2";

fn input(account: Option<&str>) -> Value {
    match account {
        None => json!({"record": {"content": TEXT}}),
        Some(account) => json!({"record": {"content": TEXT, "account_id": account}}),
    }
}

/// A note as `hubspot.md` §5.6 has it.
fn note(id: &str, body: &str) -> Value {
    json!({
        "id": id,
        "properties": {
            "hs_note_body": body, "hubspot_owner_id": null, "hs_createdate": "2024-01-30T17:51:23.123Z",
            "hs_lastmodifieddate": "2024-01-31T12:34:56.789Z", "hs_object_id": id
        },
        "createdAt": "2024-01-30T17:51:23.123Z", "updatedAt": "2024-01-31T12:34:56.789Z", "archived": false
    })
}

fn create(provider: &'static str, account: Option<&str>) -> Conversation {
    Conversation::new(provider, "crm.note.create").body(&input(account))
}

#[test]
fn a_note_of_hubspot_is_created_with_its_account_and_read_back() {
    let (told, answer) = create("hubspot", Some("512"))
        .answers(201, note("800", TEXT))
        .answers(200, note("800", TEXT))
        .run();
    assert_eq!(answer["record"]["content"], TEXT);
    assert_eq!(answer["record"]["raw_data"], note("800", TEXT));
    assert_snapshot!(told);
}

#[test]
fn a_note_of_no_account_has_no_links() {
    let (told, _) = create("hubspot", None)
        .answers(201, note("800", TEXT))
        .answers(200, note("800", TEXT))
        .run();
    let body = told.lines().nth(1).unwrap_or_default();
    assert!(body.contains("hs_note_body"), "{told}");
    assert!(!body.contains("190"), "{told}");
}

#[test]
fn an_account_that_hubspot_does_not_have_is_told() {
    let refused = json!({"status":"error","message":"One or more associations are invalid","correlationId":"c","category":"VALIDATION_ERROR",
        "context":{"INVALID_OBJECT_IDS":["COMPANY=512 is not valid"],"objectId":["512"],"objectType":["COMPANY"]}});
    let (told, _) = create("hubspot", Some("512")).answers(400, refused).run();
    let error: Vec<&str> = told
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .collect();
    assert_snapshot!(error.join("\n"));
}

#[test]
fn a_note_of_hubspot_that_cannot_be_read_back_is_said_to_be_written() {
    let fault = json!({"status":"error","message":"internal error","correlationId":"c"});
    let (told, answer) = create("hubspot", None)
        .answers(201, note("800", TEXT))
        .answers(500, fault)
        .run();
    assert_eq!(answer["outcome"], "written");
    let error: Vec<&str> = told
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .collect();
    assert_snapshot!(error.join("\n"));
}

#[test]
fn an_empty_account_id_is_refused_and_not_passed_over() {
    for provider in ["hubspot", "salesforce"] {
        let (told, answer) = create(provider, Some("")).run();
        assert!(told.starts_with("error 400"), "{provider}: {told}");
        let path = &answer["issues"][0]["path"];
        assert_eq!(path, "body.record.account_id", "{told}");
    }
}

#[test]
fn notes_of_hubspot_are_listed_and_searched_and_never_looked_for_among_the_archived() {
    let html = "<p>Called <b>Ada</b></p>";
    let (told, pages) = walk(
        "hubspot",
        "crm.note.list",
        vec![
            vec![ok(
                json!({"results": [note("800", html), note("801", TEXT)]}),
            )],
            vec![ok(json!({"total": 1, "results": [note("801", TEXT)]}))],
        ],
    );
    assert_eq!(pages[0]["items"][0]["content"], html);
    assert_eq!(pages[0]["items"][1]["content"], TEXT);
    assert_snapshot!(told);
}

const ID: &str = "0695500001H9cakAAB";
const ACCOUNT: &str = "0015500001QdQWaAAN";

fn row(id: &str) -> Value {
    json!({
        "attributes": {"type": "ContentNote", "url": format!("/services/data/v59.0/sobjects/ContentNote/{id}")},
        "Id": id, "LastModifiedDate": "2024-01-31T12:34:56.000+0000", "SystemModstamp": "2024-01-31T12:34:56.000+0000", "CreatedDate": "2024-01-30T17:51:23.000+0000",
        "OwnerId": "0055500001QdQWaAAN", "IsDeleted": false
    })
}

/// The answer to the note, its link and the row, as far as they are there.
fn parts(parts: &[(&str, u16, Value)]) -> Value {
    let parts: Vec<Value> = parts
        .iter()
        .map(|(name, status, body)| json!({"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": name}))
        .collect();
    json!({ "compositeResponse": parts })
}

fn created(id: &str) -> Value {
    json!({"id": id, "success": true, "errors": []})
}

const HTML: &str = "Call &quot;Ada&quot; &amp; O&#39;Dell 😀<br>1 &lt; 2";

#[test]
fn a_note_of_salesforce_and_its_link_are_one_call_and_its_text_is_read_back() {
    let (told, answer) = create("salesforce", Some(ACCOUNT))
        .answers(
            200,
            parts(&[
                ("write", 201, created(ID)),
                ("link", 201, created("06A5500001H9cakAAB")),
                ("row", 200, row(ID)),
            ]),
        )
        .answers_text(200, HTML)
        .run();
    assert_eq!(answer["record"]["content"], TEXT);
    assert_eq!(answer["record"]["raw_data"], row(ID));
    assert!(told.contains(&STANDARD.encode(HTML)), "{told}");
    assert_snapshot!(told);
}

#[test]
fn a_note_of_no_account_is_made_without_a_link() {
    let (told, answer) = create("salesforce", None)
        .answers(
            200,
            parts(&[("write", 201, created(ID)), ("row", 200, row(ID))]),
        )
        .answers_text(200, HTML)
        .run();
    assert!(!told.contains("ContentDocumentLink"), "{told}");
    assert_eq!(answer["record"]["content"], TEXT);
}

fn halted() -> Value {
    json!([{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back since another operation in the same transaction failed."}])
}

#[test]
fn an_account_that_salesforce_does_not_have_undoes_the_note() {
    let refused = json!([{"message": "invalid cross reference id", "errorCode": "INVALID_CROSS_REFERENCE_KEY", "fields": []}]);
    let (told, _) = create("salesforce", Some(ACCOUNT))
        .answers(
            200,
            parts(&[
                ("write", 400, halted()),
                ("link", 400, refused),
                ("row", 400, halted()),
            ]),
        )
        .run();
    let error: Vec<&str> = told
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .collect();
    assert_snapshot!(error.join("\n"));
}

#[test]
fn a_note_whose_text_cannot_be_read_back_is_said_to_be_written() {
    let fault =
        json!([{"message": "An unexpected error occurred.", "errorCode": "UNKNOWN_EXCEPTION"}]);
    let (told, answer) = create("salesforce", None)
        .answers(
            200,
            parts(&[("write", 201, created(ID)), ("row", 200, row(ID))]),
        )
        .answers(500, fault)
        .run();
    assert_eq!(answer["outcome"], "written", "{told}");
}

#[test]
fn notes_of_salesforce_are_listed_with_their_texts_and_deleted_ones_are_told() {
    let other = "0695500001H9calAAB";
    let mut deleted = row(other);
    deleted["IsDeleted"] = json!(true);
    let gone =
        json!([{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]);
    let (told, pages) = walk(
        "salesforce",
        "crm.note.list",
        vec![
            vec![
                ok(json!({"totalSize": 2, "done": true, "records": [row(ID), row(other)]})),
                vec![(404, gone.clone()), (404, gone.clone())],
            ],
            vec![
                ok(json!({"totalSize": 1, "done": true, "records": [deleted]})),
                vec![(404, gone)],
            ],
        ],
    );
    assert_eq!(pages[1]["items"][0]["is_deleted"], true);
    assert_eq!(pages[1]["items"][0]["content"], Value::Null);
    assert_snapshot!(readable(&told));
}
