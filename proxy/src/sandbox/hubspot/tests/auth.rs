//! Tokens, scopes, limits, and what the edge refuses.

use super::*;

const NO_CREDENTIALS: &str = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";

pub(super) fn form(hub: &Hub, path: &str, body: &str) -> (u16, Value) {
    read(&hub.reply(
        Method::POST,
        path,
        &[("content-type", "application/x-www-form-urlencoded")],
        body,
    ))
}

fn refresh(hub: &Hub) -> String {
    let grant = "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=sandbox-refresh";
    let (status, body) = form(hub, "/oauth/v1/token", grant);
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("bearer"), &json!(1800))
    );
    assert_eq!(body["refresh_token"], "sandbox-refresh");
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

#[test]
fn no_token_and_an_unknown_one_are_invalid_authentication() {
    let hub = Hub::sample();
    for headers in [
        vec![],
        vec![("authorization", "Bearer nonsense")],
        vec![("authorization", "Basic eDp5")],
    ] {
        let (status, body) = read(&hub.reply(Method::GET, CONTACTS, &headers, ""));
        assert_eq!(status, 401);
        let expected = json!({ "status": "error", "message": NO_CREDENTIALS, "category": "INVALID_AUTHENTICATION" });
        assert_eq!(envelope(body), expected);
    }
}

#[test]
fn an_oauth_token_lives_thirty_minutes() {
    let hub = Hub::sample();
    let bearer = refresh(&hub);
    let get = || read(&hub.reply(Method::GET, CONTACTS, &[("authorization", &bearer)], ""));
    assert_eq!(get().0, 200);
    hub.move_clock(1_799_000);
    assert_eq!(get().0, 200);
    hub.move_clock(1_807_500);
    let (status, body) = get();
    assert_eq!(
        (status, &body["category"]),
        (401, &json!("EXPIRED_AUTHENTICATION"))
    );
    assert_eq!(
        body["message"],
        "The OAuth token used to make this call expired 7 second(s) ago."
    );
    let expiry = body["context"]["expire time"][0].as_str().unwrap();
    assert!(expiry.ends_with('Z') && expiry.len() == 24, "{expiry}");
    // Another refresh works, and the private app token has no expiry.
    hub.0.expire_tokens();
    refresh(&hub);
    assert_eq!(hub.get(CONTACTS).0, 200);
}

#[test]
fn the_token_endpoint_names_what_is_wrong_in_status() {
    let hub = Hub::sample();
    let (status, body) = form(
        &hub,
        "/oauth/v1/token",
        "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=other",
    );
    assert_eq!(status, 400);
    let expected =
        json!({ "status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token" });
    assert_eq!(envelope(body), expected);
    let (_, body) = form(
        &hub,
        "/oauth/v3/token",
        "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=other",
    );
    let text = "refresh token is invalid, expired or revoked";
    let expected = json!({ "status": "BAD_REFRESH_TOKEN", "message": text, "error": "invalid_grant", "error_description": text });
    assert_eq!(envelope(body), expected);
    for (grant, expected) in [
        ("grant_type=password", "BAD_GRANT_TYPE"),
        ("grant_type=refresh_token&client_id=x", "BAD_CLIENT_ID"),
        (
            "grant_type=refresh_token&client_id=sandbox-client&client_secret=x",
            "BAD_CLIENT_SECRET",
        ),
    ] {
        assert_eq!(form(&hub, "/oauth/v1/token", grant).1["status"], expected);
    }
}

#[test]
fn a_code_works_once() {
    let hub = Hub::sample();
    let grant = "grant_type=authorization_code&client_id=sandbox-client&client_secret=sandbox-secret&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&code=sandbox-code";
    let (status, body) = form(&hub, "/oauth/v3/token", grant);
    assert_eq!(status, 200);
    assert_eq!(body["hub_id"], PORTAL_ID);
    assert_eq!(
        form(&hub, "/oauth/v3/token", grant).1["status"],
        "BAD_AUTH_CODE"
    );
}

