//! The operations on pipelines: what they take, what they refuse, what they show.

use crosswalk_tests::exchange;
use serde_json::{Value, json};

use crate::stage::Stage;

const CREATE: &str = "core.pipeline.create";

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_are_made_listed_changed_and_deleted() {
    let mut stages = vec![Stage::new().await];
    stages.extend(Stage::on_postgres().await);
    for stage in stages {
        let place = stage.sqlite("conn_file").await;
        stage.sqlite("conn_other").await;
        let sidecar = stage.sidecar();
        let made = sidecar.create(&json!({
            "id": "pipe_a", "sourceId": "conn_hubspot", "destinationId": "conn_file", "metadata": { "a": 1, "b": 1 },
            "streams": { "account": { "fields": ["name"] }, "crm.lead": { "disabled": true } },
        }));
        assert_eq!(
            made["streams"],
            json!({ "crm.account": { "fields": ["name"] }, "crm.lead": { "disabled": true } })
        );
        assert_eq!(made["progress"], Value::Null);
        assert_eq!(
            (&made["sourceVertical"], &made["destinationVertical"]),
            (&json!("crm"), &json!("database"))
        );
        let body =
            json!({ "id": "pipe_a", "sourceId": "conn_hubspot", "destinationId": "conn_file" });
        sidecar.refused((CREATE, 409), "POST", "/core/pipeline", Some(&body));
        sidecar.create(&json!({ "id": "pipe_b", "sourceId": "conn_salesforce", "destinationId": "conn_other" }));

        let ids = |query: &str| -> Vec<String> {
            let list = sidecar.good(
                "core.pipeline.list",
                "GET",
                &format!("/core/pipeline{query}"),
                None,
            );
            list.as_array()
                .unwrap()
                .iter()
                .map(|it| it["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(ids(""), ["pipe_b", "pipe_a"]);
        assert_eq!(ids("?limit=1&offset=1"), ["pipe_a"]);
        assert_eq!(ids("?connectionIds=conn_hubspot"), ["pipe_a"]);
        assert_eq!(
            ids("?connectionIds=conn_other,conn_file"),
            ["pipe_b", "pipe_a"]
        );
        assert_eq!(ids("?connectionIds=conn_none"), [""; 0]);

        sidecar.complete("pipe_a");
        assert_eq!(
            place
                .sql("SELECT name FROM sqlite_master WHERE name = 'crm_lead'")
                .await
                .len(),
            0
        );
        let changed = sidecar.update(
            "pipe_a",
            &json!({ "metadata": { "b": 2 }, "syncIntervalSeconds": 3600, "streams": null }),
        );
        assert_eq!(changed["metadata"], json!({ "a": 1, "b": 2 }));
        assert_eq!(changed["streams"], Value::Null);
        assert_eq!(changed["syncIntervalSeconds"], 3600);
        assert!(changed["lastSyncCompletedAt"].is_string());
        sidecar.update(
            "pipe_a",
            &json!({ "disabled": true, "syncIntervalSeconds": null }),
        );
        sidecar.refused(
            ("core.pipeline.sync", 409),
            "POST",
            "/core/pipeline/pipe_a/_sync",
            Some(&json!({})),
        );

        let gone = sidecar.good(
            "core.pipeline.delete",
            "DELETE",
            "/core/pipeline/pipe_a",
            None,
        );
        assert_eq!(gone, json!(true));
        sidecar.refused(
            ("core.pipeline.delete", 404),
            "DELETE",
            "/core/pipeline/pipe_a",
            None,
        );
        sidecar.refused(
            ("core.pipeline.get", 404),
            "GET",
            "/core/pipeline/pipe_a",
            None,
        );
        // The rows stay, the cursors don't.
        assert!(place.count("crm_account").await > 1);
        assert_eq!(place.count("_crosswalk_streams").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bodies_are_told_by_their_path_and_change_nothing() {
    let stage = Stage::new().await;
    stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    let good = json!({ "id": "pipe_1", "sourceId": "conn_hubspot", "destinationId": "conn_file" });
    for (member, value, path) in [
        ("id", json!("1"), "body.id"),
        ("id", json!(1), "body.id"),
        ("id", json!("pipe_"), "body.id"),
        ("sourceId", json!("conn_none"), "body.sourceId"),
        ("sourceId", json!("conn_file"), "body.sourceId"),
        ("sourceId", json!("pipe_1"), "body.sourceId"),
        ("destinationId", json!("conn_none"), "body.destinationId"),
        ("destinationId", json!("conn_hubspot"), "body.destinationId"),
        ("syncIntervalSeconds", json!(59), "body.syncIntervalSeconds"),
        (
            "syncIntervalSeconds",
            json!("60"),
            "body.syncIntervalSeconds",
        ),
        ("disabled", json!("no"), "body.disabled"),
        (
            "streams",
            json!({ "crm.acount": {} }),
            r#"body.streams["crm.acount"]"#,
        ),
        (
            "streams",
            json!({ "account": { "fields": ["nme"] } }),
            r#"body.streams["account"].fields[0]"#,
        ),
        ("streams", json!([]), "body.streams"),
        ("sourceid", json!("conn_hubspot"), "body.sourceid"),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let refused = sidecar.refused((CREATE, 400), "POST", "/core/pipeline", Some(&body));
        assert_eq!(refused["issues"][0]["path"], path, "{refused:#}");
    }
    let list = sidecar.good("core.pipeline.list", "GET", "/core/pipeline", None);
    assert_eq!(list, json!([]));
    sidecar.create(&good);
    for (body, path) in [
        (
            json!({ "streams": { "deal": {} } }),
            r#"body.streams["deal"]"#,
        ),
        (json!({ "sourceId": "conn_salesforce" }), "body.sourceId"),
        (
            json!({ "syncIntervalSeconds": 0 }),
            "body.syncIntervalSeconds",
        ),
    ] {
        let refused = sidecar.refused(
            ("core.pipeline.update", 400),
            "PATCH",
            "/core/pipeline/pipe_1",
            Some(&body),
        );
        assert_eq!(refused["issues"][0]["path"], path, "{refused:#}");
    }
    for body in [
        json!({ "async": "yes" }),
        json!({ "full": true }),
        json!({ "todo_removeUnsyncedData": true }),
    ] {
        sidecar.refused(
            ("core.pipeline.sync", 400),
            "POST",
            "/core/pipeline/pipe_1/_sync",
            Some(&body),
        );
    }
    sidecar.refused(
        ("core.pipeline.list", 400),
        "GET",
        "/core/pipeline?limit=0",
        None,
    );
    sidecar.refused(
        ("core.pipeline.list", 400),
        "GET",
        "/core/pipeline?connectionIds=pipe_1",
        None,
    );
    let shown = sidecar.get("pipe_1");
    assert_eq!(shown["createdAt"], shown["updatedAt"]);
    let no_key = exchange(&sidecar.address, "GET", "/core/pipeline", "", None);
    assert_eq!(no_key.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_syncs_all_of_its_pipelines() {
    let stage = Stage::new().await;
    let place = stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    for (id, source) in [("pipe_h", "conn_hubspot"), ("pipe_s", "conn_salesforce")] {
        sidecar.create(&json!({ "id": id, "sourceId": source, "destinationId": "conn_file" }));
    }
    sidecar.create(&json!({
        "id": "pipe_off", "sourceId": "conn_hubspot", "destinationId": "conn_file", "disabled": true,
    }));
    let target = "/core/connection/conn_file/_sync";
    let synced = sidecar.good("core.connection.sync", "POST", target, Some(&json!({})));
    let syncs = synced["pipeline_syncs"].as_array().unwrap();
    let ids: Vec<&str> = syncs
        .iter()
        .map(|it| it["pipeline_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["pipe_h", "pipe_s"]);
    for sync in syncs {
        assert_eq!(sync["state"], "completed", "{sync:#}");
    }
    // Every entity that both have, side by side in one table.
    let sources = place
        .sql("SELECT DISTINCT _connection_id FROM crm_account ORDER BY 1")
        .await;
    assert_eq!(sources.len(), 2);
    for table in ["crm_contact", "crm_opportunity", "crm_user", "crm_lead"] {
        assert!(place.count(table).await > 0, "{table}");
    }
    let unknown = "/core/connection/conn_none/_sync";
    sidecar.refused(
        ("core.connection.sync", 404),
        "POST",
        unknown,
        Some(&json!({})),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_alone_are_made_where_no_records_are_wanted() {
    let stage = Stage::new().await;
    let place = stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    sidecar.create(
        &json!({ "id": "pipe_1", "sourceId": "conn_hubspot", "destinationId": "conn_file" }),
    );
    let told = sidecar.sync("pipe_1", &json!({ "metaOnly": true }));
    assert_eq!(told["state"], "completed", "{told:#}");
    assert_eq!(place.count("crm_account").await, 0);
    assert_eq!(stage.sandbox.native_calls("hubspot"), [""; 0]);
    // What was made beforehand is filled, and not taken for seen.
    sidecar.complete("pipe_1");
    assert!(place.count("crm_account").await > 1);
}
