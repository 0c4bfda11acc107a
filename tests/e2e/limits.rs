//! The limits of a provider: kept to before they are reached, told to callers, shared by sidecars on one store.

use std::{
    collections::BTreeMap,
    thread::scope,
    time::{Duration, Instant},
};

use crosswalk_tests::{API_KEY, Answer, Demo, Postgres, Sandbox, Sidecar, exchange};
use serde_json::{Value, json};

const ACCOUNTS: &str = "/unified/crm/account?page_size=1";

/// A sidecar with both providers' sandboxes, and more of the configuration.
fn sidecar(sandbox: &Sandbox, more: &str) -> Sidecar {
    Sidecar::start(&format!("{}{more}", sandbox.with_oauth()))
}

fn settings(sandbox: &Sandbox, provider: &str, settings: &Value) {
    sandbox.control(provider, "PATCH", "/_sandbox/settings", Some(settings));
}

/// How many native calls ended with each status.
fn statuses(sandbox: &Sandbox, provider: &str) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for call in sandbox.seen(provider) {
        *counts.entry(call["status"].as_u64().unwrap()).or_default() += 1;
    }
    counts
}

fn seconds(answer: &Answer, header: &str) -> u64 {
    let value = answer
        .header(header)
        .unwrap_or_else(|| panic!("{header}: {}", answer.head));
    value.parse().unwrap()
}

/// Covers: budget-kept, budget-told
#[test]
fn a_limit_is_told_and_kept_to_before_it_is_reached() {
    let sandbox = Sandbox::start();
    settings(
        &sandbox,
        "hubspot",
        &json!({"rate_limits": {"burst_per_10s": 6}}),
    );
    let sidecar = sidecar(&sandbox, "limits: { queue_wait: 2s }\n");
    for left in (0..6).rev() {
        let answer = sidecar.call("hubspot", "GET", ACCOUNTS, None);
        assert_eq!(answer.status, 200, "{}", answer.text);
        // 100 is assumed of HubSpot alone, and not of this machine; 6 is what it told.
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"burst\";q=6;w=10")
        );
        let told = answer.header("ratelimit").unwrap();
        assert!(
            told.starts_with(&format!("\"burst\";r={left};t=")),
            "{told}"
        );
    }
    let started = Instant::now();
    let answer = sidecar.call("hubspot", "GET", ACCOUNTS, None);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "it is refused at once"
    );
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(answer.body["code"], "TOO_MANY_REQUESTS");
    let message = answer.body["message"].as_str().unwrap();
    assert!(
        message.contains("HubSpot allows this account 6 calls in 10 seconds (`burst`)"),
        "{message}"
    );
    assert!(
        (3..=10).contains(&seconds(&answer, "retry-after")),
        "{}",
        answer.head
    );
    assert!(
        answer
            .header("ratelimit")
            .unwrap()
            .starts_with("\"burst\";r=0;t=")
    );
    assert_eq!(statuses(&sandbox, "hubspot").get(&429), None);
    // What asks nobody tells nothing.
    let answer = sidecar.call("hubspot", "GET", "/unified/crm/account/no-id", None);
    assert_eq!((answer.status, answer.header("ratelimit")), (404, None));
}

#[test]
fn a_call_waits_for_its_turn_where_it_may() {
    let sandbox = Sandbox::start();
    settings(
        &sandbox,
        "hubspot",
        &json!({"rate_limits": {"burst_per_10s": 5}}),
    );
    let sidecar = sidecar(&sandbox, "");
    let started = Instant::now();
    for _ in 0..6 {
        assert_eq!(sidecar.call("hubspot", "GET", ACCOUNTS, None).status, 200);
    }
    assert!(
        started.elapsed() >= Duration::from_millis(9_900),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(statuses(&sandbox, "hubspot").get(&429), None);
}

/// Covers: throttled
#[test]
fn one_refusal_is_enough_for_all() {
    let sandbox = Sandbox::start();
    let sidecar = sidecar(&sandbox, "");
    // Nothing was told before, and others have used up everything.
    let refusal = json!({"match": {"path": "companies"}, "times": 1, "action": {"reply": {
        "status": 429,
        "headers": {"Retry-After": "2"},
        "body": {"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"},
    }}});
    sandbox.control("hubspot", "POST", "/_sandbox/faults", Some(&refusal));
    let started = Instant::now();
    scope(|scope| {
        let first = scope.spawn(|| sidecar.call("hubspot", "GET", ACCOUNTS, None));
        while !statuses(&sandbox, "hubspot").contains_key(&429) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let rest: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| sidecar.call("hubspot", "GET", ACCOUNTS, None)))
            .collect();
        for answer in rest.into_iter().chain([first]) {
            assert_eq!(answer.join().unwrap().status, 200);
        }
    });
    assert!(
        started.elapsed() >= Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(statuses(&sandbox, "hubspot")[&429], 1);
}

