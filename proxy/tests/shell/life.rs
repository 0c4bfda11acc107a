//! How calls live beside each other, and how the process ends.

use std::{
    io::Write,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use crosswalk::server::Drained;
use http::StatusCode;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Acme, Act, Proxy, config, ok, token, with_access_token, with_oauth};

const SLOW: Duration = Duration::from_millis(300);

async fn slow() -> (Acme, Proxy) {
    let acme = Acme::start(|_| Act::After(SLOW, Box::new(ok()))).await;
    let proxy = Proxy::start(&with_access_token(&acme)).await;
    (acme, proxy)
}

/// Covers: upsert-race
#[tokio::test]
async fn two_upserts_of_one_key_make_one_record() {
    let acme = Acme::start(|_| Act::After(Duration::from_millis(30), Box::new(ok()))).await;
    let proxy = Proxy::start(&with_access_token(&acme)).await;
    let (one, other, third) = tokio::join!(
        proxy.post("/unified/thing/_upsert", "same"),
        proxy.post("/unified/thing/_upsert", "same"),
        proxy.post("/unified/thing/_upsert", "different"),
    );
    let mut answers = [one.text, other.text];
    answers.sort();
    assert_eq!(answers, ["recent made", "{\"fine\":true}"]);
    assert_eq!(third.text, "{\"fine\":true}");
    let writes = acme
        .seen()
        .iter()
        .filter(|it| it.path.ends_with("/things"))
        .count();
    assert_eq!(writes, 2, "one of each key");
}

#[tokio::test]
async fn one_slow_key_leaves_room_for_other_calls() {
    let (acme, _) = slow().await;
    let limited = format!(
        "{}limits: {{ calls_in_flight: 5 }}\n",
        with_access_token(&acme)
    );
    let proxy = Proxy::start(&limited).await;
    let upsert = || proxy.post("/unified/thing/_upsert", "same");
    let upserts = async {
        let (one, two, three) = tokio::join!(upsert(), upsert(), upsert());
        [one, two, three]
    };
    let more = async {
        let (four, five) = tokio::join!(upsert(), upsert());
        [four, five]
    };
    let other = async {
        acme.wait_for_calls(1).await;
        // The others have come as well, and wait for the first.
        tokio::time::sleep(SLOW / 3).await;
        proxy.get("/unified/thing/1").await
    };
    let (upserts, more, other) = tokio::join!(upserts, more, other);
    assert_eq!(other.status, StatusCode::OK, "{}", other.text);
    let all = upserts.into_iter().chain(more);
    let refused: Vec<_> = all.filter(|got| !got.status.is_success()).collect();
    assert_eq!(refused.len(), 2, "one works and two wait");
    for got in refused {
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(got.headers["retry-after"], "1");
    }
}

/// Covers: caller-hangs-up-write
#[tokio::test]
async fn a_write_goes_on_when_its_caller_hangs_up() {
    let acme = Acme::start(|_| Act::After(Duration::from_millis(50), Box::new(ok()))).await;
    let proxy = Proxy::start(&with_access_token(&acme)).await;
    hang_up_after_first_call(
        &acme,
        &proxy,
        "POST /unified/thing/_upsert HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 1\r\n",
        "a",
    )
    .await;
    acme.wait_for_calls(2).await;
    assert!(
        acme.seen()[1].path.ends_with("/things"),
        "the search was followed by the write"
    );
    assert_eq!(proxy.stop().await, Drained::Fully);
}

/// Covers: caller-hangs-up-read
#[tokio::test]
async fn a_read_ends_when_its_caller_hangs_up() {
    let (acme, proxy) = slow().await;
    hang_up_after_first_call(&acme, &proxy, "GET /unified/endless HTTP/1.1\r\n", "").await;
    tokio::time::sleep(SLOW * 3).await;
    assert_eq!(acme.calls(), 1);
}

