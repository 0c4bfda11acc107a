//! The login host beside plain refreshes (`salesforce.md` §1).

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::*;

pub(super) const CLIENT: &str = "client_id=sandbox-client&client_secret=sandbox-secret";
pub(super) const BACK: &str = "http://127.0.0.1:4040/callback";

pub(super) fn at(
    org: &Salesforce,
    method: &str,
    target: &str,
    form: &str,
    headers: &[(&'static str, &str)],
) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut call = Call {
        method: method.parse().unwrap(),
        path: format!("/services/oauth2{path}"),
        query: query.to_owned(),
        headers: HeaderMap::new(),
        body: form.to_owned().into(),
    };
    for (name, value) in headers {
        call.headers.insert(*name, value.parse().unwrap());
    }
    org.handle(&call)
}

pub(super) fn post(org: &Salesforce, path: &str, form: &str) -> (u16, Value) {
    let reply = at(org, "POST", path, form, &[]);
    (
        reply.status.as_u16(),
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
    )
}

/// The parameters with which the browser comes back.
fn consent(org: &Salesforce, more: &str) -> Vec<(String, String)> {
    org.configure(&json!({"consent": "at_once"})).unwrap();
    let back: String = url::form_urlencoded::byte_serialize(BACK.as_bytes()).collect();
    let target = format!(
        "/authorize?response_type=code&client_id=sandbox-client&redirect_uri={back}&scope=api%20refresh_token&state=s%26t{more}"
    );
    let reply = at(org, "GET", &target, "", &[]);
    assert_eq!(reply.status, 302);
    let location = url::Url::parse(reply.headers["location"].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(BACK));
    location.query_pairs().into_owned().collect()
}

fn code(org: &Salesforce, more: &str) -> String {
    let back = consent(org, more);
    assert_eq!(
        (back[0].0.as_str(), &back[1]),
        ("code", &("state".to_owned(), "s&t".to_owned()))
    );
    url::form_urlencoded::byte_serialize(back[0].1.as_bytes()).collect()
}

pub(super) fn exchange(org: &Salesforce, code: &str, more: &str) -> (u16, Value) {
    post(
        org,
        "/token",
        &format!("grant_type=authorization_code&{CLIENT}&code={code}&redirect_uri={BACK}{more}"),
    )
}

pub(super) fn error((status, body): (u16, Value)) -> (u16, String, String) {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (status, text("error"), text("error_description"))
}

pub(super) fn refused(error: &str, description: &str) -> (u16, String, String) {
    (400, error.to_owned(), description.to_owned())
}

#[test]
fn a_code_is_exchanged_once_for_both_tokens() {
    let org = empty();
    let code = code(&org, "");
    let (status, token) = exchange(&org, &code, "");
    assert_eq!(status, 200, "{token}");
    assert!(token.get("expires_in").is_none());
    assert!(token["refresh_token"].is_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(CLIENT_SECRET.as_bytes()).unwrap();
    mac.update(
        format!(
            "{}{}",
            token["id"].as_str().unwrap(),
            token["issued_at"].as_str().unwrap()
        )
        .as_bytes(),
    );
    assert_eq!(
        token["signature"],
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    );
    assert_eq!(
        error(exchange(&org, &code, "")),
        refused("invalid_grant", "invalid authorization code")
    );
}

#[test]
fn a_challenge_needs_its_verifier() {
    let org = empty();
    let verifier = "v".repeat(43);
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let more = format!("&code_challenge={challenge}&code_challenge_method=S256");
    for wrong in [String::new(), format!("&code_verifier={}", "w".repeat(43))] {
        let code = code(&org, &more);
        assert_eq!(
            error(exchange(&org, &code, &wrong)),
            refused("invalid_grant", "invalid code verifier")
        );
    }
    let code = code(&org, &more);
    assert_eq!(
        exchange(&org, &code, &format!("&code_verifier={verifier}")).0,
        200
    );
}

#[test]
fn a_code_ages_and_belongs_to_its_address() {
    let org = empty();
    let first = code(&org, "");
    let elsewhere = format!(
        "grant_type=authorization_code&{CLIENT}&code={first}&redirect_uri=http://else.example"
    );
    assert_eq!(
        error(post(&org, "/token", &elsewhere)),
        refused(
            "redirect_uri_mismatch",
            "redirect_uri must match configuration"
        )
    );
    let old = code(&org, "");
    org.configure(&json!({"clock_offset_ms": 16 * 60 * 1000}))
        .unwrap();
    assert_eq!(
        error(exchange(&org, &old, "")),
        refused("invalid_grant", "expired authorization code")
    );
}

#[test]
fn a_user_may_say_no() {
    let org = empty();
    org.configure(&json!({"deny_consent": true})).unwrap();
    let back = consent(&org, "");
    assert_eq!(back[0], ("error".to_owned(), "access_denied".to_owned()));
    assert_eq!(
        back[1],
        (
            "error_description".to_owned(),
            "end-user denied authorization".to_owned()
        )
    );
    let unknown = at(
        &org,
        "GET",
        "/authorize?response_type=code&client_id=x",
        "",
        &[],
    );
    assert_eq!(unknown.status, 400);
}

#[test]
fn client_credentials_bring_no_refresh_token() {
    let (status, token) = post(
        &empty(),
        "/token",
        &format!("grant_type=client_credentials&{CLIENT}"),
    );
    assert_eq!(status, 200);
    assert!(token["access_token"].is_string() && token.get("refresh_token").is_none());
}

#[test]
fn a_session_ends_when_it_is_not_used_and_introspection_knows_when() {
    let org = empty();
    org.configure(&json!({"session_seconds": 600})).unwrap();
    let (_, token) = post(
        &org,
        "/token",
        &format!("grant_type=client_credentials&{CLIENT}"),
    );
    let access = token["access_token"].as_str().unwrap();
    let introspect = || {
        post(
            &org,
            "/introspect",
            &format!("{CLIENT}&token={access}&token_type_hint=access_token"),
        )
        .1
    };
    let about = introspect();
    assert_eq!(
        (&about["active"], &about["token_type"], &about["client_id"]),
        (
            &json!(true),
            &json!("access_token"),
            &json!("sandbox-client")
        )
    );
    assert_eq!(
        about["exp"].as_i64().unwrap() - about["iat"].as_i64().unwrap(),
        600
    );
    let session = format!("Bearer {access}");
    let limits = |org: &Salesforce| {
        send(
            org,
            "GET",
            "/services/data/v59.0/limits",
            &Value::Null,
            &[("authorization", &session)],
        )
        .status
        .as_u16()
    };
    let later = |seconds: i64| {
        org.configure(&json!({"clock_offset_ms": seconds * 1000}))
            .unwrap();
    };
    later(500);
    assert_eq!(limits(&org), 200);
    // Using it made it last.
    later(1000);
    assert_eq!(limits(&org), 200);
    later(1700);
    assert_eq!(limits(&org), 401);
    assert_eq!(introspect(), json!({"active": false}));
    // That which is accepted without asking for one does not end.
    assert_eq!(call(&org, "GET", "/limits", &Value::Null).0, 200);
    assert_eq!(
        error(post(&org, "/introspect", "client_id=x&token=y")).1,
        "invalid_client_id"
    );
}

#[test]
fn a_token_tells_who_its_user_is() {
    let org = empty();
    let info = |header: &[(&'static str, &str)]| at(&org, "GET", "/userinfo", "", header);
    let session = format!("Bearer {ACCESS_TOKEN}");
    let about: Value = serde_json::from_slice(&info(&[("authorization", &session)]).body).unwrap();
    assert_eq!(
        (&about["user_id"], &about["name"], &about["user_type"]),
        (
            &json!(State::user_id()),
            &json!("Integration User"),
            &json!("STANDARD")
        )
    );
    assert!(
        about["urls"]["rest"]
            .as_str()
            .unwrap()
            .ends_with("/services/data/v{version}/")
    );
    for (header, text) in [
        (vec![("authorization", "Bearer nobody")], "Bad_OAuth_Token"),
        (vec![], "Missing_OAuth_Token"),
    ] {
        let reply = info(&header);
        assert_eq!(
            (reply.status.as_u16(), reply.body.as_ref()),
            (403, text.as_bytes())
        );
    }
}

#[test]
fn a_token_that_is_revoked_is_dead() {
    let org = empty();
    let (_, token) = post(
        &org,
        "/token",
        &format!("grant_type=client_credentials&{CLIENT}"),
    );
    let access = token["access_token"].as_str().unwrap();
    assert_eq!(
        post(&org, "/revoke", &format!("token={access}")),
        (200, Value::Null)
    );
    assert_eq!(
        error(post(&org, "/revoke", &format!("token={access}"))).1,
        "invalid_token"
    );
    assert_eq!(
        error(post(&org, "/revoke", "token=garbage")).1,
        "unsupported_token_type"
    );
    // A refresh token takes its sessions with it.
    assert_eq!(
        post(&org, "/revoke", &format!("token={REFRESH_TOKEN}")).0,
        200
    );
    assert_eq!(call(&org, "GET", "/limits", &Value::Null).0, 401);
    let refresh = format!("grant_type=refresh_token&{CLIENT}&refresh_token={REFRESH_TOKEN}");
    assert_eq!(
        error(post(&org, "/token", &refresh)),
        refused("invalid_grant", "expired access/refresh token")
    );
    // A new consent is the way back.
    let code = code(&org, "");
    let (_, token) = exchange(&org, &code, "");
    let refresh = format!(
        "grant_type=refresh_token&{CLIENT}&refresh_token={}",
        token["refresh_token"].as_str().unwrap()
    );
    assert_eq!(post(&org, "/token", &refresh).0, 200);
}
