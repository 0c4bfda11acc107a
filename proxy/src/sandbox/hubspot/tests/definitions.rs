//! Properties and groups that the account makes (hubspot.md §7.2).

use super::*;

const LEAD_PROPERTIES: &str = "/crm/v3/properties/leads";

fn text(name: &str, group: &str) -> Value {
    json!({ "name": name, "label": name, "type": "string", "fieldType": "text", "groupName": group })
}

#[test]
fn a_property_is_written_and_read_at_once_in_every_type() {
    let hub = Hub::sample();
    for ty in ["contacts", "companies", "deals", "leads", "notes"] {
        let (_, groups) = hub.get(&format!("/crm/v3/properties/{ty}/groups"));
        let group = groups["results"][0]["name"].as_str().unwrap();
        let path = format!("/crm/properties/2026-09/{ty}");
        let (status, made) = hub.post(&path, &text("tier", group));
        assert_eq!(status, 201, "{ty}: {made}");
        assert_eq!(
            (&made["hubspotDefined"], &made["archived"]),
            (&json!(false), &json!(false))
        );
        let collection = format!("/crm/v3/objects/{ty}");
        let (_, page) = hub.get(&format!("{collection}?limit=1"));
        let id = page["results"][0]["id"].as_str().unwrap();
        assert_eq!(
            hub.patch(&format!("{collection}/{id}"), &json!({ "tier": "gold" }))
                .0,
            200
        );
        assert_eq!(hub.value(&collection, id, "tier"), "gold");
        let body =
            json!({ "filters": [{ "propertyName": "tier", "operator": "EQ", "value": "gold" }] });
        assert_eq!(
            ids(&hub.post(&format!("{collection}/search"), &body).1),
            [id]
        );
        assert_eq!(hub.get(&format!("{path}/tier")).0, 200);
    }
}

#[test]
fn the_group_must_be_there_first() {
    let hub = Hub::empty();
    for group in [json!("custom_properties"), json!(""), Value::Null] {
        let mut body = text("tier", "x");
        body["groupName"] = group;
        assert_eq!(hub.post(LEAD_PROPERTIES, &body).0, 400);
    }
    let group = json!({ "name": "custom_properties", "label": "Custom" });
    let groups = format!("{LEAD_PROPERTIES}/groups");
    assert_eq!(hub.post(&groups, &group).0, 201);
    let (status, body) = hub.post(&groups, &group);
    assert_eq!(
        (status, &body["category"]),
        (409, &json!("OBJECT_ALREADY_EXISTS"))
    );
    assert_eq!(
        hub.post(LEAD_PROPERTIES, &text("tier", "custom_properties"))
            .0,
        201
    );
    let (status, body) = hub.post(LEAD_PROPERTIES, &text("tier", "custom_properties"));
    assert_eq!(
        (status, &body["category"]),
        (409, &json!("OBJECT_ALREADY_EXISTS"))
    );
    let (status, body) = hub.get("/crm/v3/properties/leads/nope");
    assert_eq!(status, 404);
    assert!(
        body["subCategory"]
            .as_str()
            .unwrap()
            .contains("PROPERTY_DOESNT_EXIST")
    );
}

#[test]
fn options_and_field_types_must_fit() {
    let hub = Hub::empty();
    let attempt = |ty: &str, field: &str, options: Value| {
        let mut body = text("tier", "dealinformation");
        (body["type"], body["fieldType"], body["options"]) = (json!(ty), json!(field), options);
        hub.post("/crm/v3/properties/deals", &body).0
    };
    let option = |label: &str, value: &str| json!({ "label": label, "value": value });
    assert_eq!(attempt("enumeration", "select", json!([])), 400);
    assert_eq!(
        attempt("enumeration", "text", json!([option("A", "a")])),
        400
    );
    assert_eq!(
        attempt(
            "enumeration",
            "select",
            json!([option("A", "a"), option("B", "a")])
        ),
        400
    );
    assert_eq!(
        attempt(
            "enumeration",
            "select",
            json!([option("A", "a"), option("A", "b")])
        ),
        400
    );
    assert_eq!(
        attempt("enumeration", "select", json!([option("", "a")])),
        400
    );
    assert_eq!(attempt("bool", "booleancheckbox", json!([])), 400);
    assert_eq!(
        attempt(
            "bool",
            "booleancheckbox",
            json!([option("Yes", "yes"), option("No", "no")])
        ),
        400
    );
    assert_eq!(attempt("datetime", "datetime", json!([])), 400);
    assert_eq!(
        attempt("picklist", "select", json!([option("A", "a")])),
        400
    );
    assert_eq!(
        attempt(
            "bool",
            "booleancheckbox",
            json!([option("Yes", "true"), option("No", "false")])
        ),
        201
    );
    let deal = hub.create(DEALS, &json!({ "dealname": "A", "tier": true }));
    assert_eq!(hub.value(DEALS, &deal, "tier"), "true");
    let wrong = hub.patch(&format!("{DEALS}/{deal}"), &json!({ "tier": "yes" }));
    assert_eq!(wrong.0, 400);
}

