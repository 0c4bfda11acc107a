use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::conversation::Conversation;

fn call(operation: &'static str) -> Conversation {
    Conversation::new("salesforce", operation)
}

fn account() -> Value {
    json!({
        "attributes": {"type": "Account", "url": "/services/data/v59.0/sobjects/Account/0015500001QdQWaAAN"},
        "Id": "0015500001QdQWaAAN", "SystemModstamp": "2024-01-31T12:34:56.000+0000", "Name": "Acme", "IsDeleted": false,
        "Website": "http://www.acme.com/", "Industry": "Technology", "NumberOfEmployees": 50, "OwnerId": "0055500001QdQWaAAN",
        "CreatedDate": "2024-01-30T17:51:23.000+0000", "Description": null, "LastActivityDate": "2024-01-31",
        "BillingStreet": "1 Market St\r\nSuite 300", "BillingCity": "Springfield", "BillingState": null, "BillingPostalCode": "12345", "BillingCountry": null,
        "ShippingStreet": null, "ShippingCity": null, "ShippingState": null, "ShippingPostalCode": null, "ShippingCountry": null,
        "Phone": "(415) 555-1212", "Fax": null, "LastModifiedDate": "2024-01-31T12:34:56.000+0000"
    })
}

fn contact() -> Value {
    json!({
        "attributes": {"type": "Contact", "url": "/services/data/v59.0/sobjects/Contact/0035500001H9cakAAB"},
        "Id": "0035500001H9cakAAB", "SystemModstamp": "2024-01-31T12:34:56.000+0000", "FirstName": "Ada", "LastName": "L", "Email": "ada@example.com", "Phone": null
    })
}

fn both(status: u16, write: &Value, row: &Value) -> Value {
    json!({"compositeResponse": [
        {"body": write, "httpHeaders": {}, "httpStatusCode": status, "referenceId": "write"},
        {"body": row, "httpHeaders": {}, "httpStatusCode": 200, "referenceId": "row"}]})
}

fn seed(key: &str) -> Value {
    json!({
        "upsert_on": { "key": key, "values": ["acme.com"] },
        "record": {
            "description": "Makes anvils", "industry": "Technology", "name": "Acme", "number_of_employees": 123, "website": "https://acme.com",
            "addresses": [
                { "address_type": "billing", "city": "Springfield", "country": "USA", "postal_code": "12345", "state": "IL", "street_1": "1 Market St", "street_2": "Suite 300" },
                { "address_type": "primary", "city": "x", "country": null, "postal_code": null, "state": null, "street_1": null, "street_2": null }],
            "phone_numbers": [{ "phone_number": "+1 555 0100", "phone_number_type": "primary" }],
            "owner_id": "0055500001QdQWa", "lifecycle_stage": "subscriber", "passthrough_fields": {"Rating": "Hot", "name": "Acme Inc"}
        }
    })
}

/// Covers: id-odd
#[test]
fn get_takes_a_short_id_and_reads_every_field() {
    let (told, answer) = call("crm.account.get")
        .id("0015500001QdQWa")
        .answers(200, account())
        .run();
    assert_eq!(answer["record"]["raw_data"], account());
    assert_eq!(answer["record"]["updated_at"], "2024-01-31T12:34:56.000Z");
    assert_eq!(
        answer["record"]["last_activity_at"],
        "2024-01-31T00:00:00.000Z"
    );
    assert_eq!(answer["record"]["addresses"][0]["street_2"], "Suite 300");
    assert_snapshot!(told);
}

/// Covers: id-odd
#[test]
fn an_id_of_another_object_is_not_found_without_a_call() {
    let (told, _) = call("crm.account.get").id("0035500001H9cakAAB").run();
    assert_snapshot!(told);
}

#[test]
fn create_and_read_back_is_one_round_trip() {
    let saved = json!({"id": "0015500001QdQWaAAN", "success": true, "errors": []});
    let (told, _) = call("crm.account.create")
        .body(&json!({"record": seed("website")["record"]}))
        .answers(200, both(201, &saved, &account()))
        .run();
    assert_snapshot!(told);
}

/// Covers: bundle-half-failed
#[test]
fn a_refused_create_tells_the_part_that_failed() {
    let fault = json!([{"message": "Required fields are missing: [Name]", "errorCode": "REQUIRED_FIELD_MISSING", "fields": ["Name"]}]);
    let halted = json!([{"errorCode": "PROCESSING_HALTED", "message": "Invalid reference specified. No value for write.id found in write"}]);
    let answer = json!({"compositeResponse": [
        {"body": fault, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "write"},
        {"body": halted, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "row"}]});
    let (told, _) = call("crm.account.create")
        .body(&json!({"record": {}}))
        .answers(200, answer)
        .run();
    assert_snapshot!(told);
}

