//! What a write refuses and what it makes of values.

use super::*;

/// The list of faults inside of the message.
fn inside(body: &Value) -> Value {
    let message = body["message"].as_str().unwrap();
    serde_json::from_str(
        message
            .strip_prefix("Property values were not valid: ")
            .unwrap(),
    )
    .unwrap()
}

fn code_of(hub: &Hub, collection: &str, properties: &Value) -> (u16, String, String) {
    let (status, body) = hub.post(collection, &json!({ "properties": properties }));
    let fault = inside(&body)[0].clone();
    (
        status,
        fault["error"].as_str().unwrap().to_owned(),
        fault["message"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn an_unknown_property_is_told_as_json_inside_of_the_message() {
    let hub = Hub::sample();
    let (status, body) = hub.post(CONTACTS, &json!({ "properties": { "first_name": "Ada" } }));
    assert_eq!(status, 400);
    let text = "Property \"first_name\" does not exist";
    let fault = json!([{ "isValid": false, "message": text, "error": "PROPERTY_DOESNT_EXIST", "name": "first_name", "localizedErrorMessage": text, "portalId": PORTAL_ID }]);
    let expected = json!({
        "status": "error",
        "message": format!("Property values were not valid: {fault}"),
        "category": "VALIDATION_ERROR",
        "errors": [{ "message": text, "code": "PROPERTY_DOESNT_EXIST", "context": { "propertyName": ["first_name"] } }],
    });
    assert_eq!(envelope(body), expected);
}

#[test]
fn every_fault_of_a_write_is_listed() {
    let hub = Hub::sample();
    let (_, body) = hub.post(
        COMPANIES,
        &json!({ "properties": { "nope": "1", "industry": "Software", "name": "A" } }),
    );
    assert_eq!(inside(&body).as_array().unwrap().len(), 2);
}

#[test]
fn values_are_held_against_their_definition() {
    let hub = Hub::sample();
    let refused = |collection, properties| code_of(&hub, collection, &properties);
    let (status, code, message) = refused(COMPANIES, json!({ "name": "A", "type": "prospect" }));
    assert_eq!((status, code.as_str()), (400, "INVALID_OPTION"));
    assert_eq!(
        message,
        "prospect was not one of the allowed options: [PROSPECT, PARTNER, RESELLER, VENDOR, OTHER]"
    );
    let (_, code, message) = refused(CONTACTS, json!({ "email": "foo" }));
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("INVALID_EMAIL", "Email address foo is invalid")
    );
    let (_, _, message) = refused(
        COMPANIES,
        json!({ "name": "A", "numberofemployees": "abc" }),
    );
    assert_eq!(message, "abc was not a valid long.");
    for spaced in ["12 ", " 12", "1,000"] {
        assert_eq!(
            refused(
                COMPANIES,
                json!({ "name": "A", "numberofemployees": spaced })
            )
            .0,
            400
        );
    }
    let (_, code, message) = refused(COMPANIES, json!({ "name": "A", "hs_object_id": "1" }));
    assert_eq!(code, "READ_ONLY_VALUE");
    assert_eq!(
        message,
        "\"hs_object_id\" is a calculated property; its value cannot be set."
    );
    let (_, _, message) = refused(
        COMPANIES,
        json!({ "name": "A", "hs_lastmodifieddate": "2024-01-01T00:00:00Z" }),
    );
    assert_eq!(
        message,
        "\"hs_lastmodifieddate\" is a read only property; its value cannot be set."
    );
    let (_, code, message) = refused(COMPANIES, json!({ "name": "A", "hubspot_owner_id": "1" }));
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("INVALID_OWNER_ID", "Owner 1 does not exist")
    );
    let long = "x".repeat(65_537);
    assert_eq!(
        refused(COMPANIES, json!({ "name": "A", "description": long })).1,
        "VALUE_TOO_LONG"
    );
    assert_eq!(
        refused(COMPANIES, json!({ "name": "A", "createdate": "yesterday" })).1,
        "INVALID_DATE"
    );
    hub.create(
        COMPANIES,
        &json!({ "name": "A", "description": "x".repeat(65_536), "hubspot_owner_id": "7001" }),
    );
}

#[test]
fn a_date_in_milliseconds_must_be_midnight() {
    let hub = Hub::empty();
    let birthday = json!({ "name": "renewal", "label": "Renewal", "type": "date", "fieldType": "date", "groupName": "companyinformation" });
    assert_eq!(hub.post("/crm/v3/properties/companies", &birthday).0, 201);
    let (_, code, message) = code_of(
        &hub,
        COMPANIES,
        &json!({ "name": "A", "renewal": "1700000000001" }),
    );
    assert_eq!(code, "INVALID_DATE");
    assert_eq!(
        message,
        "1700000000001 is at 22:13:20.001 UTC, not midnight!"
    );
    for value in [json!(1_706_659_200_000_u64), json!("2024-01-31")] {
        let (_, row) = hub.post(
            COMPANIES,
            &json!({ "properties": { "name": "A", "renewal": value } }),
        );
        assert_eq!(row["properties"]["renewal"], "2024-01-31");
    }
}

#[test]
fn values_are_text_in_answers_whatever_was_sent() {
    let hub = Hub::empty();
    let (_, row) = hub.post(
        COMPANIES,
        &json!({ "properties": { "name": "A", "numberofemployees": 12.5, "annualrevenue": "70" } }),
    );
    assert_eq!(row["properties"]["numberofemployees"], "12.5");
    assert_eq!(row["properties"]["annualrevenue"], "70");
}

#[test]
fn a_write_answers_what_it_wrote_and_the_system_properties() {
    let hub = Hub::empty();
    let (status, row) = hub.post(
        COMPANIES,
        &json!({ "properties": { "name": "Halden", "city": "Bergen" } }),
    );
    assert_eq!(status, 201);
    let names: Vec<&String> = row["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "city",
            "createdate",
            "hs_lastmodifieddate",
            "hs_object_id",
            "hs_object_source",
            "name"
        ]
    );
    assert_eq!(row["createdAt"], row["properties"]["createdate"]);
    assert_eq!(row["archived"], false);
    let id = row["id"].as_str().unwrap();
    let (status, row) = hub.patch(&format!("{COMPANIES}/{id}"), &json!({ "phone": "1" }));
    assert_eq!(status, 200);
    assert_eq!(
        (row["properties"].get("name"), &row["properties"]["phone"]),
        (None, &json!("1"))
    );
}

