//! What keys have of the store: restarts, their age, several sidecars, no store, one that is down.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use crosswalk_tests::{Postgres, Sidecar};

use super::{PROVIDERS, Stage, accounts, assert_refused, assert_replays, create, is_replay};

/// Calls with one key at one time.
const RACERS: usize = 50;

/// Each kind of store.
fn all() -> Vec<Stage> {
    let mut all = vec![Stage::new()];
    if let Some(server) = Postgres::shared() {
        all.push(Stage::with(tempfile::tempdir().unwrap(), server.database()));
    }
    all
}

/// Covers: key-after-restart
#[test]
fn an_answer_is_told_again_after_a_restart_and_by_another_sidecar() {
    for stage in all() {
        let first_sidecar = stage.sidecar();
        let answers = PROVIDERS.map(|provider| create(&first_sidecar, provider, "k", "Kept"));
        let beside = stage.sidecar();
        for (provider, first) in PROVIDERS.iter().zip(&answers) {
            assert_eq!(first.status, 200, "{}", first.text);
            assert_replays(&create(&beside, provider, "k", "Kept"), first);
        }
        // Killed: what was answered is there all the same.
        drop(first_sidecar);
        drop(beside);
        let next = stage.sidecar();
        for (provider, first) in PROVIDERS.iter().zip(&answers) {
            assert_replays(&create(&next, provider, "k", "Kept"), first);
            assert_eq!(accounts(&next, provider, "Kept"), 1);
        }
    }
}

/// Covers: key-after-its-time
#[test]
fn a_key_is_new_when_its_time_is_over() {
    for stage in all() {
        let sidecar = stage.sidecar_with("idempotency_keep: 2s");
        let first = create(&sidecar, "hubspot", "k", "Old");
        assert_replays(&create(&sidecar, "hubspot", "k", "Old"), &first);
        let until = Instant::now() + Duration::from_secs(20);
        let new = loop {
            let answer = create(&sidecar, "hubspot", "k", "Old");
            assert_eq!(answer.status, 200, "{}", answer.text);
            if !is_replay(&answer) {
                break answer;
            }
            assert!(Instant::now() < until, "its time is over");
            std::thread::sleep(Duration::from_millis(200));
        };
        assert_ne!(new.body["record"]["id"], first.body["record"]["id"]);
        assert_eq!(accounts(&sidecar, "hubspot", "Old"), 2);
    }
}

/// Covers: key-in-use
#[test]
fn of_many_calls_through_two_sidecars_one_is_carried_out() {
    for stage in all() {
        let sidecars = [stage.sidecar(), stage.sidecar()];
        for provider in PROVIDERS {
            for key in ["one", "two", "three"] {
                race(&sidecars, provider, key);
                assert_eq!(accounts(&sidecars[0], provider, key), 1, "{provider} {key}");
            }
        }
    }
}

fn race(sidecars: &[Sidecar; 2], provider: &str, key: &str) {
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..RACERS {
            let answers = &answers;
            scope.spawn(move || {
                let answer = create(&sidecars[number % 2], provider, key, key);
                answers.lock().unwrap().push(answer);
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    let first: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200 && !is_replay(answer))
        .collect();
    assert_eq!(first.len(), 1, "{provider} {key}");
    for answer in &answers {
        if answer.status == 200 {
            assert_eq!(answer.text, first[0].text);
        } else {
            assert_refused(answer, "crm.account.create", 409, "CONFLICT");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }
    for sidecar in sidecars {
        assert_replays(&create(sidecar, provider, key, key), first[0]);
    }
}

/// Covers: key-without-store
#[test]
fn without_a_store_a_key_is_refused_and_nothing_is_done() {
    let stage = Stage::with(tempfile::tempdir().unwrap(), "none".to_owned());
    let rest = format!("{}store: none\n", stage.sandbox.with_oauth());
    let sidecar = Sidecar::start(&rest);
    for provider in PROVIDERS {
        let refused = create(&sidecar, provider, "k", "Never");
        assert_refused(&refused, "crm.account.create", 501, "NOT_IMPLEMENTED");
        assert!(refused.text.contains("store"), "{}", refused.text);
        assert_eq!(stage.sandbox.native_calls(provider), [""; 0]);
    }
}

/// Covers: key-without-store, store-down
#[test]
fn while_the_store_is_down_a_key_is_refused_and_nothing_is_done() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let stage = Stage::with(tempfile::tempdir().unwrap(), server.database());
    let sidecar = stage.sidecar();
    let first = create(&sidecar, "hubspot", "k", "Before");
    assert_eq!(first.status, 200, "{}", first.text);
    stage.sandbox.native_calls("hubspot");
    server.crash();
    for key in ["k", "other"] {
        let refused = create(&sidecar, "hubspot", key, "Before");
        assert_refused(&refused, "crm.account.create", 503, "SERVICE_UNAVAILABLE");
        assert!(refused.header("retry-after").is_some());
        assert!(refused.body["outcome"].is_null(), "{}", refused.text);
    }
    assert_eq!(stage.sandbox.native_calls("hubspot"), [""; 0]);
    // What needs no store goes on.
    assert_eq!(accounts(&sidecar, "hubspot", "Before"), 1);
    server.resume();
    assert_replays(&create(&sidecar, "hubspot", "k", "Before"), &first);
    assert_eq!(create(&sidecar, "hubspot", "other", "Before").status, 200);
    assert_eq!(accounts(&sidecar, "hubspot", "Before"), 2);
}

/// Covers: key-answer-lost
#[test]
fn a_write_whose_answer_cannot_be_kept_is_not_told_as_one_that_can_be_replayed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let stage = Stage::with(tempfile::tempdir().unwrap(), server.database());
    let sidecar = stage.sidecar_with("idempotency_lease: 1s");
    accounts(&sidecar, "hubspot", "Unkept");
    let slow = serde_json::json!({"match": {"method": "POST", "path": "/companies"},
        "action": {"delay_ms": 1_000}});
    stage.fault("hubspot", &slow);
    stage.sandbox.native_calls("hubspot");
    let answer = std::thread::scope(|scope| {
        let call = scope.spawn(|| create(&sidecar, "hubspot", "k", "Unkept"));
        let until = Instant::now() + Duration::from_secs(20);
        while stage.sandbox.seen("hubspot").is_empty() {
            assert!(Instant::now() < until, "the write is sent");
            std::thread::sleep(Duration::from_millis(10));
        }
        server.crash();
        call.join().unwrap()
    });
    assert_refused(&answer, "crm.account.create", 503, "SERVICE_UNAVAILABLE");
    assert_eq!(answer.body["outcome"], "written", "{}", answer.text);
    server.resume();
    std::thread::sleep(Duration::from_millis(1_100));
    let again = create(&sidecar, "hubspot", "k", "Unkept");
    assert_refused(&again, "crm.account.create", 409, "CONFLICT");
    assert_eq!(again.body["outcome"], "unknown", "{}", again.text);
    assert_eq!(accounts(&sidecar, "hubspot", "Unkept"), 1);
}
