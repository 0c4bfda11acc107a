//! What of a caller's call and of a provider's answer passes, and what never does.

use std::io::Write as _;

use crosswalk_tests::{API_KEY, Hostile, Sidecar, exchange, exchange_text, headers, raw};

use super::to;
use std::time::Duration;

/// Answers every call so.
fn provider(answer: &'static [u8]) -> (Hostile, Sidecar) {
    let provider = Hostile::start(move |_, stream| {
        let _ = stream.write_all(answer);
    });
    let sidecar = Sidecar::start(&to(&provider.address));
    (provider, sidecar)
}

/// Covers: headers-of-caller-kept-back, passthrough-head
#[test]
fn of_a_callers_head_what_is_on_the_list_passes_and_nothing_else() {
    let (provider, sidecar) = provider(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=x\r\ncontent-length: 4\r\nconnection: close\r\nset-cookie: a=1\r\nx-internal: yes\r\naccess-control-allow-origin: *\r\netag: \"e\"\r\nx-hubspot-correlation-id: c-1\r\nretry-after: 7\r\n\r\na\n\"b",
    );
    let smuggled = [
        "authorization: Bearer smuggled",
        "cookie: smuggled=1",
        "proxy-authorization: Basic smuggled",
        "connection: keep-alive, authorization, x-apikey, content-type",
        "te: trailers, smuggled",
        "forwarded: for=smuggled",
        "x-forwarded-host: smuggled",
        "x-original-url: /smuggled",
        "x-http-method-override: smuggled",
        "user-agent: smuggled",
        "accept-encoding: smuggled",
        "referer: http://smuggled/",
        "range: smuggled=0-1",
        "traceparent: 00-smuggled",
        "sforce-query-options: smuggled",
        "x-hapikey: smuggled",
        "x-request-id: smuggled-id",
    ];
    let all = format!(
        "{}{}\r\ncontent-type: text/csv\r\naccept: text/plain\r\nif-match: \"e1\"\r\nif-match: \"e2\"\r\n",
        headers("c"),
        smuggled.join("\r\n")
    );
    let body = "a,b\n1,\"2\"\n";
    let got = exchange_text(
        &sidecar.address,
        "PUT",
        "/proxy/files/x?a=%2F..",
        &all,
        body,
    );
    assert_eq!((got.status, got.text.as_str()), (200, "a\n\"b"));
    for (name, value) in [
        ("content-type", Some("text/html; charset=x")),
        ("etag", Some("\"e\"")),
        ("retry-after", Some("7")),
        ("x-hubspot-correlation-id", Some("c-1")),
        ("x-request-id", Some("smuggled-id")),
        ("x-content-type-options", Some("nosniff")),
        (
            "content-security-policy",
            Some("default-src 'none'; sandbox"),
        ),
        ("set-cookie", None),
        ("x-internal", None),
        ("access-control-allow-origin", None),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let seen = provider.seen().remove(0);
    assert!(
        seen.starts_with("PUT /files/x?a=%2F.. HTTP/1.1\r\n"),
        "{seen}"
    );
    assert!(seen.ends_with(&format!("\r\n\r\n{body}")), "{seen}");
    assert!(
        !seen.contains("smuggled") && !seen.contains(API_KEY),
        "{seen}"
    );
    let head = seen.split("\r\n\r\n").next().unwrap().to_lowercase();
    let mut names: Vec<&str> = head
        .lines()
        .skip(1)
        .filter_map(|it| it.split(':').next())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "if-match",
            "if-match",
            "user-agent"
        ]
    );
    assert!(
        head.contains("authorization: bearer sandbox-refresh"),
        "{head}"
    );
    assert!(
        head.contains(&format!("host: {}", provider.address)),
        "{head}"
    );
    assert!(head.contains("accept: text/plain"), "{head}");
}

