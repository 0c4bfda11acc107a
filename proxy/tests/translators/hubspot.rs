use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::conversation::Conversation;

fn call(operation: &'static str) -> Conversation {
    Conversation::new("hubspot", operation)
}

pub(crate) fn company() -> Value {
    json!({
        "id": "512",
        "properties": {
            "createdate": "2024-01-30T17:51:23.123Z", "hs_lastmodifieddate": "2024-01-31T12:34:56.789Z", "hs_object_id": "512",
            "name": "Acme", "website": "https://acme.com", "industry": "COMPUTER_SOFTWARE", "numberofemployees": "50.0",
            "hubspot_owner_id": "5001", "description": "", "notes_last_updated": "2024-01-31T10:00:00Z",
            "address": "1 Market St", "address2": null, "city": "Springfield", "state": null, "zip": "12345", "country": null,
            "phone": "+1 555 0100", "lifecyclestage": "98755291", "hs_merged_object_ids": null, "domain": null
        },
        "createdAt": "2024-01-30T17:51:23.123Z", "updatedAt": "2024-01-31T12:34:56.789Z", "archived": false
    })
}

pub(crate) fn contact() -> Value {
    json!({
        "id": "77",
        "properties": { "firstname": "Ada", "lastname": "L", "email": "ada@example.com", "phone": null, "hs_merged_object_ids": null },
        "createdAt": "2024-01-30T17:51:23.123Z", "updatedAt": "2024-01-31T12:34:56.789Z", "archived": false
    })
}

fn seed(key: &str, value: &str) -> Value {
    json!({
        "upsert_on": { "key": key, "values": [value] },
        "record": {
            "description": "Makes anvils", "industry": "Food & Beverages", "name": "Acme", "number_of_employees": 123,
            "website": "https://acme.com",
            "addresses": [{ "address_type": "primary", "city": "Springfield", "country": "USA", "postal_code": "12345", "state": "IL", "street_1": "1 Market St", "street_2": null }],
            "phone_numbers": [{ "phone_number": "+1 555 0100", "phone_number_type": "primary" }],
            "owner_id": "5001", "lifecycle_stage": "subscriber", "passthrough_fields": {}
        }
    })
}

#[test]
fn get_reads_every_field_and_warns_of_a_strange_stage() {
    let (told, answer) = call("crm.account.get")
        .id("512")
        .query("fields", "annualrevenue")
        .answers(200, company())
        .run();
    assert_eq!(answer["record"]["raw_data"], company());
    assert_eq!(answer["record"]["number_of_employees"], json!(50));
    assert_eq!(answer["record"]["lifecycle_stage"], Value::Null);
    assert_snapshot!(told);
}

#[test]
fn an_id_that_is_none_is_not_found_without_a_call() {
    let (told, _) = call("crm.account.get").id("../owners/1").run();
    assert_snapshot!(told);
}

#[test]
fn a_missing_record_is_not_found_in_the_providers_words() {
    let fault = json!({"status":"error","message":"Object not found.  objectId are usually numeric.","correlationId":"aeb5f871","context":{"id":["999"]},"category":"OBJECT_NOT_FOUND","subCategory":"crm.OBJECT_NOT_FOUND"});
    let (told, _) = call("crm.account.get").id("999").answers(404, fault).run();
    assert_snapshot!(told);
}

#[test]
fn create_writes_and_reads_back() {
    let record = json!({"record": {"name": "Acme", "number_of_employees": 50, "website": null, "lifecycle_stage": "lead",
        "passthrough_fields": {"properties": {"annualrevenue": "1000.10"}, "name": "Acme Inc"}, "nmae": "typo"}});
    let (told, _) = call("crm.account.create")
        .body(&record)
        .answers(201, company())
        .answers(200, company())
        .run();
    assert_snapshot!(told);
}

