//! The associations API of hubspot.md §6.

use super::*;

const READ: &str = "/crm/v4/associations/contacts/companies/batch/read";
const LABELS: &str = "/crm/v4/associations/contacts/companies/labels";

fn kind(id: u32) -> Value {
    json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id })
}

fn number(id: &str) -> u64 {
    id.parse().unwrap()
}

/// A contact and two companies that nothing links.
fn three(hub: &Hub) -> [String; 3] {
    [
        hub.create(CONTACTS, &json!({ "email": "a@x.example" })),
        hub.create(COMPANIES, &json!({ "name": "A" })),
        hub.create(COMPANIES, &json!({ "name": "B" })),
    ]
}

/// The type ids that a contact's link to a company has.
fn type_ids(hub: &Hub, contact: &str, company: &str) -> Vec<u64> {
    let (_, body) = hub.get(&format!(
        "/crm/v4/objects/contacts/{contact}/associations/companies"
    ));
    body["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|link| link["toObjectId"] == number(company))
        .flat_map(|link| link["associationTypes"].as_array().unwrap().clone())
        .map(|ty| ty["typeId"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_batch_read_tells_rows_without_links_as_errors() {
    let hub = Hub::empty();
    let [contact, company, _] = three(&hub);
    let alone = hub.create(CONTACTS, &json!({ "email": "b@x.example" }));
    hub.put(
        &format!("/crm/v4/objects/contacts/{contact}/associations/default/companies/{company}"),
        &Value::Null,
    );
    let inputs = json!({ "inputs": [{ "id": contact }, { "id": alone }] });
    let (status, body) = hub.post(READ, &inputs);
    assert_eq!((status, &body["status"]), (207, &json!("COMPLETE")));
    let types = json!([
        { "category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary" },
        { "category": "HUBSPOT_DEFINED", "typeId": 279, "label": null },
    ]);
    let to = json!([{ "toObjectId": number(&company), "associationTypes": types }]);
    assert_eq!(
        body["results"],
        json!([{ "from": { "id": contact }, "to": to }])
    );
    let error = json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No company is associated with contact {alone}."),
        "context": { "fromObjectId": [alone], "fromObjectType": ["contact"], "toObjectType": ["company"] },
    });
    assert_eq!(
        (&body["numErrors"], &body["errors"]),
        (&json!(1), &json!([error]))
    );
    let (status, body) = hub.post(READ, &json!({ "inputs": [{ "id": contact }] }));
    assert_eq!((status, body.get("errors")), (200, None));
    // The newer document has texts for ids, the older form one entry for each type.
    let dated = "/crm/associations/2026-09/0-1/company/batch/read";
    let (_, body) = hub.post(dated, &inputs);
    assert_eq!(body["results"][0]["to"][0]["toObjectId"], company.as_str());
    let (_, body) = hub.post(
        "/crm/v3/associations/contacts/companies/batch/read",
        &inputs,
    );
    let to = json!([
        { "id": company, "type": "contact_to_company" },
        { "id": company, "type": "contact_to_company_unlabeled" },
    ]);
    assert_eq!(body["results"][0]["to"], to);
    let many: Vec<Value> = (0..1001).map(|id| json!({ "id": id })).collect();
    assert_eq!(hub.post(READ, &json!({ "inputs": many })).0, 400);
}

#[test]
fn the_default_put_makes_the_unlabelled_link_and_tells_both_directions() {
    let hub = Hub::empty();
    let [contact, company, _] = three(&hub);
    let path = format!("/crm/v4/objects/company/{company}/associations/default/0-1/{contact}");
    let (status, body) = hub.put(&path, &Value::Null);
    assert_eq!((status, &body["status"]), (200, &json!("COMPLETE")));
    let expected = json!([
        { "from": { "id": company }, "to": { "id": contact }, "associationSpec": kind(280) },
        { "from": { "id": contact }, "to": { "id": company }, "associationSpec": kind(279) },
    ]);
    assert_eq!(body["results"], expected);
    assert_eq!(
        hub.value(CONTACTS, &contact, "associatedcompanyid"),
        company.as_str()
    );
}

#[test]
fn a_new_primary_company_unseats_the_former() {
    let hub = Hub::empty();
    let [contact, first, second] = three(&hub);
    let put = |company: &str, id: u32| {
        let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}");
        hub.put(&path, &json!([kind(id)]))
    };
    assert_eq!(put(&first, 279).0, 201);
    let (status, body) = put(&second, 1);
    assert_eq!(status, 201);
    let expected = json!({ "fromObjectTypeId": "0-1", "fromObjectId": number(&contact), "toObjectTypeId": "0-2", "toObjectId": number(&second), "labels": ["Primary"] });
    assert_eq!(body, expected);
    assert_eq!(type_ids(&hub, &contact, &first), [279]);
    assert_eq!(type_ids(&hub, &contact, &second), [1, 279]);
    assert_eq!(
        hub.value(CONTACTS, &contact, "associatedcompanyid"),
        second.as_str()
    );
    // Only the label goes; the link stays.
    let input = json!({ "from": { "id": contact }, "to": { "id": second }, "types": [kind(1)] });
    let path = "/crm/v4/associations/contacts/companies/batch/labels/archive";
    assert_eq!(hub.post(path, &json!({ "inputs": [input] })).0, 204);
    assert_eq!(type_ids(&hub, &contact, &second), [279]);
    assert_eq!(
        hub.value(CONTACTS, &contact, "associatedcompanyid"),
        Value::Null
    );
}

#[test]
fn a_delete_takes_all_labels_of_the_pair() {
    let hub = Hub::empty();
    let [contact, first, second] = three(&hub);
    for company in [&first, &second] {
        let path =
            format!("/crm/objects/2026-03/contacts/{contact}/associations/companies/{company}");
        assert_eq!(hub.put(&path, &json!([kind(1)])).0, 201);
    }
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{second}");
    assert_eq!(hub.delete(&path), (204, Value::Null));
    assert_eq!(type_ids(&hub, &contact, &second), [0; 0]);
    let input = json!({ "from": { "id": contact }, "to": [{ "id": first }] });
    let path = "/crm/v4/associations/contacts/companies/batch/archive";
    assert_eq!(hub.post(path, &json!({ "inputs": [input] })).0, 204);
    let (status, body) = hub.get(&format!(
        "/crm/v4/objects/contacts/{contact}/associations/companies"
    ));
    assert_eq!((status, body), (200, json!({ "results": [] })));
}

#[test]
fn a_list_pages_by_target() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let contacts: Vec<String> = (0..3)
        .map(|n| {
            let properties = json!({ "email": format!("{n}@x.example") });
            hub.create_linked(CONTACTS, &properties, &[(&company, 279)])
        })
        .collect();
    let path = format!("/crm/v4/objects/companies/{company}/associations/contacts?limit=2");
    let (_, first) = hub.get(&path);
    assert_eq!(first["results"].as_array().unwrap().len(), 2);
    let after = first["paging"]["next"]["after"].as_str().unwrap();
    let (_, rest) = hub.get(&format!("{path}&after={after}"));
    assert_eq!(rest["results"][0]["toObjectId"], number(&contacts[2]));
    assert_eq!(rest.get("paging"), None);
    assert_eq!(hub.get(&path.replace("limit=2", "limit=501")).0, 400);
    let unknown = "/crm/v4/objects/companies/999/associations/contacts";
    assert_eq!(hub.get(unknown).0, 404);
}

