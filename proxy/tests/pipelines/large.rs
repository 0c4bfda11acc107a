//! A large source: memory does not grow with it, and the provider's limit is what the rate is measured by.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::stage::{Sidecar, Stage};

/// What HubSpot lets a private app call in ten seconds, and the records of one native page, by hubspot.md.
const CALLS_IN_10_S: f64 = 100.0;
const RECORDS_OF_A_CALL: f64 = 100.0;

/// Covers: memory-bounded
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes some minutes; run it with `--ignored --nocapture` for the figures"]
async fn two_hundred_thousand_contacts_take_no_more_memory_than_fifty_thousand() {
    let mut peaks = Vec::new();
    for (contacts, limits) in [(50_000, "off"), (200_000, "off"), (200_000, "real")] {
        let peak = walk(contacts, limits).await;
        if limits == "off" {
            peaks.push(peak);
        }
    }
    // Allocators keep what they had once; a source that was held in memory would be four times as much.
    let (small, large) = (peaks[0], peaks[1]);
    assert!(large < small + small / 4, "{small} KiB, then {large} KiB");
}

/// Syncs so many contacts; the sidecar's peak memory in KiB.
async fn walk(contacts: u32, limits: &str) -> u64 {
    let stage = Stage::new().await;
    let (destination, place) = match stage.postgres("conn_postgres").await {
        Some(place) => ("conn_postgres", place),
        None => ("conn_file", stage.sqlite("conn_file").await),
    };
    let fill = json!({ "contacts": contacts, "step_ms": 1000 });
    stage
        .sandbox
        .control("hubspot", "POST", "/_sandbox/fill", Some(&fill));
    let settings = json!({ "rate_limits": limits });
    stage
        .sandbox
        .control("hubspot", "PATCH", "/_sandbox/settings", Some(&settings));
    let sidecar = stage.sidecar();
    sidecar.create(&json!({
        "id": "pipe_1", "sourceId": "conn_hubspot", "destinationId": destination, "streams": { "crm.contact": {} },
    }));
    let at_rest = memory(&sidecar);
    let started = Instant::now();
    sidecar.sync("pipe_1", &json!({ "async": true }));
    let ended = loop {
        let shown = sidecar.get("pipe_1");
        let now = &shown["progress"]["state"];
        if !matches!(now.as_str(), Some("waiting" | "running")) {
            break shown;
        }
        assert!(started.elapsed() < Duration::from_mins(25), "{shown:#}");
        std::thread::sleep(Duration::from_millis(500));
    };
    let took = started.elapsed().as_secs_f64();
    assert_eq!(ended["progress"]["state"], "completed", "{ended:#}");
    let rows = place.count("crm_contact").await;
    assert!(rows >= u64::from(contacts));
    let peak = memory(&sidecar);
    let rate = f64::from(contacts) / took;
    let limit = CALLS_IN_10_S / 10.0 * RECORDS_OF_A_CALL;
    println!(
        "{contacts} contacts into {destination}, rate limits {limits}: {took:.0} s, {rate:.0} records/s \
         (the provider's own limit allows {limit:.0}/s); peak memory {peak} KiB, {at_rest} KiB before"
    );
    peak
}

/// `VmHWM` of the process.
fn memory(sidecar: &Sidecar) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", sidecar.process.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
