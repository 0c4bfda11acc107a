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

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_tell_of_deletions_and_merges_is_marked_without_a_new_walk() {
    let stage = Stage::new().await;
    let place = stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    for source in ["hubspot", "salesforce"] {
        sidecar.create(&json!({
            "id": format!("pipe_{source}"), "sourceId": format!("conn_{source}"), "destinationId": "conn_file",
            "streams": { "crm.contact": {} },
        }));
        sidecar.complete(&format!("pipe_{source}"));
    }
    let rows = place.live("crm_contact", "_connection_id").await;
    let of = |connection: &str| -> Vec<String> {
        rows.iter()
            .filter(|(_, of)| *of == connection)
            .map(|(id, _)| id.clone())
            .collect()
    };

    let theirs = of("conn_salesforce");
    let target = format!("/services/data/v66.0/sobjects/Contact/{}", theirs[0]);
    assert_eq!(
        stage.native("salesforce", "DELETE", &target, None).status,
        204
    );
    let merge = json!({ "master": theirs[1], "losers": [theirs[2]] });
    stage
        .sandbox
        .control("salesforce", "POST", "/_sandbox/merge", Some(&merge));
    sidecar.complete("pipe_salesforce");
    let deleted = place.deleted("crm_contact").await;
    assert_eq!(deleted.len(), 2, "{deleted:?}");
    assert!(deleted.contains(&theirs[0]) && deleted.contains(&theirs[2]));

    let ours = of("conn_hubspot");
    let merge = json!({ "primaryObjectId": ours[0], "objectIdToMerge": ours[1] });
    let merged = stage.native(
        "hubspot",
        "POST",
        "/crm/v3/objects/contacts/merge",
        Some(&merge),
    );
    assert_eq!(merged.status, 200, "{}", merged.text);
    let winner = merged.body["id"].as_str().unwrap();
    sidecar.complete("pipe_hubspot");
    let deleted = place.deleted("crm_contact").await;
    let sql = "SELECT id, merged_into FROM crm_contact WHERE _deleted AND _connection_id = 'conn_hubspot'";
    let losers = place.sql(sql).await;
    assert!(deleted.contains(&ours[1]), "{losers:?}");
    for loser in losers {
        assert_eq!(loser[1].as_deref(), Some(winner));
    }
    let live = place.live("crm_contact", "_connection_id").await;
    assert!(live.contains_key(winner));
    for source in ["hubspot", "salesforce"] {
        let shown = sidecar.get(&format!("pipe_{source}"));
        assert_eq!(shown["sourceState"]["crm.contact"]["generation"], 1);
    }
}