#[test]
fn a_kind_of_other_types_is_refused_by_their_names() {
    let hub = Hub::empty();
    let [_, company, _] = three(&hub);
    let deal = hub.create(DEALS, &json!({ "dealname": "A" }));
    let put = |to: &str, kinds: Value| {
        let path = format!("/crm/v4/objects/deals/{deal}/associations/companies/{to}");
        hub.put(&path, &kinds)
    };
    // 1 is read as contact to company, so the deal's id is that of no contact.
    let (status, body) = put(&company, json!([kind(1)]));
    assert_eq!(status, 400);
    assert_eq!(body["message"], "One or more associations are invalid");
    let context = json!({ "INVALID_OBJECT_IDS": [format!("CONTACT={deal} is not valid")], "objectId": [deal], "objectType": ["CONTACT"] });
    assert_eq!(body["context"], context);
    let (_, body) = put("999", json!([kind(341)]));
    assert_eq!(
        body["context"]["INVALID_OBJECT_IDS"],
        json!(["COMPANY=999 is not valid"])
    );
    assert_eq!(put(&company, json!([kind(9999)])).0, 400);
    assert_eq!(put(&company, json!([])).0, 400);
    let (status, body) = put(&company, json!("wrong"));
    assert_eq!(status, 400);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("Invalid input JSON on line 1"),
        "{body}"
    );
    let (status, body) = hub.get(&format!("/crm/v4/objects/deals/{deal}/associations/foo"));
    assert_eq!(
        (status, body["message"].as_str()),
        (400, Some("Unable to infer object type from: foo"))
    );
}

