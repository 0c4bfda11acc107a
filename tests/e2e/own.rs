//! Operations that the proxy answers by itself: who may call them, and how they are refused.

use serde_json::json;

use crate::{CONTRACT, Demo};

#[test]
fn they_need_a_key_and_no_connection() {
    let demo = Demo::start();
    let body = json!({ "connectionId": "conn_1" });
    for (headers, status) in [
        ("x-apikey: demo\r\n", 501),
        ("", 401),
        // Goes before the kind that every body is sent with here.
        ("x-apikey: demo\r\ncontent-type: text/plain\r\n", 415),
    ] {
        let got = demo.call_with("POST", "/connect/file-picker", headers, Some(&body));
        assert_eq!(got.status, status, "{}", got.text);
        let faults = CONTRACT.faults("connect.file_picker.create", status, &got.body);
        assert!(faults.is_empty(), "{faults:?}");
    }
    let got = demo.call_with("GET", "/connect/file-picker", "x-apikey: demo\r\n", None);
    assert_eq!((got.status, got.header("allow")), (405, Some("POST")));
}

#[test]
fn no_provider_is_told_to_have_them() {
    let demo = Demo::start();
    let told = crate::good(
        &demo,
        "hubspot-demo",
        "capabilities",
        "GET",
        "/capabilities",
        None,
    );
    let operations = told["operations"].as_array().unwrap();
    assert!(!operations.is_empty());
    for operation in operations {
        let path = operation["path"].as_str().unwrap();
        assert!(path.starts_with("/unified/"), "{path}");
    }
}
