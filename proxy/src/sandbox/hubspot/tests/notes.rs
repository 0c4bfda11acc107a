//! Notes: the body in full, the preview cut, and what activities do not have.

use super::*;

const AT: &str = "2026-03-01T09:00:00.000Z";

#[test]
fn a_note_needs_its_time() {
    let hub = Hub::empty();
    let (status, body) = hub.post(NOTES, &json!({ "properties": { "hs_note_body": "x" } }));
    assert_eq!(
        (status, &body["category"]),
        (400, &json!("VALIDATION_ERROR"))
    );
    assert_eq!(body["context"]["properties"], json!(["hs_timestamp"]));
    let id = hub.create(
        NOTES,
        &json!({ "hs_note_body": "x", "hs_timestamp": 1_772_355_600_000_u64 }),
    );
    assert_eq!(hub.value(NOTES, &id, "hs_timestamp"), AT);
}

#[test]
fn the_body_is_kept_whole_and_the_preview_is_cut_text() {
    let hub = Hub::empty();
    let long = format!("<p>Said &amp; done</p><p>{}</p>", "word ".repeat(200));
    let id = hub.create(NOTES, &json!({ "hs_note_body": long, "hs_timestamp": AT }));
    assert_eq!(hub.value(NOTES, &id, "hs_note_body"), long);
    let preview = hub.value(NOTES, &id, "hs_body_preview");
    let preview = preview.as_str().unwrap();
    assert!(
        preview.starts_with("Said & done word word") && preview.len() < 400,
        "{preview}"
    );
    assert_eq!(
        hub.value(NOTES, &id, "hs_body_preview_is_truncated"),
        "true"
    );
    hub.patch(
        &format!("{NOTES}/{id}"),
        &json!({ "hs_note_body": "<b>short</b>" }),
    );
    assert_eq!(hub.value(NOTES, &id, "hs_body_preview"), "short");
    assert_eq!(
        hub.value(NOTES, &id, "hs_body_preview_is_truncated"),
        "false"
    );
    let limit = json!({ "hs_note_body": "x".repeat(65_537), "hs_timestamp": AT });
    assert_eq!(hub.post(NOTES, &json!({ "properties": limit })).0, 400);
}

#[test]
fn a_note_on_a_company_moves_its_last_activity() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let properties = json!({ "hs_note_body": "x", "hs_timestamp": AT });
    let note = hub.create_linked(NOTES, &properties, &[(&company, 190)]);
    assert_eq!(hub.value(COMPANIES, &company, "notes_last_updated"), AT);
    // An older note moves nothing back.
    let older = json!({ "hs_timestamp": "2025-03-01T09:00:00.000Z" });
    hub.create_linked(NOTES, &older, &[(&company, 190)]);
    assert_eq!(hub.value(COMPANIES, &company, "notes_last_updated"), AT);
    let (_, row) = hub.get(&format!("{NOTES}/{note}?associations=companies"));
    let expected = json!({ "results": [{ "id": company, "type": "note_to_company" }] });
    assert_eq!(row["associations"]["companies"], expected);
}

#[test]
fn a_note_on_a_company_that_is_not_there_leaves_nothing() {
    let hub = Hub::empty();
    let (status, body) = hub.post(
        NOTES,
        &linked(&json!({ "hs_timestamp": AT }), &[("999", 190)]),
    );
    assert_eq!(
        (status, &body["message"]),
        (400, &json!("One or more associations are invalid"))
    );
    let context = json!({ "INVALID_OBJECT_IDS": ["COMPANY=999 is not valid"], "objectId": ["999"], "objectType": ["COMPANY"] });
    assert_eq!(body["context"], context);
    assert_eq!(hub.total(NOTES), 0);
}

#[test]
fn activities_have_no_list_of_archived_rows() {
    let hub = Hub::sample();
    assert_eq!(hub.get(&format!("{NOTES}?archived=true")).0, 400);
    assert_eq!(hub.get(&format!("{DEALS}?archived=true")).0, 200);
}

#[test]
fn notes_are_found_by_their_body_and_by_what_they_are_on() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let note = hub.create_linked(
        NOTES,
        &json!({ "hs_note_body": "budget approved", "hs_timestamp": AT }),
        &[(&company, 190)],
    );
    hub.create(
        NOTES,
        &json!({ "hs_note_body": "other", "hs_timestamp": AT }),
    );
    let search = |body: Value| hub.post(&format!("{NOTES}/search"), &body).1;
    assert_eq!(ids(&search(json!({ "query": "budget" }))), [note.as_str()]);
    let linked =
        json!({ "propertyName": "associations.company", "operator": "EQ", "value": company });
    assert_eq!(
        ids(&search(json!({ "filters": [linked] }))),
        [note.as_str()]
    );
}

#[test]
fn a_search_lags_for_every_type() {
    let hub = Hub::empty().with(&json!({ "search_lag_ms": 5000 }));
    let contact = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    hub.create(DEALS, &json!({ "dealname": "A" }));
    hub.create_linked(LEADS, &json!({ "hs_lead_name": "A" }), &[(&contact, 578)]);
    hub.create(NOTES, &json!({ "hs_timestamp": AT }));
    for collection in [DEALS, LEADS, NOTES] {
        assert_eq!(hub.total(collection), 0, "{collection}");
        assert_eq!(ids(&hub.get(collection).1).len(), 1, "{collection}");
    }
    hub.move_clock(5_001);
    for collection in [DEALS, LEADS, NOTES] {
        assert_eq!(hub.total(collection), 1, "{collection}");
    }
}
