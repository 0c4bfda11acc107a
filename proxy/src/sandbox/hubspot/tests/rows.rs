//! Reading rows: the list, single rows, merges, links, owners, definitions.

use super::*;

#[test]
fn the_list_pages_by_key_without_a_total() {
    let hub = Hub::sample();
    let (mut seen, mut target) = (Vec::new(), format!("{COMPANIES}?limit=10"));
    loop {
        let (status, page) = hub.get(&target);
        assert_eq!((status, page.get("total")), (200, None));
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        // What vanishes between two pages makes nobody skip a row.
        if seen.len() == 10 {
            hub.ask(
                Method::DELETE,
                &format!("{COMPANIES}/{}", seen[0]),
                &Value::Null,
            );
        }
        let Some(next) = page.get("paging") else {
            break;
        };
        let link = next["next"]["link"].as_str().unwrap();
        assert!(
            link.contains(&format!(
                "after={}",
                next["next"]["after"].as_str().unwrap()
            )),
            "{link}"
        );
        target = link.strip_prefix(PUBLIC_BASE).unwrap().to_owned();
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted());
    assert_eq!(ids(&hub.get(COMPANIES).1).len(), 10);
    for wrong in ["0", "101", "many"] {
        assert_eq!(hub.get(&format!("{COMPANIES}?limit={wrong}")).0, 400);
    }
    let (_, archived) = hub.get(&format!("{COMPANIES}?archived=true"));
    assert_eq!(ids(&archived), [seen[0].as_str()]);
    assert!(archived["results"][0]["archivedAt"].is_string());
}

#[test]
fn unknown_properties_of_a_read_are_left_out_and_unset_ones_are_null() {
    let hub = Hub::empty();
    let id = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    let (_, row) = hub.get(&format!(
        "{CONTACTS}/{id}?properties=phone,mobilePhone&properties=email"
    ));
    let names: Vec<&String> = row["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "createdate",
            "email",
            "hs_object_id",
            "lastmodifieddate",
            "phone"
        ]
    );
    assert_eq!(row["properties"]["phone"], Value::Null);
    let (_, row) = hub.get(&format!("{CONTACTS}/{id}"));
    let names: Vec<&String> = row["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "createdate",
            "email",
            "firstname",
            "hs_object_id",
            "lastmodifieddate",
            "lastname"
        ]
    );
}

#[test]
fn rows_that_are_not_there() {
    let hub = Hub::sample();
    let (status, body) = hub.get(&format!("{CONTACTS}/999"));
    assert_eq!(status, 404);
    let expected = json!({ "status": "error", "message": "Object not found.  objectId are usually numeric.", "context": { "id": ["999"] }, "category": "OBJECT_NOT_FOUND", "subCategory": "crm.OBJECT_NOT_FOUND" });
    assert_eq!(envelope(body), expected);
    assert_eq!(hub.get(&format!("{CONTACTS}/abc")).0, 404);
    let (status, body) = hub.patch(&format!("{CONTACTS}/999"), &json!({ "firstname": "A" }));
    assert_eq!(
        (status, body["message"].as_str()),
        (404, Some("resource not found"))
    );
    assert_eq!(
        hub.ask(Method::DELETE, &format!("{CONTACTS}/999"), &Value::Null)
            .0,
        204
    );
    // The id of a company is no contact.
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    assert_eq!(hub.get(&format!("{CONTACTS}/{company}")).0, 404);
}

#[test]
fn an_archived_row_is_seen_only_when_asked_so() {
    let hub = Hub::empty();
    let id = hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    assert_eq!(
        hub.ask(Method::DELETE, &format!("{CONTACTS}/{id}"), &Value::Null),
        (204, Value::Null)
    );
    assert_eq!(hub.get(&format!("{CONTACTS}/{id}")).0, 404);
    let (status, row) = hub.get(&format!("{CONTACTS}/{id}?archived=true"));
    assert_eq!((status, &row["archived"]), (200, &json!(true)));
    // HubSpot's own client for Python writes it so.
    let (status, row) = hub.get(&format!("{CONTACTS}/{id}?archived=True"));
    assert_eq!((status, &row["archived"]), (200, &json!(true)));
    assert_eq!(hub.get(&format!("{CONTACTS}/{id}?archived=False")).0, 404);
    assert_eq!(hub.get(&format!("{CONTACTS}/{id}?archived=maybe")).0, 400);
    assert_eq!(
        hub.patch(&format!("{CONTACTS}/{id}"), &json!({ "firstname": "A" }))
            .0,
        404
    );
}

