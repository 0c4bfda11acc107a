//! Rows that are archived, merged, restored, or deleted for good (hubspot.md §4.2, §9).

use super::*;

fn merge(hub: &Hub, collection: &str, primary: &str, other: &str) -> (u16, Value) {
    let body = json!({ "primaryObjectId": primary, "objectIdToMerge": other });
    hub.post(&format!("{collection}/merge"), &body)
}

#[test]
fn archived_rows_have_a_list_of_their_own_and_no_search() {
    let hub = Hub::empty();
    for (collection, name) in [(COMPANIES, "name"), (DEALS, "dealname")] {
        let id = hub.create(collection, &json!({ name: "A" }));
        assert_eq!(hub.delete(&format!("{collection}/{id}")).0, 204);
        assert_eq!(
            (ids(&hub.get(collection).1).len(), hub.total(collection)),
            (0, json!(0))
        );
        let (_, page) = hub.get(&format!("{collection}?archived=true"));
        assert_eq!(ids(&page), [id.as_str()]);
        let row = &page["results"][0];
        assert_eq!(row["archived"], true);
        assert!(row["archivedAt"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn a_merge_of_deals_leaves_the_ids_of_both_on_the_winner() {
    let hub = Hub::empty();
    let a = hub.create(DEALS, &json!({ "dealname": "A" }));
    let b = hub.create(DEALS, &json!({ "dealname": "B", "amount": "5" }));
    let (status, row) = merge(&hub, DEALS, &a, &b);
    assert_eq!(status, 200);
    let id = row["id"].as_str().unwrap();
    assert_eq!(
        hub.value(DEALS, id, "hs_merged_object_ids"),
        format!("{a};{b}")
    );
    assert_eq!(hub.value(DEALS, id, "amount"), "5");
    assert_eq!(ids(&hub.get(DEALS).1), [id]);
    // The losers are no archived rows: they are gone.
    assert_eq!(ids(&hub.get(&format!("{DEALS}?archived=true")).1), [""; 0]);
    assert_eq!(hub.get(&format!("{DEALS}/{b}")).1["id"], id);
    let hub = hub.with(&json!({ "merged_ids_lead_on": false }));
    assert_eq!(hub.get(&format!("{DEALS}/{b}")).0, 404);
}

#[test]
fn a_merged_contact_tells_its_losers_twice_and_may_keep_its_id() {
    let hub = Hub::empty().with(&json!({ "merge_keeps_primary_id": true }));
    let a = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let b = hub.create(CONTACTS, &json!({ "email": "b@x.example" }));
    let (_, row) = merge(&hub, CONTACTS, &a, &b);
    assert_eq!(row["id"], a.as_str());
    assert_eq!(hub.value(CONTACTS, &a, "hs_merged_object_ids"), b.as_str());
    let vids = hub.value(CONTACTS, &a, "hs_calculated_merged_vids");
    assert!(
        vids.as_str().unwrap().starts_with(&format!("{b}:")),
        "{vids}"
    );
    let hub = hub.with(&json!({ "merged_ids_lead_on": false }));
    assert_eq!(hub.get(&format!("{CONTACTS}/{b}")).1["id"], a.as_str());
    // A batch update leaves the merged id out without a word.
    let input = json!({ "id": b, "properties": { "firstname": "B" } });
    let (status, body) = hub.post(
        &format!("{CONTACTS}/batch/update"),
        &json!({ "inputs": [input] }),
    );
    assert_eq!(
        (status, ids(&body), body.get("errors")),
        (200, vec![], None)
    );
    assert_eq!(merge(&hub, CONTACTS, &a, &a).0, 400);
    assert_eq!(merge(&hub, CONTACTS, &a, "999").0, 404);
}

#[test]
fn leads_and_notes_know_neither_merge_nor_gdpr_delete() {
    let hub = Hub::sample();
    for collection in [LEADS, NOTES] {
        assert_eq!(merge(&hub, collection, "1", "2").0, 404);
        let body = json!({ "objectId": "1" });
        assert_eq!(hub.post(&format!("{collection}/gdpr-delete"), &body).0, 404);
    }
}

#[test]
fn a_merged_contact_takes_its_leads_along() {
    let hub = Hub::empty();
    let a = hub.create(
        CONTACTS,
        &json!({ "email": "a@x.example", "firstname": "Ada" }),
    );
    let b = hub.create(
        CONTACTS,
        &json!({ "email": "b@x.example", "firstname": "Bo" }),
    );
    let lead = hub.create_linked(LEADS, &json!({ "hs_lead_name": "A" }), &[(&b, 578)]);
    let (_, row) = merge(&hub, CONTACTS, &a, &b);
    assert_eq!(hub.value(LEADS, &lead, "hs_primary_contact_id"), row["id"]);
    assert_eq!(
        hub.value(LEADS, &lead, "hs_associated_contact_firstname"),
        "Ada"
    );
}

#[test]
fn a_gdpr_delete_leaves_no_trace() {
    let hub = Hub::empty();
    let a = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let b = hub.create(CONTACTS, &json!({ "email": "b@x.example" }));
    let path = format!("{CONTACTS}/gdpr-delete");
    assert_eq!(
        hub.post(&path, &json!({ "objectId": a })),
        (204, Value::Null)
    );
    let by_email = json!({ "objectId": "b@x.example", "idProperty": "email" });
    assert_eq!(hub.post(&path, &by_email).0, 204);
    for id in [a, b] {
        assert_eq!(hub.get(&format!("{CONTACTS}/{id}?archived=true")).0, 404);
    }
    assert_eq!(
        ids(&hub.get(&format!("{CONTACTS}?archived=true")).1).len(),
        0
    );
}

#[test]
fn a_restored_row_comes_back_with_its_links() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let contact = hub.create_linked(
        CONTACTS,
        &json!({ "email": "a@x.example" }),
        &[(&company, 1)],
    );
    let before = hub.value(CONTACTS, &contact, "lastmodifieddate");
    hub.delete(&format!("{CONTACTS}/{contact}"));
    hub.move_clock(5_000);
    let order = json!({ "type": "contacts", "id": contact.parse::<u64>().unwrap() });
    assert!(hub.0.command("restore", &order).unwrap().is_ok());
    assert_ne!(hub.value(CONTACTS, &contact, "lastmodifieddate"), before);
    assert_eq!(
        hub.value(CONTACTS, &contact, "associatedcompanyid"),
        company.as_str()
    );
    assert_eq!(hub.total(CONTACTS), 1);
    assert!(hub.0.command("restore", &order).unwrap().is_err());
    // What another row has taken meanwhile stands in the way.
    hub.delete(&format!("{CONTACTS}/{contact}"));
    hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let refused = hub.0.command("restore", &order).unwrap().unwrap_err();
    assert!(refused.contains("unique"), "{refused}");
    assert!(hub.0.command("nope", &json!({})).is_none());
}

#[test]
fn a_merged_contact_keeps_one_primary_company() {
    let hub = Hub::empty();
    let companies = ["A", "B"].map(|name| hub.create(COMPANIES, &json!({ "name": name })));
    let contacts = [0, 1].map(|n| {
        let properties = json!({ "email": format!("{n}@x.example") });
        hub.create_linked(CONTACTS, &properties, &[(&companies[n], 1)])
    });
    let (_, row) = merge(&hub, CONTACTS, &contacts[0], &contacts[1]);
    let id = row["id"].as_str().unwrap();
    assert_eq!(
        hub.value(CONTACTS, id, "associatedcompanyid"),
        companies[0].as_str()
    );
    let (_, row) = hub.get(&format!("{CONTACTS}/{id}?associations=companies"));
    let links: Vec<(&str, &str)> = row["associations"]["companies"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (link["id"].as_str().unwrap(), link["type"].as_str().unwrap()))
        .collect();
    let expected = [
        (companies[0].as_str(), "contact_to_company"),
        (companies[0].as_str(), "contact_to_company_unlabeled"),
        (companies[1].as_str(), "contact_to_company_unlabeled"),
    ];
    assert_eq!(links, expected);
}

#[test]
fn a_winner_that_keeps_its_id_still_tells_its_leads_what_it_gained() {
    let hub = Hub::empty().with(&json!({ "merge_keeps_primary_id": true }));
    let a = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let b = hub.create(
        CONTACTS,
        &json!({ "email": "b@x.example", "lastname": "Lovelace" }),
    );
    let lead = hub.create_linked(LEADS, &json!({ "hs_lead_name": "A" }), &[(&a, 578)]);
    merge(&hub, CONTACTS, &a, &b);
    assert_eq!(
        hub.value(LEADS, &lead, "hs_associated_contact_lastname"),
        "Lovelace"
    );
}

#[test]
fn a_restored_row_is_not_linked_to_what_is_archived() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let contact = hub.create_linked(
        CONTACTS,
        &json!({ "email": "a@x.example" }),
        &[(&company, 1)],
    );
    hub.delete(&format!("{CONTACTS}/{contact}"));
    hub.delete(&format!("{COMPANIES}/{company}"));
    let order = json!({ "type": "contacts", "id": contact.parse::<u64>().unwrap() });
    assert!(hub.0.command("restore", &order).unwrap().is_ok());
    let (_, row) = hub.get(&format!("{CONTACTS}/{contact}?associations=companies"));
    assert_eq!(row.get("associations"), None);
}
