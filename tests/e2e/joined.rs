//! Reads that are under way together: fewer native calls, and each caller gets what he would have got alone.

use std::{
    io::Write,
    net::TcpStream,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crosswalk_tests::{Answer, Sandbox, Sidecar, exchange, headers, receive, send};
use serde_json::{Value, json};

mod alike;

const PROVIDERS: [&str; 2] = ["hubspot", "salesforce"];
const CROWD: usize = 256;

/// A call to the played provider itself.
fn native(
    sandbox: &Sandbox,
    provider: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Answer {
    let token = if provider == "hubspot" {
        "pat-na1-sandbox-demo"
    } else {
        "00DSANDBOX!demo"
    };
    let authorization = format!("authorization: Bearer {token}\r\n");
    let address = sandbox.address(provider);
    exchange(address, method, target, &authorization, body)
}

/// Creates so many contacts, and answers their ids.
fn create_contacts(sandbox: &Sandbox, provider: &str, count: usize) -> Vec<String> {
    let numbers: Vec<usize> = (0..count).collect();
    let mut ids = Vec::new();
    for part in numbers.chunks(100) {
        let (target, body) = if provider == "hubspot" {
            let row = |number: &usize| json!({"properties": {"lastname": format!("No. {number}")}});
            let inputs: Vec<Value> = part.iter().map(row).collect();
            let target = "/crm/objects/2026-09/contacts/batch/create";
            (target, json!({ "inputs": inputs }))
        } else {
            let row = |number: &usize| json!({"attributes": {"type": "Contact"}, "LastName": format!("No. {number}")});
            let records: Vec<Value> = part.iter().map(row).collect();
            let target = "/services/data/v59.0/composite/sobjects";
            (target, json!({ "allOrNone": true, "records": records }))
        };
        let answer = native(sandbox, provider, "POST", target, Some(&body));
        assert!(answer.status < 300, "{}", answer.text);
        let rows = if provider == "hubspot" {
            &answer.body["results"]
        } else {
            &answer.body
        };
        let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
        ids.extend(rows.as_array().unwrap().iter().map(id));
    }
    ids
}

/// Makes every call that reads contacts take so long.
fn slow(sandbox: &Sandbox, provider: &str, delay_ms: u32) {
    let path = if provider == "hubspot" {
        "/contacts"
    } else {
        "/sobjects/Contact"
    };
    let fault =
        json!({"match": {"path": path}, "times": 100_000, "action": {"delay_ms": delay_ms}});
    sandbox.control(provider, "POST", "/_sandbox/faults", Some(&fault));
}

/// The reads of contacts that the provider has seen since it was last asked.
fn reads(sandbox: &Sandbox, provider: &str) -> Vec<String> {
    let mut calls = sandbox.native_calls(provider);
    calls.retain(|call| !call.contains("/oauth"));
    calls
}

/// Calls made at once, each on a connection of its own that is open before; how long each took.
fn at_once(sidecar: &Sidecar, provider: &str, targets: &[String]) -> Vec<(Answer, Duration)> {
    let open = |target| (target, TcpStream::connect(&sidecar.address).unwrap());
    let opened: Vec<(&String, TcpStream)> = targets.iter().map(open).collect();
    let barrier = Barrier::new(targets.len());
    thread::scope(|scope| {
        let calls: Vec<_> = opened
            .into_iter()
            .map(|(target, mut stream)| {
                let (host, headers) = (&sidecar.address, headers(provider));
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let begun = Instant::now();
                    write!(
                        stream,
                        "GET {target} HTTP/1.1\r\nhost: {host}\r\n{headers}connection: close\r\n\r\n"
                    )
                    .unwrap();
                    (receive(&mut stream), begun.elapsed())
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn both(sandbox: &Sandbox) -> [Sidecar; 2] {
    let alone = format!("{}limits: {{ join_reads: false }}\n", sandbox.with_oauth());
    [
        Sidecar::start(&sandbox.with_oauth()),
        Sidecar::start(&alone),
    ]
}

fn target(id: &str) -> String {
    format!("/unified/crm/contact/{id}")
}

/// Gets of all ids at once: how many native calls they cost, and how long the median took.
fn crowd(
    sandbox: &Sandbox,
    sidecar: &Sidecar,
    provider: &str,
    ids: &[String],
) -> (usize, Duration) {
    reads(sandbox, provider);
    let targets: Vec<String> = ids.iter().map(|id| target(id)).collect();
    let answers = at_once(sidecar, provider, &targets);
    for (id, (answer, _)) in ids.iter().zip(&answers) {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["record"]["id"], **id);
    }
    let p50 = median(answers.into_iter().map(|(_, took)| took).collect());
    (reads(sandbox, provider).len(), p50)
}

/// Covers: reads-joined
#[test]
fn a_crowd_of_distinct_gets_costs_few_native_calls() {
    let sandbox = Sandbox::start();
    let [joined, alone] = both(&sandbox);
    for provider in PROVIDERS {
        let ids = create_contacts(&sandbox, provider, CROWD + 1);
        slow(&sandbox, provider, 80);
        for sidecar in [&joined, &alone] {
            // A token is there, and how long calls take is known.
            let first = sidecar.call(provider, "GET", &target(&ids[0]), None);
            assert_eq!(first.status, 200, "{}", first.text);
        }
        let by_itself = crowd(&sandbox, &alone, provider, &ids[1..]);
        assert_eq!(by_itself.0, CROWD);
        // On a machine that is busy the crowd does not come at once, and what comes later is another crowd.
        let mut together = crowd(&sandbox, &joined, provider, &ids[1..]);
        if together.0 > 8 {
            together = crowd(&sandbox, &joined, provider, &ids[1..]);
        }
        eprintln!(
            "{provider}: {CROWD} gets at once, native calls and p50: joined {together:?}, alone {by_itself:?}"
        );
        assert!(together.0 <= 8, "{provider}: {} calls", together.0);
    }
}

#[test]
fn calls_saved_are_told_in_the_log() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    let id = &create_contacts(&sandbox, "hubspot", 1)[0];
    assert_eq!(
        sidecar.call("hubspot", "GET", &target(id), None).status,
        200
    );
    reads(&sandbox, "hubspot");
    slow(&sandbox, "hubspot", 300);
    let answers = at_once(&sidecar, "hubspot", &vec![target(id); 10]);
    let texts: Vec<&String> = answers.iter().map(|(answer, _)| &answer.text).collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    assert_eq!(reads(&sandbox, "hubspot").len(), 1);
    let lines = sidecar.logged(11);
    let sum = |name: &str| {
        lines[1..]
            .iter()
            .map(|line| line[name].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum("native_calls"), sum("joined")), (1, 9));
}

#[test]
fn a_lone_get_is_made_at_once_and_as_it_is() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    for provider in PROVIDERS {
        let ids = create_contacts(&sandbox, provider, 3);
        reads(&sandbox, provider);
        for id in &ids {
            assert_eq!(sidecar.call(provider, "GET", &target(id), None).status, 200);
        }
        let calls = reads(&sandbox, provider);
        assert_eq!(calls.len(), 3, "{calls:?}");
        assert!(
            calls.iter().all(|call| call.starts_with("GET ")),
            "{calls:?}"
        );
    }
}

#[test]
fn a_write_is_seen_by_everybody_who_reads_after_it() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    for provider in PROVIDERS {
        let id = &create_contacts(&sandbox, provider, 1)[0];
        // Reads are so slow that the first is under way when the write has been acknowledged.
        let path = if provider == "hubspot" {
            "/contacts/"
        } else {
            "/sobjects/Contact/"
        };
        let slow = json!({"match": {"method": "GET", "path": path}, "times": 1, "action": {"delay_ms": 1500}});
        sandbox.control(provider, "POST", "/_sandbox/faults", Some(&slow));
        let mut before = send(&sidecar.address, "GET", &target(id), &headers(provider), "");
        thread::sleep(Duration::from_millis(300));
        let change = json!({"record": {"last_name": "Changed"}});
        let changed = sidecar.call(provider, "PATCH", &target(id), Some(&change));
        assert_eq!(changed.status, 200, "{}", changed.text);
        let after = sidecar.call(provider, "GET", &target(id), None);
        assert_eq!(after.body["record"]["last_name"], "Changed", "{provider}");
        assert_eq!(receive(&mut before).status, 200);
    }
}

#[test]
fn a_leader_who_hangs_up_takes_nobody_along() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    let ids = create_contacts(&sandbox, "salesforce", 4);
    assert_eq!(
        sidecar
            .call("salesforce", "GET", &target(&ids[0]), None)
            .status,
        200
    );
    slow(&sandbox, "salesforce", 700);
    let ask = |id: &str| {
        send(
            &sidecar.address,
            "GET",
            &target(id),
            &headers("salesforce"),
            "",
        )
    };
    // He leads, another follows, and two gather.
    let leader = ask(&ids[0]);
    thread::sleep(Duration::from_millis(100));
    let mut others = [ask(&ids[0]), ask(&ids[1]), ask(&ids[2])];
    // One who has gathered, and leaves it.
    let gone = ask(&ids[3]);
    thread::sleep(Duration::from_millis(100));
    drop(leader);
    drop(gone);
    for (id, other) in [&ids[0], &ids[1], &ids[2]].into_iter().zip(&mut others) {
        let answer = receive(other);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["record"]["id"], **id);
    }
}

/// Covers: reads-joined
#[test]
fn what_a_batch_is_refused_is_asked_for_alone() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    for (provider, path) in [
        ("hubspot", "/batch/read"),
        ("salesforce", "/composite/sobjects/"),
    ] {
        let ids = create_contacts(&sandbox, provider, 6);
        assert_eq!(
            sidecar.call(provider, "GET", &target(&ids[0]), None).status,
            200
        );
        let targets: Vec<String> = ids.iter().map(|id| target(id)).collect();
        for refused in [
            json!({"reply": {"status": 403, "body": [{"message": "no", "errorCode": "X", "category": "X"}]}}),
            json!({"reply": {"status": 200, "body": {"results": "none"}}}),
            json!({"reply": {"status": 200, "body": []}}),
        ] {
            sandbox.control(provider, "DELETE", "/_sandbox/faults", None);
            slow(&sandbox, provider, 150);
            let fault =
                json!({"match": {"method": "POST", "path": path}, "times": 100, "action": refused});
            sandbox.control(provider, "POST", "/_sandbox/faults", Some(&fault));
            for (id, (answer, _)) in ids.iter().zip(at_once(&sidecar, provider, &targets)) {
                assert_eq!(answer.status, 200, "{provider} {refused}: {}", answer.text);
                assert_eq!(answer.body["record"]["id"], **id);
            }
        }
        sandbox.control(provider, "DELETE", "/_sandbox/faults", None);
    }
}

