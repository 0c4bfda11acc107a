//! Approvals of the app: the page, its refusals, and what comes of an approval (`salesforce.md` §1.2).

use super::{
    oauth::{BACK, CLIENT, at, error, exchange, post, refused},
    *,
};

fn pairs(more: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", BACK),
        ("scope", "api refresh_token"),
        ("state", "s&1"),
    ];
    all.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    all.extend(more);
    let mut coded = url::form_urlencoded::Serializer::new(String::new());
    coded.extend_pairs(all).finish()
}

fn open(org: &Salesforce, more: &[(&str, &str)]) -> Reply {
    at(org, "GET", &format!("/authorize?{}", pairs(more)), "", &[])
}

fn press(org: &Salesforce, button: &str, more: &[(&str, &str)]) -> Reply {
    let form = format!("{}&sandbox_decision={button}", pairs(more));
    at(org, "POST", "/authorize", &form, &[])
}

/// What the app is told by a redirect.
fn told(reply: &Reply) -> std::collections::BTreeMap<String, String> {
    assert_eq!(reply.status, 302);
    let location = url::Url::parse(reply.headers["location"].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(BACK), "{location}");
    location.query_pairs().into_owned().collect()
}

/// The answer of the code exchange after a new approval.
fn approve(org: &Salesforce, more: &[(&str, &str)]) -> Value {
    let code = told(&press(org, "allow", more))["code"].clone();
    let code: String = url::form_urlencoded::byte_serialize(code.as_bytes()).collect();
    let (status, tokens) = exchange(org, &code, "");
    assert_eq!(status, 200, "{tokens}");
    tokens
}

fn refresh(org: &Salesforce, token: &Value) -> (u16, Value) {
    let token: String =
        url::form_urlencoded::byte_serialize(token.as_str().unwrap().as_bytes()).collect();
    post(
        org,
        "/token",
        &format!("grant_type=refresh_token&{CLIENT}&refresh_token={token}"),
    )
}

fn limits(org: &Salesforce, tokens: &Value) -> (u16, Value) {
    let session = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let target = "/services/data/v59.0/limits";
    let reply = send(
        org,
        "GET",
        target,
        &Value::Null,
        &[("authorization", &session)],
    );
    (
        reply.status.as_u16(),
        serde_json::from_slice(&reply.body).unwrap(),
    )
}

#[test]
fn the_page_names_app_user_and_scopes_and_escapes_what_it_was_given() {
    let org = empty();
    let evil = "\"><script>";
    let more = [
        ("state", evil),
        ("login_hint", "<b>@x.example"),
        ("prompt", "login consent"),
        ("display", "popup"),
    ];
    let reply = open(&org, &more);
    assert_eq!(reply.status, 200);
    let page = String::from_utf8(reply.body.to_vec()).unwrap();
    for shown in [
        "Sandbox Salesforce",
        CLIENT_ID,
        BACK,
        "<code>api</code>",
        "&lt;b&gt;@x.example",
        "value=\"&quot;&gt;&lt;script&gt;\"",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("<b>"));
    assert_eq!(told(&press(&org, "allow", &more))["state"], evil);
    let told = told(&press(&org, "deny", &more));
    let expected = ("access_denied", "end-user denied authorization");
    assert_eq!(
        (told["error"].as_str(), told["error_description"].as_str()),
        expected
    );
}

#[test]
fn an_unknown_app_or_callback_is_told_on_a_page_and_the_rest_goes_back() {
    let org = empty();
    for (wrong, words) in [
        (("client_id", "x"), "invalid_client_id"),
        (
            ("redirect_uri", "http://evil.example"),
            "redirect_uri_mismatch",
        ),
    ] {
        let reply = press(&org, "allow", &[wrong]);
        let page = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(reply.status, 400);
        assert!(page.contains(words), "{page}");
    }
    let error = |more: (&str, &str)| told(&open(&org, &[more]))["error"].clone();
    assert_eq!(
        error(("response_type", "token")),
        "unsupported_response_type"
    );
    assert_eq!(error(("scope", "api everything")), "invalid_scope");
    org.configure(&json!({"require_pkce": true, "redirect_uris": [BACK], "app_scopes": ["api"]}))
        .unwrap();
    assert_eq!(error(("scope", "api")), "invalid_request");
    assert_eq!(error(("scope", "refresh_token")), "invalid_scope");
    assert_eq!(
        open(&org, &[("redirect_uri", "http://127.0.0.1:4040/other")]).status,
        400
    );
}

