//! Scopes that are missing, sensitive properties, and what a token can learn of itself (hubspot.md §1.3, §1.4).

use super::*;

fn refused(answer: (u16, Value), scopes: &Value) {
    let (status, body) = answer;
    assert_eq!(
        (status, &body["category"]),
        (403, &json!("MISSING_SCOPES")),
        "{body}"
    );
    assert_eq!(
        &body["errors"][0]["context"]["requiredGranularScopes"],
        scopes
    );
}

#[test]
fn a_revoked_scope_closes_the_calls_that_need_it() {
    let hub = Hub::sample().with(&json!({ "revoked_scopes": [
        "crm.objects.deals.read", "crm.schemas.deals.read", "crm.objects.leads.write",
        "crm.schemas.custom.read", "crm.objects.owners.read", "crm.schemas.leads.write",
    ] }));
    let read = json!(["crm.objects.deals.read"]);
    refused(hub.get(DEALS), &read);
    refused(hub.get(&format!("{DEALS}/1")), &read);
    refused(
        hub.post(&format!("{DEALS}/search"), &json!({ "limit": 0 })),
        &read,
    );
    refused(
        hub.post(&format!("{DEALS}/batch/read"), &json!({ "inputs": [] })),
        &read,
    );
    let definitions = json!(["crm.objects.deals.read", "crm.schemas.deals.read"]);
    refused(hub.get("/crm/v3/pipelines/deals"), &definitions);
    refused(hub.get("/crm/v3/properties/deals"), &definitions);
    refused(
        hub.post(LEADS, &json!({ "properties": {} })),
        &json!(["crm.objects.leads.write"]),
    );
    assert_eq!(hub.get(LEADS).0, 200);
    refused(
        hub.post("/crm/v3/properties/leads", &json!({})),
        &json!(["crm.schemas.leads.write"]),
    );
    refused(
        hub.get("/crm/v3/schemas"),
        &json!(["crm.schemas.custom.read"]),
    );
    refused(
        hub.get("/crm/v3/owners"),
        &json!(["crm.objects.owners.read"]),
    );
    // Notes are read with the scope of contacts.
    assert_eq!(hub.get(NOTES).0, 200);
    let hub = hub.with(&json!({ "revoked_scopes": ["crm.objects.contacts.read"] }));
    refused(hub.get(NOTES), &json!(["crm.objects.contacts.read"]));
    assert_eq!(hub.get(DEALS).0, 200);
}

#[test]
fn sensitive_properties_are_as_if_undefined_without_their_scope() {
    let hub = Hub::empty();
    let made = json!({ "name": "passport", "label": "Passport", "type": "string", "fieldType": "text", "groupName": "contactinformation", "dataSensitivity": "sensitive" });
    assert_eq!(
        hub.post("/crm/v3/properties/contacts", &made).1["dataSensitivity"],
        "sensitive"
    );
    let id = hub.create(
        CONTACTS,
        &json!({ "email": "a@x.example", "passport": "X1", "phone": "1" }),
    );
    assert_eq!(hub.value(CONTACTS, &id, "passport"), "X1");
    let listed = |target: &str| {
        let (_, body) = hub.get(target);
        let all = body["results"].as_array().unwrap().clone();
        all.iter().any(|one| one["name"] == "passport")
    };
    assert!(!listed("/crm/v3/properties/contacts"));
    assert!(listed(
        "/crm/v3/properties/contacts?dataSensitivity=sensitive"
    ));

    let hub = hub.with(&json!({
        "sensitive_properties": { "contacts": ["phone"] },
        "revoked_scopes": ["crm.objects.contacts.sensitive.read.v2", "crm.objects.contacts.sensitive.write.v2"],
    }));
    for name in ["passport", "phone"] {
        let (status, row) = hub.get(&format!("{CONTACTS}/{id}?properties={name},email"));
        assert_eq!((status, row["properties"].get(name)), (200, None));
        assert_eq!(row["properties"]["email"], "a@x.example");
        let written = hub.patch(&format!("{CONTACTS}/{id}"), &json!({ name: "2" }));
        assert_eq!(written.1["errors"][0]["code"], "PROPERTY_DOESNT_EXIST");
        let body = json!({ "filters": [{ "propertyName": name, "operator": "HAS_PROPERTY" }] });
        assert_eq!(hub.post(&format!("{CONTACTS}/search"), &body).0, 400);
        assert_eq!(
            hub.get(&format!("/crm/v3/properties/contacts/{name}")).0,
            404
        );
    }
}

#[test]
fn a_token_learns_its_account_scopes_and_usage() {
    let hub = Hub::sample().with(&json!({ "granted_scopes": ["oauth", "crm.objects.contacts.read"], "revoked_scopes": ["crm.objects.contacts.read"] }));
    for target in ["/account-info/v3/details", "/account-info/2026-09/details"] {
        let (status, body) = hub.get(target);
        assert_eq!((status, &body["portalId"]), (200, &json!(PORTAL_ID)));
        assert_eq!(
            (&body["companyCurrency"], &body["dataHostingLocation"]),
            (&json!("USD"), &json!("na1"))
        );
    }
    let path = "/oauth/v2/private-apps/get/access-token-info";
    let (status, body) = hub.post(path, &json!({ "tokenKey": PRIVATE_APP_TOKEN }));
    assert_eq!(
        (status, &body["hubId"], &body["scopes"]),
        (200, &json!(PORTAL_ID), &json!(["oauth"]))
    );
    assert_eq!(hub.post(path, &json!({ "tokenKey": "other" })).0, 404);
    let (status, body) = hub.get("/account-info/v3/api-usage/daily/private-apps");
    assert_eq!(status, 200);
    let usage = &body["results"][0];
    assert_eq!(usage["name"], "private-apps-api-calls-daily");
    assert_eq!(
        (&usage["usageLimit"], &usage["currentUsage"]),
        (&json!(500_000), &json!(3))
    );
    assert_eq!(usage["fetchStatus"], "SUCCESS");
}

#[test]
fn a_refresh_token_tells_its_client_and_is_revoked_by_a_delete() {
    let hub = Hub::sample();
    let path = format!("/oauth/v1/refresh-tokens/{REFRESH_TOKEN}");
    let (status, body) = hub.get(&path);
    assert_eq!(
        (status, &body["client_id"], &body["hub_id"]),
        (200, &json!(CLIENT_ID), &json!(PORTAL_ID))
    );
    assert_eq!(hub.delete(&path), (204, Value::Null));
    assert_eq!(hub.get(&path).0, 404);
    let grant = format!(
        "grant_type=refresh_token&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&refresh_token={REFRESH_TOKEN}"
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let (status, body) = read(&hub.reply(Method::POST, "/oauth/v1/token", &form, &grant));
    assert_eq!(
        (status, &body["status"]),
        (400, &json!("BAD_REFRESH_TOKEN"))
    );
}

#[test]
fn urls_above_sixteen_kilobytes_are_refused_by_the_edge() {
    let hub = Hub::sample();
    let long = |length: usize| {
        hub.get(&format!("{DEALS}?properties={}", "a".repeat(length)))
            .0
    };
    assert_eq!((long(16_000), long(16_400)), (200, 414));
    let hub = hub.with(&json!({ "max_url_bytes": 8_192 }));
    assert_eq!(
        hub.get(&format!("{DEALS}?properties={}", "a".repeat(8_200)))
            .0,
        414
    );
}
