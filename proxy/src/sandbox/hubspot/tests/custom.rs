//! Custom types of hubspot.md §7.1.

use super::*;

const SCHEMAS: &str = "/crm-object-schemas/v3/schemas";

fn car() -> Value {
    json!({
        "name": "car",
        "labels": { "singular": "Car", "plural": "Cars" },
        "primaryDisplayProperty": "model",
        "requiredProperties": ["model"],
        "searchableProperties": ["model"],
        "secondaryDisplayProperties": [],
        "properties": [
            { "name": "model", "label": "Model", "type": "string", "fieldType": "text" },
            { "name": "plate", "label": "Plate", "type": "string", "fieldType": "text", "hasUniqueValue": true },
            { "name": "fuel", "label": "Fuel", "type": "enumeration", "fieldType": "select", "options": [{ "label": "Diesel", "value": "diesel", "displayOrder": 0, "hidden": false }] },
        ],
        "associatedObjects": ["CONTACT"],
    })
}

/// A sandbox with the type, and the type's id.
fn garage() -> (Hub, String) {
    let hub = Hub::empty();
    let (status, schema) = hub.post(SCHEMAS, &car());
    assert_eq!(status, 201, "{schema}");
    let id = schema["objectTypeId"].as_str().unwrap().to_owned();
    (hub, id)
}

fn unknown_type(answer: (u16, Value), name: &str) {
    let (status, body) = answer;
    assert_eq!(status, 400, "{body}");
    let message = format!("Unable to infer object type from: {name}");
    assert_eq!(
        envelope(body),
        json!({ "status": "error", "message": message })
    );
}