#[test]
fn throttling_of_a_batch_is_told_to_all_and_tried_by_nobody_alone() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    let ids = create_contacts(&sandbox, "hubspot", 10);
    assert_eq!(
        sidecar
            .call("hubspot", "GET", &target(&ids[0]), None)
            .status,
        200
    );
    let daily = json!({"reply": {"status": 429, "body": {"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"}}});
    let fault =
        json!({"match": {"method": "POST", "path": "/batch/read"}, "times": 100, "action": daily});
    sandbox.control("hubspot", "POST", "/_sandbox/faults", Some(&fault));
    let slow = json!({"match": {"method": "GET", "path": "/contacts/"}, "times": 100, "action": {"delay_ms": 500}});
    sandbox.control("hubspot", "POST", "/_sandbox/faults", Some(&slow));
    reads(&sandbox, "hubspot");
    // The first is alone and is answered; the others gather meanwhile.
    let mut first = send(
        &sidecar.address,
        "GET",
        &target(&ids[0]),
        &headers("hubspot"),
        "",
    );
    thread::sleep(Duration::from_millis(100));
    let targets: Vec<String> = ids[1..].iter().map(|id| target(id)).collect();
    // One that came too early for the others has gone by himself.
    let (mut refused, mut answered) = (0, 1);
    for (answer, _) in at_once(&sidecar, "hubspot", &targets) {
        if answer.status == 200 {
            answered += 1;
            continue;
        }
        assert_eq!(answer.status, 429, "{}", answer.text);
        assert_eq!(answer.body["provider"]["code"], "RATE_LIMIT");
        refused += 1;
    }
    assert!(refused > 1, "some have gathered");
    assert_eq!(receive(&mut first).status, 200);
    let calls = reads(&sandbox, "hubspot");
    let singles = calls.iter().filter(|call| call.starts_with("GET ")).count();
    assert_eq!(singles, answered, "{calls:?}");
}