#[test]
fn types_have_three_names_and_two_versions_of_paths() {
    let hub = Hub::sample();
    for target in [
        "/crm/v3/objects/contacts",
        "/crm/v3/objects/contact",
        "/crm/v3/objects/0-1",
        "/crm/objects/2026-03/contacts",
        "/crm/objects/2026-09/0-1",
    ] {
        assert_eq!(hub.get(target).0, 200, "{target}");
    }
    for target in [
        "/crm/v3/objects/foo",
        "/crm/v3/objects/contacts?associations=foo",
        "/crm/v3/properties/foo",
    ] {
        let (status, body) = hub.get(target);
        assert_eq!(status, 400);
        assert_eq!(
            envelope(body),
            json!({ "status": "error", "message": "Unable to infer object type from: foo" })
        );
    }
    assert_eq!(hub.get("/crm/objects/2025-01/contacts").0, 404);
}

#[test]
fn a_merge_makes_a_third_id_and_the_old_ones_lead_to_it() {
    let hub = Hub::empty();
    let a = hub.create(
        CONTACTS,
        &json!({ "email": "a@x.example", "firstname": "Ada" }),
    );
    let b = hub.create(
        CONTACTS,
        &json!({ "email": "b@x.example", "firstname": "Bo", "phone": "1" }),
    );
    let (status, row) = hub.post(
        &format!("{CONTACTS}/merge"),
        &json!({ "primaryObjectId": a, "objectIdToMerge": b }),
    );
    assert_eq!(status, 200);
    let id = row["id"].as_str().unwrap();
    assert!(id != a && id != b);
    for old in [&a, &b] {
        let (_, row) = hub.get(&format!(
            "{CONTACTS}/{old}?properties=firstname,phone,hs_additional_emails,hs_merged_object_ids"
        ));
        assert_eq!(row["id"], id);
        assert_eq!(
            (&row["properties"]["firstname"], &row["properties"]["phone"]),
            (&json!("Ada"), &json!("1"))
        );
        assert_eq!(row["properties"]["hs_additional_emails"], "b@x.example");
        assert_eq!(
            row["properties"]["hs_merged_object_ids"],
            format!("{a};{b}")
        );
    }
    let (status, row) = hub.get(&format!("{CONTACTS}/B@x.example?idProperty=email"));
    assert_eq!((status, &row["id"]), (200, &json!(id)));
}

#[test]
fn links_come_with_one_entry_per_label() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let link = |to: &str, ty: u32| json!({ "properties": { "firstname": "Ada" }, "associations": [{ "to": { "id": to }, "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": ty }] }] });
    let (status, contact) = hub.post(CONTACTS, &link(&company, 279));
    assert_eq!(status, 201, "{contact}");
    let id = contact["id"].as_str().unwrap();
    let (_, row) = hub.get(&format!(
        "{CONTACTS}/{id}?associations=company&properties=associatedcompanyid"
    ));
    let results = row["associations"]["companies"]["results"]
        .as_array()
        .unwrap();
    let types: Vec<&str> = results
        .iter()
        .map(|link| link["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        ["contact_to_company", "contact_to_company_unlabeled"]
    );
    assert!(results.iter().all(|link| link["id"] == company.as_str()));
    assert_eq!(row["properties"]["associatedcompanyid"], company.as_str());
    let (status, body) = hub.post(CONTACTS, &link("999", 279));
    assert_eq!(
        (status, body["message"].as_str()),
        (400, Some("One or more associations are invalid"))
    );
    assert_eq!(
        body["context"]["INVALID_OBJECT_IDS"],
        json!(["COMPANY=999 is not valid"])
    );
    assert_eq!(hub.post(CONTACTS, &link(&company, 280)).0, 400);
}