#[test]
fn a_create_whose_read_failed_reads_again() {
    let saved = json!({"id": "0015500001QdQWaAAN", "success": true, "errors": []});
    let answer = json!({"compositeResponse": [
        {"body": saved, "httpHeaders": {}, "httpStatusCode": 201, "referenceId": "write"},
        {"body": [{"errorCode": "UNKNOWN_EXCEPTION", "message": "x"}], "httpHeaders": {}, "httpStatusCode": 500, "referenceId": "row"}]});
    let (told, _) = call("crm.account.create")
        .body(&json!({"record": {"name": "Acme"}}))
        .answers(200, answer)
        .answers(200, account())
        .run();
    assert_snapshot!(told.lines().take(4).collect::<Vec<_>>().join("\n"));
}

#[test]
fn update_clears_with_null() {
    let record = json!({"record": {"description": null, "addresses": null, "phone_numbers": null}});
    let (told, _) = call("crm.account.update")
        .id("0015500001QdQWaAAN")
        .body(&record)
        .answers(200, both(204, &Value::Null, &account()))
        .run();
    assert_snapshot!(told.lines().take(3).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_duplicate_is_a_conflict() {
    let fault = json!([{"duplicateResut": {"allowSave": true}, "errorCode": "DUPLICATES_DETECTED", "message": "You're creating a duplicate record. We recommend you use an existing record instead."}]);
    let halted = json!([{"errorCode": "PROCESSING_HALTED", "message": "x"}]);
    let answer = json!({"compositeResponse": [
        {"body": fault, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "write"},
        {"body": halted, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "row"}]});
    let (told, answer) = call("crm.contact.create")
        .body(&json!({"record": {"last_name": "L"}}))
        .answers(200, answer)
        .run();
    assert_eq!(answer["code"], "CONFLICT");
    assert_snapshot!(told);
}

#[test]
fn list_goes_from_the_full_list_to_changes() {
    let two = json!({"totalSize": 2, "done": true, "records": [account(), account()]});
    let (first, answer) = call("crm.account.list")
        .query("page_size", "1")
        .answers(200, two)
        .run();
    assert_eq!(answer["items"].as_array().unwrap().len(), 1);
    assert_eq!(answer["has_next_page"], true);
    let cursor = answer["next_cursor"].as_str().unwrap().to_owned();
    let one = json!({"totalSize": 1, "done": true, "records": [account()]});
    let (second, answer) = call("crm.account.list")
        .query("cursor", &cursor)
        .query("fields", "Tier__c,Name")
        .answers(200, one)
        .run();
    assert_eq!(answer["has_next_page"], false);
    let cursor = answer["next_cursor"].as_str().unwrap().to_owned();
    let part = json!({"totalSize": 9, "done": false, "nextRecordsUrl": "/services/data/v59.0/query/01g-1", "records": [account()]});
    let (third, answer) = call("crm.account.list")
        .query("cursor", &cursor)
        .query("page_size", "2000")
        .answers(200, part)
        .run();
    assert_eq!(answer["has_next_page"], true);
    let cursor = answer["next_cursor"].as_str().unwrap().to_owned();
    let (fourth, answer) = call("crm.account.list")
        .query("cursor", &cursor)
        .answers(200, json!({"totalSize": 0, "done": true, "records": []}))
        .run();
    assert_eq!(answer["has_next_page"], false);
    let calls: Vec<&str> = [&first, &second, &third, &fourth]
        .into_iter()
        .flat_map(|told| told.lines().take_while(|line| *line != "answer"))
        .collect();
    assert_snapshot!(calls.join("\n").replace("%20", " "));
}

#[test]
fn a_page_beyond_the_limit_is_refused_with_the_limit() {
    let (told, _) = call("crm.account.list").query("page_size", "2001").run();
    assert_snapshot!(told);
}

#[test]
fn batch_read_screens_ids_that_would_spoil_the_batch() {
    let body = json!({"ids": ["0015500001QdQWa", "nonsense", "0035500001H9cakAAB", "00120000001YztiAAC"], "properties": ["Tier__c"]});
    let (told, answer) = call("crm.account.batch_read")
        .body(&body)
        .answers(200, json!([account(), null]))
        .run();
    assert_eq!(answer.as_array().unwrap().len(), 1);
    assert_snapshot!(told.lines().take(2).collect::<Vec<_>>().join("\n"));
}

#[test]
fn upsert_by_domain_is_refused_with_the_reason() {
    let (told, _) = call("crm.account.upsert").body(&seed("domain")).run();
    assert_snapshot!(told);
}

#[test]
fn upsert_by_website_compares_as_people_write() {
    let found = json!({"totalSize": 1, "done": true, "records": [{"attributes": {}, "Id": "0015500001QdQWaAAN", "Website": "HTTP://www.Acme.com/"}]});
    let (told, _) = call("crm.account.upsert")
        .body(&seed("website"))
        .answers(200, found)
        .answers(200, both(204, &Value::Null, &account()))
        .run();
    assert_snapshot!(told.replace("%20", " "));
}

#[test]
fn upsert_by_one_plain_email_is_one_native_call() {
    let body = json!({"upsert_on": {"key": "email", "values": ["Ada@example.com"]}, "record": {"last_name": "L", "email": "ada@example.com"}});
    let saved =
        json!({"id": "0035500001H9cakAAB", "success": true, "errors": [], "created": false});
    let (told, _) = call("crm.contact.upsert")
        .body(&body)
        .answers(200, both(200, &saved, &contact()))
        .run();
    assert_snapshot!(told);
}

#[test]
fn upsert_of_an_email_that_several_have_is_a_conflict() {
    let body = json!({"upsert_on": {"key": "email", "values": ["ada@example.com"]}, "record": {"last_name": "L"}});
    let listed = json!([
        "/services/data/v59.0/sobjects/Contact/0035500001H9cakAAB",
        "/services/data/v59.0/sobjects/Contact/0031i000013x2TEAAY"
    ]);
    let (told, _) = call("crm.contact.upsert")
        .body(&body)
        .answers(
            200,
            both(
                300,
                &listed,
                &json!([{"errorCode": "PROCESSING_HALTED", "message": "x"}]),
            ),
        )
        .run();
    assert_snapshot!(told);
}

#[test]
fn upsert_by_an_email_that_a_path_would_garble_is_looked_up() {
    let body = json!({"upsert_on": {"key": "email", "values": ["o'dell+x@example.com"]}, "record": {"last_name": "L"}});
    let saved = json!({"id": "0035500001H9cakAAB", "success": true, "errors": []});
    let (told, _) = call("crm.contact.upsert")
        .body(&body)
        .answers(200, json!({"totalSize": 0, "done": true, "records": []}))
        .answers(200, both(201, &saved, &contact()))
        .run();
    assert_snapshot!(told);
}

/// Covers: reference-in-value
#[test]
fn a_key_and_a_native_field_may_not_be_read_as_references() {
    let key = json!({"upsert_on": {"key": "website", "values": ["acme.example/@{write.id}"]}, "record": {"name": "A"}});
    let (_, answer) = call("crm.account.upsert").body(&key).run();
    assert_eq!(answer["code"], "BAD_REQUEST");
    assert_eq!(answer["issues"][0]["path"], "body.upsert_on.values[0]");
    let field = json!({"record": {"name": "A", "passthrough_fields": {"Description": {"a": ["id is @{write.id}"]}}}});
    let (_, answer) = call("crm.account.create").body(&field).run();
    assert_eq!(
        answer["issues"][0]["path"],
        "body.record.passthrough_fields.Description"
    );
}

#[test]
fn a_record_is_an_object_and_no_list() {
    for (body, path) in [
        (json!({"record": ["POSITIONAL"]}), "body.record"),
        (
            json!({"record": {"name": "A", "addresses": [["billing", "Springfield"]]}}),
            "body.record.addresses[0]",
        ),
        (json!([{"name": "A"}]), "body"),
    ] {
        let (_, answer) = call("crm.account.create").body(&body).run();
        assert_eq!(answer["issues"][0]["path"], path);
        assert_eq!(
            answer["issues"][0]["message"],
            "expected an object, found a list"
        );
    }
}

/// Covers: refused-write
#[test]
fn possible_duplicates_are_named() {
    let fault = |key: &str| {
        json!([{key: {"allowSave": true, "duplicateRule": "Contacts_DR", "matchResults": [{"entityType": "Contact", "matchRecords": [
            {"matchConfidence": 100.0, "record": {"attributes": {"type": "Contact"}, "Id": "0031i000013x2TEAAY"}},
            {"matchConfidence": 90.0, "record": {"attributes": {"type": "Contact"}, "Id": "0035500001H9cakAAB"}}]}]},
            "errorCode": "DUPLICATES_DETECTED", "message": "Use one of these records?"}])
    };
    for key in ["duplicateResut", "duplicateResult"] {
        let halted = json!([{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back"}]);
        let parts = json!({"compositeResponse": [
            {"body": fault(key), "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "write"},
            {"body": halted, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "row"}]});
        let (_, answer) = call("crm.contact.create")
            .body(&json!({"record": {"last_name": "L"}}))
            .answers(200, parts)
            .run();
        assert_eq!(answer["code"], "CONFLICT", "{answer:#}");
        assert_eq!(
            answer["issues"][0]["message"],
            "records that it may be a duplicate of: 0031i000013x2TEAAY, 0035500001H9cakAAB"
        );
    }
}

#[test]
fn more_records_after_none_are_no_end_of_the_list() {
    let page = json!({"totalSize": 5, "done": false, "records": [], "nextRecordsUrl": "/services/data/v59.0/query/01g-1"});
    let (_, answer) = call("crm.account.list").answers(200, page).run();
    assert_eq!(answer["code"], "BAD_GATEWAY");
}
