//! Every bound has a name, and who meets one is told it.

use std::{
    fmt::Write as _,
    io::{Read, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crosswalk_tests::{Sandbox, Sidecar, exchange, headers};

use crate::peer::Peer;

const ACCOUNTS: &str = "/unified/crm/account?page_size=1";
const PROVIDER: &str = "hubspot";

/// Covers: head-too-large
#[test]
fn a_head_that_is_too_large_is_told_which_limit_it_met() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    let get = |more: &str, target: &str| {
        let headers = format!("{}{more}", headers(PROVIDER));
        exchange(&sidecar.address, "GET", target, &headers, None)
    };
    let many = (0..100).fold(String::new(), |mut all, index| {
        let _ = write!(all, "x-{index}: a\r\n");
        all
    });
    let large = format!("x-large: {}\r\n", "a".repeat(33 * 1024));
    let long = format!("{ACCOUNTS}&fields={}", "a".repeat(33 * 1024));
    for (more, target, limit) in [
        (many.as_str(), ACCOUNTS, "limits.headers"),
        (large.as_str(), ACCOUNTS, "limits.header_bytes"),
        ("", long.as_str(), "limits.header_bytes"),
    ] {
        let answer = get(more, target);
        assert_eq!(answer.status, 431, "{}", answer.text);
        assert_eq!(answer.body["code"], "REQUEST_HEADER_FIELDS_TOO_LARGE");
        assert!(answer.text.contains(limit), "{}", answer.text);
    }
    // Far beyond, the parser ends it without a word.
    let larger = format!("x-large: {}\r\n", "a".repeat(80 * 1024));
    assert_eq!(get(&larger, ACCOUNTS).status, 431);
    assert_eq!(get(&many.repeat(3), ACCOUNTS).status, 431);
    assert_eq!(get("", ACCOUNTS).status, 200, "it lives");
}

/// Covers: idle-connections
#[test]
fn a_full_house_tells_newcomers_and_lets_them_in_when_there_is_a_place() {
    let sandbox = Sandbox::start();
    let limited = format!("limits: {{ connections: 2 }}\n{}", sandbox.with_oauth());
    let sidecar = Sidecar::start(&limited);
    // Two who have called and stay.
    let mut guests: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut guest = TcpStream::connect(&sidecar.address).unwrap();
            guest
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            write!(
                guest,
                "GET /livez HTTP/1.1\r\nhost: {}\r\n\r\n",
                sidecar.address
            )
            .unwrap();
            guest.read_exact(&mut [0; 15]).unwrap();
            guest
        })
        .collect();
    for _ in 0..100 {
        let refused = sidecar.call(PROVIDER, "GET", ACCOUNTS, None);
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert_eq!(refused.body["code"], "SERVICE_UNAVAILABLE");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert!(
            refused
                .text
                .contains("2 connections are open already (limits.connections)")
        );
        assert!(refused.header("x-request-id").is_some() || refused.body["request_id"].is_string());
    }
    guests.pop();
    let until = Instant::now() + Duration::from_secs(10);
    while sidecar.call(PROVIDER, "GET", ACCOUNTS, None).status != 200 {
        assert!(Instant::now() < until, "there is a place now");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Covers: answer-too-large
#[test]
fn an_answer_that_is_too_large_is_told_with_the_limits_name() {
    let large = Peer::answering(|_| (200, format!("{{\"id\":\"{}\"}}", "7".repeat(5_000))));
    let sidecar = Sidecar::start(&format!(
        "limits: {{ response_body_bytes: 2 KiB }}\nconnections:\n{}",
        large.connection("large")
    ));
    let answer = sidecar.call("large", "GET", "/unified/crm/account/1", None);
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert!(
        answer.text.contains("limits.response_body_bytes"),
        "{}",
        answer.text
    );
    assert_eq!(large.requests(), 1, "it would be as large again");
}
