//! Pipelines of hubspot.md §7.3.

use super::*;

#[test]
fn pipelines_of_deals_have_closed_stages_and_metadata_in_texts() {
    let hub = Hub::empty();
    for target in [
        "/crm/v3/pipelines/deals",
        "/crm/v3/pipelines/deal",
        "/crm/pipelines/2026-09/0-3",
    ] {
        let (status, body) = hub.get(target);
        assert_eq!(status, 200, "{target}");
        let pipeline = &body["results"][0];
        assert_eq!(
            (&pipeline["id"], &pipeline["label"]),
            (&json!("default"), &json!("Sales Pipeline"))
        );
        assert_eq!(
            (&pipeline["displayOrder"], &pipeline["archived"]),
            (&json!(0), &json!(false))
        );
        let stages = pipeline["stages"].as_array().unwrap();
        assert_eq!(stages.len(), 7);
        let first = &stages[0];
        assert_eq!(first["id"], "appointmentscheduled");
        assert_eq!(
            first["metadata"],
            json!({ "isClosed": "false", "probability": "0.2" })
        );
        assert_eq!(first["writePermissions"], "CRM_PERMISSIONS_ENFORCEMENT");
        assert_eq!(
            stages[5]["metadata"],
            json!({ "isClosed": "true", "probability": "1.0" })
        );
        assert_eq!(body["results"][1]["id"], "74211953");
        assert_eq!(body.get("paging"), None);
    }
}

#[test]
fn leads_have_their_five_stages() {
    let hub = Hub::empty();
    let (_, body) = hub.get("/crm/v3/pipelines/leads");
    let stages = body["results"][0]["stages"].as_array().unwrap();
    let stage_ids: Vec<&str> = stages
        .iter()
        .map(|stage| stage["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        stage_ids,
        [
            "new-stage-id",
            "attempting-stage-id",
            "connected-stage-id",
            "qualified-stage-id",
            "unqualified-stage-id"
        ]
    );
    assert_eq!(stages[0]["metadata"], json!({ "leadState": "NEW" }));
}

#[test]
fn a_type_without_pipelines_is_refused() {
    let hub = Hub::empty();
    for ty in ["contacts", "companies", "notes"] {
        let (status, body) = hub.get(&format!("/crm/v3/pipelines/{ty}"));
        assert_eq!(
            (status, &body["category"]),
            (400, &json!("VALIDATION_ERROR")),
            "{ty}"
        );
    }
}

#[test]
fn a_new_stage_is_taken_at_once_and_listed_in_the_definition() {
    let hub = Hub::empty();
    let input = json!({ "label": "Paused", "displayOrder": 9, "metadata": { "isClosed": "true", "probability": "0.0" } });
    let (status, stage) = hub.post("/crm/v3/pipelines/deals/default/stages", &input);
    assert_eq!(status, 201);
    let stage = stage["id"].as_str().unwrap();
    assert!(stage.bytes().all(|byte| byte.is_ascii_digit()), "{stage}");
    let deal = hub.create(DEALS, &json!({ "dealname": "A", "dealstage": stage }));
    assert_eq!(hub.value(DEALS, &deal, "hs_is_closed"), "true");
    let (_, definition) = hub.get("/crm/v3/properties/deals/dealstage");
    let options = definition["options"].as_array().unwrap();
    assert!(options.iter().any(|option| option["value"] == stage));
    assert_eq!(definition["externalOptions"], false);
    let (_, definition) = hub.get("/crm/v3/properties/leads/hs_pipeline_stage");
    assert_eq!(
        (&definition["externalOptions"], &definition["options"]),
        (&json!(true), &json!([]))
    );
    let input = json!({ "label": "Second", "displayOrder": 2, "stages": [{ "label": "Only", "displayOrder": 0, "metadata": { "isClosed": "false" } }] });
    let (status, pipeline) = hub.post("/crm/v3/pipelines/deals", &input);
    assert_eq!(status, 201);
    let id = pipeline["id"].as_str().unwrap();
    let (status, one) = hub.get(&format!("/crm/v3/pipelines/deals/{id}"));
    assert_eq!((status, &one["stages"][0]["label"]), (200, &json!("Only")));
    assert_eq!(hub.get("/crm/v3/pipelines/deals/nope").0, 404);
}