#[test]
fn a_refused_write_is_passed_on_with_its_details() {
    let fault = json!({"status":"error","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Property \\\"first_name\\\" does not exist\",\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"first_name\"}]",
        "correlationId":"c","category":"VALIDATION_ERROR","errors":[{"message":"Property \"first_name\" does not exist","code":"PROPERTY_DOESNT_EXIST","context":{"propertyName":["first_name"]}}]});
    let (told, _) = call("crm.contact.create")
        .body(&json!({"record": {"passthrough_fields": {"first_name": "x"}}}))
        .answers(400, fault)
        .run();
    assert_snapshot!(told);
}

#[test]
fn update_clears_with_an_empty_text() {
    let record = json!({"record": {"description": null, "addresses": null, "phone_numbers": [{"phone_number": null, "phone_number_type": "primary"}, {"phone_number": "1", "phone_number_type": "fax"}]}});
    let (told, _) = call("crm.account.update")
        .id("512")
        .body(&record)
        .answers(200, company())
        .answers(200, company())
        .run();
    assert_snapshot!(told);
}

#[test]
fn update_with_nothing_to_write_only_reads() {
    let (told, _) = call("crm.account.update")
        .id("512")
        .body(&json!({"record": {}}))
        .answers(200, company())
        .run();
    assert_snapshot!(told);
}

#[test]
fn a_failed_read_back_says_that_the_record_was_written() {
    let fault = json!({"status":"error","message":"internal error","correlationId":"c"});
    let (told, answer) = call("crm.contact.update")
        .id("77")
        .body(&json!({"record": {"phone": "1"}}))
        .answers(200, contact())
        .answers(500, fault)
        .run();
    assert_eq!(answer["outcome"], "written");
    assert_snapshot!(told);
}

fn archived(id: &str, at: &str) -> Value {
    json!({"id": id, "properties": {}, "updatedAt": "2024-01-31T12:34:56Z", "archived": true, "archivedAt": at})
}

#[test]
fn list_goes_from_the_full_list_to_changes() {
    let page = json!({"results": [company()], "paging": {"next": {"after": "513", "link": "x"}}});
    let (first, answer) = call("crm.account.list")
        .query("page_size", "1")
        .answers(200, page)
        .run();
    assert_eq!(answer["has_next_page"], true);
    let cursor = answer["next_cursor"].as_str().unwrap().to_owned();
    let (second, answer) = call("crm.account.list")
        .query("cursor", &cursor)
        .answers(200, json!({"results": [company()]}))
        .run();
    assert_eq!(answer["has_next_page"], false);
    let cursor = answer["next_cursor"].as_str().unwrap().to_owned();
    let page = json!({"total": 3, "results": [company()], "paging": {"next": {"after": "1"}}});
    let (third, answer) = call("crm.account.list")
        .query("cursor", &cursor)
        .query("page_size", "200")
        .answers(200, page)
        .run();
    assert_eq!(answer["has_next_page"], true);
    let cursor = answer["next_cursor"].as_str().unwrap().to_owned();
    let (fourth, answer) = call("crm.account.list")
        .query("cursor", &cursor)
        .answers(200, json!({"total": 1, "results": []}))
        // The search has ended; what was archived is a list of its own, of which the window keeps its own.
        .answers(
            200,
            json!({"results": [
                archived("600", "2026-11-23T11:59:00Z"),
                archived("601", "2026-11-20T00:00:00Z"),
            ]}),
        )
        .run();
    assert_eq!(answer["has_next_page"], false);
    assert_eq!(answer["items"].as_array().unwrap().len(), 1);
    assert_eq!(answer["items"][0]["id"], "600");
    assert_eq!(answer["items"][0]["is_deleted"], true);
    let calls: Vec<&str> = [&first, &second, &third, &fourth]
        .into_iter()
        .flat_map(|told| told.lines().take_while(|line| *line != "answer"))
        .collect();
    assert_snapshot!(calls.join("\n"));
}

