//! What goes wrong at one place stays there, is told, and is made good once it is mended.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Place, Sidecar, Stage};

const BOTH: &str = r#"{ "crm.account": {}, "crm.contact": {} }"#;

fn create(sidecar: &Sidecar, source: &str, destination: &str) {
    let streams: Value = serde_json::from_str(BOTH).unwrap();
    sidecar.create(&json!({
        "id": "pipe_1", "sourceId": source, "destinationId": destination, "streams": streams,
    }));
}

fn stream<'a>(told: &'a Value, name: &str) -> &'a Value {
    let streams = told["streams"].as_array().unwrap();
    streams
        .iter()
        .find(|stream| stream["name"] == name)
        .unwrap()
}

/// A fault at the next calls to the companies of HubSpot.
fn fault(stage: &Stage, times: u32, status: u16, headers: &Value, body: &Value) {
    let fault = json!({
        "match": { "path": "companies" }, "times": times,
        "action": { "reply": { "status": status, "headers": headers, "body": body } },
    });
    stage
        .sandbox
        .control("hubspot", "POST", "/_sandbox/faults", Some(&fault));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_fails_does_not_stop_the_others() {
    let stage = Stage::new().await;
    let place = stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    create(&sidecar, "conn_hubspot", "conn_file");
    let settings = json!({ "revoked_scopes": ["crm.objects.companies.read"] });
    stage
        .sandbox
        .control("hubspot", "PATCH", "/_sandbox/settings", Some(&settings));
    let told = sidecar.sync("pipe_1", &json!({}));
    assert_eq!(told["state"], "partial", "{told:#}");
    let failed = stream(&told, "crm.account");
    assert_eq!(failed["error"]["code"], "FORBIDDEN", "{failed:#}");
    assert_eq!(stream(&told, "crm.contact")["state"], "completed");
    assert!(place.count("crm_contact").await > 1);
    let shown = sidecar.get("pipe_1");
    assert_eq!(shown["progress"]["state"], "partial");
    assert_eq!(
        shown["sourceState"]["crm.account"]["last_error"]["code"],
        "FORBIDDEN"
    );
    assert_eq!(shown["lastSyncCompletedAt"], Value::Null);
    let names = stage.events().await;
    assert_eq!(names, ["sync.completed", "sync.failed"]);

    let settings = json!({ "revoked_scopes": [] });
    stage
        .sandbox
        .control("hubspot", "PATCH", "/_sandbox/settings", Some(&settings));
    sidecar.complete("pipe_1");
    assert!(place.count("crm_account").await > 1);
    let shown = sidecar.get("pipe_1");
    assert_eq!(
        shown["sourceState"]["crm.account"]["last_error"],
        Value::Null
    );
    assert_eq!(stage.events().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_for_a_pause_gets_it() {
    let stage = Stage::new().await;
    stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    create(&sidecar, "conn_hubspot", "conn_file");
    fault(
        &stage,
        1,
        503,
        &json!({ "retry-after": "2" }),
        &json!({ "status": "error", "message": "later" }),
    );
    let started = Instant::now();
    sidecar.complete("pipe_1");
    assert!(
        started.elapsed() >= Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_in_the_way_is_told_and_left_alone() {
    let stage = Stage::new().await;
    let mut places = vec![("conn_file", stage.sqlite("conn_file").await)];
    if let Some(place) = stage.postgres("conn_postgres").await {
        places.push(("conn_postgres", place));
    }
    let sidecar = stage.sidecar();
    for (destination, place) in places {
        // So that there is a database at all.
        create(&sidecar, "conn_hubspot", destination);
        sidecar.sync("pipe_1", &json!({ "metaOnly": true }));
        for sql in [
            "DROP TABLE crm_account",
            "CREATE TABLE crm_account (theirs text)",
            "INSERT INTO crm_account VALUES ('kept')",
        ] {
            place.sql(sql).await;
        }
        let told = sidecar.sync("pipe_1", &json!({}));
        assert_eq!(told["state"], "partial", "{told:#}");
        let failed = stream(&told, "crm.account");
        assert_eq!(failed["error"]["code"], "CONFLICT");
        assert!(
            failed["error"]["message"]
                .as_str()
                .unwrap()
                .contains("`crm_account` is in the way"),
            "{failed:#}"
        );
        assert_eq!(
            place.sql("SELECT theirs FROM crm_account").await,
            [[Some("kept".to_owned())]]
        );
        assert!(place.count("crm_contact").await > 1);
        place.sql("DROP TABLE crm_account").await;
        sidecar.complete("pipe_1");
        assert!(place.count("crm_account").await > 1);
        sidecar.good(
            "core.pipeline.delete",
            "DELETE",
            "/core/pipeline/pipe_1",
            None,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_cannot_be_reached_leaves_the_source_alone() {
    let stage = Stage::new().await;
    // Nothing listens on port 1.
    let url = "postgres://user:canary-postgres-password@127.0.0.1:1/database";
    stage
        .connect("postgres", "conn_nowhere", Some(&json!({ "url": url })))
        .await;
    let sidecar = stage.sidecar();
    create(&sidecar, "conn_hubspot", "conn_nowhere");
    let told = sidecar.sync("pipe_1", &json!({}));
    assert_eq!(told["state"], "failed", "{told:#}");
    assert_eq!(told["error"]["code"], "SERVICE_UNAVAILABLE");
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("cannot be reached"),
        "{told:#}"
    );
    assert_eq!(stage.sandbox.native_calls("hubspot"), [""; 0]);
    let shown = sidecar.get("pipe_1");
    let all = format!("{shown}{told}{}", sidecar.process.err.text());
    assert!(!all.contains("canary-postgres-password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_cursor_begins_a_new_walk() {
    let stage = Stage::new().await;
    let place = stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    create(&sidecar, "conn_hubspot", "conn_file");
    sidecar.complete("pipe_1");
    let cursor = "json_set(cursor, '$.cursor', 'damaged')";
    place
        .sql(&format!(
            "UPDATE _crosswalk_streams SET cursor = {cursor} WHERE stream = 'crm.contact'"
        ))
        .await;
    place.sql("UPDATE _crosswalk_streams SET cursor = 'of another version' WHERE stream = 'crm.account'").await;
    sidecar.complete("pipe_1");
    let shown = sidecar.get("pipe_1");
    let told = &shown["sourceState"];
    assert_eq!(
        told["crm.contact"]["walk_reason"], "the cursor was refused",
        "{told:#}"
    );
    assert_eq!(told["crm.contact"]["generation"], 2);
    assert_eq!(
        told["crm.account"]["walk_reason"],
        "where the stream was is not understood"
    );
    assert_eq!(place.deleted("crm_contact").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_knows_a_newer_runner_refuses_an_older_one() {
    let stage = Stage::new().await;
    let place = stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    create(&sidecar, "conn_hubspot", "conn_file");
    sidecar.complete("pipe_1");
    let before = place.count("crm_contact").await;
    place
        .sql("UPDATE _crosswalk_streams SET fence = 1000000")
        .await;
    stage.contact("late@example.com");
    let told = sidecar.sync("pipe_1", &json!({}));
    assert_eq!(told["state"], "failed", "{told:#}");
    assert_eq!(told["error"]["code"], "CONFLICT");
    assert_eq!(place.count("crm_contact").await, before);
    // As the message says.
    sidecar.good(
        "core.pipeline.delete",
        "DELETE",
        "/core/pipeline/pipe_1",
        None,
    );
    create(&sidecar, "conn_hubspot", "conn_file");
    sidecar.complete("pipe_1");
    assert_eq!(place.count("crm_contact").await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_lease_is_lost_stops_and_tells_nothing() {
    let stage = Stage::new().await;
    stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    create(&sidecar, "conn_hubspot", "conn_file");
    let slow =
        json!({ "match": { "path": "companies" }, "times": 1, "action": { "delay_ms": 8000 } });
    stage
        .sandbox
        .control("hubspot", "POST", "/_sandbox/faults", Some(&slow));
    let asked = sidecar.sync("pipe_1", &json!({ "async": true }));
    sidecar.wait("pipe_1", |pipeline| {
        pipeline["progress"]["streams"][0]["state"] == "running"
    });
    stage.state_sql("UPDATE leases SET holder = 'another', fence = fence + 1, expires_at = expires_at + 4000 WHERE name = 'pipeline:pipe_1'").await;
    sidecar.process.err.wait_for("a sync stops");
    assert_eq!(stage.events().await.len(), 0);
    // Once the other one's lease has ended it is done all the same, as the same sync.
    let done = sidecar.wait("pipe_1", |pipeline| {
        pipeline["progress"]["state"] == "completed"
    });
    assert_eq!(
        done["progress"]["sync_completed_event_id"],
        asked["sync_completed_event_id"]
    );
    assert_eq!(stage.events().await, ["sync.completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_columns_are_filled() {
    let stage = Stage::new().await;
    let mut places = vec![("conn_file", stage.sqlite("conn_file").await)];
    if let Some(place) = stage.postgres("conn_postgres").await {
        places.push(("conn_postgres", place));
    }
    let sidecar = stage.sidecar();
    for (destination, place) in places {
        let mut body = json!({
            "id": "pipe_1", "sourceId": "conn_hubspot", "destinationId": destination,
            "streams": { "crm.contact": { "fields": ["first_name"] } },
        });
        sidecar.create(&body);
        sidecar.complete("pipe_1");
        let email = match &place {
            Place::Sqlite(_) => {
                "SELECT name, 'x' FROM pragma_table_info('crm_contact') WHERE name = 'email'"
            }
            Place::Postgres(_) => {
                "SELECT column_name::text, 'x' FROM information_schema.columns WHERE table_name = 'crm_contact' AND column_name = 'email'"
            }
        };
        assert_eq!(place.sql(email).await.len(), 0);
        // As with a model that has grown.
        body["streams"]["crm.contact"]["fields"] = json!(["first_name", "email"]);
        sidecar.update("pipe_1", &json!({ "streams": body["streams"] }));
        sidecar.complete("pipe_1");
        let shown = sidecar.get("pipe_1");
        assert_eq!(
            shown["sourceState"]["crm.contact"]["walk_reason"],
            "the table has new columns"
        );
        assert_eq!(
            shown["destinationState"]["crm.contact"]["added_columns"],
            json!(["email"])
        );
        let emails = place.live("crm_contact", "email").await;
        assert!(
            emails.values().any(|email| email.contains('@')),
            "{emails:?}"
        );
        sidecar.good(
            "core.pipeline.delete",
            "DELETE",
            "/core/pipeline/pipe_1",
            None,
        );
    }
}
