//! Deals and leads: what they need, which values follow from their stage and from what they are linked to.

use super::*;

const BOUGHT: &str = "qualifiedtobuy";

fn closed(hub: &Hub, id: &str) -> [Value; 3] {
    ["hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost"].map(|name| hub.value(DEALS, id, name))
}

/// A contact with a lead on it; the ids of both.
fn lead(hub: &Hub) -> (String, String) {
    let contact = hub.create(
        CONTACTS,
        &json!({ "email": "ada@halden.example", "firstname": "Ada", "lastname": "L", "jobtitle": "Buyer" }),
    );
    let lead = hub.create_linked(
        LEADS,
        &json!({ "hs_lead_name": "Ada, pilot" }),
        &[(&contact, 578)],
    );
    (contact, lead)
}

#[test]
fn the_default_properties_of_each_type() {
    let hub = Hub::sample();
    let names = |collection: &str| {
        let (status, page) = hub.get(&format!("{collection}?limit=1"));
        assert_eq!(status, 200);
        let row = page["results"][0]["properties"].as_object().unwrap();
        row.keys().cloned().collect::<Vec<_>>()
    };
    let deal = [
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ];
    assert_eq!(names(DEALS), deal);
    for collection in [
        LEADS,
        NOTES,
        "/crm/objects/2026-09/0-136",
        "/crm/objects/2026-03/note",
    ] {
        assert_eq!(
            names(collection),
            ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]
        );
    }
}

#[test]
fn the_sample_has_deals_of_every_outcome_in_two_pipelines() {
    let hub = Hub::sample();
    let count = |filters: Value| {
        let body = json!({ "filterGroups": [{ "filters": filters }], "limit": 0 });
        hub.post(&format!("{DEALS}/search"), &body).1["total"]
            .as_u64()
            .unwrap()
    };
    let is =
        |name: &str, value: &str| json!({ "propertyName": name, "operator": "EQ", "value": value });
    let won = count(json!([is("hs_is_closed_won", "true")]));
    let lost = count(json!([
        is("hs_is_closed", "true"),
        is("hs_is_closed_won", "false")
    ]));
    let open = count(json!([is("hs_is_closed", "false")]));
    assert!(won > 1 && lost > 1 && open > 5, "{won} {lost} {open}");
    assert_eq!(won + lost + open, 24);
    assert!(count(json!([is("pipeline", "74211953")])) > 2);
    assert_eq!((hub.total(LEADS), hub.total(NOTES)), (json!(12), json!(18)));
    let (_, page) = hub.get(&format!(
        "{LEADS}?limit=100&properties=hs_associated_contact_lastname"
    ));
    let rows = page["results"].as_array().unwrap();
    assert!(
        rows.iter()
            .all(|row| row["properties"]["hs_associated_contact_lastname"].is_string())
    );
}

#[test]
fn closed_flags_are_texts_that_follow_the_stage() {
    let hub = Hub::empty();
    let (status, row) = hub.post(
        DEALS,
        &json!({ "properties": { "dealname": "A", "dealstage": BOUGHT, "amount": "10.10" } }),
    );
    assert_eq!(status, 201);
    assert_eq!(row["properties"]["hs_is_closed"], "false");
    let id = row["id"].as_str().unwrap();
    assert_eq!(closed(&hub, id), ["false", "false", "false"]);
    assert_eq!(hub.value(DEALS, id, "pipeline"), "default");
    assert_eq!(hub.value(DEALS, id, "hs_deal_stage_probability"), "0.4");
    assert_eq!(hub.value(DEALS, id, "closedate"), Value::Null);
    let path = format!("{DEALS}/{id}");
    assert_eq!(
        hub.patch(&path, &json!({ "dealstage": "closedwon" })).0,
        200
    );
    assert_eq!(closed(&hub, id), ["true", "true", "false"]);
    assert!(hub.value(DEALS, id, "closedate").is_string());
    hub.patch(&path, &json!({ "dealstage": "closedlost" }));
    assert_eq!(closed(&hub, id), ["true", "false", "true"]);
    let (status, body) = hub.patch(&path, &json!({ "hs_is_closed": "true" }));
    assert_eq!(
        (status, &body["errors"][0]["code"]),
        (400, &json!("READ_ONLY_VALUE"))
    );
}

#[test]
fn a_stage_must_be_of_the_deals_pipeline() {
    let hub = Hub::empty();
    let create = |properties: Value| hub.post(DEALS, &json!({ "properties": properties }));
    let (status, body) = create(json!({ "dealname": "A", "dealstage": "148220371" }));
    assert_eq!(
        (status, &body["errors"][0]["code"]),
        (400, &json!("INVALID_OPTION"))
    );
    assert_eq!(
        body["errors"][0]["message"],
        "148220371 is not a valid stage"
    );
    for wrong in [
        json!({ "dealname": "A", "dealstage": "nope" }),
        json!({ "dealname": "A", "pipeline": "nope" }),
    ] {
        assert_eq!(create(wrong).1["errors"][0]["code"], "INVALID_OPTION");
    }
    let id = hub.create(
        DEALS,
        &json!({ "dealname": "A", "pipeline": "74211953", "dealstage": "148220373" }),
    );
    assert_eq!(closed(&hub, &id), ["true", "true", "false"]);
    let path = format!("{DEALS}/{id}");
    assert_eq!(hub.patch(&path, &json!({ "pipeline": "default" })).0, 400);
    assert_eq!(
        hub.patch(
            &path,
            &json!({ "pipeline": "default", "dealstage": BOUGHT })
        )
        .0,
        200
    );
}

