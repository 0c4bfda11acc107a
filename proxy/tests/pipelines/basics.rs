//! What a sync brings over: everything at first, then changes and deletions.

use serde_json::json;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_follows_its_source() {
    let stage = Stage::new().await;
    let mut places = vec![stage.sqlite("conn_file").await];
    places.extend(stage.postgres("conn_postgres").await);
    let sidecar = stage.sidecar();
    for (at, place) in places.iter().enumerate() {
        let id = format!("pipe_{at}");
        let destination = ["conn_file", "conn_postgres"][at];
        sidecar.create(&json!({
            "id": id, "sourceId": "conn_hubspot", "destinationId": destination,
            "streams": { "contact": {}, "crm.account": {} },
        }));
        let first = sidecar.complete(&id);
        let names: Vec<&str> = first["streams"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["crm.account", "crm.contact"]);
        let before = place.live("crm_contact", "first_name").await;
        assert!(before.len() > 1, "{before:?}");

        let new = stage.contact(&format!("new{at}@example.com"));
        let gone = before.keys().next().unwrap().clone();
        let target = format!("/crm/v3/objects/contacts/{gone}");
        assert_eq!(stage.native("hubspot", "DELETE", &target, None).status, 204);
        let changed = before.keys().nth(1).unwrap().clone();
        let target = format!("/crm/v3/objects/contacts/{changed}");
        let body = json!({ "properties": { "firstname": "Changed" } });
        assert_eq!(
            stage
                .native("hubspot", "PATCH", &target, Some(&body))
                .status,
            200
        );
        let second = sidecar.complete(&id);
        let after = place.live("crm_contact", "first_name").await;
        assert_eq!(
            after.get(&new).map(String::as_str),
            Some("Ada"),
            "{second:#}"
        );
        assert_eq!(after.get(&changed).map(String::as_str), Some("Changed"));
        // HubSpot does not tell deletions in its changes: only a full resync finds them.
        let full = sidecar.sync(&id, &json!({ "fullResync": true }));
        assert_eq!(full["state"], "completed", "{full:#}");
        assert!(
            !place
                .live("crm_contact", "first_name")
                .await
                .contains_key(&gone)
        );
        assert!(place.deleted("crm_contact").await.contains(&gone));
        let shown = sidecar.get(&id);
        let told = &shown["sourceState"]["crm.contact"];
        assert_eq!(
            (&told["reading"], &told["generation"]),
            (&json!("changes"), &json!(2)),
            "{shown:#}"
        );
        assert_eq!(
            shown["destinationState"]["crm.contact"]["table"],
            "crm_contact"
        );
    }
}