async fn hang_up_after_first_call(acme: &Acme, proxy: &Proxy, head: &str, body: &str) {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let request = format!(
        "{head}host: localhost\r\nx-apikey: key-secret\r\nx-connection-id: c\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    acme.wait_for_calls(1).await;
    drop(stream);
}

/// Covers: sigterm-drains
#[tokio::test]
async fn draining_answers_what_is_open_and_takes_nothing_new() {
    let (acme, proxy) = slow().await;
    let address = proxy.address;
    let request = proxy.ask(http::Method::GET, "/unified/thing/1", "");
    let client: hyper_util::client::legacy::Client<_, http_body_util::Full<bytes::Bytes>> =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .build_http();
    let open = tokio::spawn(async move { client.request(request).await.unwrap().status() });
    acme.wait_for_calls(1).await;
    let ended = proxy.stop().await;
    assert_eq!(ended, Drained::Fully);
    assert_eq!(open.await.unwrap(), StatusCode::OK);
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn draining_ends_at_its_limit() {
    let acme = Acme::start(|_| Act::After(Duration::from_secs(20), Box::new(ok()))).await;
    let text = format!(
        "{}limits: {{ drain_timeout: 100ms }}\n",
        with_access_token(&acme)
    );
    let proxy = Proxy::start(&text).await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream
        .write_all(b"GET /unified/thing/1 HTTP/1.1\r\nhost: localhost\r\nx-apikey: key-secret\r\nx-connection-id: c\r\n\r\n")
        .await
        .unwrap();
    acme.wait_for_calls(1).await;
    let started = std::time::Instant::now();
    assert_eq!(proxy.stop().await, Drained::Partly);
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Covers: panic
#[tokio::test]
async fn a_panic_ends_one_call_only() {
    let (_acme, proxy) = slow().await;
    let got = proxy.post("/unified/panic", "{}").await;
    assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(got.json()["code"], "INTERNAL_SERVER_ERROR");
    assert!(!got.text.contains("on purpose"));
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_translator_without_end_is_ended() {
    let acme = Acme::start(|_| ok()).await;
    let proxy = Proxy::start(&with_access_token(&acme)).await;
    let got = proxy.get("/unified/endless").await;
    assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(acme.calls(), 64);
}

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Covers: secret-in-logs, secret-in-debug
#[test]
fn every_call_leaves_one_line_and_no_secret() {
    // In a process of its own: `tracing` remembers for the whole process whether anybody listens to an event, and
    // asks the thread on which the event happens first, which may be one of another test, where nobody does.
    let alone = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "life::lines_of_three_calls"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout);
    assert!(
        alone.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&alone.stderr)
    );
}

#[tokio::test]
#[ignore = "run by every_call_leaves_one_line_and_no_secret, alone in a process"]
async fn lines_of_three_calls() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .event_format(crosswalk::log::Json)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // Tests of this kind run on one thread, so this catches the spawned tasks as well.
    let _guard = tracing::subscriber::set_default(subscriber);

    let acme = Acme::start(|seen| match (seen.index, seen.is_token_request()) {
        (0, _) => Act::Reply(
            200,
            json!({ "access_token": "access-secret", "refresh_token": "rotated-secret", "expires_in": 1800 }),
        ),
        (_, true) => token(2),
        (1, _) => Act::Reply(401, json!({ "message": "expired" })),
        (3, _) => ok(),
        _ => Act::Reset,
    })
    .await;
    let text = with_oauth(&acme);
    let shown = format!("{:?}", config(&text));
    let proxy = Proxy::start(&text).await;
    let fine = proxy.get("/unified/thing/1").await;
    assert_eq!(fine.status, StatusCode::OK);
    let broken = proxy
        .post("/unified/thing", r#"{"body":"body-secret"}"#)
        .await;
    assert_eq!(broken.status, StatusCode::BAD_GATEWAY);
    let refused = proxy.get("/unified/nothing?query=query-secret").await;
    assert_eq!(proxy.stop().await, Drained::Fully);

    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let calls: Vec<serde_json::Value> = logged
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["message"] == "call")
        .collect();
    assert_eq!(calls.len(), 3, "{logged}");
    assert_eq!(calls[0]["operation"], "get");
    assert_eq!(calls[0]["provider"], "acme");
    assert_eq!(calls[0]["connection"], "c");
    assert_eq!(calls[0]["native_calls"], 2);
    assert_eq!(calls[0]["status"], 200);
    assert_eq!(
        calls[0]["request_id"],
        fine.headers["x-request-id"].to_str().unwrap()
    );
    assert_eq!(calls[1]["level"], "WARN");
    assert_eq!(calls[1]["code"], "BAD_GATEWAY");
    assert_eq!(calls[2]["status"], 404);
    for secret in [
        "key-secret",
        "client-secret",
        "refresh-secret",
        "access-secret",
        "rotated-secret",
        "body-secret",
        "query-secret",
    ] {
        assert!(!logged.contains(secret), "{secret} in {logged}");
        assert!(!shown.contains(secret), "{secret} in {shown}");
        for got in [&fine, &broken, &refused] {
            assert!(!got.text.contains(secret), "{secret} in {}", got.text);
        }
    }
}
