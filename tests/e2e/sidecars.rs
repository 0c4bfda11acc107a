//! Two sidecars that share a store: each connection has one token, and the provider is asked for it once.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crosswalk_tests::{API_KEY, Postgres, Sandbox, Sidecar, exchange};
use serde_json::{Value, json};

const PROVIDERS: [(&str, &str); 2] = [
    ("hubspot", "/oauth/v1/token"),
    ("salesforce", "/services/oauth2/token"),
];
const CALLERS: usize = 6;
const ENDS: usize = 4;

/// Sidecars on each kind of store, made one after the other.
fn on_both(test: impl Fn(&Sandbox, &[Sidecar; 2])) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let mut stores = vec![format!("sqlite:{path}/shared.db")];
    stores.extend(Postgres::shared().map(Postgres::database));
    for store in stores {
        let rest = format!("store: \"{store}\"\nstore_key: \"file:{path}/store.key\"\n");
        let sandbox = Sandbox::start();
        test(&sandbox, &[Sidecar::start(&rest), Sidecar::start(&rest)]);
    }
}

fn core(sidecar: &Sidecar, target: &str, body: &Value) -> Value {
    let headers = format!("x-apikey: {API_KEY}\r\n");
    let answer = exchange(&sidecar.address, "POST", target, &headers, Some(body));
    assert_eq!(answer.status, 200, "{target}: {}", answer.text);
    answer.body
}

/// Connects the sandbox's account, as its refresh token alone allows.
fn connect(sandbox: &Sandbox, sidecar: &Sidecar, provider: &str) -> String {
    let place = format!("http://{}", sandbox.address(provider));
    let mut config = json!({
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "base_url": place,
    });
    if provider == "salesforce" {
        config["login_url"] = place.into();
    }
    let body = json!({ "connectorName": provider, "orgId": "org_crosswalk", "config": config });
    let config = core(sidecar, "/core/connector_config", &body);
    let oauth = json!({ "credentials": { "refresh_token": "sandbox-refresh" } });
    let body = json!({
        "connectorConfigId": config["id"],
        "customerId": "customer",
        "settings": { "oauth": oauth },
    });
    let connection = core(sidecar, "/core/connection", &body);
    connection.as_str().unwrap().to_owned()
}

/// Calls through both for as long as it is said, from several callers each; all must succeed.
fn call_both(sidecars: &[Sidecar; 2], connection: &str, lasts: Duration) -> usize {
    let failed = AtomicBool::new(false);
    let ends = Instant::now() + lasts;
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2 * CALLERS)
            .map(|number| {
                let failed = &failed;
                let sidecar = &sidecars[number % 2];
                scope.spawn(move || {
                    let mut calls = 0;
                    while Instant::now() < ends && !failed.load(Ordering::Relaxed) {
                        let target = "/unified/crm/account?page_size=1";
                        let answer = sidecar.call(connection, "GET", target, None);
                        if answer.status != 200 {
                            failed.store(true, Ordering::Relaxed);
                        }
                        assert_eq!(answer.status, 200, "{}", answer.text);
                        calls += 1;
                        std::thread::sleep(Duration::from_millis(30));
                    }
                    calls
                })
            })
            .collect();
        callers.into_iter().map(|it| it.join().unwrap()).sum()
    })
}

/// The requests for tokens since last time, by their status.
fn refreshes(sandbox: &Sandbox, provider: &str, endpoint: &str) -> Vec<u64> {
    let seen = sandbox.seen(provider);
    sandbox.control(provider, "DELETE", "/_sandbox/calls", None);
    let tokens = seen.iter().filter(|call| call["path"] == endpoint);
    tokens.filter_map(|call| call["status"].as_u64()).collect()
}

fn is_broken(sidecar: &Sidecar) -> bool {
    let headers = format!("x-apikey: {API_KEY}\r\n");
    let events = exchange(
        &sidecar.address,
        "GET",
        "/core/events?since=0",
        &headers,
        None,
    );
    assert_eq!(events.status, 200, "{}", events.text);
    events.text.contains("connection.broken")
}

/// Covers: token-herd
#[test]
fn two_sidecars_refresh_once_for_each_end_of_a_token() {
    on_both(|sandbox, sidecars| {
        for (provider, endpoint) in PROVIDERS {
            let rotate = json!({ "rotate_refresh_tokens": true });
            sandbox.control(provider, "PATCH", "/_sandbox/settings", Some(&rotate));
            let connection = connect(sandbox, &sidecars[0], provider);
            refreshes(sandbox, provider, endpoint);
            for _ in 0..ENDS {
                call_both(sidecars, &connection, Duration::from_millis(700));
                // The provider ends every session before its time: nothing but the 401 tells.
                sandbox.control(provider, "POST", "/_sandbox/expire_tokens", None);
            }
            let seen = refreshes(sandbox, provider, endpoint);
            assert_eq!(seen, [200; ENDS], "{provider}");
        }
        assert!(!is_broken(&sidecars[1]));
    });
}

/// Covers: token-herd
#[test]
fn tokens_that_end_by_the_clock_are_renewed_by_one_of_two_sidecars() {
    on_both(|sandbox, sidecars| {
        let (provider, endpoint) = PROVIDERS[0];
        let settings = json!({ "rotate_refresh_tokens": true, "access_token_seconds": 4 });
        sandbox.control(provider, "PATCH", "/_sandbox/settings", Some(&settings));
        let connection = connect(sandbox, &sidecars[0], provider);
        refreshes(sandbox, provider, endpoint);
        let calls = call_both(sidecars, &connection, Duration::from_secs(13));
        assert!(calls > 100, "{calls}");
        // Renewed after three seconds each time, when a quarter of a life is left.
        let seen = refreshes(sandbox, provider, endpoint);
        assert!((4..=5).contains(&seen.len()), "{seen:?}");
        assert!(seen.iter().all(|status| *status == 200), "{seen:?}");
        assert!(!is_broken(&sidecars[1]));
    });
}
