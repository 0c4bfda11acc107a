//! What of a caller's headers gets to the provider: nothing. What of a value gets into a header: nothing that ends one.

use std::io::Write;

use crosswalk_tests::{Hostile, Sidecar, exchange, exchange_text, headers, raw};
use serde_json::json;

use super::SOON;

/// All that is sent to a provider.
const OURS: [&str; 7] = [
    "accept",
    "accept-encoding",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

fn provider() -> (Hostile, Sidecar) {
    let provider = Hostile::start(|_, stream| {
        let body = "{\"id\":\"1\",\"properties\":{},\"createdAt\":\"2026-01-01T00:00:00Z\",\"updatedAt\":\"2026-01-01T00:00:00Z\",\"archived\":false,\"results\":[]}";
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\nset-cookie: provider=secret\r\nx-provider-header: yes\r\naccess-control-allow-origin: *\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes());
    });
    let sidecar = Sidecar::start(&format!(
        "connections: {{ c: {{ provider: hubspot, base_url: \"http://{}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }} }}\n",
        provider.address
    ));
    (provider, sidecar)
}

/// Covers: headers-of-caller-kept-back
#[test]
fn no_header_of_the_caller_reaches_the_provider_nor_the_other_way() {
    let (provider, sidecar) = provider();
    let hostile = [
        "authorization: Bearer smuggled",
        "cookie: smuggled=1",
        "proxy-authorization: Basic smuggled",
        "proxy-connection: smuggled",
        "connection: keep-alive, authorization, x-apikey, content-type, host",
        "keep-alive: timeout=smuggled",
        "te: trailers, smuggled",
        "trailer: smuggled",
        "upgrade: smuggled",
        "forwarded: for=smuggled;host=smuggled",
        "x-forwarded-for: smuggled",
        "x-forwarded-host: smuggled",
        "x-forwarded-proto: smuggled",
        "x-real-ip: smuggled",
        "x-original-url: /smuggled",
        "x-rewrite-url: /smuggled",
        "x-http-method-override: DELETE",
        "x-method-override: DELETE",
        "expect: smuggled",
        "via: smuggled",
        "referer: http://smuggled/",
        "user-agent: smuggled",
        "accept: smuggled/*",
        "accept-encoding: smuggled",
        "accept-language: smuggled",
        "content-language: smuggled",
        "traceparent: 00-smuggled",
        "baggage: smuggled=1",
        "range: bytes=0-1",
        "if-none-match: smuggled",
        "sforce-query-options: batchSize=smuggled",
        "x-hubspot-smuggled: 1",
        "x-request-id: smuggled-id",
    ];
    let all = hostile.join("\r\n");
    for (method, target, body) in [
        ("GET", "/unified/crm/account?page_size=1", None),
        ("GET", "/unified/crm/account/1", None),
        (
            "POST",
            "/unified/crm/account",
            Some(json!({"record": {"name": "A"}})),
        ),
        (
            "PATCH",
            "/unified/crm/account/1",
            Some(json!({"record": {"name": "A"}})),
        ),
    ] {
        let got = exchange(
            &sidecar.address,
            method,
            target,
            &format!("{}{all}\r\n", headers("c")),
            body.as_ref(),
        );
        assert_eq!(got.status, 200, "{target}: {}", got.text);
        for name in [
            "set-cookie",
            "x-provider-header",
            "access-control-allow-origin",
        ] {
            assert_eq!(got.header(name), None, "{target}");
        }
    }
    let seen = provider.seen();
    assert!(seen.len() >= 4, "{seen:?}");
    for request in seen {
        let head = request.split("\r\n\r\n").next().unwrap();
        assert!(!request.contains("smuggled"), "{request}");
        assert!(!request.contains(crosswalk_tests::API_KEY), "{request}");
        for line in head.lines().skip(1) {
            let name = line.split(':').next().unwrap().to_lowercase();
            assert!(OURS.contains(&name.as_str()), "{line}");
        }
    }
}

