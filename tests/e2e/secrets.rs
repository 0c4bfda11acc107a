//! A canary: no secret is ever printed, logged or answered, whatever goes wrong.

use std::fmt::Write as _;

use crosswalk_tests::{API_KEY, Sandbox, Sidecar, exchange, headers};
use serde_json::{Value, json};

const ISSUED: &str = "canary-issued-access-token";

/// Orders the next answer of a provider.
fn reply(sandbox: &Sandbox, provider: &str, path: &str, status: u16, body: &Value) {
    let fault = json!({"match": {"path": path}, "times": 1, "action": {"reply": {"status": status, "headers": {"Retry-After": "0", "X-HubSpot-Correlation-Id": ISSUED, "Sforce-Correlation": ISSUED, "Location": ISSUED}, "body": body}}});
    sandbox.control(provider, "POST", "/_sandbox/faults", Some(&fault));
}

/// All that a caller and whoever reads the logs have seen.
#[derive(Debug, Default)]
struct Seen {
    statuses: Vec<u16>,
    answers: String,
    printed: String,
}

impl Seen {
    /// A proxy of its own: so many calls through it, and all that it printed until its end.
    fn calls(&mut self, sandbox: &Sandbox, headers: &str, count: usize) {
        let mut sidecar = Sidecar::start(&sandbox.with_oauth());
        for _ in 0..count {
            let target = "/unified/crm/account?page_size=1";
            let answer = exchange(&sidecar.address, "GET", target, headers, None);
            self.statuses.push(answer.status);
            self.answers.push_str(&answer.head);
            self.answers.push_str(&answer.text);
        }
        assert_eq!(sidecar.logged(count).len(), count);
        sidecar.process.terminate();
        sidecar.process.exit_code();
        self.printed.push_str(&sidecar.process.out.text());
        self.printed.push_str(&sidecar.process.err.text());
    }
}

/// Covers: secret-in-logs, secret-from-provider
#[test]
fn no_secret_is_printed_or_answered_whatever_goes_wrong() {
    let sandbox = Sandbox::start();
    let mut seen = Seen::default();
    for (provider, token, api) in [
        ("hubspot", "/oauth/v1/token", "/companies"),
        ("salesforce", "/services/oauth2/token", "/query"),
    ] {
        let url = format!("http://{}", sandbox.address(provider));
        let issued = json!({"access_token": ISSUED, "token_type": "bearer", "expires_in": 1800, "instance_url": url});
        // All is well, and then the provider ends the session.
        seen.calls(&sandbox, &headers(provider), 2);
        // The provider refuses the token that it has just issued; the next one is good.
        reply(&sandbox, provider, token, 200, &issued);
        seen.calls(&sandbox, &headers(provider), 1);
        // The token endpoint refuses, and tells what it was sent.
        for status in [400, 401, 500] {
            let told = "sandbox-refresh of sandbox-client with sandbox-secret";
            let echo = json!({"error": "invalid_grant", "error_description": told, "status": "BAD_REFRESH_TOKEN", "message": told});
            // Some put all of it into the code.
            for echo in [echo, json!({"error": told})] {
                for _ in 0..5 {
                    reply(&sandbox, provider, token, status, &echo);
                }
                seen.calls(&sandbox, &headers(provider), 2);
                sandbox.control(provider, "DELETE", "/_sandbox/faults", None);
            }
        }
        // The API fails, and tells the token in its words.
        for status in [400, 401, 403, 404, 429, 500] {
            let told = format!("the token {ISSUED} is of no use");
            let echo = if provider == "hubspot" {
                json!({"status": "error", "message": told, "category": ISSUED})
            } else {
                json!([{"message": told, "errorCode": ISSUED}])
            };
            for _ in 0..5 {
                reply(&sandbox, provider, token, 200, &issued);
                reply(&sandbox, provider, api, status, &echo);
            }
            seen.calls(&sandbox, &headers(provider), 1);
            sandbox.control(provider, "DELETE", "/_sandbox/faults", None);
        }
    }
    // Who calls with a wrong key is not told the right one, nor is the wrong one repeated.
    let wrong = "x-apikey: canary-wrong-key\r\nx-connection-id: hubspot\r\n";
    seen.calls(&sandbox, wrong, 1);
    for status in [200, 400, 401, 403, 404, 429, 502] {
        assert!(seen.statuses.contains(&status), "{:?}", seen.statuses);
    }
    for (place, text) in [("the output", seen.printed), ("an answer", seen.answers)] {
        for secret in [
            API_KEY,
            "canary-wrong-key",
            "sandbox-secret",
            "sandbox-refresh",
            ISSUED,
            "00DSANDBOX!",
            "pat-na1-",
            "Bearer ",
        ] {
            let lines: Vec<&str> = text.lines().filter(|line| line.contains(secret)).collect();
            assert!(lines.is_empty(), "{secret} is in {place}: {lines:#?}");
        }
    }
}

/// Covers: secret-in-url
#[test]
fn no_token_is_in_the_address_of_a_native_call() {
    let sandbox = Sandbox::start();
    let tokens = [
        ("hubspot", "pat-na1-sandbox-demo"),
        ("salesforce", "00DSANDBOX!demo"),
    ];
    let mut given = "connections:\n".to_owned();
    for (provider, token) in tokens {
        let place = if provider == "hubspot" {
            "base_url"
        } else {
            "instance_url"
        };
        let address = sandbox.address(provider);
        writeln!(
            given,
            "  {provider}: {{ provider: {provider}, {place}: \"http://{address}\", access_token: \"{token}\" }}"
        )
        .expect("a String takes all");
    }
    for rest in [given, sandbox.with_oauth()] {
        let sidecar = Sidecar::start(&rest);
        for (provider, _) in tokens {
            let record = json!({"record": {"name": "A"}});
            let upsert = json!({"upsert_on": {"key": "website", "values": ["a.example"]}, "record": {"name": "A"}});
            for (method, target, body) in [
                ("GET", "/unified/crm/account?page_size=2", None),
                ("GET", "/unified/crm/account/_count", None),
                ("POST", "/unified/crm/account", Some(&record)),
                ("POST", "/unified/crm/account/_upsert", Some(&upsert)),
                ("GET", "/unified/crm/metadata/objects", None),
            ] {
                let answer = sidecar.call(provider, method, target, body);
                assert_eq!(answer.status, 200, "{provider} {target}: {}", answer.text);
            }
        }
    }
    for (provider, _) in tokens {
        let seen = sandbox.seen(provider);
        assert!(seen.len() >= 10, "{}", seen.len());
        for call in &seen {
            let part = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
            let address = format!("{}?{}", part("path"), part("query"));
            for secret in [
                tokens[0].1,
                tokens[1].1,
                "sandbox-refresh",
                "sandbox-secret",
                "token=",
            ] {
                let encoded = secret.replace('!', "%21");
                let shows = address.contains(secret) || address.contains(&encoded);
                assert!(!shows, "{secret} is in {address}");
            }
        }
    }
}
