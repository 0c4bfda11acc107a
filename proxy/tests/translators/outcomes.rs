//! What an error says of a write that came before it.

use serde_json::{Value, json};

use crate::{conversation::Conversation, hubspot::company};

const HTML: &str = "<html>proxy</html>";

fn create_account() -> Conversation {
    let record = json!({"record": {"name": "Acme", "website": "https://acme.com/eu"}});
    Conversation::new("hubspot", "crm.account.create").body(&record)
}

fn create_row() -> Conversation {
    let record = json!({"record": {"name": "Acme", "website": "acme.com"}});
    Conversation::new("salesforce", "crm.account.create").body(&record)
}

fn composite(parts: &[(u16, Value)]) -> Value {
    let parts = parts.iter().enumerate().map(|(index, (status, body))| {
        json!({"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": index.to_string()})
    });
    json!({ "compositeResponse": parts.collect::<Vec<_>>() })
}

fn expect((told, answer): (String, Value), outcome: &str) -> String {
    assert_eq!(answer["code"], "BAD_GATEWAY", "{told}");
    assert_eq!(answer["outcome"], outcome, "{told}");
    told
}

/// Covers: answer-not-json
#[test]
fn an_answer_to_a_write_that_is_not_json_leaves_the_outcome_unknown() {
    let told = expect(create_account().answers_text(200, HTML).run(), "unknown");
    // The next upsert of these keys must not create blindly.
    assert!(
        told.contains("left behind ? =acme.com website=acme.com/eu"),
        "{told}"
    );
    let update = Conversation::new("hubspot", "crm.contact.update")
        .id("77")
        .body(&json!({"record": {"phone": "1"}}));
    expect(update.answers_text(200, HTML).run(), "unknown");
    expect(create_row().answers_text(200, HTML).run(), "unknown");
    expect(create_row().answers(200, composite(&[])).run(), "unknown");
}

#[test]
fn a_write_that_does_not_tell_the_id_was_carried_out() {
    expect(create_account().answers(201, json!({})).run(), "written");
    expect(create_account().answers(201, Value::Null).run(), "written");
    let parts = [(201, json!({})), (400, json!([]))];
    expect(
        create_row().answers(200, composite(&parts)).run(),
        "written",
    );
    // With the record beside it, the id is not missed.
    let row = json!({"Id": "0015g00000LwyvvAAB", "SystemModstamp": "2024-01-31T12:34:56.000+0000"});
    let parts = [(201, json!({})), (200, row)];
    let (told, answer) = create_row().answers(200, composite(&parts)).run();
    assert_eq!(answer["record"]["id"], "0015g00000LwyvvAAB", "{told}");
}

/// Covers: failure-after-write, bundle-half-failed
#[test]
fn a_record_that_cannot_be_read_back_was_written() {
    let told = expect(
        create_account()
            .answers(201, company())
            .answers_text(200, HTML)
            .run(),
        "written",
    );
    assert!(
        told.contains("left behind 512 =acme.com website=acme.com/eu"),
        "{told}"
    );
    let undated = json!({"id": "512", "properties": {}});
    expect(
        create_account()
            .answers(201, company())
            .answers(200, undated)
            .run(),
        "written",
    );
    let written = (
        201,
        json!({"id": "0015g00000LwyvvAAB", "success": true, "errors": []}),
    );
    let parts = [written, (200, json!({"Name": "Acme"}))];
    expect(
        create_row().answers(200, composite(&parts)).run(),
        "written",
    );
}

#[test]
fn an_upsert_whose_read_back_fails_leaves_its_keys_behind() {
    let body = json!({"upsert_on": {"key": "website", "values": ["acme.com", "acme.org"]}, "record": {"name": "Acme"}});
    let (told, answer) = Conversation::new("hubspot", "crm.account.upsert")
        .body(&body)
        .answers(200, json!({"total": 0, "results": []}))
        .answers(201, company())
        .answers(500, json!({"status": "error", "message": "internal error"}))
        .run();
    assert_eq!(answer["outcome"], "written");
    assert!(
        told.contains("left behind 512 =acme.com website=acme.com"),
        "{told}"
    );
}

#[test]
fn a_create_after_a_record_that_is_gone_is_not_taken_for_it() {
    let body = json!({"upsert_on": {"key": "website", "values": ["acme.com"]}, "record": {"name": "Acme"}});
    let row = json!({"id": "9", "properties": {"website": "acme.com"}});
    let missing = json!({"status": "error", "message": "resource not found"});
    let (told, answer) = Conversation::new("hubspot", "crm.account.upsert")
        .body(&body)
        .answers(200, json!({"total": 1, "results": [row]}))
        .answers(200, row.clone())
        .answers(404, missing)
        .answers_text(200, HTML)
        .run();
    assert_eq!(answer["outcome"], "unknown");
    assert!(told.contains("left behind ? "), "{told}");
}

/// Covers: refused-write, bundle-half-failed
#[test]
fn a_refused_write_has_no_outcome() {
    let fault =
        json!({"status":"error","message":"no","correlationId":"c","category":"VALIDATION_ERROR"});
    let (_, answer) = create_account().answers(400, fault).run();
    assert_eq!(answer["outcome"], Value::Null);
    let parts = [
        (
            400,
            json!([{"message": "no", "errorCode": "INVALID_FIELD"}]),
        ),
        (
            400,
            json!([{"message": "halted", "errorCode": "PROCESSING_HALTED"}]),
        ),
    ];
    let (_, answer) = create_row().answers(200, composite(&parts)).run();
    assert_eq!(answer["outcome"], Value::Null);
    // What was read of a contact that was not written says nothing either.
    let (_, answer) = Conversation::new("hubspot", "crm.contact.get")
        .id("77")
        .answers_text(200, HTML)
        .run();
    assert_eq!(answer["outcome"], Value::Null);
}