#[test]
fn several_options_are_joined_and_appended() {
    let hub = Hub::empty();
    let mut body = text("tags", "dealinformation");
    (body["type"], body["fieldType"]) = (json!("enumeration"), json!("checkbox"));
    body["options"] = json!([{ "label": "A", "value": "a" }, { "label": "B", "value": "b" }]);
    assert_eq!(hub.post("/crm/v3/properties/deals", &body).0, 201);
    let deal = hub.create(DEALS, &json!({ "dealname": "A", "tags": "a" }));
    hub.patch(&format!("{DEALS}/{deal}"), &json!({ "tags": ";b" }));
    assert_eq!(hub.value(DEALS, &deal, "tags"), "a;b");
    // A further option by a change of the definition.
    body["options"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "label": "C", "value": "c" }));
    let change = json!({ "options": body["options"] });
    let path = "/crm/v3/properties/deals/tags";
    assert_eq!(hub.ask(Method::PATCH, path, &change).0, 200);
    assert_eq!(
        hub.patch(&format!("{DEALS}/{deal}"), &json!({ "tags": "c" }))
            .0,
        200
    );
}

#[test]
fn at_most_ten_properties_are_unique() {
    let hub = Hub::empty();
    let create = |n: usize| {
        let mut body = text(&format!("key_{n}"), "dealinformation");
        body["hasUniqueValue"] = json!(true);
        hub.post("/crm/v3/properties/deals", &body).0
    };
    assert!((0..10).all(|n| create(n) == 201));
    assert_eq!(create(10), 400);
    let deal = hub.create(DEALS, &json!({ "dealname": "A", "key_0": "x" }));
    let (_, row) = hub.get(&format!("{DEALS}/x?idProperty=key_0"));
    assert_eq!(row["id"], deal.as_str());
    assert_eq!(
        hub.post(DEALS, &json!({ "properties": { "key_0": "x" } }))
            .0,
        400
    );
}

#[test]
fn definitions_go_in_batches_and_archived_ones_are_undefined() {
    let hub = Hub::empty();
    let inputs =
        json!({ "inputs": [text("one", "leadinformation"), text("two", "leadinformation")] });
    let (status, body) = hub.post(&format!("{LEAD_PROPERTIES}/batch/create"), &inputs);
    assert_eq!((status, &body["status"]), (201, &json!("COMPLETE")));
    assert_eq!(body["results"][1]["name"], "two");
    assert_eq!(
        hub.post(&format!("{LEAD_PROPERTIES}/batch/create"), &inputs)
            .0,
        409
    );
    let named = json!({ "archived": false, "inputs": [{ "name": "one" }, { "name": "nope" }] });
    let (status, body) = hub.post(&format!("{LEAD_PROPERTIES}/batch/read"), &named);
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)));

    assert_eq!(
        hub.delete(&format!("{LEAD_PROPERTIES}/one")),
        (204, Value::Null)
    );
    assert_eq!(hub.get(&format!("{LEAD_PROPERTIES}/one")).0, 404);
    let (_, archived) = hub.get(&format!("{LEAD_PROPERTIES}?archived=true"));
    assert_eq!(archived["results"].as_array().unwrap().len(), 1);
    assert_eq!(archived["results"][0]["archived"], true);
    let two = json!({ "inputs": [{ "name": "two" }] });
    assert_eq!(
        hub.post(&format!("{LEAD_PROPERTIES}/batch/archive"), &two)
            .0,
        204
    );
    assert_eq!(hub.get(&format!("{LEAD_PROPERTIES}/two")).0, 404);
    assert_eq!(
        hub.delete(&format!("{LEAD_PROPERTIES}/hs_lead_name")).0,
        400
    );
    assert_eq!(hub.delete(&format!("{LEAD_PROPERTIES}/nope")).0, 404);
}