#[test]
fn batches_make_links_and_tell_each_failure() {
    let hub = Hub::empty();
    let [contact, company, other] = three(&hub);
    let base = "/crm/v4/associations/contacts/companies/batch";
    let input =
        |to: &str| json!({ "from": { "id": contact }, "to": { "id": to }, "types": [kind(279)] });
    let inputs = json!({ "inputs": [input(&company), input("999")] });
    let (status, body) = hub.post(&format!("{base}/create"), &inputs);
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)));
    assert_eq!(body["results"][0]["toObjectId"], number(&company));
    assert_eq!(body["errors"][0]["context"]["toObjectId"], json!(["999"]));
    let (status, _) = hub.post(
        &format!("{base}/create"),
        &json!({ "inputs": [input(&other)] }),
    );
    assert_eq!(status, 201);
    let input = json!({ "from": { "id": contact }, "to": { "id": company } });
    let (status, body) = hub.post(
        &format!("{base}/associate/default"),
        &json!({ "inputs": [input] }),
    );
    assert_eq!(
        (status, body["results"].as_array().unwrap().len()),
        (200, 2)
    );
}

#[test]
fn a_lead_reads_its_deal_and_the_deal_not_its_lead() {
    let hub = Hub::empty();
    let contact = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let deal = hub.create(DEALS, &json!({ "dealname": "A" }));
    let lead = hub.create_linked(
        LEADS,
        &json!({ "hs_lead_name": "A" }),
        &[(&contact, 578), (&deal, 582)],
    );
    let read = |from: &str, id: &str, to: &str| {
        let path = format!("/crm/v4/objects/{from}/{id}/associations/{to}");
        hub.get(&path).1["results"].as_array().unwrap().len()
    };
    assert_eq!(read("leads", &lead, "deals"), 1);
    assert_eq!(read("deals", &deal, "leads"), 0);
    assert_eq!(read("contacts", &contact, "leads"), 1);
    assert_eq!(
        hub.value(LEADS, &lead, "hs_lead_associated_deals_count"),
        "1"
    );
}

#[test]
fn labels_are_listed_made_renamed_and_deleted() {
    let hub = Hub::empty();
    let (_, body) = hub.get(LABELS);
    let own = json!([
        { "category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary" },
        { "category": "HUBSPOT_DEFINED", "typeId": 279, "label": null },
    ]);
    assert_eq!(body["results"], own);
    let (_, none) = hub.get("/crm/v4/associations/notes/notes/labels");
    assert_eq!(none, json!({ "results": [] }));

    let paired = json!({ "label": "Billing contact", "name": "billing_contact", "inverseLabel": "Billed company" });
    let (status, body) = hub.post(LABELS, &paired);
    assert_eq!(status, 200);
    let made = body["results"].as_array().unwrap();
    assert_eq!(made.len(), 2);
    assert!(made.iter().all(|kind| kind["category"] == "USER_DEFINED"));
    assert_ne!(made[0]["typeId"], made[1]["typeId"]);
    let asked = made
        .iter()
        .find(|kind| kind["label"] == "Billing contact")
        .unwrap();
    let (_, body) = hub.get(LABELS);
    assert_eq!(&body["results"][2], asked);
    let (_, other) = hub.get("/crm/associations/v4/companies/contacts/labels");
    assert_eq!(other["results"][2]["label"], "Billed company");
    let single = json!({ "label": "Friend", "name": "friend" });
    let (_, body) = hub.post(LABELS, &single);
    assert_eq!(body["results"].as_array().unwrap().len(), 1);

    let (status, body) = hub.post(LABELS, &single);
    assert_eq!(
        (status, &body["category"]),
        (409, &json!("OBJECT_ALREADY_EXISTS"))
    );
    for name in ["with-hyphen", "1st", ""] {
        assert_eq!(
            hub.post(LABELS, &json!({ "label": "L", "name": name })).0,
            400
        );
    }
    let leads = "/crm/v4/associations/leads/contacts/labels";
    assert_eq!(
        hub.post(leads, &json!({ "label": "L", "name": "l" })).0,
        400
    );

    let id = &asked["typeId"];
    let renamed = json!({ "associationTypeId": id, "label": "Payer", "inverseLabel": "Paid" });
    assert_eq!(hub.put(LABELS, &renamed), (204, Value::Null));
    assert_eq!(hub.get(LABELS).1["results"][2]["label"], "Payer");
    assert_eq!(hub.delete(&format!("{LABELS}/{id}")), (204, Value::Null));
    assert_eq!(hub.get(LABELS).1["results"].as_array().unwrap().len(), 3);
    assert_eq!(hub.delete(&format!("{LABELS}/279")).0, 404);
}

