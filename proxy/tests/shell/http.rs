//! What a caller may send, and what is refused before a provider hears of it.

use http::{Method, StatusCode};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Acme, Proxy, ok, with_access_token};

async fn started(limits: &str) -> (Acme, Proxy) {
    let acme = Acme::start(|_| ok()).await;
    let proxy = Proxy::start(&format!("{}{limits}", with_access_token(&acme))).await;
    (acme, proxy)
}

/// Covers: headers-of-caller-kept-back
#[tokio::test]
async fn a_call_goes_through_with_our_credentials_and_none_of_the_callers_headers() {
    let (acme, proxy) = started("").await;
    let mut request = proxy.ask(Method::GET, "/unified/thing/1", "");
    let headers = request.headers_mut();
    headers.insert("authorization", "Bearer callers".parse().unwrap());
    headers.insert("cookie", "a=b".parse().unwrap());
    headers.insert("x-request-id", "call-1".parse().unwrap());
    let got = proxy.send(request).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.json(), json!({ "fine": true }));
    assert_eq!(got.headers["x-request-id"], "call-1");
    assert_eq!(got.headers["cache-control"], "no-store");
    assert_eq!(got.headers["content-type"], "application/json");

    let seen = &acme.seen()[0];
    assert_eq!(seen.headers["authorization"], "Bearer static-secret");
    assert_eq!(seen.headers["accept"], "application/json");
    for name in ["cookie", "x-apikey", "x-connection-id", "x-request-id"] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn a_request_id_that_is_unfit_is_replaced() {
    let (_acme, proxy) = started("").await;
    for unfit in ["", "with space", &"x".repeat(129)] {
        let mut request = proxy.ask(Method::GET, "/unified/thing/1", "");
        request
            .headers_mut()
            .insert("x-request-id", unfit.parse().unwrap());
        let got = proxy.send(request).await;
        let id = got.headers["x-request-id"].to_str().unwrap();
        assert_eq!(id.len(), 32);
    }
}

