//! OAuth from end to end: the first token, the next one by the clock or on the provider's 401, one refresh for all.

use crosswalk_tests::{Sandbox, Sidecar};
use serde_json::json;

const PROVIDERS: [(&str, &str); 2] = [
    ("hubspot", "POST /oauth/v1/token"),
    ("salesforce", "POST /services/oauth2/token"),
];
const SIDE_BY_SIDE: usize = 50;

fn started() -> (Sandbox, Sidecar) {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    (sandbox, sidecar)
}

/// So many calls at the same moment, reads and writes; all must succeed.
fn call_side_by_side(sidecar: &Sidecar, provider: &str) {
    std::thread::scope(|scope| {
        for number in 0..SIDE_BY_SIDE {
            scope.spawn(move || {
                let body = json!({"record": {"last_name": format!("No. {number}")}});
                let answer = if number % 5 == 0 {
                    sidecar.call(provider, "POST", "/unified/crm/contact", Some(&body))
                } else {
                    let target = "/unified/crm/account?page_size=1";
                    sidecar.call(provider, "GET", target, None)
                };
                assert_eq!(answer.status, 200, "{provider}: {}", answer.text);
            });
        }
    });
}

/// How often the token endpoint was asked since last time.
fn refreshes(sandbox: &Sandbox, provider: &str, endpoint: &str) -> usize {
    let calls = sandbox.native_calls(provider);
    calls.iter().filter(|call| *call == endpoint).count()
}

#[test]
fn many_calls_share_the_first_token_and_the_one_after_a_401() {
    let (sandbox, sidecar) = started();
    for (provider, endpoint) in PROVIDERS {
        call_side_by_side(&sidecar, provider);
        assert_eq!(refreshes(&sandbox, provider, endpoint), 1, "{provider}");
        // The provider ends every session before its time: nothing but the 401 tells.
        sandbox.control(provider, "POST", "/_sandbox/expire_tokens", None);
        call_side_by_side(&sidecar, provider);
        assert_eq!(refreshes(&sandbox, provider, endpoint), 1, "{provider}");
        call_side_by_side(&sidecar, provider);
        assert_eq!(refreshes(&sandbox, provider, endpoint), 0, "{provider}");
    }
}

#[test]
fn a_token_is_renewed_by_the_clock_before_it_is_refused() {
    let (sandbox, sidecar) = started();
    let (provider, endpoint) = PROVIDERS[0];
    let short = json!({"access_token_seconds": 4});
    sandbox.control(provider, "PATCH", "/_sandbox/settings", Some(&short));
    let target = "/unified/crm/account?page_size=1";
    let first = sidecar.call(provider, "GET", target, None);
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(refreshes(&sandbox, provider, endpoint), 1);
    let long = json!({"access_token_seconds": 1800});
    sandbox.control(provider, "PATCH", "/_sandbox/settings", Some(&long));
    std::thread::sleep(std::time::Duration::from_millis(4_100));
    call_side_by_side(&sidecar, provider);
    let calls = sandbox.seen(provider);
    assert!(
        calls.iter().all(|call| call["status"] != 401),
        "no call was made with a token that had ended"
    );
    assert_eq!(refreshes(&sandbox, provider, endpoint), 1);
}

#[test]
fn a_rotated_refresh_token_is_used_the_next_time() {
    let (sandbox, sidecar) = started();
    let (provider, endpoint) = PROVIDERS[1];
    let rotate = json!({"rotate_refresh_tokens": true});
    sandbox.control(provider, "PATCH", "/_sandbox/settings", Some(&rotate));
    for _ in 0..3 {
        call_side_by_side(&sidecar, provider);
        assert_eq!(refreshes(&sandbox, provider, endpoint), 1);
        sandbox.control(provider, "POST", "/_sandbox/expire_tokens", None);
    }
}

/// Covers: token-revoked
#[test]
fn a_revoked_connection_says_so_and_asks_no_more() {
    let (sandbox, sidecar) = started();
    let (provider, endpoint) = PROVIDERS[0];
    let revoke = json!({"revoke_refresh_tokens": true});
    sandbox.control(provider, "PATCH", "/_sandbox/settings", Some(&revoke));
    for _ in 0..3 {
        let answer = sidecar.call(provider, "GET", "/unified/crm/account", None);
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (401, &json!("UNAUTHORIZED")),
            "{}",
            answer.text
        );
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains("connect the account again"), "{message}");
    }
    assert_eq!(refreshes(&sandbox, provider, endpoint), 1);
    let other = sidecar.call("salesforce", "GET", "/unified/crm/account", None);
    assert_eq!(other.status, 200, "another connection is not touched");
}
