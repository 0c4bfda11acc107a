//! What is tried against the pages.

use serde_json::json;

use super::{Scene, visitor::Visitor};

/// Everything that a page shows of what was sent is text.
const MARKUP: &str =
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";

/// Covers: oauth-state
#[test]
fn a_state_is_good_once() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    let callback = visitor.consent(&scene, "hubspot");
    assert_eq!(visitor.get(&callback).status, 303);
    let again = visitor.get(&callback);
    assert_eq!(again.status, 400, "{}", again.text);
    assert!(again.text.contains("used already"), "{}", again.text);
    assert_eq!(scene.connections("acme").len(), 1);
}

/// Covers: oauth-state
#[test]
fn a_consent_ends_in_the_browser_that_began_it() {
    let scene = Scene::at_once();
    let secret = scene.link(&json!({}));
    let mut visitor = Visitor::new(&scene.sidecar.address);
    visitor.open(&secret);
    let callback = visitor.consent(&scene, "hubspot");
    // Without a cookie, with a made-up one, with that of the same link in another browser, and of another customer.
    let nobody = Visitor::new(&scene.sidecar.address);
    assert_eq!(nobody.get(&callback).status, 403);
    let mut other = Visitor::new(&scene.sidecar.address);
    let name = visitor.cookie.as_ref().unwrap().split('=').next().unwrap();
    other.cookie = Some(format!("{name}=cwv_{}", "A".repeat(43)));
    assert_eq!(other.get(&callback).status, 403);
    other.open(&secret);
    assert_eq!(other.get(&callback).status, 400);
    let stranger = scene.visitor(&json!({ "customerId": "other" }));
    assert_eq!(stranger.get(&callback).status, 400);
    for customer in ["acme", "other"] {
        assert!(scene.connections(customer).is_empty());
    }
    // None of them has used it up.
    assert_eq!(visitor.get(&callback).status, 303);
}

#[test]
fn what_did_not_begin_here_is_refused() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    let good = visitor.consent(&scene, "hubspot");
    let state = good.split("state=").nth(1).unwrap();
    let state = state.split('&').next().unwrap();
    for target in [
        "/connect/callback".to_owned(),
        "/connect/callback?code=x".to_owned(),
        "/connect/callback?code=x&state=".to_owned(),
        format!("/connect/callback?code=x&state=cws_{}", "A".repeat(43)),
        format!("/connect/callback?code=x&state={}", "A".repeat(8000)),
        format!("/connect/callback?code=x&state={state}&state={state}"),
    ] {
        let got = visitor.get(&target);
        assert_eq!(got.status, 400, "{target}: {}", got.text);
    }
    // A code of somebody else's with a state of one's own: the provider knows no such code.
    let foreign = visitor.get(&format!("/connect/callback?code=foreign&state={state}"));
    assert_eq!(foreign.status, 502, "{}", foreign.text);
    assert!(!foreign.text.contains("foreign"), "{}", foreign.text);
    assert!(scene.connections("acme").is_empty());
    assert!(scene.events().is_empty());
}

/// Covers: oauth-state
#[test]
fn a_code_with_the_state_of_another_provider_is_refused() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    let hubspot = visitor.consent(&scene, "hubspot");
    let salesforce = visitor.consent(&scene, "salesforce");
    let part = |callback: &str, name: &str| {
        let rest = callback.split(&format!("{name}=")).nth(1).unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let mixed = format!(
        "/connect/callback?code={}&state={}",
        part(&hubspot, "code"),
        part(&salesforce, "state")
    );
    assert_eq!(visitor.get(&mixed).status, 502);
    assert!(scene.connections("acme").is_empty());
}

/// Covers: origin-foreign
#[test]
fn forms_from_elsewhere_are_refused() {
    let scene = Scene::start();
    let mut visitor = scene.visitor(&json!({}));
    let page = visitor.get("/connect").text;
    let config = page.split("value=\"ccfg_").nth(1).unwrap();
    let form = format!("config=ccfg_{}", config.split('"').next().unwrap());
    for origin in [
        "",
        "origin: null\r\n",
        "origin: https://evil.example\r\n",
        "origin: http://localhost:1\r\n",
    ] {
        for (target, form) in [
            ("/connect/start", form.as_str()),
            ("/connect/open", "link=x"),
            ("/connect/disconnect", "connection=conn_1"),
        ] {
            let got = visitor.post_with(target, origin, form);
            assert_eq!(got.status, 403, "{origin}{target}: {}", got.text);
        }
    }
    assert_eq!(visitor.post("/connect/start", &form).status, 200);
    // The pages' own origin may not call the API.
    let headers = format!(
        "x-apikey: {}\r\norigin: {}\r\n",
        crosswalk_tests::API_KEY,
        visitor.origin()
    );
    let got = crosswalk_tests::exchange(
        &scene.sidecar.address,
        "GET",
        "/core/connection",
        &headers,
        None,
    );
    assert_eq!(got.status, 403);
    // A name that an attacker points at us.
    let got = visitor.post_with(
        "/connect/start",
        "host: evil.example\r\norigin: http://evil.example\r\n",
        &form,
    );
    assert_eq!(got.status, 421);
    visitor.cookie = None;
    assert_eq!(visitor.post("/connect/start", &form).status, 403);
}

