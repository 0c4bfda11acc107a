//! When syncs begin, where they run, and how they are interrupted.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::stage::{Sidecar, Stage};

/// Each call to HubSpot's contacts takes so long.
fn slow(stage: &Stage, milliseconds: u64, times: u32) {
    let fault = json!({ "match": { "path": "contacts" }, "times": times, "action": { "delay_ms": milliseconds } });
    stage
        .sandbox
        .control("hubspot", "POST", "/_sandbox/faults", Some(&fault));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_with_an_interval_syncs_by_itself() {
    let stage = Stage::new().await;
    let place = stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    sidecar.create(&json!({
        "id": "pipe_1", "sourceId": "conn_hubspot", "destinationId": "conn_file",
        "streams": { "crm.contact": {} }, "syncIntervalSeconds": 60,
    }));
    let first = sidecar.wait("pipe_1", |pipeline| {
        pipeline["lastSyncCompletedAt"].is_string()
    });
    let pipeline = stage.store.pipeline("pipe_1").await.unwrap().unwrap();
    let wait = pipeline.next_sync_at.unwrap() - pipeline.last_sync_started_at.unwrap();
    assert!((60_000..=66_000).contains(&wait), "{wait}");
    // Many intervals later: one sync makes up for all of them.
    stage.contact("late@example.com");
    stage.state_sql("UPDATE pipelines SET next_sync_at = next_sync_at - 3600000, last_sync_started_at = last_sync_started_at - 3600000").await;
    let second = sidecar.wait("pipe_1", |pipeline| {
        pipeline["progress"]["sync_completed_event_id"]
            != first["progress"]["sync_completed_event_id"]
            && pipeline["progress"]["state"] == "completed"
    });
    assert_ne!(second["lastSyncCompletedAt"], first["lastSyncCompletedAt"]);
    assert!(
        place
            .live("crm_contact", "email")
            .await
            .values()
            .any(|email| email == "late@example.com")
    );
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(stage.events().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_interrupted_at_once_and_goes_on_after_the_next_start() {
    let mut stage = Stage::new().await;
    // Long enough that only a lease that was given back explains what follows.
    stage.limits = "pipeline_lease: 10m".to_owned();
    let place = stage.sqlite("conn_file").await;
    stage.sandbox.control(
        "hubspot",
        "POST",
        "/_sandbox/fill",
        Some(&json!({ "contacts": 1000, "step_ms": 60_000 })),
    );
    let mut sidecar = stage.sidecar();
    sidecar.create(&json!({
        "id": "pipe_1", "sourceId": "conn_hubspot", "destinationId": "conn_file", "streams": { "crm.contact": {} },
    }));
    slow(&stage, 400, 100);
    let asked = sidecar.sync("pipe_1", &json!({ "async": true }));
    let running = sidecar.wait("pipe_1", |pipeline| {
        pipeline["progress"]["streams"][0]["pages"].as_u64() > Some(1)
    });
    assert_eq!(running["progress"]["state"], "running");
    let started = Instant::now();
    sidecar.process.terminate();
    assert_eq!(sidecar.process.exit_code(), 0);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    let written = place.count("crm_contact").await;
    assert!(written > 0 && written < 1000, "{written}");
    stage
        .sandbox
        .control("hubspot", "DELETE", "/_sandbox/faults", None);
    let sidecar = stage.sidecar();
    let done = sidecar.wait("pipe_1", |pipeline| {
        pipeline["progress"]["state"] == "completed"
    });
    assert_eq!(
        done["progress"]["sync_completed_event_id"],
        asked["sync_completed_event_id"]
    );
    let records = done["progress"]["streams"][0]["records"].as_u64().unwrap();
    let all = place.count("crm_contact").await;
    assert!(
        all > 1000 && records < all,
        "it does not begin again: {records} of {all}"
    );
    assert_eq!(stage.events().await, ["sync.completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_ask_at_one_time_wait_for_the_same_sync() {
    let stage = Stage::new().await;
    stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    sidecar.create(&json!({
        "id": "pipe_1", "sourceId": "conn_hubspot", "destinationId": "conn_file", "streams": { "crm.contact": {} },
    }));
    slow(&stage, 4000, 1);
    let first = sidecar.sync("pipe_1", &json!({ "async": true }));
    sidecar.wait("pipe_1", |pipeline| {
        pipeline["progress"]["state"] == "running"
    });
    // What they saw before they asked may be newer than what the first has read.
    let ended: Vec<Value> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| sidecar.complete("pipe_1")))
            .collect();
        asking
            .into_iter()
            .map(|asking| asking.join().unwrap())
            .collect()
    });
    let ids: HashSet<&str> = ended
        .iter()
        .map(|it| it["sync_completed_event_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(!ids.contains(first["sync_completed_event_id"].as_str().unwrap()));
    assert_eq!(stage.events().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_may_not_wait_longer_says_what_is_known() {
    let mut stage = Stage::new().await;
    stage.limits = "request_timeout: 2s".to_owned();
    stage.sqlite("conn_file").await;
    let sidecar = stage.sidecar();
    sidecar.create(&json!({
        "id": "pipe_1", "sourceId": "conn_hubspot", "destinationId": "conn_file", "streams": { "crm.contact": {} },
    }));
    slow(&stage, 1800, 3);
    let told = sidecar.sync("pipe_1", &json!({}));
    assert_eq!(told["state"], "running", "{told:#}");
}

/// Covers: two-on-one-store
#[tokio::test(flavor = "multi_thread")]
async fn two_sidecars_divide_the_pipelines_and_run_none_twice_at_once() {
    const PIPELINES: usize = 8;
    let Some(mut stage) = Stage::on_postgres().await else {
        return;
    };
    stage.limits = "pipelines_at_once: 2, pipeline_lease: 3s".to_owned();
    let mut places = Vec::new();
    for at in 0..PIPELINES {
        let place = stage.postgres(&format!("conn_db{at}")).await;
        places.push(place.expect("there is a server"));
    }
    let sidecars = [stage.sidecar(), stage.sidecar()];
    for at in 0..PIPELINES {
        sidecars[at % 2].create(&json!({
            "id": format!("pipe_{at}"), "sourceId": "conn_hubspot", "destinationId": format!("conn_db{at}"),
            "streams": { "crm.contact": {} },
        }));
    }
    for round in 0..3 {
        slow(&stage, 100, 100);
        for at in 0..PIPELINES {
            let id = format!("pipe_{at}");
            // Both are asked.
            for sidecar in &sidecars {
                sidecar.sync(&id, &json!({ "async": true, "fullResync": round == 1 }));
            }
        }
        for at in 0..PIPELINES {
            // The end of what one runs is seen by the other as well.
            let waiting = &sidecars[(at + 1) % 2];
            waiting.complete(&format!("pipe_{at}"));
        }
        stage
            .sandbox
            .control("hubspot", "DELETE", "/_sandbox/faults", None);
    }
    let spans: Vec<_> = sidecars.iter().map(spans).collect();
    assert!(
        spans.iter().all(|spans| !spans.is_empty()),
        "both take some: {spans:?}"
    );
    for (pipeline, ours) in &spans[0] {
        for (from, to) in ours {
            for (other_from, other_to) in spans[1].get(pipeline).into_iter().flatten() {
                assert!(
                    to <= other_from || other_to <= from,
                    "{pipeline} ran twice at once"
                );
            }
        }
    }
    for place in &places {
        assert!(place.count("crm_contact").await > 1);
    }
}

/// When a sidecar ran which pipeline, by its log.
fn spans(sidecar: &Sidecar) -> BTreeMap<String, Vec<(String, String)>> {
    let mut spans: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for line in sidecar.process.err.text().lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let of_pipeline = spans.entry(text("pipeline"));
        match line["message"].as_str() {
            Some("a sync begins") => of_pipeline
                .or_default()
                .push((text("timestamp"), "never".to_owned())),
            Some(
                "a sync has ended"
                | "a sync stops: another sidecar runs the pipeline, or it was disabled or deleted",
            ) => {
                if let Some(last) = of_pipeline.or_default().last_mut() {
                    last.1 = text("timestamp");
                }
            }
            _ => {}
        }
    }
    spans
}
