//! A provider that answers a code with what it should not.

use serde_json::{Value, json};

use super::Scene;

/// What the token endpoint answers, and the page's status for it.
fn table() -> Vec<(&'static str, Value, u16)> {
    let good = |more: Value| {
        let mut body = json!({
            "access_token": "00Dfault",
            "refresh_token": "5Aepfault",
            "instance_url": "https://acme.my.salesforce.com",
            "scope": "api refresh_token",
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        json!({ "reply": { "status": 200, "body": body } })
    };
    let reply = |status: u16, body: Value| json!({ "reply": { "status": status, "body": body } });
    let evil = "https://evil.example";
    vec![
        (
            "a host of somebody else's",
            good(json!({ "instance_url": evil })),
            502,
        ),
        (
            "one that ends alike",
            good(json!({ "instance_url": "https://evilsalesforce.com" })),
            502,
        ),
        (
            "one behind a user",
            good(json!({ "instance_url": "https://a.salesforce.com@evil.example" })),
            502,
        ),
        (
            "a path",
            good(json!({ "instance_url": "https://evil.example/.salesforce.com" })),
            502,
        ),
        (
            "no encryption",
            good(json!({ "instance_url": "http://acme.my.salesforce.com" })),
            502,
        ),
        (
            "no refresh token",
            good(json!({ "refresh_token": "" })),
            502,
        ),
        ("no access token", good(json!({ "access_token": 7 })), 502),
        (
            "an error",
            reply(
                400,
                json!({ "error": "invalid_grant", "error_description": "<script>alert(1)</script>" }),
            ),
            502,
        ),
        (
            "a wrong client",
            reply(401, json!({ "error": "invalid_client" })),
            502,
        ),
        ("too many calls", reply(429, json!({})), 503),
        ("a breakdown", reply(503, json!({})), 503),
        ("a page", json!({ "garbage": "html" }), 502),
        ("half an answer", json!({ "truncate": 10 }), 502),
        ("nothing", json!({ "reset": "before" }), 502),
        (
            "nothing after it was carried out",
            json!({ "reset": "after" }),
            502,
        ),
    ]
}

#[test]
fn nothing_is_connected_by_an_answer_that_is_not_good() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    for (what, action, status) in table() {
        let callback = visitor.consent(&scene, "salesforce");
        let fault = json!({ "match": { "path": "/services/oauth2/token" }, "action": action });
        scene
            .sandbox
            .control("salesforce", "POST", "/_sandbox/faults", Some(&fault));
        let got = visitor.get(&callback);
        assert_eq!(got.status, status, "{what}: {}", got.text);
        assert!(got.text.contains("This did not work"), "{what}");
        for word in ["<script>alert", "evil", "fault"] {
            assert!(!got.text.contains(word), "{what}: {}", got.text);
        }
        scene
            .sandbox
            .control("salesforce", "DELETE", "/_sandbox/faults", None);
        assert!(scene.connections("acme").is_empty(), "{what}");
    }
    assert!(scene.events().is_empty());
    // No secret of the exchange was logged with the words of the refusals.
    let log = scene.sidecar.process.err.text();
    for secret in ["sandbox-secret", "5Aepfault", "00Dfault"] {
        assert!(!log.contains(secret), "{secret}");
    }
    // And then all is well.
    let callback = visitor.consent(&scene, "salesforce");
    assert_eq!(visitor.get(&callback).status, 303);
    assert_eq!(scene.connections("acme").len(), 1);
}

#[test]
fn an_account_whose_data_cannot_be_read_is_connected_and_says_so() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    let callback = visitor.consent(&scene, "salesforce");
    let refused = json!([{ "message": "The REST API is not enabled for this Organization.", "errorCode": "API_DISABLED_FOR_ORG" }]);
    let fault = json!({
        "match": { "path": "/services/data/" },
        "times": 9,
        "action": { "reply": { "status": 403, "body": refused } },
    });
    scene
        .sandbox
        .control("salesforce", "POST", "/_sandbox/faults", Some(&fault));
    let back = visitor.get(&callback);
    assert_eq!(back.status, 303, "{}", back.text);
    let page = visitor.get(back.header("location").unwrap());
    assert!(
        page.text.contains("does not answer as it should yet"),
        "{}",
        page.text
    );
    let connections = scene.connections("acme");
    assert_eq!(connections[0]["standard"]["status"], "error");
}