/// Covers: value-breaks-header
#[test]
fn no_value_of_a_caller_begins_a_header_or_a_line_of_the_log() {
    let (provider, sidecar) = provider();
    // Those that HTTP has no place for end the connection; the others are replaced.
    for (id, statuses) in [
        (&b"a\rb"[..], &[400][..]),
        (b"a\nx-evil: 1", &[400]),
        (b"a\0b", &[400]),
        (b"a\x7fb", &[400]),
        (b"a b", &[200]),
        (b"a\tb", &[200]),
        (b"\xe9\xff", &[200]),
        (&[b'a'; 129], &[200]),
        (b"", &[200]),
    ] {
        let mut bytes = b"GET /unified/crm/account?page_size=1 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n".to_vec();
        bytes.extend_from_slice(headers("c").as_bytes());
        bytes.extend_from_slice(b"x-request-id: ");
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(b"\r\n\r\n");
        let got = raw(&sidecar.address, &bytes, SOON * 4);
        assert_eq!(got.statuses(), statuses, "{id:?}");
        let answers = got.answers();
        assert_eq!(answers[0].header("x-evil"), None);
        if statuses == [200] {
            let told = answers[0].header("x-request-id").unwrap_or_default();
            assert_eq!(told.len(), 32, "{id:?}: {told}");
        }
    }
    // Values that come in paths, queries and bodies, and stand in messages, links and lines of the log.
    let evil = "x%0d%0ax-evil:%201%0a%00%1b%5b31m";
    for (method, target, body) in [
        ("GET", format!("/unified/crm/account/{evil}"), ""),
        ("GET", format!("/unified/crm/{evil}/_count"), ""),
        ("GET", format!("/unified/{evil}"), ""),
        ("GET", format!("/unified/crm/account?cursor={evil}"), ""),
        ("GET", format!("/unified/crm/account?fields={evil}"), ""),
        ("GET", format!("/core/connection/{evil}"), ""),
        ("GET", format!("/connect?token={evil}"), ""),
        (
            "GET",
            format!("/connect/callback?state={evil}&code={evil}&error={evil}"),
            "",
        ),
        (
            "POST",
            "/connect/magic-link".to_owned(),
            "{\"customerId\":\"a\\r\\nx-evil: 1\",\"redirectUrl\":\"https://a.example/\\r\\nx-evil: 1\"}",
        ),
        (
            "POST",
            "/connect/token".to_owned(),
            "{\"customerId\":\"a\\r\\nx-evil: 1\"}",
        ),
        (
            "PUT",
            "/core/customer/x%0d%0ax-evil:%201".to_owned(),
            "{\"name\":\"\\r\\nx-evil: 1\"}",
        ),
        (
            "POST",
            "/unified/crm/account".to_owned(),
            "{\"record\":{\"name\":\"\\r\\nx-evil: 1\"}}",
        ),
    ] {
        let kind = if body.is_empty() {
            ""
        } else {
            "content-type: application/json\r\n"
        };
        let got = exchange_text(
            &sidecar.address,
            method,
            &target,
            &format!("{}{kind}", headers("c")),
            body,
        );
        assert!(!got.head.contains("x-evil"), "{target}: {}", got.head);
        assert!(got.status < 500, "{target}: {}", got.text);
    }
    for request in provider.seen() {
        let head = request.split("\r\n\r\n").next().unwrap();
        let is_evil = |line: &str| line.to_lowercase().starts_with("x-evil");
        assert!(!head.lines().any(is_evil), "{request}");
    }
    for line in sidecar.process.err.text().lines() {
        assert!(line.starts_with('{'), "a line that nobody wrote: {line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

/// Covers: headers-of-caller-kept-back
#[test]
fn an_id_of_a_connection_is_one_plain_header() {
    let (provider, sidecar) = provider();
    let key = format!("x-apikey: {}\r\n", crosswalk_tests::API_KEY);
    for ids in [
        "x-connection-id: c\r\nx-connection-id: c\r\n",
        "x-connection-id: c, c\r\n",
        "x-connection-id: C\r\n",
        "x-connection-id: c%00\r\n",
        "x-connection-id: ../c\r\n",
        "x-connection-id: \r\n",
        "x-connection-id: conn_c\r\n",
        "",
    ] {
        let got = exchange(
            &sidecar.address,
            "GET",
            "/unified/crm/account",
            &format!("{key}{ids}"),
            None,
        );
        assert!([400, 404].contains(&got.status), "{ids:?}: {}", got.text);
    }
    assert_eq!(provider.seen(), Vec::<String>::new());
}
