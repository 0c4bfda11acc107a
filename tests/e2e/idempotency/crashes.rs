//! Processes that are killed in the midst of a keyed write.

use std::time::{Duration, Instant};

use crosswalk_tests::{Answer, Sidecar, headers, send};
use serde_json::{Value, json};

use super::{
    ACCOUNT, PROVIDERS, Stage, account, accounts, assert_refused, assert_replays, create,
    is_replay, keyed,
};

/// So short that nobody waits for it, and longer than any pause of a machine that is busy.
const LEASE: &str = "idempotency_lease: 1s";
/// How long processes are killed.
const ROUNDS_LAST: Duration = Duration::from_secs(20);

/// Asks with a key, and kills the process when the provider has seen a call that fits.
fn killed(stage: &Stage, sidecar: Sidecar, provider: &str, call: &Call<'_>, sees: &str) {
    stage.sandbox.native_calls(provider);
    let headers = format!(
        "{}idempotency-key: k\r\ncontent-type: application/json\r\n",
        headers(provider)
    );
    let body = call.body.to_string();
    let caller = send(&sidecar.address, call.method, &call.target, &headers, &body);
    let until = Instant::now() + Duration::from_secs(20);
    let is_seen = || {
        let calls = stage.sandbox.seen(provider);
        let mut paths = calls.iter().filter_map(|call| call["path"].as_str());
        paths.any(|path| path.contains(sees))
    };
    while !is_seen() {
        assert!(Instant::now() < until, "the provider sees {sees}");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(sidecar);
    drop(caller);
}

struct Call<'a> {
    method: &'a str,
    target: String,
    body: Value,
}

impl Call<'_> {
    /// Asks again until the lease of who is gone has ended.
    fn again(&self, sidecar: &Sidecar, provider: &str) -> Answer {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = keyed(
                sidecar,
                provider,
                "k",
                self.method,
                &self.target,
                &self.body,
            );
            let is_held = answer.status == 409 && answer.header("retry-after").is_some();
            if !is_held {
                return answer;
            }
            assert!(Instant::now() < until, "{}", answer.text);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn slow(path: &str) -> Value {
    json!({"match": {"path": path}, "times": 1, "action": {"delay_ms": 30_000}})
}

/// The path of the native call that writes an account.
fn writing(provider: &str) -> &'static str {
    match provider {
        "hubspot" => "/companies",
        _ => "/composite",
    }
}

/// A process with its token, so that the next native call is that of the test.
fn ready(stage: &Stage, provider: &str) -> Sidecar {
    let sidecar = stage.sidecar_with(LEASE);
    sidecar.call(provider, "GET", &format!("{ACCOUNT}?page_size=1"), None);
    sidecar
}

/// Covers: key-after-crash
#[test]
fn a_create_that_was_cut_off_is_unknown_and_not_made_again() {
    for provider in PROVIDERS {
        let stage = Stage::new();
        let call = Call {
            method: "POST",
            target: ACCOUNT.to_owned(),
            body: account("Cut off"),
        };
        let sidecar = ready(&stage, provider);
        stage.fault(provider, &slow(writing(provider)));
        killed(&stage, sidecar, provider, &call, writing(provider));
        let next = ready(&stage, provider);
        stage.sandbox.native_calls(provider);
        let answer = call.again(&next, provider);
        assert_refused(&answer, "crm.account.create", 409, "CONFLICT");
        assert_eq!(answer.body["outcome"], "unknown", "{}", answer.text);
        assert!(answer.text.contains("new key"), "{}", answer.text);
        assert!(!is_replay(&answer));
        assert_eq!(stage.sandbox.native_calls(provider), [""; 0]);
        // The verdict is final, for whoever asks.
        assert_replays(&call.again(&next, provider), &answer);
        assert_replays(&call.again(&stage.sidecar(), provider), &answer);
        // It was carried out: the sandbox does so before it waits.
        assert_eq!(accounts(&next, provider, "Cut off"), 1);
    }
}

/// Covers: key-after-crash
#[test]
fn an_upsert_that_was_cut_off_while_it_wrote_is_unknown() {
    let stage = Stage::new();
    let call = Call {
        method: "POST",
        target: format!("{ACCOUNT}/_upsert"),
        body: json!({"upsert_on": {"key": "website", "values": ["https://cut.example"]}, "record": {"name": "Cut off"}}),
    };
    // What it wrote is not found yet: to do it again would make a second record.
    let lag = json!({"search_lag_ms": 60_000});
    stage
        .sandbox
        .control("hubspot", "PATCH", "/_sandbox/settings", Some(&lag));
    let sidecar = ready(&stage, "hubspot");
    let write = json!({"match": {"method": "POST", "path": "/companies?"}, "times": 1, "action": {"delay_ms": 30_000}});
    stage.fault("hubspot", &write);
    killed_at_write(&stage, sidecar, &call);
    let next = ready(&stage, "hubspot");
    let answer = call.again(&next, "hubspot");
    assert_refused(&answer, "crm.account.upsert", 409, "CONFLICT");
    assert_eq!(answer.body["outcome"], "unknown", "{}", answer.text);
    assert_eq!(accounts(&next, "hubspot", "Cut off"), 1);
}

