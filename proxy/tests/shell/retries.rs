//! What is tried again, what is not, and what is said of a write that may have happened.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use crate::support::{Acme, Act, Proxy, Seen, ok, with_access_token};

async fn started(play: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> (Acme, Proxy) {
    let acme = Acme::start(play).await;
    let proxy = Proxy::start(&with_access_token(&acme)).await;
    (acme, proxy)
}

fn refuse(status: u16) -> Act {
    Act::Reply(
        status,
        json!({ "code": "NO", "message": "not now", "trace": "t-1" }),
    )
}

/// Covers: read-cut
#[tokio::test]
async fn a_read_is_tried_three_times() {
    let (acme, proxy) = started(|seen| match seen.index {
        0 => refuse(500),
        1 => Act::Reset,
        _ => ok(),
    })
    .await;
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
    assert_eq!(acme.calls(), 3);
}

#[tokio::test]
async fn a_read_that_never_works_ends_with_the_providers_words() {
    let (acme, proxy) = started(|_| refuse(500)).await;
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    assert_eq!(
        got.json()["provider"],
        json!({ "name": "acme", "status": 500, "code": "NO", "message": "not now", "correlation_id": "t-1" })
    );
    assert_eq!(got.json().get("outcome"), None);
    assert_eq!(acme.calls(), 3);
}

#[tokio::test]
async fn a_refusal_that_will_not_pass_is_not_tried_again() {
    let (acme, proxy) = started(|_| refuse(400)).await;
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert_eq!(acme.calls(), 1);
}

/// Covers: write-cut
#[tokio::test]
async fn a_write_is_not_repeated_after_a_fault_of_the_server() {
    for status in [500, 502, 503, 504] {
        let (acme, proxy) = started(move |_| refuse(status)).await;
        let got = proxy.post("/unified/thing", "{}").await;
        assert_eq!(got.json()["outcome"], "unknown", "{status}");
        assert_eq!(acme.calls(), 1, "{status}");
    }
}

/// Covers: write-cut
#[tokio::test]
async fn a_write_is_not_repeated_after_a_reset() {
    let (acme, proxy) = started(|_| Act::Reset).await;
    let got = proxy.post("/unified/thing", "{}").await;
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    assert_eq!(got.json()["outcome"], "unknown");
    assert_eq!(acme.calls(), 1);
}

/// Covers: write-not-carried-out
#[tokio::test]
async fn a_write_is_repeated_where_it_was_not_carried_out() {
    let (acme, proxy) = started(|seen| match seen.index {
        0 => Act::ReplyWith(423, &[("retry-after", "0")], "{}".into()),
        _ => ok(),
    })
    .await;
    let got = proxy.post("/unified/thing", r#"{"a":1}"#).await;
    assert_eq!(got.status, StatusCode::OK);
    let seen = acme.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].body, r#"{"a":1}"#);
}

/// Covers: write-not-carried-out
#[tokio::test]
async fn a_provider_that_is_not_there_got_nothing() {
    let acme = Acme::start(|_| ok()).await;
    let text = with_access_token(&acme);
    drop(acme);
    let proxy = Proxy::start(&text).await;
    let got = proxy.post("/unified/thing", "{}").await;
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    assert_eq!(got.json().get("outcome"), None);
}

/// Covers: failure-after-write
#[tokio::test]
async fn a_step_that_fails_after_a_write_says_that_it_was_written() {
    let (acme, proxy) = started(|seen| match seen.index {
        0 => ok(),
        _ => Act::Reset,
    })
    .await;
    let got = proxy.post("/unified/thing/_create_and_read", "{}").await;
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    assert_eq!(got.json()["outcome"], "written");
    assert_eq!(
        acme.calls(),
        4,
        "one write, and a read that is tried three times"
    );
}

#[tokio::test]
async fn a_step_that_fails_before_a_write_says_nothing_of_one() {
    let (acme, proxy) = started(|_| Act::Reset).await;
    let got = proxy.post("/unified/thing/_upsert", "a").await;
    assert_eq!(got.json().get("outcome"), None);
    assert_eq!(acme.calls(), 3);
}

/// Covers: retry-after-forms, throttled
#[tokio::test]
async fn throttling_beyond_the_deadline_is_told_at_once() {
    let (acme, proxy) =
        started(|_| Act::ReplyWith(429, &[("retry-after", "3600")], "slow down".into())).await;
    let started = Instant::now();
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(got.headers["retry-after"], "3600");
    assert_eq!(got.json()["code"], "TOO_MANY_REQUESTS");
    assert_eq!(got.json()["provider"]["status"], 429);
    assert_eq!(acme.calls(), 1);
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Covers: throttled
#[tokio::test]
async fn throttling_that_ends_in_time_is_waited_for() {
    let (acme, proxy) = started(|seen| match seen.index {
        0 => Act::ReplyWith(429, &[("retry-after", "0")], "".into()),
        _ => ok(),
    })
    .await;
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
    assert_eq!(acme.calls(), 2);
}

/// Covers: deadline, write-cut
#[tokio::test]
async fn the_deadline_ends_a_call() {
    let acme = Acme::start(|_| Act::After(Duration::from_secs(30), Box::new(ok()))).await;
    let text = format!(
        "{}limits: {{ request_timeout: 200ms }}\n",
        with_access_token(&acme)
    );
    let proxy = Proxy::start(&text).await;
    let started = Instant::now();
    let read = proxy.get("/unified/thing/1").await;
    assert_eq!(read.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(read.json()["code"], "TIMEOUT");
    assert_eq!(read.json().get("outcome"), None);
    let write = proxy.post("/unified/thing", "{}").await;
    assert_eq!(write.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(write.json()["outcome"], "unknown");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn side_by_side_calls_are_bounded_and_keep_their_order() {
    let acme = Acme::start(|seen| {
        // The first ones are the slowest.
        let delay = 80_u64.saturating_sub(u64::from(seen.index) * 5);
        Act::After(
            Duration::from_millis(delay),
            Box::new(Act::Reply(200, json!(seen.path))),
        )
    })
    .await;
    let text = format!(
        "{}limits: {{ native_calls_side_by_side: 4 }}\n",
        with_access_token(&acme)
    );
    let proxy = Proxy::start(&text).await;
    let got = proxy.get("/unified/things?a&b&c&d&e&f&g&h&i&j").await;
    let expected: Vec<_> = (0..10).map(|i| format!("\"/api/1/things/{i}\"")).collect();
    assert_eq!(got.text, expected.join("\n"));
}

/// Covers: redirect-of-provider
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (acme, proxy) = started(|_| {
        Act::ReplyWith(
            302,
            &[("location", "http://127.0.0.1:1/elsewhere")],
            "".into(),
        )
    })
    .await;
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    assert_eq!(got.json()["provider"]["status"], 302);
    assert_eq!(acme.calls(), 1);
}

/// Covers: answer-too-large
#[tokio::test]
async fn an_answer_above_the_limit_is_refused() {
    let acme = Acme::start(|_| Act::ReplyWith(200, &[], vec![b'x'; 5000].into())).await;
    let text = format!(
        "{}limits: {{ response_body_bytes: 4KiB }}\n",
        with_access_token(&acme)
    );
    let proxy = Proxy::start(&text).await;
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    assert!(
        got.text.contains("limits.response_body_bytes"),
        "{}",
        got.text
    );
}

#[tokio::test]
async fn an_answer_in_gzip_is_inflated() {
    use std::io::Write;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"packed":true}"#).unwrap();
    let packed = encoder.finish().unwrap();
    let (acme, proxy) = started(move |_| {
        Act::ReplyWith(200, &[("content-encoding", "gzip")], packed.clone().into())
    })
    .await;
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.json(), json!({ "packed": true }));
    assert_eq!(acme.seen()[0].headers["accept-encoding"], "gzip");
}

/// Covers: daily-limit
#[tokio::test]
async fn a_limit_that_will_not_pass_is_told_at_once() {
    let (acme, proxy) = started(|_| {
        Act::Reply(
            429,
            json!({ "code": "LIMIT", "message": "spent", "window": "day" }),
        )
    })
    .await;
    let began = Instant::now();
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(acme.calls(), 1);
    assert!(began.elapsed() < Duration::from_millis(900));
}

#[tokio::test]
async fn a_caller_is_told_when_to_come_back_where_the_mapping_knows() {
    let (_acme, proxy) = started(|_| {
        Act::Reply(
            429,
            json!({ "code": "LIMIT", "message": "your rolling limit" }),
        )
    })
    .await;
    let got = proxy.post("/unified/thing", "{}").await;
    assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(got.headers["retry-after"], "10");
}