/// Covers: partial-success
#[test]
fn batch_read_answers_in_the_order_asked() {
    let other = json!({"id": "9", "properties": {}, "updatedAt": "2024-01-31T12:34:56Z"});
    let body = json!({"ids": ["512", "x", "404", "9", "512"], "properties": []});
    let answer = json!({"status": "COMPLETE", "results": [other, company()], "numErrors": 1, "errors": [{"status":"error","category":"OBJECT_NOT_FOUND","message":"Could not get some objects","context":{"ids":["404"]}}]});
    let (told, answer) = call("crm.account.batch_read")
        .body(&body)
        .answers(207, answer)
        .run();
    let ids: Vec<&str> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["512", "9", "512"]);
    assert_snapshot!(told.lines().take(2).collect::<Vec<_>>().join("\n"));
}

#[test]
fn upsert_creates_what_is_not_found_with_its_key() {
    let (told, _) = call("crm.account.upsert")
        .body(&seed("domain", "https://WWW.Acme.com/"))
        .answers(200, json!({"total": 0, "results": []}))
        .answers(201, company())
        .answers(200, company())
        .run();
    assert_snapshot!(told);
}

#[test]
fn upsert_updates_the_one_that_is_found_by_website_or_domain() {
    let row = json!({"id": "512", "properties": {"domain": "acme.com", "website": null}});
    let found = json!({"total": 2, "results": [
        row,
        {"id": "600", "properties": {"domain": "acme.com", "website": "https://acme.com/eu"}}]});
    let (told, _) = call("crm.account.upsert")
        .body(&seed("website", "acme.com"))
        .answers(200, found)
        .answers(200, row)
        .answers(200, company())
        .answers(200, company())
        .run();
    assert_snapshot!(told);
}

#[test]
fn upsert_finds_what_the_search_index_does_not_have_yet() {
    let recent = json!({"id": "512", "properties": {"domain": "acme.com", "website": null}});
    let (told, _) = call("crm.account.upsert")
        .recent("512")
        .body(&seed("domain", "acme.com"))
        .answers_all(vec![
            (200, json!({"total": 0, "results": []})),
            (200, recent),
        ])
        .answers(200, company())
        .answers(200, company())
        .run();
    assert_snapshot!(told.lines().take(7).collect::<Vec<_>>().join("\n"));
}

#[test]
fn upsert_of_several_is_a_conflict() {
    let first = json!({"id": "1", "properties": {"domain": "acme.com"}});
    let second = json!({"id": "2", "properties": {"domain": "www.acme.com"}});
    let (told, _) = call("crm.account.upsert")
        .body(&seed("domain", "acme.com"))
        .answers(200, json!({"total": 2, "results": [first, second]}))
        .answers_all(vec![(200, first), (200, second)])
        .run();
    assert_snapshot!(told);
}

#[test]
fn upsert_by_email_does_not_write_the_email_it_was_found_by() {
    let body = json!({"upsert_on": {"key": "email", "values": ["Ada@Example.com"]}, "record": {"first_name": "Ada", "email": "ada@example.com"}});
    let (told, _) = call("crm.contact.upsert")
        .body(&body)
        .answers(200, contact())
        .answers(200, contact())
        .run();
    assert_snapshot!(told);
}

#[test]
fn upsert_by_a_new_email_creates_and_meets_a_race() {
    let body = json!({"upsert_on": {"key": "email", "values": ["ada@example.com"]}, "record": {"first_name": "Ada"}});
    let missing = json!({"status":"error","message":"resource not found","correlationId":"c"});
    let exists = json!({"status":"error","message":"Contact already exists. Existing ID: 77","correlationId":"c","category":"CONFLICT"});
    let (told, _) = call("crm.contact.upsert")
        .body(&body)
        .answers(404, missing)
        .answers(409, exists)
        .answers(200, contact())
        .answers(200, contact())
        .run();
    assert_snapshot!(told);
}