#[test]
fn an_own_label_counts_from_one_in_its_own_category() {
    let hub = Hub::empty();
    let [contact, company, _] = three(&hub);
    let (_, body) = hub.post(LABELS, &json!({ "label": "Friend", "name": "friend" }));
    let id = body["results"][0]["typeId"].as_u64().unwrap();
    assert_eq!(id, 1);
    let kind = json!({ "associationCategory": "USER_DEFINED", "associationTypeId": id });
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}");
    let (status, body) = hub.put(&path, &json!([kind]));
    assert_eq!((status, &body["labels"]), (201, &json!(["Friend"])));
    let (_, row) = hub.get(&format!("{CONTACTS}/{contact}?associations=companies"));
    let types: Vec<&str> = row["associations"]["companies"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["type"].as_str().unwrap())
        .collect();
    assert_eq!(types.len(), 3, "{types:?}");
    assert!(types.contains(&"friend"));
}

#[test]
fn both_ends_need_their_scope() {
    let hub = Hub::sample().with(&json!({ "granted_scopes": ["crm.objects.contacts.read"] }));
    let (status, body) = hub.post(READ, &json!({ "inputs": [] }));
    assert_eq!((status, &body["category"]), (403, &json!("MISSING_SCOPES")));
    assert_eq!(
        body["errors"][0]["context"]["requiredGranularScopes"],
        json!(["crm.objects.companies.read"])
    );
}

#[test]
fn the_kinds_between_types_have_the_documented_ids() {
    let hub = Hub::empty();
    // From, to, unlabelled, primary: hubspot.md §6.2.
    let known: [(&str, &str, u64, Option<u64>); 40] = [
        ("contacts", "companies", 279, Some(1)),
        ("companies", "contacts", 280, Some(2)),
        ("deals", "companies", 341, Some(5)),
        ("companies", "deals", 342, Some(6)),
        ("deals", "contacts", 3, None),
        ("contacts", "deals", 4, None),
        ("notes", "contacts", 202, None),
        ("contacts", "notes", 201, None),
        ("notes", "companies", 190, None),
        ("companies", "notes", 189, None),
        ("notes", "deals", 214, None),
        ("deals", "notes", 213, None),
        ("leads", "contacts", 608, Some(578)),
        ("leads", "companies", 610, Some(580)),
        ("leads", "notes", 854, None),
        ("leads", "calls", 596, None),
        ("leads", "emails", 598, None),
        ("leads", "meetings", 600, None),
        ("leads", "tasks", 646, None),
        ("leads", "deals", 582, None),
        ("tickets", "companies", 339, Some(26)),
        ("companies", "tickets", 340, Some(25)),
        ("tickets", "contacts", 16, None),
        ("contacts", "tickets", 15, None),
        ("tickets", "deals", 28, None),
        ("deals", "tickets", 27, None),
        ("notes", "tickets", 228, None),
        ("tickets", "notes", 227, None),
        ("calls", "contacts", 194, None),
        ("calls", "companies", 182, None),
        ("calls", "deals", 206, None),
        ("tasks", "contacts", 204, None),
        ("tasks", "companies", 192, None),
        ("tasks", "deals", 216, None),
        ("emails", "contacts", 198, None),
        ("emails", "companies", 186, None),
        ("emails", "deals", 210, None),
        ("meetings", "contacts", 200, None),
        ("meetings", "companies", 188, None),
        ("meetings", "deals", 212, None),
    ];
    for (from, to, plain, primary) in known {
        let (_, body) = hub.get(&format!("/crm/v4/associations/{from}/{to}/labels"));
        let id_of = |label: Value| {
            let kinds = body["results"].as_array().unwrap();
            let kind = kinds.iter().find(|kind| kind["label"] == label);
            kind.map(|kind| kind["typeId"].as_u64().unwrap())
        };
        let found = (id_of(Value::Null), id_of(json!("Primary")));
        assert_eq!(found, (Some(plain), primary), "{from} to {to}");
    }
    for (ty, id) in [("contacts", 449), ("companies", 450), ("deals", 451)] {
        let (_, body) = hub.get(&format!("/crm/v4/associations/{ty}/{ty}/labels"));
        let kinds = body["results"].as_array().unwrap();
        assert!(kinds.iter().any(|kind| kind["typeId"] == id), "{ty}");
    }
}