#[test]
fn an_approval_gives_what_its_scopes_say() {
    let org = empty();
    let tokens = approve(&org, &[("scope", "api")]);
    assert_eq!(
        (&tokens["scope"], tokens.get("refresh_token")),
        (&json!("api"), None)
    );
    assert_eq!(limits(&org, &tokens).0, 200);
    let tokens = approve(&org, &[("scope", "id refresh_token")]);
    let (status, fault) = limits(&org, &tokens);
    assert_eq!(status, 401);
    assert_eq!(
        fault[0]["message"],
        "This session is not valid for use with the REST API"
    );
    let session = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let user_info = at(&org, "GET", "/userinfo", "", &[("authorization", &session)]);
    assert_eq!(user_info.status, 200);
    let (_, again) = refresh(&org, &tokens["refresh_token"]);
    assert_eq!(
        (&again["scope"], again.get("refresh_token")),
        (&json!("id refresh_token"), None)
    );
}

#[test]
fn approvals_end_one_by_one() {
    let org = empty();
    let (one, other) = (approve(&org, &[]), approve(&org, &[]));
    assert_ne!(one["refresh_token"], other["refresh_token"]);
    let token: String =
        url::form_urlencoded::byte_serialize(one["refresh_token"].as_str().unwrap().as_bytes())
            .collect();
    assert_eq!(post(&org, "/revoke", &format!("token={token}")).0, 200);
    let dead = refused("invalid_grant", "expired access/refresh token");
    assert_eq!(error(refresh(&org, &one["refresh_token"])), dead);
    assert_eq!(limits(&org, &one).0, 401);
    assert_eq!(
        (
            limits(&org, &other).0,
            refresh(&org, &other["refresh_token"]).0
        ),
        (200, 200)
    );
    assert_eq!(refresh(&org, &json!(REFRESH_TOKEN)).0, 200);
    org.command("revoke", &json!({})).unwrap().unwrap();
    assert_eq!(refresh(&org, &other["refresh_token"]).0, 400);
    assert_eq!(refresh(&org, &json!(REFRESH_TOKEN)).0, 400);
}

#[test]
fn a_rotated_out_token_ends_its_own_pair() {
    let org = empty();
    org.configure(&json!({"rotate_refresh_tokens": true}))
        .unwrap();
    let (one, other) = (approve(&org, &[]), approve(&org, &[]));
    let (_, next) = refresh(&org, &one["refresh_token"]);
    assert_eq!(refresh(&org, &one["refresh_token"]).0, 400);
    assert_eq!(refresh(&org, &next["refresh_token"]).0, 400);
    assert_eq!((limits(&org, &next).0, limits(&org, &other).0), (401, 200));
    let seen = org.look("grants", &[]).unwrap().unwrap();
    assert_eq!(seen["grants"][1]["ended"], "old_token_used");
    assert_eq!(
        (
            &seen["grants"][1]["refreshes"],
            &seen["token_calls"]["refused"]
        ),
        (&json!(1), &json!(2))
    );
    assert_eq!(refresh(&org, &other["refresh_token"]).0, 200);
}

#[test]
fn the_sixth_approval_ends_the_first() {
    let org = empty();
    let all: Vec<Value> = (0..6).map(|_| approve(&org, &[])).collect();
    let statuses: Vec<u16> = all
        .iter()
        .map(|it| refresh(&org, &it["refresh_token"]).0)
        .collect();
    assert_eq!(statuses, [400, 200, 200, 200, 200, 200]);
    org.configure(&json!({"approvals_per_user": null})).unwrap();
    approve(&org, &[]);
    assert_eq!(refresh(&org, &all[1]["refresh_token"]).0, 200);
    // The fixed token needed no approval.
    assert_eq!(refresh(&org, &json!(REFRESH_TOKEN)).0, 200);
}

#[test]
fn the_daily_limit_has_names() {
    let org = empty();
    for (name, limit) in [("off", 1_000_000_000), ("real", 15_000)] {
        org.configure(&json!({"rate_limits": name})).unwrap();
        let settings = org.settings();
        assert_eq!(
            (&settings["rate_limits"], &settings["daily_limit"]),
            (&json!(name), &json!(limit))
        );
    }
    org.configure(&json!({"daily_limit": 3})).unwrap();
    assert_eq!(org.settings()["rate_limits"], Value::Null);
    assert!(org.configure(&json!({"rate_limits": "some"})).is_err());
}
