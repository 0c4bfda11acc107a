//! The whole on a socket: a client, the control endpoints, the faults.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::sandbox::http::serve;

/// One request on a connection of its own; what came back until its end, as text.
async fn exchange(address: &str, method: &str, target: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {PRIVATE_APP_TOKEN}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset may also surface as an error of the read; what came before it counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn body_of(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

async fn order(address: &str, fault: &Value) {
    let answer = exchange(address, "POST", "/_sandbox/faults", &fault.to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

/// A sandbox on a port of its own.
struct Running {
    address: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let provider = Arc::new(HubSpot::new(Options::default()));
        let server = tokio::spawn(serve(listener, provider, async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop,
            server,
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(5), self.server)
            .await
            .unwrap()
            .unwrap();
        assert!(TcpStream::connect(&self.address).await.is_err());
    }
}

#[tokio::test]
async fn it_serves_and_breaks_as_ordered() {
    let running = Running::start().await;
    let address = running.address.clone();
    let get = |target: &'static str| exchange(&address, "GET", target, "");

    let answer = get("/account-info/v3/details").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        answer.contains("content-type: application/json;charset=utf-8"),
        "{answer}"
    );
    assert!(answer.contains("x-hubspot-correlation-id: "), "{answer}");
    assert_eq!(body_of(&answer)["portalId"], PORTAL_ID);

    order(&address, &json!({ "match": { "path": "contacts" }, "action": { "reply": { "status": 429, "headers": { "Retry-After": "1" }, "body": { "policyName": "SECONDLY" } } } })).await;
    let answer = get("/crm/v3/objects/contacts").await;
    assert!(
        answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 1"),
        "{answer}"
    );
    assert_eq!(body_of(&answer)["policyName"], "SECONDLY");

    order(
        &address,
        &json!({ "match": { "method": "POST" }, "action": { "reset": "after" } }),
    )
    .await;
    let company = r#"{"properties":{"name":"Written all the same"}}"#;
    assert_eq!(
        exchange(&address, "POST", "/crm/v3/objects/companies", company).await,
        ""
    );
    let found = exchange(
        &address,
        "POST",
        "/crm/v3/objects/companies/search",
        r#"{"query":"written"}"#,
    )
    .await;
    assert_eq!(body_of(&found)["total"], 1);

    order(&address, &json!({ "action": { "truncate": 20 } })).await;
    let answer = get("/crm/v3/objects/companies").await;
    let (head, cut) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(cut.len(), 20);
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert!(length.parse::<usize>().unwrap() > 20);

    order(&address, &json!({ "action": { "garbage": "html" } })).await;
    let answer = get("/crm/v3/objects/companies").await;
    assert!(
        answer.contains("content-type: text/html") && answer.starts_with("HTTP/1.1 200"),
        "{answer}"
    );

    order(&address, &json!({ "action": { "delay_ms": 120 } })).await;
    let began = Instant::now();
    get("/crm/v3/objects/companies").await;
    assert!(began.elapsed() >= Duration::from_millis(120));

    running.stop().await;
}

#[tokio::test]
async fn it_records_and_is_configured_through_the_control_endpoints() {
    let running = Running::start().await;
    let address = running.address.clone();
    let get = |target: &'static str| exchange(&address, "GET", target, "");
    order(&address, &json!({ "action": { "reset": "after" } })).await;
    let company = r#"{"properties":{"name":"Written all the same"}}"#;
    assert_eq!(
        exchange(&address, "POST", "/crm/v3/objects/companies", company).await,
        ""
    );
    exchange(
        &address,
        "POST",
        "/crm/v3/objects/companies/search",
        r#"{"query":"written"}"#,
    )
    .await;

    let patched = exchange(
        &address,
        "PATCH",
        "/_sandbox/settings",
        r#"{"search_lag_ms":7}"#,
    )
    .await;
    assert_eq!(body_of(&patched)["search_lag_ms"], 7);
    let refused = exchange(
        &address,
        "PATCH",
        "/_sandbox/settings",
        r#"{"search_lag":7}"#,
    )
    .await;
    assert!(
        refused.starts_with("HTTP/1.1 400") && refused.contains("no such setting: search_lag"),
        "{refused}"
    );

    let calls = body_of(&get("/_sandbox/calls?since=0").await);
    let calls = calls["calls"].as_array().unwrap();
    assert_eq!(
        (&calls[0]["method"], &calls[0]["status"]),
        (&json!("POST"), &Value::Null)
    );
    assert_eq!(
        calls[0]["request"]["properties"]["name"],
        "Written all the same"
    );
    assert_eq!(calls[1]["response"]["total"], 1);
    assert!(
        !serde_json::to_string(calls)
            .unwrap()
            .contains(PRIVATE_APP_TOKEN)
    );

    assert!(
        exchange(&address, "POST", "/_sandbox/reset", r#"{"empty":true}"#)
            .await
            .starts_with("HTTP/1.1 204")
    );
    assert_eq!(
        body_of(&get("/crm/v3/objects/companies").await),
        json!({ "results": [] })
    );

    running.stop().await;
}
