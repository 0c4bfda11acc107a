//! The native door, `ANY /proxy/…`: a caller's own calls to the provider's API.

use std::fmt::Write as _;

use crosswalk_tests::{API_KEY, Answer, Home, Sandbox, Sidecar, exchange, headers};
use serde_json::{Value, json};

mod hostile;
mod keyed;
mod network;

const PROVIDERS: [&str; 2] = ["hubspot", "salesforce"];

fn started(more: &str) -> (Sandbox, Sidecar) {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&format!("{}{more}", sandbox.with_oauth()));
    (sandbox, sidecar)
}

/// A call, with some headers more.
fn ask(
    sidecar: &Sidecar,
    provider: &str,
    call: (&str, &str, &str),
    body: Option<&Value>,
) -> Answer {
    let (method, target, more) = call;
    let target = format!("/proxy{target}");
    let headers = format!("{}{more}", headers(provider));
    exchange(&sidecar.address, method, &target, &headers, body)
}

/// Where accounts are, and one that is made.
fn accounts(provider: &str) -> (&'static str, Value) {
    if provider == "hubspot" {
        let record = json!({"properties": {"name": "Native"}});
        ("/crm/v3/objects/companies", record)
    } else {
        let record = json!({"Name": "Native"});
        ("/services/data/v59.0/sobjects/Account", record)
    }
}

#[test]
fn a_record_is_made_read_changed_and_deleted_in_the_providers_own_words() {
    let (sandbox, sidecar) = started("admin_listen: 127.0.0.1:0\n");
    for provider in PROVIDERS {
        let (place, record) = accounts(provider);
        let made = ask(&sidecar, provider, ("POST", place, ""), Some(&record));
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.header("x-answered-by"), Some(provider));
        assert_eq!(made.header("cache-control"), Some("no-store"));
        let kind = made.header("content-type").unwrap();
        assert!(kind.starts_with("application/json"), "{kind}");
        let id = made.body["id"].as_str().unwrap();
        let target = format!("{place}/{id}");
        let read = ask(&sidecar, provider, ("GET", &target, ""), None);
        assert_eq!(read.status, 200, "{}", read.text);
        assert!(read.text.contains("Native"), "{}", read.text);
        let changed = ask(&sidecar, provider, ("PATCH", &target, ""), Some(&record));
        assert!(changed.status < 300, "{}", changed.text);
        // The unified API cannot delete.
        let deleted = ask(&sidecar, provider, ("DELETE", &target, ""), None);
        assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
        let gone = ask(&sidecar, provider, ("GET", &target, ""), None);
        assert_eq!(gone.status, 404, "{}", gone.text);
        assert_eq!(gone.header("x-answered-by"), Some(provider));
        assert!(
            gone.body["code"].is_null(),
            "not in our shape: {}",
            gone.text
        );
        // The same that was sent is what the provider has seen.
        let calls = sandbox.native_calls(provider);
        for method in ["POST", "GET", "PATCH", "DELETE", "GET"] {
            let seen = calls
                .iter()
                .any(|call| call.starts_with(&format!("{method} {place}")));
            assert!(seen, "{method}: {calls:?}");
        }
    }
    let lines = sidecar.logged(10);
    let line = &lines[0];
    assert_eq!(line["operation"], "native.post");
    assert_eq!(
        (&line["status"], &line["native_calls"]),
        (&json!(201), &json!(1))
    );
    assert_eq!(line["connection"], "hubspot");
    let admin = crate::admin::watched(&sidecar);
    let metrics = exchange(&admin, "GET", "/metrics", "", None).text;
    for operation in ["native.get", "native.post", "native.patch", "native.delete"] {
        let start = format!(
            "crosswalk_calls_total{{operation=\"{operation}\",provider=\"hubspot\",status=\"2xx\"}} 1"
        );
        assert!(metrics.contains(&start), "{start}\n{metrics}");
    }
}