/// Covers: passthrough-path, path-tricks, target-odd-form
#[test]
fn no_path_leads_away_from_the_providers_address() {
    let (provider, sidecar) =
        provider(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
    let host = &sidecar.address;
    for path in [
        "/proxy",
        "/proxy/",
        "/proxy//evil.example/x",
        "/proxy/https://evil.example/x",
        "/proxy/../unified/crm/account",
        "/proxy/a/../b",
        "/proxy/a/%2e%2e/b",
        "/proxy/a/%252e%252e/b",
        "/proxy/a%2fb",
        "/proxy/a%5cb",
        "/proxy/a\\b",
        "/proxy/..;/b",
        "/proxy/a;b=c",
        "/proxy/a%0d%0ax-evil:%201",
        "/proxy/a%00",
        "/proxy/a%zz",
        "/proxy/\u{e9}",
        "/PROXY/a",
        "/proxy.evil.example/a",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\n{}connection: close\r\n\r\n",
            headers("c")
        );
        let got = raw(host, request.as_bytes(), Duration::from_secs(5));
        let statuses = got.statuses();
        assert!(matches!(statuses[..], [400 | 404]), "{path}: {statuses:?}");
    }
    assert!(provider.seen().is_empty(), "{:?}", provider.seen());
    // These are plain names to everybody, and the address of a request counts for nothing.
    for (target, seen) in [
        ("/proxy/@evil.example/x", "GET /@evil.example/x "),
        ("/proxy/:80/x", "GET /:80/x "),
        ("/proxy/evil.example", "GET /evil.example "),
    ] {
        assert_eq!(
            exchange(host, "GET", target, &headers("c"), None).status,
            200
        );
        assert!(
            provider.seen().last().unwrap().starts_with(seen),
            "{target}"
        );
    }
}

/// Covers: redirect-of-provider, passthrough-head
#[test]
fn a_redirect_is_told_and_never_followed_and_another_host_is_not_named() {
    for (location, expected) in [
        ("/next?page=2", Some("/proxy/next?page=2")),
        ("http://169.254.169.254/latest", None),
        ("//evil.example/", None),
        ("https://evil.example/", None),
    ] {
        let provider = Hostile::start(move |_, stream| {
            let answer = format!(
                "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        });
        let sidecar = Sidecar::start(&to(&provider.address));
        for method in ["GET", "POST"] {
            let got = exchange(&sidecar.address, method, "/proxy/a", &headers("c"), None);
            assert_eq!(got.status, 302, "{location}: {}", got.text);
            assert_eq!(got.header("location"), expected, "{location}");
        }
        assert_eq!(provider.seen().len(), 2, "{location}");
    }
}

/// Covers: secret-from-provider, passthrough-answer
#[test]
fn a_credential_that_is_repeated_goes_no_further() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\netag: \"sandbox-refresh\"\r\ncontent-length: 21\r\nconnection: close\r\n\r\na sandbox-refresh b\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 31\r\nlast-modified: sandbox-refresh\r\nconnection: close\r\n\r\n{\"message\":\"no sandbox-refresh\"}",
        b"HTTP/1.1 301 Moved\r\nlocation: /sandbox-refresh\r\ncontent-length: 16\r\nconnection: close\r\n\r\nsandbox-refresh!",
    ] {
        let (_provider, sidecar) = provider(answer);
        let got = exchange(&sidecar.address, "GET", "/proxy/a", &headers("c"), None);
        assert!(!got.head.contains("sandbox-refresh"), "{}", got.head);
        assert!(!got.text.contains("sandbox-refresh"), "{}", got.text);
        assert!(got.text.contains('…'), "{}", got.text);
        assert!(!sidecar.process.err.text().contains("sandbox-refresh"));
    }
}

/// Covers: answer-not-http, answer-wrong-length, passthrough-answer
#[test]
fn what_is_no_answer_is_502_in_our_words() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope",
    ] {
        let (_provider, sidecar) = provider(answer);
        for (method, outcome) in [("GET", None), ("DELETE", Some("unknown"))] {
            let got = exchange(&sidecar.address, method, "/proxy/a", &headers("c"), None);
            assert_eq!(got.status, 502, "{}", got.text);
            assert_eq!(got.header("x-answered-by"), None);
            assert_eq!(got.body["code"], "BAD_GATEWAY");
            assert_eq!(got.body["outcome"].as_str(), outcome, "{}", got.text);
        }
    }
}

#[test]
fn a_head_has_the_length_and_no_body() {
    let (provider, sidecar) = provider(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: 12345\r\nconnection: close\r\n\r\n",
    );
    let got = exchange(&sidecar.address, "HEAD", "/proxy/a", &headers("c"), None);
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    assert_eq!(got.header("content-length"), Some("12345"));
    let seen = provider.seen().remove(0).to_lowercase();
    assert!(seen.contains("accept-encoding: identity"), "{seen}");
}