/// Covers: body-of-another-kind, caller-unknown, host-foreign, origin-foreign
#[tokio::test]
async fn refusals_have_their_status_and_code_and_reach_no_provider() {
    let (acme, proxy) = started("").await;
    let ask = |method, path| proxy.ask(method, path, "");
    let mut cases = Vec::new();
    cases.push((ask(Method::GET, "/unified/nothing"), 404, "NOT_FOUND"));
    cases.push((
        ask(Method::PUT, "/unified/thing/1"),
        405,
        "METHOD_NOT_SUPPORTED",
    ));
    for (name, value, status, code) in [
        ("x-apikey", Some("wrong"), 401, "UNAUTHORIZED"),
        ("x-apikey", None, 401, "UNAUTHORIZED"),
        ("x-connection-id", Some("d"), 404, "NOT_FOUND"),
        ("x-connection-id", None, 400, "BAD_REQUEST"),
        ("host", Some("evil.example"), 421, "MISDIRECTED_REQUEST"),
        ("origin", Some("https://evil.example"), 403, "FORBIDDEN"),
    ] {
        let mut request = ask(Method::GET, "/unified/thing/1");
        request.headers_mut().remove(name);
        if let Some(value) = value {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        cases.push((request, status, code));
    }
    for content_type in [
        "text/plain",
        "application/json; charset=latin1",
        "application/x-www-form-urlencoded",
    ] {
        let mut request = proxy.ask(Method::POST, "/unified/thing", "{}");
        request
            .headers_mut()
            .insert("content-type", content_type.parse().unwrap());
        cases.push((request, 415, "UNSUPPORTED_MEDIA_TYPE"));
    }
    for (request, status, code) in cases {
        let told = format!("{request:?}");
        let got = proxy.send(request).await;
        assert_eq!(got.status.as_u16(), status, "{told}");
        assert_eq!(got.json()["code"], code, "{told}");
        assert_eq!(
            got.json()["request_id"],
            got.headers["x-request-id"].to_str().unwrap()
        );
        assert!(!got.text.contains("key-secret"));
        if status == 405 {
            assert_eq!(got.headers["allow"], "GET");
        }
    }
    assert_eq!(acme.calls(), 0);
}

/// Covers: body-too-large
#[tokio::test]
async fn a_body_above_the_limit_is_413_told_or_not() {
    let (acme, proxy) = started("limits: { request_body_bytes: 1KiB }\n").await;
    let fits = proxy.post("/unified/thing", &"x".repeat(1024)).await;
    assert_eq!(fits.status, StatusCode::OK);
    let told = proxy.post("/unified/thing", &"x".repeat(1025)).await;
    assert_eq!(told.status, StatusCode::PAYLOAD_TOO_LARGE);
    let chunked = format!(
        "POST /unified/thing HTTP/1.1\r\nhost: localhost\r\nx-apikey: key-secret\r\nx-connection-id: c\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n401\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1025)
    );
    let answer = raw(&proxy, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(acme.calls(), 1);
}

/// Covers: body-too-large
#[tokio::test]
async fn a_body_that_is_too_large_is_read_to_its_end_so_that_the_answer_arrives() {
    let (_acme, proxy) = started("limits: { request_body_bytes: 1KiB }\n").await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let head = "POST /unified/thing HTTP/1.1\r\nhost: localhost\r\nx-apikey: key-secret\r\nx-connection-id: c\r\ncontent-type: application/json\r\n";
    let body = "x".repeat(4 << 20);
    let length = body.len();
    for body in [
        format!("content-length: {length}\r\n\r\n{body}"),
        format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
    ] {
        // All of it is sent before the answer is read, as simple clients do, and the connection goes on.
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert!(
                stream.read_buf(&mut answer).await.unwrap() > 0,
                "it is closed"
            );
        }
        assert!(answer.starts_with(b"HTTP/1.1 413 "));
    }
}

/// Covers: slow-body
#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let (acme, proxy) = started("limits: { body_timeout: 50ms }\n").await;
    let answer = raw(
        &proxy,
        b"POST /unified/thing HTTP/1.1\r\nhost: localhost\r\nx-apikey: key-secret\r\nx-connection-id: c\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\nxx",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(acme.calls(), 0);
}

/// Covers: slow-head, idle-connections
#[tokio::test]
async fn connections_that_send_nothing_are_closed() {
    let (_acme, proxy) = started("limits: { idle_timeout: 50ms }\n").await;
    assert_eq!(raw(&proxy, b"").await, "");
    let slow = raw(&proxy, b"GET /livez HTTP/1.1\r\nhost: local").await;
    assert!(!slow.contains("200 OK"), "{slow}");
}

/// Covers: framing-odd-length, framing-odd-transfer-encoding, head-obs-fold, host-missing-or-doubled
#[tokio::test]
async fn ambiguous_framing_is_refused() {
    let (acme, proxy) = started("").await;
    let head = "POST /unified/thing HTTP/1.1\r\nx-apikey: key-secret\r\nx-connection-id: c\r\ncontent-type: application/json\r\n";
    for rest in [
        "host: localhost\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
        "host: localhost\r\ncontent-length: +2\r\n\r\n{}",
        "host: localhost\r\ncontent-length: 0x2\r\n\r\n{}",
        "host: localhost\r\ncontent-length: 99999999999999999999999\r\n\r\n{}",
        "host: localhost\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "host: localhost\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "host: localhost\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "host: localhost\r\n folded: yes\r\ncontent-length: 2\r\n\r\n{}",
        "host: localhost\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}",
        "content-length: 2\r\n\r\n{}",
        "host: localhost\r\nna\0me: x\r\ncontent-length: 2\r\n\r\n{}",
    ] {
        let answer = raw(&proxy, format!("{head}{rest}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{rest:?}: {answer}");
    }
    assert_eq!(acme.calls(), 0);
}

#[tokio::test]
async fn two_framings_at_once_are_refused() {
    let (acme, proxy) = started("").await;
    let answer = raw(
        &proxy,
        b"POST /unified/thing HTTP/1.1\r\nhost: localhost\r\nx-apikey: key-secret\r\nx-connection-id: c\r\ncontent-type: application/json\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(acme.calls(), 0);
}

/// Covers: head-too-large
#[tokio::test]
async fn a_head_above_the_limit_is_431() {
    let (_acme, proxy) = started("limits: { header_bytes: 8KiB }\n").await;
    let large = format!(
        "GET /livez HTTP/1.1\r\nhost: localhost\r\nx-large: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    let answer = raw(&proxy, large.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = format!(
        "GET /livez HTTP/1.1\r\nhost: localhost\r\n{}\r\n",
        "a: b\r\n".repeat(200)
    );
    let answer = raw(&proxy, many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn health_needs_no_key() {
    let (_acme, proxy) = started("").await;
    for path in ["/livez", "/readyz"] {
        let answer = raw(
            &proxy,
            format!("GET {path} HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n\r\n").as_bytes(),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

/// Covers: too-many-calls
#[tokio::test]
async fn more_calls_than_allowed_are_503_with_retry_after() {
    let acme = Acme::start(|_| {
        crate::support::Act::After(std::time::Duration::from_millis(300), Box::new(ok()))
    })
    .await;
    let text = format!(
        "{}limits: {{ calls_in_flight: 1 }}\n",
        with_access_token(&acme)
    );
    let proxy = Proxy::start(&text).await;
    let (first, second) = tokio::join!(proxy.get("/unified/thing/1"), async {
        acme.wait_for_calls(1).await;
        proxy.get("/unified/thing/2").await
    });
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers["retry-after"], "1");
    assert_eq!(second.json()["code"], "SERVICE_UNAVAILABLE");
}

/// Sends bytes and reads until the head of an answer is there, or the other side closes.
async fn raw(proxy: &Proxy, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        // A reset after the answer is an end as well.
        while let Ok(1..) = stream.read_buf(&mut answer).await {
            if answer.windows(4).any(|window| window == b"\r\n\r\n") {
                break;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), read)
        .await
        .expect("there is an answer, or the connection is closed");
    String::from_utf8_lossy(&answer).into_owned()
}