#[test]
fn a_schema_is_made_and_only_custom_ones_are_listed() {
    let hub = Hub::empty();
    assert_eq!(hub.get(SCHEMAS), (200, json!({ "results": [] })));
    let (status, made) = hub.post(SCHEMAS, &car());
    assert_eq!(status, 201);
    let id = made["objectTypeId"].as_str().unwrap();
    assert_eq!(format!("2-{}", made["id"].as_str().unwrap()), id);
    assert_eq!(made["fullyQualifiedName"], format!("p{PORTAL_ID}_car"));
    assert_eq!(
        made["labels"],
        json!({ "singular": "Car", "plural": "Cars" })
    );
    assert_eq!(made["requiredProperties"], json!(["model"]));
    assert_eq!(made["archived"], false);
    let definitions = made["properties"].as_array().unwrap();
    let model = definitions
        .iter()
        .find(|one| one["name"] == "model")
        .unwrap();
    assert_eq!(model["groupName"], "car_information");
    let to_contact = made["associations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["toObjectTypeId"] == "0-1")
        .unwrap();
    assert_eq!(
        (&to_contact["fromObjectTypeId"], &to_contact["name"]),
        (&json!(id), &json!("car_to_contact"))
    );
    for list in [
        SCHEMAS,
        "/crm/v3/schemas",
        "/crm-object-schemas/2026-09/schemas",
    ] {
        let (_, body) = hub.get(list);
        assert_eq!(body["results"].as_array().unwrap().len(), 1, "{list}");
    }
    let small = "includePropertyDefinitions=false&includeAssociationDefinitions=false&includeAuditMetadata=false";
    let (_, body) = hub.get(&format!("{SCHEMAS}?{small}"));
    let schema = &body["results"][0];
    assert!(schema.get("properties").is_none() && schema.get("associations").is_none());
    assert!(schema.get("createdByUserId").is_none());
    for name in [id, "p_car", &format!("p{PORTAL_ID}_car")] {
        assert_eq!(hub.get(&format!("{SCHEMAS}/{name}")).1["objectTypeId"], id);
    }
    assert_eq!(hub.get(&format!("{SCHEMAS}/boat")).0, 404);
}

#[test]
fn rows_are_under_the_id_and_the_full_names_not_under_the_bare_one() {
    let (hub, id) = garage();
    let row = json!({ "model": "T1", "fuel": "diesel" });
    hub.create(&format!("/crm/v3/objects/{id}"), &row);
    for name in [&id, "p_car", &format!("p{PORTAL_ID}_car")] {
        let (status, page) = hub.get(&format!("/crm/objects/2026-09/{name}?properties=model"));
        assert_eq!(status, 200);
        assert_eq!(page["results"][0]["properties"]["model"], "T1");
        assert_eq!(hub.total(&format!("/crm/v3/objects/{name}")), 1);
    }
    unknown_type(hub.get("/crm/v3/objects/car"), "car");
    unknown_type(hub.get("/crm/v3/objects/contacts?associations=car"), "car");
    // Real paths take the bare name sometimes; the parameter never does.
    let hub = hub.with(&json!({ "bare_custom_names": true }));
    assert_eq!(hub.get("/crm/v3/objects/car").0, 200);
    unknown_type(hub.get("/crm/v3/objects/contacts?associations=car"), "car");
    unknown_type(hub.get("/crm/v3/objects/2-999"), "2-999");
}

#[test]
fn rows_of_a_custom_type_keep_its_rules() {
    let (hub, id) = garage();
    let rows = format!("/crm/v3/objects/{id}");
    let (status, body) = hub.post(&rows, &json!({ "properties": { "fuel": "diesel" } }));
    assert_eq!(status, 400);
    assert_eq!(
        body["message"],
        "Error creating CAR. Some required properties were not set."
    );
    assert_eq!(body["context"]["properties"], json!(["model"]));
    let refused = hub.post(
        &rows,
        &json!({ "properties": { "model": "A", "fuel": "gas" } }),
    );
    assert_eq!(refused.1["errors"][0]["code"], "INVALID_OPTION");
    let car = hub.create(&rows, &json!({ "model": "A", "plate": "HB-1" }));
    let clash = hub.post(
        &rows,
        &json!({ "properties": { "model": "B", "plate": "HB-1" } }),
    );
    assert_eq!(clash.0, 400);
    let (_, row) = hub.get(&format!("{rows}/HB-1?idProperty=plate"));
    assert_eq!(row["id"], car.as_str());
    let names: Vec<&String> = row["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]
    );
    let found = hub
        .post(
            &format!("{rows}/search"),
            &json!({ "query": "a", "properties": ["model"] }),
        )
        .1;
    assert_eq!(found["total"], 1);
    let inputs = json!({ "inputs": [{ "id": car }, { "id": "999" }] });
    assert_eq!(hub.post(&format!("{rows}/batch/read"), &inputs).0, 207);
    assert_eq!(
        hub.get(&format!("/crm/v3/pipelines/{id}")),
        (200, json!({ "results": [] }))
    );
}

#[test]
fn links_of_a_custom_type_are_shown_by_its_full_name() {
    let (hub, id) = garage();
    let contact = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let labels = |from: &str, to: &str| {
        let (_, body) = hub.get(&format!("/crm/v4/associations/{from}/{to}/labels"));
        body["results"].clone()
    };
    let kinds = labels(&id, "contacts");
    assert_eq!(kinds[0]["category"], "USER_DEFINED");
    let kind =
        json!({ "associationCategory": "USER_DEFINED", "associationTypeId": kinds[0]["typeId"] });
    let body = json!({ "properties": { "model": "A" }, "associations": [{ "to": { "id": contact }, "types": [kind] }] });
    let (status, car) = hub.post(&format!("/crm/v3/objects/{id}"), &body);
    assert_eq!(status, 201, "{car}");
    for asked in [id.as_str(), "p_car"] {
        let (_, row) = hub.get(&format!("{CONTACTS}/{contact}?associations={asked}"));
        let shown = &row["associations"][format!("p{PORTAL_ID}_car")]["results"];
        assert_eq!(
            shown,
            &json!([{ "id": car["id"], "type": "contact_to_car" }])
        );
    }
    // Only contacts were asked for; activities come by themselves.
    assert_eq!(labels(&id, "companies"), json!([]));
    assert_eq!(labels("notes", &id).as_array().unwrap().len(), 1);
    let input =
        json!({ "fromObjectTypeId": id, "toObjectTypeId": "0-2", "name": "car_to_company" });
    let (status, made) = hub.post(&format!("{SCHEMAS}/{id}/associations"), &input);
    assert_eq!((status, &made["name"]), (201, &json!("car_to_company")));
    assert_eq!(labels(&id, "companies").as_array().unwrap().len(), 1);
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let car = car["id"].as_str().unwrap();
    let path = format!("/crm/v4/objects/{id}/{car}/associations/default/companies/{company}");
    assert_eq!(hub.put(&path, &Value::Null).0, 200);
}

#[test]
fn a_schema_that_contradicts_itself_is_refused() {
    let hub = Hub::empty();
    let wrong = |key: &str, value: Value| {
        let mut body = car();
        body[key] = value;
        let (status, body) = hub.post(SCHEMAS, &body);
        assert_eq!((status, &body["status"]), (400, &json!("error")), "{key}");
        body
    };
    for name in ["1car", "my-car", "", "cär"] {
        wrong("name", json!(name));
    }
    wrong("primaryDisplayProperty", json!("nope"));
    wrong("requiredProperties", json!(["nope"]));
    wrong("searchableProperties", json!(["nope"]));
    wrong("labels", json!("Car"));
    wrong("associatedObjects", json!(["BOAT"]));
    let option = json!([{ "label": "A", "value": "a" }]);
    wrong(
        "properties",
        json!([{ "name": "model", "label": "M", "type": "enumeration", "fieldType": "select", "options": option }]),
    );
    assert_eq!(hub.get(SCHEMAS), (200, json!({ "results": [] })));
}

#[test]
fn a_schema_is_changed_except_to_what_it_is() {
    let (hub, id) = garage();
    let path = format!("{SCHEMAS}/{id}");
    let change = |body: Value| hub.ask(Method::PATCH, &path, &body);
    assert_eq!(
        change(json!({ "labels": { "singular": "Car", "plural": "Cars" } })).0,
        400
    );
    let (status, schema) = change(
        json!({ "labels": { "singular": "Auto", "plural": "Autos" }, "requiredProperties": ["model", "plate"] }),
    );
    assert_eq!(
        (status, &schema["labels"]["plural"]),
        (200, &json!("Autos"))
    );
    let rows = format!("/crm/v3/objects/{id}");
    assert_eq!(
        hub.post(&rows, &json!({ "properties": { "model": "A" } }))
            .0,
        400
    );
    assert_eq!(change(json!({ "requiredProperties": ["nope"] })).0, 400);
}

#[test]
fn a_schema_goes_without_rows_and_its_name_is_free_after_a_purge() {
    let (hub, id) = garage();
    let rows = format!("/crm/v3/objects/{id}");
    let row = hub.create(&rows, &json!({ "model": "A" }));
    let path = format!("{SCHEMAS}/{id}");
    assert_eq!(hub.delete(&path).0, 400);
    hub.delete(&format!("{rows}/{row}"));
    assert_eq!(hub.delete(&path), (204, Value::Null));
    unknown_type(hub.get(&rows), &id);
    assert_eq!(hub.get(SCHEMAS).1, json!({ "results": [] }));
    assert_eq!(
        hub.get(&format!("{SCHEMAS}?archived=true")).1["results"][0]["archived"],
        true
    );
    let (status, body) = hub.post(SCHEMAS, &car());
    assert_eq!(
        (status, &body["category"]),
        (409, &json!("OBJECT_ALREADY_EXISTS"))
    );
    assert_eq!(hub.delete(&format!("{path}?archived=true")).0, 204);
    assert_eq!(hub.post(SCHEMAS, &car()).0, 201);
}
