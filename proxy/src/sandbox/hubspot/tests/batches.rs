//! Batches: limits, 207, all-or-nothing, trace ids.

use super::*;

fn batch(hub: &Hub, verb: &str, body: &Value) -> (u16, Value) {
    hub.post(&format!("{CONTACTS}/batch/{verb}"), body)
}

fn count(hub: &Hub) -> Value {
    hub.post(&format!("{CONTACTS}/search"), &json!({ "limit": 0 }))
        .1["total"]
        .clone()
}

#[test]
fn a_batch_read_tells_all_misses_in_one_error() {
    let hub = Hub::empty();
    let a = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let (status, body) = batch(
        &hub,
        "read",
        &json!({ "properties": ["email"], "inputs": [{ "id": a }, { "id": "998" }, { "id": "999" }] }),
    );
    assert_eq!(status, 207);
    assert_eq!(
        (&body["status"], &body["numErrors"], ids(&body)),
        (&json!("COMPLETE"), &json!(1), vec![a.as_str()])
    );
    let expected = json!([{ "status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.", "context": { "ids": ["998", "999"] } }]);
    assert_eq!(body["errors"], expected);
    let (status, body) = batch(
        &hub,
        "read",
        &json!({ "idProperty": "email", "inputs": [{ "id": "A@x.example" }] }),
    );
    assert_eq!(
        (status, body.get("numErrors"), ids(&body)),
        (200, None, vec![a.as_str()])
    );
    assert!(body["startedAt"].is_string() && body["completedAt"].is_string());
}

#[test]
fn inputs_are_at_most_100_and_unique() {
    let hub = Hub::empty();
    let inputs: Vec<Value> = (0..101).map(|id| json!({ "id": id.to_string() })).collect();
    assert_eq!(batch(&hub, "read", &json!({ "inputs": inputs })).0, 400);
    assert_eq!(
        batch(&hub, "read", &json!({ "inputs": inputs[..100] })).0,
        207
    );
    let (status, body) = batch(
        &hub,
        "read",
        &json!({ "inputs": [{ "id": "51" }, { "id": "51" }] }),
    );
    assert_eq!(status, 400);
    assert_eq!(
        body["message"],
        "Duplicate IDs found in batch input: [51]. IDs must be unique"
    );
}

#[test]
fn a_batch_create_without_trace_ids_writes_all_or_nothing() {
    let hub = Hub::empty();
    let taken = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let inputs = json!({ "inputs": [{ "properties": { "email": "b@x.example" } }, { "properties": { "email": "a@x.example" } }] });
    let (status, body) = batch(&hub, "create", &inputs);
    assert_eq!(
        (status, &body["category"]),
        (409, &json!("OBJECT_ALREADY_EXISTS"))
    );
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .ends_with(&format!("Existing ID: {taken}")),
        "{body}"
    );
    assert_eq!(count(&hub), 1);
    let inputs = json!({ "inputs": [{ "properties": { "email": "c@x.example" } }, { "properties": { "email": "C@x.example" } }] });
    assert_eq!(batch(&hub, "create", &inputs).0, 409);
    assert_eq!(count(&hub), 1);
}

#[test]
fn trace_ids_on_every_input_let_each_fail_for_itself() {
    let hub = Hub::empty();
    hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let inputs = json!({ "inputs": [
        { "properties": { "email": "b@x.example" }, "objectWriteTraceId": "0" },
        { "properties": { "email": "a@x.example" }, "objectWriteTraceId": "1" },
        { "properties": { "nope": "x" }, "objectWriteTraceId": "2" },
        { "properties": { "email": "c@x.example" }, "objectWriteTraceId": "3" },
    ] });
    let (status, body) = batch(&hub, "create", &inputs);
    assert_eq!((status, &body["numErrors"]), (207, &json!(2)));
    let traces: Vec<&Value> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["context"]["objectWriteTraceId"])
        .collect();
    assert_eq!(traces, [&json!(["1"]), &json!(["2"])]);
    // Results need not follow the inputs, and here they do not.
    let rows = body["results"].as_array().unwrap();
    let traces: Vec<&Value> = rows.iter().map(|row| &row["objectWriteTraceId"]).collect();
    assert_eq!(traces, ["3", "0"]);
    assert_eq!(count(&hub), 3);
}