#[test]
fn consent_redirects_with_a_code_that_dies_after_a_minute() {
    let hub = Hub::sample().with(&json!({ "consent": "at_once" }));
    let page = "/oauth/authorize?client_id=sandbox-client&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&scope=oauth&state=s1";
    let code = || {
        let reply = hub.reply(Method::GET, page, &[], "");
        assert_eq!(reply.status, 302);
        let location = url::Url::parse(reply.headers["location"].to_str().unwrap()).unwrap();
        let pairs: std::collections::BTreeMap<_, _> = location.query_pairs().into_owned().collect();
        assert_eq!(pairs["state"], "s1");
        pairs["code"].clone()
    };
    let grant = |code: &str| {
        let body = format!(
            "grant_type=authorization_code&client_id=sandbox-client&client_secret=sandbox-secret&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&code={code}"
        );
        form(&hub, "/oauth/v1/token", &body)
    };
    assert_eq!(grant(&code()).0, 200);
    let late = code();
    hub.move_clock(61_000);
    assert_eq!(grant(&late).1["status"], "EXPIRED_AUTH_CODE");
}

#[test]
fn a_missing_scope_is_named() {
    let hub =
        Hub::sample().with(&json!({ "granted_scopes": ["oauth", "crm.objects.contacts.read"] }));
    assert_eq!(hub.get(CONTACTS).0, 200);
    let (status, body) = hub.post(CONTACTS, &json!({ "properties": {} }));
    assert_eq!(status, 403);
    let expected = json!({
        "status": "error",
        "message": "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
        "errors": [{
            "message": "One or more of the following scopes are required.",
            "context": { "requiredGranularScopes": ["crm.objects.contacts.write"] },
        }],
        "links": { "scopes": "https://developers.hubspot.com/scopes" },
        "category": "MISSING_SCOPES",
    });
    assert_eq!(envelope(body), expected);
    // A search and a batch read are POSTs, and still reads.
    assert_eq!(hub.post(&format!("{CONTACTS}/search"), &json!({})).0, 200);
    assert_eq!(
        hub.post(&format!("{CONTACTS}/batch/read"), &json!({ "inputs": [] }))
            .0,
        200
    );
    assert_eq!(hub.get("/crm/v3/owners").0, 403);
}