#[test]
fn upsert_by_several_emails_looks_them_up() {
    let body = json!({"upsert_on": {"key": "email", "values": ["a@x.co", "b@x.co"]}, "record": {"first_name": "Ada"}});
    let (told, _) = call("crm.contact.upsert")
        .body(&body)
        .answers(200, json!({"status": "COMPLETE", "results": [contact()]}))
        .answers(200, contact())
        .answers(200, contact())
        .run();
    assert_snapshot!(told);
}

#[test]
fn an_upsert_that_writes_another_key_warns() {
    let body = json!({"upsert_on": {"key": "email", "values": ["q@x.co"]}, "record": {"email": "ada@example.com"}});
    let missing = json!({"status":"error","message":"resource not found","correlationId":"c"});
    let (_, answer) = call("crm.contact.upsert")
        .body(&body)
        .answers(404, missing)
        .answers(201, contact())
        .answers(200, contact())
        .run();
    assert_eq!(answer["warnings"][0]["problem_type"], "key_differs");
    assert_eq!(answer["warnings"][0]["field"], "email");
}

/// Covers: missing-scope
#[test]
fn missing_scopes_are_named_with_what_to_do() {
    let fault = json!({"status":"error","message":"This app hasn't been granted all required scopes to make this call.","correlationId":"c",
        "errors":[{"message":"One or more of the following scopes are required.","context":{"requiredGranularScopes":["crm.objects.companies.read","crm.objects.owners.read"]}}],
        "context":{"requiredScopes":["contacts"]},"category":"MISSING_SCOPES"});
    let (_, answer) = call("crm.account.get").id("1").answers(403, fault).run();
    let expected = "missing scopes: crm.objects.companies.read, crm.objects.owners.read, contacts: grant them to the app and connect the account again";
    assert_eq!(answer["code"], "FORBIDDEN");
    // Each thing once.
    assert_eq!(
        answer["issues"],
        json!([{"message": "One or more of the following scopes are required."}, {"message": expected}])
    );
    assert!(answer["message"].as_str().unwrap().ends_with(expected));
}

#[test]
fn a_page_that_is_larger_than_a_native_one_is_made_of_several() {
    let rows = |ids: std::ops::Range<u32>, next: Option<&str>| {
        let rows: Vec<Value> = ids
            .map(|id| {
                let mut row = contact();
                row["id"] = json!(id.to_string());
                row
            })
            .collect();
        match next {
            Some(after) => json!({"results": rows, "paging": {"next": {"after": after}}}),
            None => json!({"results": rows}),
        }
    };
    let (told, answer) = call("crm.contact.list")
        .query("page_size", "150")
        .answers(200, rows(0..100, Some("100")))
        .answers(200, rows(100..150, Some("150")))
        .run();
    assert_eq!(answer["items"].as_array().unwrap().len(), 150);
    assert_eq!(answer["has_next_page"], true);
    let calls: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("GET"))
        .collect();
    assert!(calls[0].contains("limit=100&properties"), "{calls:?}");
    assert!(calls[1].contains("limit=50&after=100"), "{calls:?}");
    assert_eq!(calls.len(), 2);
}

/// Covers: answer-retyped
#[test]
fn a_caller_may_do_without_the_native_records() {
    let list = || call("crm.account.list").answers(200, json!({"results": [company()]}));
    let get = || call("crm.account.get").id("512").answers(200, company());
    for (asked, expected) in [("full", company()), ("none", json!({}))] {
        let (_, answer) = list().query("raw_data", asked).run();
        assert_eq!(answer["items"][0]["raw_data"], expected);
        assert_eq!(answer["items"][0]["id"], "512");
        let (_, answer) = get().query("raw_data", asked).run();
        assert_eq!(answer["record"]["raw_data"], expected);
    }
    for call in [call("crm.account.list"), call("crm.account.get").id("512")] {
        let (_, answer) = call.query("raw_data", "half").run();
        assert_eq!(answer["code"], "BAD_REQUEST");
        assert!(answer.to_string().contains("query.raw_data"), "{answer}");
    }
}