#[test]
fn everybody_has_his_own_deadline() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    let ids = create_contacts(&sandbox, "salesforce", 4);
    assert_eq!(
        sidecar
            .call("salesforce", "GET", &target(&ids[0]), None)
            .status,
        200
    );
    reads(&sandbox, "salesforce");
    slow(&sandbox, "salesforce", 1500);
    let ask = |id: &str, deadline: &str| {
        let headers = format!("{}x-request-timeout: {deadline}\r\n", headers("salesforce"));
        send(&sidecar.address, "GET", &target(id), &headers, "")
    };
    // He leads with little time; of those who follow one has as little, and the other one goes on when it is over.
    let mut leader = ask(&ids[0], "0.5");
    thread::sleep(Duration::from_millis(100));
    let mut hasty = ask(&ids[0], "0.4");
    let mut patient = ask(&ids[0], "30");
    // Of those who gather, one has little time as well, and the others are not cut short.
    let mut gathered = [ask(&ids[1], "0.5"), ask(&ids[2], "30"), ask(&ids[3], "30")];
    assert_eq!(receive(&mut leader).status, 504);
    assert_eq!(receive(&mut hasty).status, 504);
    assert_eq!(receive(&mut patient).status, 200);
    assert_eq!(receive(&mut gathered[0]).status, 504);
    for gathered in &mut gathered[1..] {
        assert_eq!(receive(gathered).status, 200);
    }
    let calls = reads(&sandbox, "salesforce");
    let singles = calls.iter().filter(|call| call.starts_with("GET "));
    assert_eq!(
        singles.filter(|call| call.ends_with(&ids[0])).count(),
        2,
        "{calls:?}"
    );
}
