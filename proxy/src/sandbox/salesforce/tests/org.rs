//! Sessions, tokens, settings, and what the org says of itself.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::*;

fn ask(org: &Salesforce, form: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
    let mut call = Call {
        method: Method::POST,
        path: "/services/oauth2/token".to_owned(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: form.to_owned().into(),
    };
    for (name, value) in headers {
        call.headers.insert(*name, value.parse().unwrap());
    }
    let reply = org.handle(&call);
    let body = serde_json::from_slice(&reply.body).unwrap();
    (reply.status.as_u16(), body)
}

fn refresh(org: &Salesforce, token: &str) -> (u16, Value) {
    let form = format!(
        "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token={token}"
    );
    ask(org, &form, &[])
}

fn dead() -> (u16, Value) {
    let body =
        json!({"error": "invalid_grant", "error_description": "expired access/refresh token"});
    (400, body)
}

#[test]
fn a_refresh_answers_a_session_without_expiry() {
    let org = empty();
    let (status, token) = refresh(&org, REFRESH_TOKEN);
    assert_eq!(status, 200);
    assert!(token.get("expires_in").is_none() && token.get("refresh_token").is_none());
    assert!(token["issued_at"].as_str().unwrap().parse::<i64>().is_ok());
    assert_eq!(token["token_type"], "Bearer");
    let session = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let reply = send(
        &org,
        "GET",
        "/services/data/v61.0/limits",
        &Value::Null,
        &[("authorization", &session)],
    );
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["sforce-limit-info"], "api-usage=1/15000");
}

#[test]
fn the_token_endpoint_says_what_is_wrong() {
    let org = empty();
    assert_eq!(refresh(&org, "old"), dead());
    let error = |form: &str| ask(&org, form, &[]).1["error"].clone();
    assert_eq!(error("grant_type=password"), "unsupported_grant_type");
    assert_eq!(
        error("grant_type=refresh_token&client_id=x"),
        "invalid_client_id"
    );
    assert_eq!(
        error("grant_type=refresh_token&client_id=sandbox-client&client_secret=x"),
        "invalid_client"
    );
}

#[test]
fn the_client_may_come_as_basic() {
    let coded = BASE64_STANDARD.encode("sandbox-client:sandbox-secret");
    let form = "grant_type=refresh_token&refresh_token=sandbox-refresh";
    let basic = format!("Basic {coded}");
    assert_eq!(ask(&empty(), form, &[("authorization", &basic)]).0, 200);
}

#[test]
fn an_old_refresh_token_kills_the_current_pair() {
    let org = empty();
    org.configure(&json!({"rotate_refresh_tokens": true}))
        .unwrap();
    let (_, first) = refresh(&org, REFRESH_TOKEN);
    let next = first["refresh_token"].as_str().unwrap();
    let (status, second) = refresh(&org, next);
    assert_eq!(status, 200);
    assert_eq!(refresh(&org, next), dead());
    assert_eq!(
        refresh(&org, second["refresh_token"].as_str().unwrap()),
        dead()
    );
    assert_eq!(refresh(&org, ""), dead());
    let session = format!("Bearer {}", second["access_token"].as_str().unwrap());
    let with = [("authorization", session.as_str())];
    let reply = send(
        &org,
        "GET",
        "/services/data/v59.0/limits",
        &Value::Null,
        &with,
    );
    assert_eq!(reply.status, 401);
}

#[test]
fn a_dead_session_is_told_so() {
    let org = empty();
    org.expire_tokens();
    assert_eq!(
        call(&org, "GET", "/sobjects", &Value::Null),
        (
            401,
            json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
        )
    );
}

#[test]
fn the_daily_limit_ends_the_day() {
    let org = empty();
    org.configure(&json!({"daily_limit": 1})).unwrap();
    let (status, limits) = call(&org, "GET", "/limits", &Value::Null);
    assert_eq!(
        (status, &limits["DailyApiRequests"]),
        (200, &json!({"Max": 1, "Remaining": 0}))
    );
    assert_eq!(
        call(&org, "GET", "/limits", &Value::Null),
        (
            403,
            json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}])
        )
    );
}