#[test]
fn a_query_and_the_providers_own_headers_go_along() {
    let (_sandbox, sidecar) = started("");
    let query = "/services/data/v59.0/query?q=SELECT+Id+FROM+Contact+WHERE+Name+!%3D+%27a%2Fb%27";
    let page = ask(
        &sidecar,
        "salesforce",
        ("GET", query, "sforce-query-options: batchSize=200\r\n"),
        None,
    );
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.header("sforce-limit-info").is_some(), "{}", page.head);
    let hubspot = "/crm/v3/objects/companies?limit=1&properties=name";
    let list = ask(&sidecar, "hubspot", ("GET", hubspot, ""), None);
    assert_eq!(list.body["results"].as_array().map(Vec::len), Some(1));
    let search = json!({"limit": 1, "filterGroups": []});
    let found = ask(
        &sidecar,
        "hubspot",
        ("POST", "/crm/v3/objects/companies/search", ""),
        Some(&search),
    );
    assert_eq!(found.status, 200, "{}", found.text);
}

/// Covers: caller-may-not, caller-unknown
#[test]
fn only_who_was_given_it_may_use_it() {
    let sandbox = Sandbox::start();
    let hubspot = sandbox.address("hubspot");
    let home = Home::new(&format!(
        "connections:\n  hubspot: {{ provider: hubspot, base_url: \"http://{hubspot}\", oauth: {{ client_id: sandbox-client, client_secret: sandbox-secret, refresh_token: sandbox-refresh }} }}\ncursor_key: some-cursor-key\n"
    ));
    let served = home.serve();
    let target = "/proxy/crm/v3/objects/companies?limit=1";
    let status = |headers: &str| {
        let headers = format!("{headers}x-connection-id: hubspot\r\n");
        exchange(&served.address, "GET", target, &headers, None).status
    };
    for (scope, expected) in [
        ("admin", 200),
        ("native", 200),
        ("unified", 403),
        ("read", 403),
    ] {
        let key = home.key(&["--scope", scope]);
        assert_eq!(status(&format!("x-apikey: {key}\r\n")), expected, "{scope}");
        let webhooks = served.call(&key, "GET", "/core/webhook", None);
        assert_eq!(webhooks.status == 200, scope == "admin", "{scope}");
    }
    let admin = home.key(&["--scope", "admin"]);
    let customer = json!({"customerId": "acme"});
    let token = served.call(&admin, "POST", "/connect/token", Some(&customer));
    let token = token.body["token"].as_str().expect("a token");
    assert_eq!(status(&format!("authorization: Bearer {token}\r\n")), 403);
    assert_eq!(status(""), 401);
    assert_eq!(status("x-apikey: unknown\r\n"), 401);
    let seen = sandbox.native_calls("hubspot");
    let reached = seen.iter().filter(|call| call.ends_with("/companies"));
    assert_eq!(reached.count(), 2, "{seen:?}");
}

#[test]
fn it_can_be_shut_and_has_its_methods_and_places() {
    let (sandbox, sidecar) = started("");
    let status = |provider, method, target| {
        let got = ask(&sidecar, provider, (method, target, ""), None);
        (got.status, got.text)
    };
    for (provider, method, target, expected) in [
        ("hubspot", "OPTIONS", "/crm/v3/objects/companies", 405),
        ("hubspot", "TRACE", "/crm/v3/objects/companies", 405),
        ("hubspot", "BREW", "/crm/v3/objects/companies", 405),
        ("nobody", "GET", "/crm/v3/objects/companies", 404),
        ("hubspot", "GET", "/oauth/v1/access-tokens/x", 403),
        ("hubspot", "GET", "/OAuth/v1/access-tokens/x", 403),
        ("hubspot", "GET", "/%6fauth/v1/access-tokens/x", 403),
        ("hubspot", "POST", "/oauth", 403),
        ("salesforce", "POST", "/services/oauth2/singleaccess", 403),
        ("salesforce", "GET", "/secur/frontdoor.jsp", 403),
        ("salesforce", "GET", "/services/Soap/u/59.0", 403),
        ("salesforce", "GET", "/id/00D/005", 403),
    ] {
        let (found, text) = status(provider, method, target);
        assert_eq!(found, expected, "{method} {target}: {text}");
    }
    let (found, text) = status("salesforce", "GET", "/services/data");
    assert_eq!(found, 200, "{text}");
    assert!(sandbox.native_calls("hubspot").is_empty());
    let (_sandbox, shut) = started("native_door: false\n");
    let got = ask(
        &shut,
        "hubspot",
        ("GET", "/crm/v3/objects/companies", ""),
        None,
    );
    assert_eq!(got.status, 404, "{}", got.text);
    assert!(got.text.contains("native_door: true"), "{}", got.text);
}