#[test]
fn empty_text_and_null_clear() {
    let hub = Hub::empty();
    let id = hub.create(
        COMPANIES,
        &json!({ "name": "A", "city": "Bergen", "phone": "1" }),
    );
    let (status, _) = hub.patch(
        &format!("{COMPANIES}/{id}"),
        &json!({ "city": "", "phone": null }),
    );
    assert_eq!(status, 200);
    let (_, row) = hub.get(&format!("{COMPANIES}/{id}?properties=city,phone,name"));
    assert_eq!(
        (&row["properties"]["city"], &row["properties"]["phone"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(row["properties"]["name"], "A");
}

#[test]
fn a_contact_with_a_known_address_is_a_conflict_with_the_id_in_the_text() {
    let hub = Hub::empty();
    let id = hub.create(
        CONTACTS,
        &json!({ "email": "Ada@Halden.example", "hs_additional_emails": "ada@old.example" }),
    );
    for email in ["ada@halden.example", "ADA@OLD.example"] {
        let (status, body) = hub.post(CONTACTS, &json!({ "properties": { "email": email } }));
        assert_eq!(status, 409);
        let message = format!("Contact already exists. Existing ID: {id}");
        assert_eq!(
            envelope(body),
            json!({ "status": "error", "message": message, "category": "CONFLICT" })
        );
    }
    let other = hub.create(CONTACTS, &json!({ "email": "b@halden.example" }));
    assert_eq!(
        hub.patch(
            &format!("{CONTACTS}/{other}"),
            &json!({ "email": "ada@old.example" })
        )
        .0,
        409
    );
    // An archived contact holds nothing.
    assert_eq!(
        hub.ask(Method::DELETE, &format!("{CONTACTS}/{id}"), &Value::Null)
            .0,
        204
    );
    hub.create(CONTACTS, &json!({ "email": "ada@halden.example" }));
}

#[test]
fn a_contact_is_updated_by_primary_and_by_secondary_address() {
    let hub = Hub::empty();
    let id = hub.create(
        CONTACTS,
        &json!({ "email": "ada@halden.example", "hs_additional_emails": "ada@old.example" }),
    );
    for (email, name) in [("ADA@halden.example", "Ada"), ("ada%40old.example", "Ida")] {
        let (status, row) = hub.patch(
            &format!("{CONTACTS}/{email}?idProperty=email"),
            &json!({ "firstname": name }),
        );
        assert_eq!((status, row["id"].as_str()), (200, Some(id.as_str())));
        assert_eq!(row["properties"]["firstname"], name);
    }
    // Writing a secondary address swaps it with the primary one.
    hub.patch(
        &format!("{CONTACTS}/{id}"),
        &json!({ "email": "ada@old.example" }),
    );
    let (_, row) = hub.get(&format!(
        "{CONTACTS}/{id}?properties=email,hs_additional_emails"
    ));
    assert_eq!(row["properties"]["email"], "ada@old.example");
    assert_eq!(
        row["properties"]["hs_additional_emails"],
        "ada@halden.example"
    );
}

#[test]
fn the_lifecycle_goes_forward_only_until_it_is_cleared() {
    let hub = Hub::empty();
    let id = hub.create(
        CONTACTS,
        &json!({ "email": "a@x.example", "lifecyclestage": "opportunity" }),
    );
    let path = format!("{CONTACTS}/{id}");
    let stage = |to: &str| {
        assert_eq!(hub.patch(&path, &json!({ "lifecyclestage": to })).0, 200);
        hub.get(&format!("{path}?properties=lifecyclestage")).1["properties"]["lifecyclestage"]
            .clone()
    };
    assert_eq!(stage("lead"), "opportunity");
    assert_eq!(stage("customer"), "customer");
    assert_eq!(stage(""), Value::Null);
    assert_eq!(stage("lead"), "lead");
}

#[test]
fn a_company_needs_a_name_or_a_domain() {
    let hub = Hub::empty();
    let (status, body) = hub.post(COMPANIES, &json!({ "properties": { "city": "Bergen" } }));
    assert_eq!(
        (status, &body["category"]),
        (400, &json!("VALIDATION_ERROR"))
    );
    let id = hub.create(
        COMPANIES,
        &json!({ "website": "https://WWW.Halden.example/about" }),
    );
    let (_, row) = hub.get(&format!("{COMPANIES}/{id}?properties=domain,website"));
    assert_eq!(row["properties"]["domain"], "halden.example");
    assert_eq!(
        row["properties"]["website"],
        "https://WWW.Halden.example/about"
    );
    // Later the two go their own ways, and a domain is not unique.
    hub.patch(
        &format!("{COMPANIES}/{id}"),
        &json!({ "website": "https://other.example" }),
    );
    assert_eq!(
        hub.get(&format!("{COMPANIES}/{id}")).1["properties"]["domain"],
        "halden.example"
    );
    hub.create(COMPANIES, &json!({ "domain": "HTTP://halden.example/x" }));
}

#[test]
fn the_account_s_required_properties_hold_from_2026_09() {
    let hub = Hub::empty().with(&json!({ "required_on_create": { "contacts": ["lastname"] } }));
    let body = json!({ "properties": { "email": "a@x.example" } });
    let (status, refused) = hub.post("/crm/objects/2026-09/contacts", &body);
    assert_eq!(
        (status, &refused["context"]["properties"]),
        (400, &json!(["lastname"]))
    );
    assert_eq!(hub.post("/crm/objects/2026-03/contacts", &body).0, 201);
}

#[test]
fn bodies_that_cannot_be_read() {
    let hub = Hub::empty();
    let id = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let (status, body) = hub.patch(&format!("{CONTACTS}/{id}"), &json!({}));
    assert_eq!(
        (status, body["message"].as_str()),
        (
            400,
            Some("No properties found to update, please provide at least one.")
        )
    );
    let (_, body) = hub.post(CONTACTS, &Value::Null);
    assert_eq!(
        body["message"],
        "Invalid JSON input: a request body was expected, but none found"
    );
    let bearer = format!("Bearer {PRIVATE_APP_TOKEN}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let (status, body) = read(&hub.reply(Method::POST, CONTACTS, &headers, "{x"));
    assert_eq!(status, 400);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("Invalid input JSON on line 1, column 2: "),
        "{body}"
    );
    assert_eq!(body.get("category"), None);
    let (status, body) = hub.post(CONTACTS, &json!({ "properties": { "firstname": ["Ada"] } }));
    assert_eq!(status, 400);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("Invalid input JSON on line 1, column "),
        "{body}"
    );
}

#[test]
fn a_property_is_made_once_in_a_group_that_exists() {
    let hub = Hub::empty();
    let path = "/crm/v3/properties/companies";
    let mut tier = json!({ "name": "tier", "label": "Tier", "type": "enumeration", "fieldType": "select", "groupName": "mine",
        "options": [{ "label": "Gold", "value": "gold", "displayOrder": 0, "hidden": false }] });
    assert_eq!(hub.post(path, &tier).0, 400);
    assert_eq!(
        hub.post(
            &format!("{path}/groups"),
            &json!({ "name": "mine", "label": "Mine" })
        )
        .0,
        201
    );
    let (status, made) = hub.post(path, &tier);
    assert_eq!((status, &made["hubspotDefined"]), (201, &json!(false)));
    let (status, body) = hub.post(path, &tier);
    assert_eq!(
        (status, &body["category"]),
        (409, &json!("OBJECT_ALREADY_EXISTS"))
    );
    assert_eq!(
        hub.get(&format!("{path}/tier")).1["options"][0]["value"],
        "gold"
    );
    assert_eq!(
        code_of(&hub, COMPANIES, &json!({ "name": "A", "tier": "Gold" })).1,
        "INVALID_OPTION"
    );
    hub.create(COMPANIES, &json!({ "name": "A", "tier": "gold" }));
    tier["name"] = json!("Tier-2");
    assert_eq!(hub.post(path, &tier).0, 400);
    (tier["name"], tier["fieldType"]) = (json!("tier2"), json!("text"));
    assert_eq!(hub.post(path, &tier).0, 400);
}