#[test]
fn versions_need_no_session_and_old_ones_are_gone() {
    let org = empty();
    org.expire_tokens();
    let reply = send(&org, "GET", "/services/data", &Value::Null, &[]);
    let versions: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        versions[0],
        json!({"label": "Winter '24", "url": "/services/data/v59.0", "version": "59.0"})
    );
    let status = |path: &str| {
        send(&empty(), "GET", path, &Value::Null, &[])
            .status
            .as_u16()
    };
    assert_eq!(status("/services/data/v58.0/limits"), 404);
    assert_eq!(status("/services/data/v67.0/limits"), 200);
    assert_eq!(status("/services/data/v59.0/nothing"), 404);
}

#[test]
fn a_describe_shows_what_the_user_sees() {
    let org = empty();
    org.configure(&json!({
        "hidden_fields": {"account": ["Fax"]},
        "custom_fields": {"Account": [{"name": "Tier__c", "type": "picklist", "restricted": true, "values": ["Gold"]}]},
    }))
    .unwrap();
    let (_, account) = call(&org, "GET", "/sobjects/Account/describe", &Value::Null);
    let field = |name: &str| {
        let fields = account["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).cloned()
    };
    assert!(field("Fax").is_none());
    assert_eq!(
        field("Industry").unwrap()["picklistValues"]
            .as_array()
            .unwrap()
            .len(),
        32
    );
    assert_eq!(field("Website").unwrap()["idLookup"], false);
    assert_eq!(field("Name").unwrap()["label"], "Account Name");
    assert_eq!(field("Tier__c").unwrap()["custom"], true);
    let written = json!({"Name": "a", "Tier__c": "Tin"});
    assert_eq!(
        fault(call(&org, "POST", "/sobjects/Account", &written)).1,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    );
    let (_, global) = call(&org, "GET", "/sobjects", &Value::Null);
    assert_eq!(
        (&global["encoding"], &global["maxBatchSize"]),
        (&json!("UTF-8"), &json!(200))
    );
    let prefixes: Vec<_> = global["sobjects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["keyPrefix"])
        .collect();
    for prefix in ["001", "003", "005"] {
        assert!(prefixes.contains(&&json!(prefix)), "{prefix}");
    }
}

#[test]
fn settings_are_set_all_or_none() {
    let org = empty();
    let patch = json!({"daily_limit": 7, "rotate_refresh_tokens": "yes"});
    assert!(
        org.configure(&patch)
            .unwrap_err()
            .contains("rotate_refresh_tokens")
    );
    assert_eq!(org.settings()["daily_limit"], 15_000);
    for wrong in [
        json!({"unheard": 1}),
        json!({"custom_fields": {"Account": [{"name": "Tier"}]}}),
        json!({"hidden_fields": {"Nothing": ["a"]}}),
    ] {
        org.configure(&wrong).unwrap_err();
    }
}

#[test]
fn a_reset_brings_back_the_session_that_is_accepted_from_the_start() {
    let org = empty();
    org.expire_tokens();
    assert_eq!(call(&org, "GET", "/limits", &Value::Null).0, 401);
    org.reset(true);
    assert_eq!(call(&org, "GET", "/limits", &Value::Null).0, 200);
}

#[test]
fn a_version_lists_its_resources() {
    let (status, resources) = call(&empty(), "GET", "/", &Value::Null);
    assert_eq!(status, 200);
    assert_eq!(resources["sobjects"], "/services/data/v59.0/sobjects");
    let identity = format!(
        "http://localhost/id/00D5g0000000001EAA/{}",
        State::user_id()
    );
    assert_eq!(resources["identity"], identity);
}