#[test]
fn name_stage_and_pipeline_are_needed_from_2026_09_unless_switched_off() {
    let hub = Hub::empty();
    let body = json!({ "properties": { "dealname": "A" } });
    assert_eq!(hub.post(DEALS, &body).0, 201);
    let (status, refused) = hub.post("/crm/objects/2026-09/deals", &body);
    assert_eq!(
        (status, &refused["category"]),
        (400, &json!("VALIDATION_ERROR"))
    );
    assert_eq!(
        refused["message"],
        "Error creating DEAL. Some required properties were not set."
    );
    assert_eq!(
        refused["context"]["properties"],
        json!(["dealstage", "pipeline"])
    );
    let hub = hub.with(&json!({ "required_on_create": {} }));
    assert_eq!(hub.post("/crm/objects/2026-09/deals", &body).0, 201);
}

#[test]
fn a_deal_shows_its_primary_company_and_counts_its_contacts() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let other = hub.create(COMPANIES, &json!({ "name": "B" }));
    let contact = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let deal = hub.create_linked(
        DEALS,
        &json!({ "dealname": "A", "amount": "7", "deal_currency_code": "USD" }),
        &[(&company, 341), (&other, 5), (&contact, 3)],
    );
    assert_eq!(
        hub.value(DEALS, &deal, "hs_primary_associated_company"),
        other.as_str()
    );
    assert_eq!(hub.value(DEALS, &deal, "num_associated_contacts"), "1");
    assert_eq!(hub.value(DEALS, &deal, "amount_in_home_currency"), "7");
    let (_, row) = hub.get(&format!("{DEALS}/{deal}?associations=companies,contacts"));
    let shown: Vec<(&str, &str)> = row["associations"]["companies"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (link["id"].as_str().unwrap(), link["type"].as_str().unwrap()))
        .collect();
    let expected = [
        (company.as_str(), "deal_to_company_unlabeled"),
        (other.as_str(), "deal_to_company"),
        (other.as_str(), "deal_to_company_unlabeled"),
    ];
    assert_eq!(shown, expected);
    let contacts = json!({ "results": [{ "id": contact, "type": "deal_to_contact" }] });
    assert_eq!(row["associations"]["contacts"], contacts);
    hub.patch(
        &format!("{DEALS}/{deal}"),
        &json!({ "deal_currency_code": "EUR" }),
    );
    assert_eq!(
        hub.value(DEALS, &deal, "amount_in_home_currency"),
        Value::Null
    );
}

