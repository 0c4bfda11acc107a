//! A web page in a browser on this machine, with a name of its own that leads here or without.

use crosswalk_tests::{Demo, exchange, exchange_text, raw};

use super::SOON;

const BODY: &str = "{\"record\":{\"name\":\"Evil\"}}";

/// Covers: host-foreign, host-missing-or-doubled
#[test]
fn only_our_own_names_are_answered() {
    let demo = Demo::start();
    let port = demo.address.rsplit(':').next().unwrap();
    let evil = [
        "evil.example",
        "localhost.evil.example",
        "localhost.",
        "127.0.0.1.",
        "127.0.0.1.nip.io",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::1%25lo]",
        "0.0.0.0",
        "localhost:1",
        "localhost, evil.example",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost/evil.example",
        "localhost#",
        "localhost:",
        "localhost:0",
        "",
    ];
    let long = "localhost".repeat(1000);
    for target in [
        "/unified/crm/account",
        "/core/connection",
        "/capabilities",
        "/connect",
    ] {
        for host in evil.into_iter().chain([long.as_str()]) {
            for host in [host.to_owned(), format!("{host}:{port}")] {
                // An empty name with our port is refused as well.
                let headers =
                    format!("host: {host}\r\nx-apikey: demo\r\nx-connection-id: hubspot-demo\r\n");
                let got = exchange(&demo.address, "GET", target, &headers, None);
                assert!(
                    [400, 421].contains(&got.status),
                    "{target} {host:?}: {}",
                    got.text
                );
            }
        }
        for hosts in [
            "",
            "host: localhost\r\nhost: localhost\r\n",
            "host: localhost\r\nhost: evil.example\r\n",
        ] {
            let bytes = format!(
                "GET {target} HTTP/1.1\r\n{hosts}x-apikey: demo\r\nconnection: close\r\n\r\n"
            );
            let got = raw(&demo.address, bytes.as_bytes(), SOON * 4);
            assert_eq!(got.statuses(), [400], "{target} {hosts:?}");
        }
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"] {
            let headers = format!(
                "host: {host}:{port}\r\nx-apikey: demo\r\nx-connection-id: hubspot-demo\r\n"
            );
            let got = exchange(&demo.address, "GET", target, &headers, None);
            assert!(
                ![400, 421].contains(&got.status),
                "{target} {host}: {}",
                got.text
            );
        }
    }
}

/// Covers: origin-foreign
#[test]
fn a_page_can_neither_call_nor_read() {
    let demo = Demo::start();
    let port = demo.address.rsplit(':').next().unwrap();
    let key = "x-apikey: demo\r\nx-connection-id: hubspot-demo\r\n";
    for origin in [
        "https://evil.example",
        "null",
        "",
        "http://localhost",
        &format!("http://localhost:{port}"),
        &format!("http://127.0.0.1:{port}"),
        "file://",
        "chrome-extension://evil",
    ] {
        for (method, target) in [
            ("POST", "/unified/crm/account"),
            ("POST", "/core/connection"),
            ("GET", "/unified/crm/account"),
            ("HEAD", "/unified/crm/account"),
            ("OPTIONS", "/unified/crm/account"),
            ("DELETE", "/core/connection/conn_x"),
            ("GET", "/livez"),
            ("GET", "/connect"),
            ("POST", "/connect"),
        ] {
            for kind in [
                "application/json",
                "text/plain",
                "text/plain; application/json",
                "multipart/form-data",
            ] {
                let headers = format!(
                    "{key}origin: {origin}\r\ncontent-type: {kind}\r\naccess-control-request-method: POST\r\naccess-control-request-headers: x-apikey\r\n"
                );
                let body = if method == "POST" { BODY } else { "" };
                let got = exchange_text(&demo.address, method, target, &headers, body);
                let told = format!("{origin:?} {method} {target} {kind}: {}", got.head);
                assert!(
                    !got.head.to_lowercase().contains("access-control-"),
                    "{told}"
                );
                if target.starts_with("/unified") || target.starts_with("/core") {
                    assert_eq!(got.status, 403, "{told}");
                }
            }
        }
    }
    // A form needs no leave of anybody, and cannot say that it is JSON.
    for kind in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: text/json\r\n",
    ] {
        let headers = format!("{key}{kind}");
        let got = exchange_text(
            &demo.address,
            "POST",
            "/unified/crm/account",
            &headers,
            BODY,
        );
        assert_eq!(got.status, 415, "{kind}: {}", got.text);
    }
    assert_eq!(demo.native_calls("hubspot-demo"), Vec::<String>::new());
}