#[test]
fn limits_refuse_by_policy() {
    let hub = Hub::sample()
        .with(&json!({ "rate_limits": { "burst_per_10s": 3, "search_per_second": 1 } }));
    let search = || hub.post(&format!("{CONTACTS}/search"), &json!({}));
    assert_eq!(search().0, 200);
    let (status, body) = search();
    assert_eq!(status, 429);
    let expected = json!({ "status": "error", "message": "You have reached your secondly limit.", "errorType": "RATE_LIMIT", "policyName": "SECONDLY" });
    assert_eq!(envelope(body), expected);
    assert_eq!(hub.get(CONTACTS).0, 200);
    assert_eq!(hub.get(CONTACTS).0, 200);
    let (status, body) = hub.get(CONTACTS);
    assert_eq!(status, 429);
    assert_eq!(
        body["message"],
        "You have reached your ten_secondly_rolling limit."
    );
    assert_eq!(body["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(body.get("category"), None);
    hub.move_clock(10_001);
    assert_eq!(hub.get(CONTACTS).0, 200);
    let hub = hub.with(&json!({ "rate_limits": { "burst_per_10s": null, "daily": 1 } }));
    hub.get(CONTACTS);
    assert_eq!(hub.get(CONTACTS).1["policyName"], "DAILY");
}

#[test]
fn the_real_limits_have_a_name_and_each_app_a_window_of_its_own() {
    let hub = Hub::sample().with(&json!({ "rate_limits": "real" }));
    let oauth = refresh(&hub);
    let get = |bearer: &str| hub.reply(Method::GET, CONTACTS, &[("authorization", bearer)], "");
    let private = format!("Bearer {PRIVATE_APP_TOKEN}");
    // Time stands still, so that no call leaves the window while others are made.
    let stopped = hub.0.configure(&json!({ "clock_stopped": true }));
    assert_eq!(stopped, Ok(()));
    let passed = |bearer: &str| (0..120).filter(|_| get(bearer).status == 200).count();
    assert_eq!((passed(&oauth), passed(&private)), (110, 100));
    hub.move_clock(10_001);
    let searches = (0..8).map(|_| hub.post(&format!("{CONTACTS}/search"), &json!({})).0);
    assert_eq!(searches.filter(|status| *status == 200).count(), 5);
    let shown = hub.0.settings();
    assert_eq!(shown["rate_limits"]["daily"], 250_000);
    let set = |limits: &str| hub.0.configure(&json!({ "rate_limits": limits }));
    assert_eq!(set("off"), Ok(()));
    assert_eq!(hub.0.settings()["rate_limits"]["daily"], Value::Null);
    assert_eq!(get(&oauth).status, 200);
    assert!(set("some").is_err());
}

#[test]
fn rate_headers_are_on_all_but_search_and_daily_ones_for_private_apps() {
    let hub = Hub::sample().with(&json!({ "rate_limits": { "burst_per_10s": 10, "daily": 100 } }));
    let oauth = refresh(&hub);
    let private = format!("Bearer {PRIVATE_APP_TOKEN}");
    let get = |bearer: &str| hub.reply(Method::GET, CONTACTS, &[("authorization", bearer)], "");
    let reply = get(&private);
    assert_eq!(reply.headers["x-hubspot-ratelimit-max"], "10");
    assert_eq!(reply.headers["x-hubspot-ratelimit-remaining"], "9");
    assert_eq!(
        reply.headers["x-hubspot-ratelimit-interval-milliseconds"],
        "10000"
    );
    assert_eq!(reply.headers["x-hubspot-ratelimit-daily-remaining"], "99");
    assert!(
        !get(&oauth)
            .headers
            .contains_key("x-hubspot-ratelimit-daily")
    );
    let headers = [
        ("authorization", private.as_str()),
        ("content-type", "application/json"),
    ];
    let reply = hub.reply(Method::POST, &format!("{CONTACTS}/search"), &headers, "{}");
    assert!(!reply.headers.contains_key("x-hubspot-ratelimit-max"));
}

#[test]
fn the_edge_refuses_in_its_own_words() {
    let hub = Hub::sample();
    let long = format!("{CONTACTS}?properties={}", "a".repeat(16_400));
    assert_eq!(hub.get(&long), (414, Value::Null));
    assert_eq!(
        hub.ask(Method::PUT, CONTACTS, &json!({})),
        (405, Value::Null)
    );
    let (status, body) = hub.get("/crm/v9/objects/contacts");
    assert_eq!(
        (status, body["message"].as_str()),
        (404, Some("resource not found"))
    );
    let bearer = format!("Bearer {PRIVATE_APP_TOKEN}");
    let untyped = hub.reply(
        Method::POST,
        CONTACTS,
        &[("authorization", &bearer)],
        r#"{"properties":{}}"#,
    );
    assert_eq!(untyped.status, 415);
}

#[test]
fn the_correlation_id_is_in_the_header_and_in_the_body() {
    let hub = Hub::sample();
    let bearer = format!("Bearer {PRIVATE_APP_TOKEN}");
    let reply = hub.reply(
        Method::GET,
        &format!("{CONTACTS}/1"),
        &[("authorization", &bearer)],
        "",
    );
    let (_, body) = read(&reply);
    assert_eq!(
        body["correlationId"],
        reply.headers["x-hubspot-correlation-id"].to_str().unwrap()
    );
}

#[test]
fn secrets_do_not_show_in_debug() {
    let shown = format!("{:?}", Hub::sample().0);
    assert!(
        !shown.contains(PRIVATE_APP_TOKEN) && !shown.contains(CLIENT_SECRET),
        "{shown}"
    );
}