#[test]
fn a_lead_needs_a_name_and_its_contact() {
    let hub = Hub::empty();
    let contact = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let message = "Error creating LEAD. Some required properties were not set.";
    let (status, body) = hub.post(
        LEADS,
        &linked(&json!({ "hs_lead_label": "HOT" }), &[(&contact, 578)]),
    );
    assert_eq!((status, body["message"].as_str()), (400, Some(message)));
    assert_eq!(body["context"]["properties"], json!(["hs_lead_name"]));
    let named = json!({ "hs_lead_name": "A" });
    for links in [&[][..], &[(contact.as_str(), 608)]] {
        let (status, body) = hub.post(LEADS, &linked(&named, links));
        assert_eq!(
            (status, &body["category"]),
            (400, &json!("VALIDATION_ERROR"))
        );
        assert_eq!(body["message"], message);
    }
    // An upsert carries no links, so it can create no lead.
    let key = json!({ "name": "key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "leadinformation", "hasUniqueValue": true });
    assert_eq!(hub.post("/crm/v3/properties/leads", &key).0, 201);
    let input = json!({ "id": "1", "idProperty": "key", "properties": named });
    let (status, body) = hub.post(
        &format!("{LEADS}/batch/upsert"),
        &json!({ "inputs": [input] }),
    );
    assert_eq!((status, body["message"].as_str()), (400, Some(message)));
    let inputs = json!({ "inputs": [linked(&named, &[(&contact, 578)])] });
    assert_eq!(hub.post(&format!("{LEADS}/batch/create"), &inputs).0, 201);
    assert_eq!(hub.total(LEADS), 1);
}

#[test]
fn a_lead_shows_its_contact_and_follows_it() {
    let hub = Hub::empty();
    let (contact, lead) = lead(&hub);
    let shown = |name: &str| hub.value(LEADS, &lead, name);
    assert_eq!(shown("hs_primary_contact_id"), contact.as_str());
    assert_eq!(shown("hs_associated_contact_firstname"), "Ada");
    assert_eq!(shown("hs_associated_contact_lastname"), "L");
    assert_eq!(shown("hs_associated_contact_email"), "ada@halden.example");
    assert_eq!(shown("hs_contact_job_title"), "Buyer");
    assert_eq!(shown("hs_associated_company_name"), Value::Null);
    let modified = shown("hs_lastmodifieddate");
    hub.move_clock(5_000);
    hub.patch(
        &format!("{CONTACTS}/{contact}"),
        &json!({ "lastname": "Lovelace" }),
    );
    assert_eq!(shown("hs_associated_contact_lastname"), "Lovelace");
    // Calculated values change without moving the time.
    assert_eq!(shown("hs_lastmodifieddate"), modified);
    let (status, body) = hub.patch(
        &format!("{LEADS}/{lead}"),
        &json!({ "hs_associated_contact_email": "x@x.example" }),
    );
    assert_eq!(
        (status, &body["errors"][0]["code"]),
        (400, &json!("READ_ONLY_VALUE"))
    );
    let body = json!({ "filters": [{ "propertyName": "hs_associated_contact_lastname", "operator": "EQ", "value": "lovelace" }] });
    assert_eq!(
        ids(&hub.post(&format!("{LEADS}/search"), &body).1),
        [lead.as_str()]
    );
}

#[test]
fn a_lead_with_a_company_shows_its_name() {
    let hub = Hub::empty();
    let contact = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let company = hub.create(
        COMPANIES,
        &json!({ "name": "Halden", "domain": "halden.example" }),
    );
    let lead = hub.create_linked(
        LEADS,
        &json!({ "hs_lead_name": "A" }),
        &[(&contact, 578), (&company, 610)],
    );
    assert_eq!(
        hub.value(LEADS, &lead, "hs_associated_company_name"),
        "Halden"
    );
    assert_eq!(
        hub.value(LEADS, &lead, "hs_associated_company_domain"),
        "halden.example"
    );
    hub.patch(
        &format!("{COMPANIES}/{company}"),
        &json!({ "name": "Halden Marine" }),
    );
    assert_eq!(
        hub.value(LEADS, &lead, "hs_associated_company_name"),
        "Halden Marine"
    );
    hub.delete(&format!("{COMPANIES}/{company}"));
    assert_eq!(
        hub.value(LEADS, &lead, "hs_associated_company_name"),
        Value::Null
    );
}

#[test]
fn a_lead_begins_in_the_first_stage_and_its_flags_follow() {
    let hub = Hub::empty();
    let (_, lead) = lead(&hub);
    let shown = |name: &str| hub.value(LEADS, &lead, name);
    assert_eq!(shown("hs_pipeline"), "lead-pipeline-id");
    assert_eq!(shown("hs_pipeline_stage"), "new-stage-id");
    assert_eq!(
        (shown("hs_lead_is_new"), shown("hs_lead_is_open")),
        (json!("true"), json!("true"))
    );
    hub.patch(
        &format!("{LEADS}/{lead}"),
        &json!({ "hs_pipeline_stage": "qualified-stage-id" }),
    );
    assert_eq!(shown("hs_pipeline_stage_category"), "QUALIFIED");
    assert_eq!(
        (shown("hs_lead_is_new"), shown("hs_lead_is_open")),
        (json!("false"), json!("false"))
    );
    assert_eq!(shown("hs_lead_is_qualified"), "true");
}

#[test]
fn a_value_can_make_another_property_necessary_from_2026_09() {
    let rule = json!({ "property": "dealstage", "value": "closedlost", "requires": ["closed_lost_reason"] });
    let hub = Hub::empty().with(&json!({ "conditionally_required": { "deals": [rule] } }));
    let dated = "/crm/objects/2026-09/deals";
    let mut deal = json!({ "dealname": "A", "dealstage": "closedlost", "pipeline": "default" });
    let (status, body) = hub.post(dated, &json!({ "properties": deal }));
    assert_eq!(
        (status, &body["category"]),
        (400, &json!("VALIDATION_ERROR"))
    );
    assert_eq!(body["context"]["properties"], json!(["closed_lost_reason"]));
    assert_eq!(hub.post(DEALS, &json!({ "properties": deal })).0, 201);
    deal["dealstage"] = json!("contractsent");
    let id = hub.create(dated, &deal);
    let path = format!("{dated}/{id}");
    assert_eq!(
        hub.patch(&path, &json!({ "dealstage": "closedlost" })).0,
        400
    );
    let lost = json!({ "dealstage": "closedlost", "closed_lost_reason": "price" });
    assert_eq!(hub.patch(&path, &lost).0, 200);
    assert_eq!(hub.patch(&path, &json!({ "description": "x" })).0, 200);
    assert_eq!(
        hub.patch(&path, &json!({ "closed_lost_reason": "" })).0,
        400
    );
}
