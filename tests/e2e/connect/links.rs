//! Tokens and links: who may make them, what is refused, and how they end.

use std::{thread::sleep, time::Duration};

use crosswalk_tests::{API_KEY, exchange};
use serde_json::{Value, json};

use super::{Scene, visitor::Visitor};

#[test]
fn a_token_shows_one_customers_connections() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    visitor.get(&visitor.consent(&scene, "hubspot"));
    let token = |customer: &str| {
        let body = json!({ "customerId": customer, "validityInSeconds": 60 });
        let made = scene.good(
            "connect.token.create",
            "POST",
            "/connect/token",
            Some(&body),
        );
        made["token"].as_str().unwrap().to_owned()
    };
    for (customer, count) in [("acme", 1), ("other", 0)] {
        let headers = format!("authorization: Bearer {}\r\n", token(customer));
        let listed = exchange(
            &scene.sidecar.address,
            "GET",
            "/core/connection",
            &headers,
            None,
        );
        assert_eq!(listed.status, 200, "{}", listed.text);
        assert_eq!(listed.body.as_array().unwrap().len(), count, "{customer}");
        // It makes no tokens and no links.
        for (operation, target) in [
            ("connect.token.create", "/connect/token"),
            ("connect.magic_link.create", "/connect/magic-link"),
        ] {
            let body = json!({ "customerId": customer });
            let got = exchange(
                &scene.sidecar.address,
                "POST",
                target,
                &headers,
                Some(&body),
            );
            assert_eq!(got.status, 403, "{operation}: {}", got.text);
        }
    }
    let customer = scene.good("core.customer.get", "GET", "/core/customer/other", None);
    assert_eq!(customer["id"], "other", "whom a token names is a customer");
}

#[test]
fn a_wrong_request_is_told_where_it_is_wrong() {
    let scene = Scene::start();
    let link = |more: Value| {
        let mut body = json!({ "customerId": "acme" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (body, path) in [
        (json!({}), "body.customerId"),
        (json!({ "customerId": "" }), "body.customerId"),
        (json!({ "customerId": "a\nb" }), "body.customerId"),
        (json!({ "customerId": 7 }), "body.customerId"),
        (
            link(json!({ "validityInSeconds": 0 })),
            "body.validityInSeconds",
        ),
        (
            link(json!({ "validityInSeconds": "1" })),
            "body.validityInSeconds",
        ),
        (
            link(json!({ "redirectUrl": "javascript:alert(1)" })),
            "body.redirectUrl",
        ),
        (
            link(json!({ "redirectUrl": "http://app.example" })),
            "body.redirectUrl",
        ),
        (
            link(json!({ "redirectUrl": "https://a@app.example" })),
            "body.redirectUrl",
        ),
        (
            link(json!({ "redirectUrl": "https://app.example/\r\nx: y" })),
            "body.redirectUrl",
        ),
        (
            link(json!({ "displayName": "a\u{202e}b" })),
            "body.displayName",
        ),
        (
            link(json!({ "connectorNames": "hubspot,pipedrive" })),
            "body.connectorNames",
        ),
        (
            link(json!({ "connectorNames": "postgres" })),
            "body.connectorNames",
        ),
        (
            link(json!({ "integrationIds": "int_1" })),
            "body.integrationIds",
        ),
        (
            link(json!({ "connectionId": "ccfg_1" })),
            "body.connectionId",
        ),
        (link(json!({ "theme": "blue" })), "body.theme"),
        (link(json!({ "view": "all" })), "body.view"),
        (
            link(json!({ "redirect_url": "https://app.example" })),
            "body.redirect_url",
        ),
    ] {
        let refused = scene.answered(
            "connect.magic_link.create",
            400,
            "POST",
            "/connect/magic-link",
            Some(&body),
        );
        assert_eq!(refused["issues"][0]["path"], path, "{refused:#}");
    }
    let body = link(json!({ "connectionId": "conn_1" }));
    scene.answered(
        "connect.magic_link.create",
        404,
        "POST",
        "/connect/magic-link",
        Some(&body),
    );
    for target in ["/connect/token", "/connect/magic-link"] {
        let got = exchange(&scene.sidecar.address, "POST", target, "", Some(&body));
        assert_eq!(got.status, 401, "{target}");
    }
    let listed = scene.good("core.customer.list", "GET", "/core/customer", None);
    assert_eq!(listed, json!([]), "nobody was made");
}

#[test]
fn there_is_no_file_picker() {
    let scene = Scene::start();
    let body = json!({ "connectionId": "conn_1" });
    let refused = scene.answered(
        "connect.file_picker.create",
        501,
        "POST",
        "/connect/file-picker",
        Some(&body),
    );
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("no connector has files"), "{message}");
}

#[test]
fn a_link_opens_any_number_of_browsers_until_it_expires() {
    let scene = Scene::start();
    let secret = scene.link(&json!({ "validityInSeconds": 2 }));
    let mut first = Visitor::new(&scene.sidecar.address);
    let mut second = Visitor::new(&scene.sidecar.address);
    assert_eq!(first.open(&secret).status, 303);
    assert_eq!(second.open(&secret).status, 303);
    assert_ne!(first.cookie, second.cookie);
    assert_eq!(first.get("/connect").status, 200);
    sleep(Duration::from_millis(2100));
    let expired = Visitor::new(&scene.sidecar.address).open(&secret);
    assert_eq!(expired.status, 403);
    assert!(expired.text.contains("expired"), "{}", expired.text);
    // What it opened ends with it.
    assert_eq!(first.get("/connect").status, 403);
}

#[test]
fn a_link_shows_what_it_says() {
    let scene = Scene::start();
    let visitor = scene.visitor(&json!({ "connectorNames": "hubspot", "theme": "dark" }));
    let page = visitor.get("/connect").text;
    assert!(page.contains("data-connector=\"hubspot\""));
    assert!(!page.contains("data-connector=\"salesforce\""));
    assert!(
        page.contains("<html lang=\"en\" data-theme=\"dark\">"),
        "{page}"
    );
    // The only thing that there is to do begins at once.
    let mut visitor = Visitor::new(&scene.sidecar.address);
    let secret = scene.link(&json!({ "connectorNames": "hubspot", "view": "add-deeplink" }));
    let opened = visitor.open(&secret);
    assert_eq!(opened.status, 200, "{}", opened.text);
    let url = super::visitor::onward(&opened);
    assert!(url.contains("/oauth/authorize?"), "{url}");
}

#[test]
fn no_secret_of_a_link_is_logged() {
    let scene = Scene::at_once();
    let secret = scene.link(&json!({}));
    let mut visitor = Visitor::new(&scene.sidecar.address);
    visitor.open(&secret);
    let callback = visitor.consent(&scene, "salesforce");
    assert_eq!(visitor.get(&callback).status, 303);
    let logged = scene.sidecar.process.err.wait_for("connect.page.callback");
    assert!(logged.contains("\"status\":200"), "{logged}");
    let log = scene.sidecar.process.err.text();
    let cookie = visitor.cookie.unwrap();
    let code = callback.split("code=").nth(1).unwrap();
    let state = callback.split("state=").nth(1).unwrap();
    for secret in [
        secret.as_str(),
        cookie.split('=').nth(1).unwrap(),
        code.split('&').next().unwrap(),
        state.split('&').next().unwrap(),
        API_KEY,
        "sandbox-secret",
    ] {
        assert!(!log.contains(secret), "{secret}:\n{log}");
    }
}