#[test]
fn a_text_is_told_as_the_provider_wrote_it() {
    let body = r#" { "id": 7, "updatedAt" : "2024-01-31T12:34:56Z", "n\u0061me": 1,
        "properties": { "n\u0061me": "\u00c5ngstr\u00F6m \/ \"x\"", "name": "Caf\u00e9", "city": true } } "#;
    let told = call("crm.account.get")
        .id("7")
        .answers_text(200, body)
        .text();
    assert!(told.contains(r#""name":"Caf\u00e9""#), "{told}");
    assert!(told.contains(r#""city":"true""#), "{told}");
    assert!(
        told.contains(&format!(r#""raw_data":{},"#, body.trim())),
        "{told}"
    );
}

#[test]
fn an_odd_row_does_not_cost_the_page() {
    let mut odd = company();
    odd["archived"] = json!("maybe");
    odd["properties"]["name"] = json!({"first": "Acme"});
    odd["properties"]["city"] = json!(["Springfield"]);
    let (_, answer) = call("crm.account.list")
        .answers(200, json!({"results": [company(), odd]}))
        .run();
    let items = answer["items"].as_array().unwrap();
    assert_eq!(items[0]["name"], "Acme");
    assert_eq!(items[1]["name"], Value::Null);
    assert_eq!(items[1]["is_deleted"], Value::Null);
    assert_eq!(items[1]["addresses"][0]["street_1"], "1 Market St");
    assert_eq!(items[1]["raw_data"], odd);
    let warnings = answer["warnings"].as_array().unwrap();
    for (field, detail) in [
        ("name", "expected text, found an object; see raw_data"),
        (
            "is_deleted",
            "expected true or false, found \"maybe\"; see raw_data",
        ),
        ("addresses", "expected text, found a list; see raw_data"),
    ] {
        assert!(
            warnings
                .iter()
                .any(|warning| warning["field"] == field && warning["detail"] == detail),
            "{field}: {warnings:#?}"
        );
    }
    odd["updatedAt"] = Value::Null;
    let (_, answer) = call("crm.account.list")
        .answers(200, json!({"results": [company(), odd]}))
        .run();
    assert_eq!(answer["code"], "BAD_GATEWAY");
    assert_eq!(
        answer["provider"],
        json!({"name": "hubspot", "status": 200})
    );
}

#[test]
fn an_empty_list_of_entries_is_said_to_change_nothing() {
    let (told, answer) = call("crm.account.update")
        .id("512")
        .body(&json!({"record": {"addresses": []}}))
        .answers(200, company())
        .run();
    assert!(!told.contains("PATCH"));
    assert_eq!(answer["warnings"][0]["field"], "addresses");
    assert_eq!(answer["warnings"][0]["problem_type"], "field_not_written");
}

#[test]
fn a_wide_list_tells_which_records_could_not_be_completed() {
    let names: Vec<String> = (0..100)
        .map(|number| format!("a_custom_field_with_a_name_{number}"))
        .collect();
    let lean = |id: &str| json!({"id": id, "properties": {"hs_object_id": id}, "createdAt": "2024-01-30T17:51:23Z", "updatedAt": "2024-01-31T12:34:56Z", "archived": false});
    let (told, answer) = call("crm.contact.list")
        .query("fields", &names.join(","))
        .answers(200, json!({"results": [lean("76"), lean("77")]}))
        .answers(200, json!({"results": [contact()]}))
        .run();
    assert!(told.contains("properties=hs_object_id -> 200"), "{told}");
    assert_eq!(answer["items"][1]["first_name"], "Ada");
    assert_eq!(answer["items"][0]["first_name"], Value::Null);
    let warnings = answer["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0]["problem_type"], "record_not_complete");
    assert_eq!(warnings[0]["field"], "items[id=76]");
}