/// Covers: tenant-connection
#[test]
fn another_customers_connection_is_as_one_that_does_not_exist() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    visitor.get(&visitor.consent(&scene, "hubspot"));
    let id = scene.connections("acme")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let stranger = scene.visitor(&json!({ "customerId": "other" }));
    let form = format!("connection={id}");
    for got in [
        stranger.get(&format!("/connect/disconnect?{form}")),
        stranger.post("/connect/disconnect", &form),
        stranger.post("/connect/start", &form),
    ] {
        assert_eq!(got.status, 404, "{}", got.text);
    }
    let page = stranger.get(&format!("/connect?connected={id}"));
    assert!(!page.text.contains("is connected"), "{}", page.text);
    assert!(!page.text.contains(&id), "{}", page.text);
    assert_eq!(scene.connections("acme").len(), 1);
    scene.answered(
        "connect.magic_link.create",
        404,
        "POST",
        "/connect/magic-link",
        Some(&json!({ "customerId": "other", "connectionId": id })),
    );
}

/// Covers: markup-injection, value-breaks-header
#[test]
fn nothing_that_was_sent_becomes_markup_or_a_header() {
    let scene = Scene::at_once();
    let name = "</title><script>alert(1)</script>\" onload=\"alert(1)";
    let visitor = scene.visitor(&json!({ "displayName": name }));
    let page = visitor.get("/connect").text;
    assert!(!page.contains("<script>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for target in [
        format!("/connect?connected={MARKUP}"),
        format!("/connect?denied={MARKUP}"),
        format!("/connect/choose?config={MARKUP}"),
        format!("/connect/disconnect?connection={MARKUP}"),
        format!("/connect/callback?error={MARKUP}&error_description={MARKUP}&state=x"),
        format!("/connect/{MARKUP}"),
    ] {
        let got = visitor_text(&visitor, &target);
        assert!(!got.contains("<script>alert"), "{target}: {got}");
        assert!(!got.contains("<img"), "{target}: {got}");
    }
    // With a state that is ours the provider's words reach the page; they are none of its own.
    let good = visitor.consent(&scene, "hubspot");
    let state = good.split("state=").nth(1).unwrap();
    let got = visitor.get(&format!(
        "/connect/callback?error={MARKUP}&error_description={MARKUP}%0d%0aset-cookie:%20a%3db&state={state}"
    ));
    assert_eq!(got.status, 400, "{}", got.text);
    assert!(!got.text.contains("alert(1)"), "{}", got.text);
    assert_eq!(got.header("set-cookie"), None);
    // What leads elsewhere has no line of the sender's in it.
    let got = visitor.post("/connect/start", "config=x%0d%0aset-cookie:%20a%3db");
    assert_eq!(got.status, 404);
    assert_eq!(got.header("set-cookie"), None);
}

fn visitor_text(visitor: &Visitor, target: &str) -> String {
    if target.starts_with("/connect/%") {
        // No page, so it is answered as the API answers.
        return crosswalk_tests::exchange(
            visitor.origin().trim_start_matches("http://"),
            "GET",
            target,
            "",
            None,
        )
        .text;
    }
    visitor.get(target).text
}

#[test]
fn a_link_is_not_opened_by_anything_else() {
    let scene = Scene::start();
    let token = scene.good(
        "connect.token.create",
        "POST",
        "/connect/token",
        Some(&json!({ "customerId": "acme" })),
    );
    let token = token["token"].as_str().unwrap();
    let made_up = format!("cwm_{}", "A".repeat(43));
    let long = "A".repeat(10_000);
    for secret in ["", "cwm_", &made_up, token, &long, "x&link=y"] {
        let mut visitor = Visitor::new(&scene.sidecar.address);
        let got = visitor.open(secret);
        assert_eq!(got.status, 403, "{secret}: {}", got.text);
        assert!(visitor.cookie.is_none());
    }
    let mut visitor = Visitor::new(&scene.sidecar.address);
    let got = visitor.open(&"A".repeat(20_000));
    assert_eq!(got.status, 413);
    // The page itself knows nothing, and is the same for everybody.
    let page = visitor.get("/connect/open");
    assert_eq!(page.status, 200);
}
