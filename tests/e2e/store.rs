//! The store as an operator meets it: made by itself, opened by several, killed at any moment, refused with a wrong key.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crosswalk_tests::{Answer, Process, exchange};
use serde_json::{Value, json};

const CONFIG: &str = "listen: 127.0.0.1:0\napi_keys: [\"env:CANARY_API_KEY\"]\ntls: { roots: bundled }\nlog: { format: json }\n";
const KEY: &str = "canary-api-key";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("crosswalk.yaml"), CONFIG).expect("a file can be written");
    folder
}

fn start(folder: &Path) -> Process {
    Process::start(&["serve"], folder, &[("CANARY_API_KEY", KEY)])
}

/// Where it listens, once it does.
fn address(process: &Process) -> String {
    let line = process.err.wait_for("listening");
    let line: Value = serde_json::from_str(&line).expect("the log is JSON");
    line["address"].as_str().expect("an address").to_owned()
}

fn upsert_customer(address: &str, id: &str) -> Answer {
    exchange(
        address,
        "PUT",
        &format!("/core/customer/{id}"),
        &format!("x-apikey: {KEY}\r\n"),
        Some(&json!({"metadata": {"of": id}})),
    )
}

fn upsert_config(address: &str) -> Answer {
    exchange(
        address,
        "POST",
        "/core/connector_config",
        &format!("x-apikey: {KEY}\r\n"),
        Some(&json!({
            "orgId": "org_crosswalk",
            "connectorName": "hubspot",
            "config": {"client_id": "client", "client_secret": "canary-client-secret"},
        })),
    )
}

#[test]
fn what_is_kept_is_there_after_a_restart() {
    let folder = folder();
    let first = start(folder.path());
    assert_eq!(upsert_customer(&address(&first), "acme").status, 200);
    drop(first);
    let second = start(folder.path());
    let found = exchange(
        &address(&second),
        "GET",
        "/core/customer/acme",
        &format!("x-apikey: {KEY}\r\n"),
        None,
    );
    assert_eq!(found.body["metadata"], json!({"of": "acme"}));
}

/// Killed so early that it is in the middle of making key and tables, or just after.
/// Covers: kill-during-start
#[test]
fn a_start_that_was_killed_at_any_moment_is_made_good_by_the_next() {
    let folder = folder();
    for round in 0..40 {
        let process = start(folder.path());
        let until = Instant::now() + Duration::from_millis(round * 2);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        // Dropping it kills it.
        drop(process);
        if round % 8 == 7 {
            let whole = start(folder.path());
            assert_eq!(upsert_customer(&address(&whole), "acme").status, 200);
            drop(whole);
            // What the next rounds meet is an empty place again.
            fs::remove_dir_all(folder.path().join("state")).expect("the state is there");
        }
    }
}

/// Covers: two-on-one-store
#[test]
fn sidecars_that_start_together_share_one_new_store() {
    let folder = folder();
    let processes: Vec<Process> = (0..4).map(|_| start(folder.path())).collect();
    let addresses: Vec<String> = processes.iter().map(address).collect();
    for (number, address) in addresses.iter().enumerate() {
        assert_eq!(upsert_customer(address, &format!("c{number}")).status, 200);
    }
    let list = exchange(
        &addresses[0],
        "GET",
        "/core/customer",
        &format!("x-apikey: {KEY}\r\n"),
        None,
    );
    let list = list.body.as_array().expect("a list").clone();
    let ids: Vec<&str> = list.iter().filter_map(|it| it["id"].as_str()).collect();
    assert_eq!(ids, ["c0", "c1", "c2", "c3"]);
}

/// Covers: key-missing
#[test]
fn a_missing_key_is_refused_in_words_that_help() {
    let folder = folder();
    let first = start(folder.path());
    assert_eq!(upsert_config(&address(&first)).status, 200);
    drop(first);
    let key = folder.path().join("state/crosswalk/store.key");
    let kept = fs::read(&key).expect("the key is there");
    fs::remove_file(&key).expect("it can be removed");
    let mut refused = start(folder.path());
    assert_eq!(refused.exit_code(), 1);
    let words = refused.err.wait_for("put that key back");
    assert!(words.contains("store.key"), "{words}");
    fs::write(&key, kept).expect("a file can be written");
    address(&start(folder.path()));
}

/// Covers: place-not-writable
#[test]
fn a_place_that_cannot_be_written_is_told_with_what_to_do() {
    let folder = folder();
    // A file stands where the folder should be.
    fs::write(folder.path().join("state"), "").expect("a file can be written");
    let mut refused = start(folder.path());
    assert_eq!(refused.exit_code(), 1);
    let words = refused.err.wait_for("error:");
    assert!(
        words.contains("state_dir") || words.contains("key file"),
        "{words}"
    );
}