#[test]
fn a_token_that_ended_is_replaced() {
    let (sandbox, sidecar) = started("");
    for provider in PROVIDERS {
        let (place, record) = accounts(provider);
        let made = ask(&sidecar, provider, ("POST", place, ""), Some(&record));
        assert_eq!(made.status, 201, "{}", made.text);
        for method in ["GET", "POST"] {
            sandbox.control(provider, "POST", "/_sandbox/expire_tokens", None);
            let id = made.body["id"].as_str().unwrap();
            let got = match method {
                "GET" => ask(
                    &sidecar,
                    provider,
                    ("GET", &format!("{place}/{id}"), ""),
                    None,
                ),
                _ => ask(&sidecar, provider, ("POST", place, ""), Some(&record)),
            };
            assert!(got.status < 300, "{provider} {method}: {}", got.text);
        }
    }
}

/// Covers: budget-kept
#[test]
fn its_calls_are_counted_with_all_others_under_the_providers_limits() {
    let (sandbox, sidecar) = started("limits: { queue_wait: 200ms }\n");
    let limits = json!({"rate_limits": {"burst_per_10s": 4}});
    sandbox.control("hubspot", "PATCH", "/_sandbox/settings", Some(&limits));
    let list = "/crm/v3/objects/companies?limit=1";
    for left in (0..4).rev() {
        // One in turn with a unified one.
        let got = if left % 2 == 0 {
            sidecar.call("hubspot", "GET", "/unified/crm/account?page_size=1", None)
        } else {
            ask(&sidecar, "hubspot", ("GET", list, ""), None)
        };
        assert_eq!(got.status, 200, "{}", got.text);
        let told = got.header("ratelimit").unwrap();
        assert!(told.starts_with(&format!("\"burst\";r={left};")), "{told}");
    }
    sandbox.native_calls("hubspot");
    let refused = ask(&sidecar, "hubspot", ("GET", list, ""), None);
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(refused.body["code"], "TOO_MANY_REQUESTS");
    assert_eq!(refused.header("x-answered-by"), None, "it was not asked");
    assert!(refused.header("retry-after").is_some());
    assert!(sandbox.native_calls("hubspot").is_empty());
}

/// Covers: body-too-large, answer-too-large
#[test]
fn bodies_have_their_limits_and_pass_whole_below_them() {
    let (sandbox, sidecar) =
        started("limits: { request_body_bytes: 64 KiB, response_body_bytes: 64 KiB }\n");
    let (place, _) = accounts("hubspot");
    let record =
        |length| json!({"properties": {"name": "Large", "description": "d".repeat(length)}});
    let made = ask(
        &sidecar,
        "hubspot",
        ("POST", place, ""),
        Some(&record(60_000)),
    );
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["id"].as_str().unwrap();
    let target = format!("{place}/{id}?properties=description");
    let read = ask(&sidecar, "hubspot", ("GET", &target, ""), None);
    let text = read.body["properties"]["description"].as_str().unwrap();
    assert_eq!(text.len(), 60_000);
    let large = ask(
        &sidecar,
        "hubspot",
        ("POST", place, ""),
        Some(&record(70_000)),
    );
    assert_eq!(large.status, 413, "{}", large.text);
    let again = ask(
        &sidecar,
        "hubspot",
        ("POST", place, ""),
        Some(&record(60_000)),
    );
    assert_eq!(again.status, 201);
    sandbox.native_calls("hubspot");
    let list = format!("{place}?properties=description&limit=100");
    let large = ask(&sidecar, "hubspot", ("GET", &list, ""), None);
    assert_eq!(large.status, 502, "{}", large.text);
    assert!(large.text.contains("response_body_bytes"), "{}", large.text);
}

/// The configuration of a connection with a token of its own to one address.
fn to(address: &str) -> String {
    let mut config = "connections:\n".to_owned();
    writeln!(
        config,
        "  c: {{ provider: hubspot, base_url: \"http://{address}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }}"
    )
    .unwrap();
    assert!(!config.contains(API_KEY));
    config
}