#[test]
fn links_follow_a_merge_and_end_with_an_archived_row() {
    let hub = Hub::empty();
    let company = hub.create(COMPANIES, &json!({ "name": "A" }));
    let other = hub.create(COMPANIES, &json!({ "name": "A again" }));
    let linked = json!({ "properties": {}, "associations": [{ "to": { "id": company }, "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1 }] }] });
    let (_, contact) = hub.post(CONTACTS, &linked);
    let contact = format!("{CONTACTS}/{}", contact["id"].as_str().unwrap());
    let shown = || {
        hub.get(&format!(
            "{contact}?associations=companies&properties=associatedcompanyid"
        ))
        .1
    };
    let (_, merged) = hub.post(
        &format!("{COMPANIES}/merge"),
        &json!({ "primaryObjectId": other, "objectIdToMerge": company }),
    );
    let merged = merged["id"].as_str().unwrap();
    assert_eq!(shown()["properties"]["associatedcompanyid"], merged);
    assert_eq!(
        shown()["associations"]["companies"]["results"][0],
        json!({ "id": merged, "type": "contact_to_company" })
    );
    hub.ask(
        Method::DELETE,
        &format!("{COMPANIES}/{merged}"),
        &Value::Null,
    );
    assert_eq!(
        (
            &shown()["properties"]["associatedcompanyid"],
            shown().get("associations")
        ),
        (&Value::Null, None)
    );
}

#[test]
fn owners_have_two_lists() {
    let hub = Hub::sample();
    let (_, live) = hub.get("/crm/v3/owners/?limit=3");
    assert_eq!(ids(&live), ["7001", "7002", "7003"]);
    let after = live["paging"]["next"]["after"].as_str().unwrap();
    let (_, rest) = hub.get(&format!("/crm/owners/2026-03?limit=3&after={after}"));
    assert_eq!(
        (ids(&rest), rest.get("paging")),
        (vec!["7004", "7005"], None)
    );
    let (_, archived) = hub.get("/crm/v3/owners?archived=true");
    assert_eq!(ids(&archived), ["7008", "7009"]);
    assert_eq!(archived["results"][1]["userId"], Value::Null);
    assert_eq!(archived["results"][1]["userIdIncludingInactive"], 9_586_499);
    let (_, queue) = hub.get("/crm/v3/owners/7005");
    assert_eq!(
        (&queue["type"], &queue["userId"]),
        (&json!("QUEUE"), &Value::Null)
    );
    assert_eq!(hub.get("/crm/v3/owners/7009").0, 404);
    assert_eq!(hub.get("/crm/v3/owners/7009?archived=true").0, 200);
    assert_eq!(
        hub.get("/crm/v3/owners/9586504?idProperty=userId").1["id"],
        "7001"
    );
    assert_eq!(
        ids(&hub
            .get("/crm/v3/owners?email=bruno.keller@crosswalk-demo.example")
            .1),
        ["7002"]
    );
    assert_eq!(hub.get("/crm/v3/owners?limit=501").0, 400);
    // Owners come and go in the user interface, which is a command here.
    assert!(
        hub.0
            .command("owners", &json!({ "add": 600, "archive": "7002" }))
            .unwrap()
            .is_ok()
    );
    let (_, page) = hub.get("/crm/v3/owners?limit=500");
    assert_eq!(ids(&page).len(), 500);
    assert!(page["paging"]["next"]["after"].is_string());
    assert_eq!(hub.get("/crm/v3/owners/7002").0, 404);
    assert_eq!(ids(&hub.get("/crm/v3/owners").1).len(), 100);
}

#[test]
fn definitions_say_what_a_write_will_take() {
    let hub = Hub::empty();
    let (_, body) = hub.get("/crm/v3/properties/companies");
    let named = |name: &str| {
        body["results"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name)
            .unwrap()
            .clone()
    };
    let owner = named("hubspot_owner_id");
    assert_eq!(
        (&owner["externalOptions"], &owner["options"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(
        named("hs_lastmodifieddate")["modificationMetadata"]["readOnlyValue"],
        true
    );
    assert_eq!(named("domain")["hasUniqueValue"], false);
    let industry = named("industry");
    assert_eq!(
        industry["options"][0],
        json!({ "label": "Accounting", "value": "ACCOUNTING", "displayOrder": 0, "hidden": false, "description": "" })
    );
    let (status, missing) = hub.get("/crm/v3/properties/companies/nope");
    assert_eq!(status, 404);
    assert!(
        missing["subCategory"]
            .as_str()
            .unwrap()
            .contains("PROPERTY_DOESNT_EXIST")
    );
    assert_eq!(hub.get("/crm/v3/properties/owners").0, 400);
}

#[test]
fn a_reset_brings_the_sample_back_or_nothing() {
    let hub = Hub::sample();
    let count = || {
        hub.post(&format!("{CONTACTS}/search"), &json!({ "limit": 0 }))
            .1["total"]
            .clone()
    };
    hub.create(CONTACTS, &json!({ "email": "a@x.example" }));
    assert_eq!(count(), 61);
    hub.0.reset(false);
    assert_eq!(count(), 60);
    hub.0.reset(true);
    assert_eq!(count(), 0);
    assert_eq!(ids(&hub.get("/crm/v3/owners").1).len(), 5);
}

#[test]
fn milliseconds_that_are_zero_may_be_left_out() {
    let hub = Hub::empty().with(&json!({ "drop_zero_milliseconds": true }));
    let created = "2024-01-30T17:51:23.000Z";
    let id = hub.create(COMPANIES, &json!({ "name": "A", "createdate": created }));
    let (_, row) = hub.get(&format!("{COMPANIES}/{id}"));
    assert_eq!(row["createdAt"], "2024-01-30T17:51:23Z");
    assert_eq!(row["properties"]["createdate"], "2024-01-30T17:51:23Z");
    hub.0
        .configure(&json!({ "drop_zero_milliseconds": false }))
        .unwrap();
    assert_eq!(hub.value(COMPANIES, &id, "createdate"), created);
}

#[test]
fn the_further_standard_types_answer_by_name_and_id() {
    let hub = Hub::empty();
    let known = [
        ("tickets", "ticket", "0-5"),
        ("tasks", "task", "0-27"),
        ("calls", "call", "0-48"),
        ("emails", "email", "0-49"),
        ("meetings", "meeting", "0-47"),
        ("products", "product", "0-7"),
        ("line_items", "line_item", "0-8"),
    ];
    for (plural, singular, id) in known {
        let properties =
            json!({ "hubspot_owner_id": "7001", "hs_timestamp": "2026-03-01T09:00:00Z" });
        let body = match plural {
            "tickets" => json!({ "subject": "A" }),
            "products" | "line_items" => json!({ "name": "A" }),
            _ => properties,
        };
        hub.create(&format!("/crm/v3/objects/{plural}"), &body);
        for name in [plural, singular, id] {
            assert_eq!(
                ids(&hub.get(&format!("/crm/objects/2026-09/{name}")).1).len(),
                1
            );
            assert_eq!(hub.total(&format!("/crm/v3/objects/{name}")), 1);
        }
    }
    // Keys of links have spaces where names have underscores.
    let item = hub.create("/crm/v3/objects/line_items", &json!({ "name": "A" }));
    let deal = hub.create_linked(DEALS, &json!({ "dealname": "A" }), &[(&item, 19)]);
    let (_, row) = hub.get(&format!("{DEALS}/{deal}?associations=line_items"));
    let expected =
        json!({ "line items": { "results": [{ "id": item, "type": "deal_to_line_item" }] } });
    assert_eq!(row["associations"], expected);
    let (_, body) = hub.get("/crm/v3/pipelines/tickets");
    let stages = body["results"][0]["stages"].as_array().unwrap();
    assert_eq!(stages[0]["metadata"], json!({ "ticketState": "OPEN" }));
}
