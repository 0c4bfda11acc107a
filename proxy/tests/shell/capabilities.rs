//! What a connection can do, told by the shell: of a provider that no table is generated for.

use std::sync::{Arc, Mutex};

use crosswalk::pipeline::Explain;
use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Acme, Proxy, ok, with_access_token};

#[tokio::test]
async fn a_connection_tells_its_version_and_limits_without_a_native_call() {
    let acme = Acme::start(|_| ok()).await;
    let limits = "limits: { request_timeout: 1500ms, request_body_bytes: 8KiB }\n";
    let proxy = Proxy::start(&format!("{}{limits}", with_access_token(&acme))).await;
    let got = proxy.get("/capabilities").await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.headers["content-type"], "application/json");
    assert!(got.headers.contains_key("x-request-id"));
    let told = got.json();
    assert_eq!(told["connection_id"], "c");
    assert_eq!(told["provider"]["name"], "acme");
    assert_eq!(told["provider"]["api_version"], "1");
    assert_eq!(told["limits"]["request_timeout_milliseconds"], 1500);
    assert_eq!(told["limits"]["request_body_bytes"], 8192);
    // Nothing was generated for it, so nothing is claimed.
    let operations = told["operations"].as_array().unwrap();
    assert!(!operations.is_empty());
    assert!(
        operations
            .iter()
            .all(|operation| operation["mapped"] == false)
    );
    assert_eq!(told["entities"], json!([]));
    assert!(!got.text.contains("secret"));
    assert_eq!(acme.calls(), 0);
}

#[tokio::test]
async fn only_get_and_only_with_a_key_and_a_connection() {
    let acme = Acme::start(|_| ok()).await;
    let proxy = Proxy::start(&with_access_token(&acme)).await;
    let posted = proxy
        .send(proxy.ask(Method::POST, "/capabilities", "{}"))
        .await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(posted.headers["allow"], "GET");
    for (header, value, status) in [
        ("x-apikey", "wrong", StatusCode::UNAUTHORIZED),
        ("x-connection-id", "nobody", StatusCode::NOT_FOUND),
        ("host", "evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let mut bodies = Vec::new();
        for path in ["/capabilities", "/unified/thing/1"] {
            let mut request = proxy.ask(Method::GET, path, "");
            request.headers_mut().insert(header, value.parse().unwrap());
            let got = proxy.send(request).await;
            assert_eq!(got.status, status, "{header}: {path}");
            let mut body = got.json();
            body.as_object_mut().unwrap().remove("request_id");
            bodies.push(body);
        }
        assert_eq!(bodies[0], bodies[1], "as other calls are refused");
    }
    let below = proxy.get("/capabilities/").await;
    assert_eq!(below.status, StatusCode::NOT_FOUND);
    assert_eq!(acme.calls(), 0);
}

#[tokio::test]
async fn bodies_of_operations_of_our_own_are_not_explained() {
    let acme = Acme::start(|_| ok()).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let explain = Explain(Arc::new(move |explained| {
        let bodies = !explained.response.is_empty();
        seen.lock()
            .unwrap()
            .push((explained.target.to_owned(), bodies));
    }));
    let proxy = Proxy::start_explained(&with_access_token(&acme), Some(explain)).await;
    for path in ["/capabilities", "/unified/thing/1", "/nowhere"] {
        assert!(!proxy.get(path).await.text.is_empty(), "{path}");
    }
    let expected = [
        ("/capabilities", false),
        ("/unified/thing/1", true),
        ("/nowhere", true),
    ];
    assert_eq!(
        *told.lock().unwrap(),
        expected.map(|(path, bodies)| (path.to_owned(), bodies))
    );
}