/// Kills it when the record was made, which comes after a search.
fn killed_at_write(stage: &Stage, sidecar: Sidecar, call: &Call<'_>) {
    stage.sandbox.native_calls("hubspot");
    let headers = format!(
        "{}idempotency-key: k\r\ncontent-type: application/json\r\n",
        headers("hubspot")
    );
    let body = call.body.to_string();
    let caller = send(&sidecar.address, call.method, &call.target, &headers, &body);
    let until = Instant::now() + Duration::from_secs(20);
    let is_made = || {
        let seen = stage.sandbox.seen("hubspot");
        seen.iter().any(|call| {
            call["method"] == "POST" && call["path"].as_str().unwrap().ends_with("/companies")
        })
    };
    while !is_made() {
        assert!(Instant::now() < until, "the record is made");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(sidecar);
    drop(caller);
}

/// Covers: key-after-crash
#[test]
fn what_was_cut_off_before_it_wrote_is_carried_out() {
    let stage = Stage::new();
    let call = Call {
        method: "POST",
        target: format!("{ACCOUNT}/_upsert"),
        body: json!({"upsert_on": {"key": "website", "values": ["https://begun.example"]}, "record": {"name": "Begun"}}),
    };
    let sidecar = ready(&stage, "hubspot");
    stage.fault("hubspot", &slow("/companies/search"));
    killed(&stage, sidecar, "hubspot", &call, "/companies/search");
    let next = ready(&stage, "hubspot");
    let answer = call.again(&next, "hubspot");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(!is_replay(&answer));
    assert_eq!(accounts(&next, "hubspot", "Begun"), 1);
}

/// Covers: key-after-crash
#[test]
fn an_update_that_was_cut_off_is_made_again() {
    for provider in PROVIDERS {
        let stage = Stage::new();
        let sidecar = ready(&stage, provider);
        let made = create(&sidecar, provider, "seed", "Before");
        let id = made.body["record"]["id"].as_str().unwrap();
        let call = Call {
            method: "PATCH",
            target: format!("{ACCOUNT}/{id}"),
            body: account("After"),
        };
        stage.fault(provider, &slow(writing(provider)));
        killed(&stage, sidecar, provider, &call, writing(provider));
        let next = ready(&stage, provider);
        let answer = call.again(&next, provider);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["record"]["name"], "After");
        assert_replays(&call.again(&next, provider), &answer);
        assert_eq!(accounts(&next, provider, "After"), 1);
    }
}

/// Killed at random moments, some of them while the provider is slow to answer: whatever a caller is told, there is
/// never more than one record for a key, and there is one for each success.
/// Covers: key-after-crash
#[test]
fn processes_that_are_killed_at_any_moment_never_make_a_second_record() {
    let stage = Stage::new();
    let provider = "hubspot";
    let ends = Instant::now() + ROUNDS_LAST;
    let mut told = [0_u32; 3];
    let mut names = Vec::new();
    let mut round: u64 = 0;
    while Instant::now() < ends {
        let name = format!("Round {round}");
        let sidecar = ready(&stage, provider);
        // Half of the writes wait after they were carried out, so that the window is hit.
        if round.is_multiple_of(2) {
            let slow = json!({"match": {"method": "POST", "path": "/companies"}, "times": 1, "action": {"delay_ms": 40}});
            stage.fault(provider, &slow);
        }
        let headers = format!(
            "{}idempotency-key: {round}\r\ncontent-type: application/json\r\n",
            headers(provider)
        );
        let body = account(&name).to_string();
        let caller = send(&sidecar.address, "POST", ACCOUNT, &headers, &body);
        // Seven is no divisor of anything here: every moment of the first 60 ms comes, spread over the rounds.
        std::thread::sleep(Duration::from_millis(round * 7 % 60));
        drop(sidecar);
        drop(caller);
        stage
            .sandbox
            .control(provider, "DELETE", "/_sandbox/faults", None);
        let next = ready(&stage, provider);
        let until = Instant::now() + Duration::from_secs(20);
        let answer = loop {
            let answer = create(&next, provider, &round.to_string(), &name);
            if answer.status != 409 || answer.header("retry-after").is_none() {
                break answer;
            }
            assert!(Instant::now() < until, "{}", answer.text);
            std::thread::sleep(Duration::from_millis(50));
        };
        let is_sure = match (answer.status, is_replay(&answer)) {
            (200, false) => {
                told[0] += 1;
                true
            }
            (200, true) => {
                told[1] += 1;
                true
            }
            _ => {
                assert_refused(&answer, "crm.account.create", 409, "CONFLICT");
                assert_eq!(answer.body["outcome"], "unknown", "{}", answer.text);
                told[2] += 1;
                false
            }
        };
        assert_replays(&create(&next, provider, &round.to_string(), &name), &answer);
        names.push((name, is_sure));
        round += 1;
    }
    let last = ready(&stage, provider);
    for (name, is_sure) in &names {
        let count = accounts(&last, provider, name);
        assert!(count == 1 || (count == 0 && !is_sure), "{name}: {count}");
    }
    let [carried_out, replayed, unknown] = told;
    println!(
        "killed {round} times: {carried_out} carried out, {replayed} replayed, {unknown} unknown"
    );
    assert!(round >= 5 && carried_out > 0, "{round} rounds: {told:?}");
}