#[test]
fn long_lists_of_links_go_on_in_pages() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let inputs: Vec<Value> = (0..501)
        .map(|n| {
            let properties = json!({ "email": format!("{n}@x.example") });
            linked(&properties, &[(&company, 279)])
        })
        .collect();
    for chunk in inputs.chunks(100) {
        let body = json!({ "inputs": chunk });
        assert_eq!(hub.post(&format!("{CONTACTS}/batch/create"), &body).0, 201);
    }
    let path = "/crm/v4/associations/companies/contacts/batch/read";
    let (_, body) = hub.post(path, &json!({ "inputs": [{ "id": company }] }));
    let first = &body["results"][0];
    assert_eq!(first["to"].as_array().unwrap().len(), 500);
    let after = &first["paging"]["next"]["after"];
    let next = json!({ "inputs": [{ "id": company, "after": after }] });
    let (_, body) = hub.post(path, &next);
    assert_eq!(body["results"][0]["to"].as_array().unwrap().len(), 1);
    assert_eq!(body["results"][0].get("paging"), None);

    // In a row there is one entry for each label, and the rest is behind a link.
    let (_, row) = hub.get(&format!("{COMPANIES}/{company}?associations=contacts"));
    let shown = &row["associations"]["contacts"];
    assert_eq!(shown["results"].as_array().unwrap().len(), 500);
    let mut seen: Vec<String> = ids(shown).into_iter().map(str::to_owned).collect();
    let link = shown["paging"]["next"]["link"].as_str().unwrap();
    let rest = hub.get(link.strip_prefix(PUBLIC_BASE).unwrap()).1;
    seen.extend(ids(&rest).into_iter().map(str::to_owned));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 501);
}

#[test]
fn two_types_take_ten_labels_of_an_account() {
    let hub = Hub::empty();
    let make = |n: usize| {
        let body = json!({ "label": format!("Label {n}"), "name": format!("label_{n}") });
        hub.post(LABELS, &body).0
    };
    assert!((0..10).all(|n| make(n) == 200));
    assert_eq!(make(10), 400);
}

#[test]
fn a_company_s_id_in_a_contact_links_the_two() {
    let hub = Hub::empty();
    let [contact, company, _] = three(&hub);
    hub.patch(
        &format!("{CONTACTS}/{contact}"),
        &json!({ "associatedcompanyid": company }),
    );
    assert_eq!(type_ids(&hub, &contact, &company), [1, 279]);
}

#[test]
fn contacts_are_linked_by_their_domain_where_the_account_says_so() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "domain": "halden.example" }));
    let contact = |name: &str| {
        let email = format!("{name}@halden.example");
        hub.create(CONTACTS, &json!({ "email": email }))
    };
    let unlinked = contact("a");
    assert_eq!(type_ids(&hub, &unlinked, &company), [0; 0]);
    hub.0
        .configure(&json!({ "associate_by_domain": true }))
        .unwrap();
    let found = contact("b");
    assert_eq!(type_ids(&hub, &found, &company), [1, 279]);
}