#[test]
fn a_batch_update_tells_unknown_ids_and_fails_whole_on_a_wrong_value() {
    let hub = Hub::empty();
    let a = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let set = |id: &str, properties: Value| json!({ "id": id, "properties": properties });
    let (status, body) = batch(
        &hub,
        "update",
        &json!({ "inputs": [set(&a, json!({ "firstname": "Ada" })), set("999", json!({ "firstname": "B" }))] }),
    );
    assert_eq!((status, ids(&body)), (207, vec![a.as_str()]));
    assert_eq!(
        (
            &body["errors"][0]["category"],
            &body["errors"][0]["context"]["ids"]
        ),
        (&json!("OBJECT_NOT_FOUND"), &json!(["999"]))
    );
    let b = hub.create(CONTACTS, &json!({ "email": "b@x.example" }));
    let (status, _) = batch(
        &hub,
        "update",
        &json!({ "inputs": [set(&b, json!({ "firstname": "Bo" })), set(&a, json!({ "email": "wrong" }))] }),
    );
    assert_eq!(status, 400);
    assert_eq!(
        hub.get(&format!("{CONTACTS}/{b}")).1["properties"]["firstname"],
        Value::Null
    );
}

#[test]
fn a_batch_update_by_email_is_refused_and_without_id_property_does_nothing() {
    let hub = Hub::empty();
    hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let mut input =
        json!({ "id": "a@x.example", "idProperty": "email", "properties": { "firstname": "Ada" } });
    let (status, body) = batch(&hub, "update", &json!({ "inputs": [input] }));
    assert_eq!(status, 400);
    assert_eq!(
        body["message"],
        format!(
            "Unable to perform update/upsert by non-unique 0-1 property email in portal ID {PORTAL_ID}"
        )
    );
    input["idProperty"] = json!("hs_object_id");
    let (status, body) = batch(&hub, "update", &json!({ "inputs": [input] }));
    assert_eq!(status, 400);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("property hs_object_id")
    );
    let (status, body) = batch(
        &hub,
        "update",
        &json!({ "inputs": [{ "id": "a@x.example", "properties": { "firstname": "Ada" } }] }),
    );
    assert_eq!((status, ids(&body)), (200, vec![]));
}

#[test]
fn an_upsert_says_what_is_new() {
    let hub = Hub::empty();
    let a = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let input = |email: &str| json!({ "id": email, "idProperty": "email", "properties": { "firstname": "X" } });
    let (status, body) = batch(
        &hub,
        "upsert",
        &json!({ "inputs": [input("a@x.example"), input("n@x.example")] }),
    );
    assert_eq!(status, 200, "{body}");
    let news: Vec<(bool, bool)> = body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["id"] == a.as_str(), row["new"] == true))
        .collect();
    assert_eq!(news, [(false, true), (true, false)]);
    assert_eq!(
        hub.get(&format!("{CONTACTS}/n@x.example?idProperty=email"))
            .0,
        200
    );
}

#[test]
fn an_upsert_by_a_custom_unique_property_fails_input_by_input() {
    let hub = Hub::empty();
    let property = json!({ "name": "erp_id", "label": "ERP id", "type": "string", "fieldType": "text", "groupName": "contactinformation", "hasUniqueValue": true });
    assert_eq!(hub.post("/crm/v3/properties/contacts", &property).0, 201);
    let input = |id: &str, properties: Value| json!({ "id": id, "idProperty": "erp_id", "properties": properties, "objectWriteTraceId": id });
    let (status, body) = batch(
        &hub,
        "upsert",
        &json!({ "inputs": [input("e1", json!({ "firstname": "A" })), input("e2", json!({ "email": "wrong" }))] }),
    );
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)));
    assert_eq!(
        body["errors"][0]["context"]["objectWriteTraceId"],
        json!(["e2"])
    );
    let (status, body) = hub.post(CONTACTS, &json!({ "properties": { "erp_id": "e1" } }));
    assert_eq!(status, 400);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("CONFLICTING_UNIQUE_VALUE")
    );
}

#[test]
fn a_batch_archive_answers_nothing() {
    let hub = Hub::empty();
    let a = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    assert_eq!(
        batch(
            &hub,
            "archive",
            &json!({ "inputs": [{ "id": a }, { "id": "999" }] })
        ),
        (204, Value::Null)
    );
    assert_eq!(count(&hub), 0);
}