/// Covers: daily-limit
#[test]
fn a_spent_day_costs_one_call_and_not_one_for_each_caller() {
    let demo = Demo::start();
    for (connection, settings) in [
        ("hubspot-demo", json!({"rate_limits": {"daily": 0}})),
        (
            "salesforce-demo",
            json!({"calls_today": 1000, "daily_limit": 1000}),
        ),
    ] {
        demo.sandbox(connection, "PATCH", "/_sandbox/settings", Some(&settings));
        demo.native_calls(connection);
        for number in 0..5 {
            let answer = demo.call(connection, "GET", ACCOUNTS, None);
            assert_eq!(answer.status, 429, "{connection}: {}", answer.text);
            if number > 0 {
                let after = seconds(&answer, "retry-after");
                assert!((50..=60).contains(&after), "{connection}: {after}");
            }
        }
        assert_eq!(demo.native_calls(connection).len(), 1, "{connection}");
    }
}

#[test]
fn what_is_assumed_can_be_said() {
    let sandbox = Sandbox::start();
    let policy = |more: &str| {
        let sidecar = sidecar(&sandbox, more);
        let answer = sidecar.call("hubspot", "GET", ACCOUNTS, None);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("ratelimit-policy").map(str::to_owned)
    };
    assert_eq!(policy(""), None);
    assert_eq!(policy("provider_limits: off\n"), None);
    assert_eq!(
        policy("provider_limits: assumed\n").unwrap(),
        "\"burst\";q=100;w=10, \"search\";q=5;w=1"
    );
    assert_eq!(
        policy("provider_limits: { hubspot: { burst: 190 } }\n").unwrap(),
        "\"burst\";q=190;w=10, \"search\";q=5;w=1"
    );
}

/// Connects the sandbox's account to what two sidecars share.
fn connect(sandbox: &Sandbox, sidecar: &Sidecar) -> String {
    let core = |target: &str, body: &Value| {
        let headers = format!("x-apikey: {API_KEY}\r\n");
        let answer = exchange(&sidecar.address, "POST", target, &headers, Some(body));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text);
        answer.body
    };
    let place = format!("http://{}", sandbox.address("hubspot"));
    let config = json!({ "client_id": "sandbox-client", "client_secret": "sandbox-secret", "base_url": place });
    let body = json!({ "connectorName": "hubspot", "orgId": "org_crosswalk", "config": config });
    let config = core("/core/connector_config", &body);
    let oauth = json!({ "credentials": { "refresh_token": "sandbox-refresh" } });
    let body = json!({ "connectorConfigId": config["id"], "customerId": "customer", "settings": { "oauth": oauth } });
    core("/core/connection", &body).as_str().unwrap().to_owned()
}

/// Two sidecars on one store, with callers that ask as often as they can; how many native calls they made.
fn by_two(server: &Postgres, target: &str, lasts: Duration) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let rest = format!(
        "store: \"{}\"\nstore_key: \"file:{}/store.key\"\nprovider_limits: assumed\nlimits: {{ queue_wait: 20s }}\n",
        server.database(),
        folder.path().display()
    );
    let sandbox = Sandbox::start();
    let limits = json!({"rate_limits": {"burst_per_10s": 100, "search_per_second": 5}});
    settings(&sandbox, "hubspot", &limits);
    let sidecars = [Sidecar::start(&rest), Sidecar::start(&rest)];
    let connection = connect(&sandbox, &sidecars[0]);
    let ends = Instant::now() + lasts;
    scope(|scope| {
        for number in 0..12 {
            let (sidecar, connection) = (&sidecars[number % 2], &connection);
            scope.spawn(move || {
                while Instant::now() < ends {
                    let answer = sidecar.call(connection, "GET", target, None);
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
    });
    assert_eq!(statuses(&sandbox, "hubspot").get(&429), None);
    sandbox.seen("hubspot").len()
}

/// Covers: budget-shared
#[test]
fn sidecars_on_one_store_share_the_limits() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    scope(|scope| {
        let reads = scope.spawn(|| by_two(server, ACCOUNTS, Duration::from_secs(21)));
        let searches = scope.spawn(|| {
            by_two(
                server,
                "/unified/crm/contact/_count",
                Duration::from_secs(10),
            )
        });
        // What is asked for before the end may be answered after it: a window more.
        let (reads, searches) = (reads.join().unwrap(), searches.join().unwrap());
        println!("two sidecars: {reads} of 300 reads, {searches} of 55 searches");
        assert!(reads >= 200, "{reads}");
        assert!(searches >= 28, "{searches}");
    });
}
