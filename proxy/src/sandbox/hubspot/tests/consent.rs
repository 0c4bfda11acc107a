//! Installs of the app: the page, the code, and what comes of a consent (hubspot.md §1.2).

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest, Sha256};

use super::auth::form;
use super::*;

const BACK: &str = "http://127.0.0.1:4040/callback";
const READS: &str = "oauth crm.objects.contacts.read";
const CLIENT: &str = "client_id=sandbox-client&client_secret=sandbox-secret";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn pairs(more: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("client_id", CLIENT_ID),
        ("redirect_uri", BACK),
        ("scope", READS),
        ("state", "s&1"),
    ];
    all.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    all.extend(more);
    let mut coded = url::form_urlencoded::Serializer::new(String::new());
    coded.extend_pairs(all).finish()
}

fn open(hub: &Hub, more: &[(&str, &str)]) -> Reply {
    let target = format!("/oauth/authorize?{}", pairs(more));
    hub.reply(Method::GET, &target, &[], "")
}

fn press(hub: &Hub, button: &str, more: &[(&str, &str)]) -> Reply {
    let body = format!("{}&sandbox_decision={button}", pairs(more));
    hub.reply(Method::POST, "/oauth/authorize", &[FORM], &body)
}

/// What the app is told by a redirect.
fn told(reply: &Reply) -> std::collections::BTreeMap<String, String> {
    assert_eq!(reply.status, 302, "{:?}", reply.body);
    let location = url::Url::parse(reply.headers["location"].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(BACK), "{location}");
    location.query_pairs().into_owned().collect()
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.to_vec()).unwrap()
}

fn exchange(hub: &Hub, code: &str, back: &str, more: &str) -> (u16, Value) {
    let body =
        format!("grant_type=authorization_code&{CLIENT}&redirect_uri={back}&code={code}{more}");
    form(hub, "/oauth/v1/token", &body)
}

fn refresh(hub: &Hub, token: &str) -> (u16, Value) {
    let body = format!("grant_type=refresh_token&{CLIENT}&refresh_token={token}");
    form(hub, "/oauth/v1/token", &body)
}

/// The tokens of a new consent.
fn install(hub: &Hub, more: &[(&str, &str)]) -> (String, String) {
    let code = told(&press(hub, "allow", more))["code"].clone();
    let (status, body) = exchange(hub, &code, BACK, "");
    assert_eq!(status, 200, "{body}");
    tokens(&body)
}

fn tokens(body: &Value) -> (String, String) {
    let token = |name: &str| body[name].as_str().unwrap().to_owned();
    (token("access_token"), token("refresh_token"))
}

fn status(hub: &Hub, method: Method, target: &str, access: &str) -> u16 {
    let bearer = format!("Bearer {access}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = if method == Method::POST {
        r#"{"properties":{"email":"a@b.example"}}"#
    } else {
        ""
    };
    hub.reply(method, target, &headers, body).status.as_u16()
}

#[test]
fn the_page_names_app_account_and_scopes_and_escapes_what_it_was_given() {
    let hub = Hub::sample();
    let evil = "\"><script>alert('1')</script>";
    let more = [
        ("state", evil),
        ("optional_scope", "crm.objects.deals.read"),
    ];
    let reply = open(&hub, &more);
    assert_eq!(reply.status, 200);
    assert!(
        reply.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
    let page = text(&reply);
    for shown in [
        "Sandbox HubSpot",
        CLIENT_ID,
        BACK,
        "crm.objects.contacts.read",
        "crm.objects.deals.read",
        "26110042",
        "value=\"&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\"",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    assert_eq!(told(&press(&hub, "allow", &more))["state"], evil);
}

#[test]
fn a_denial_goes_back_without_a_code_and_only_a_button_decides() {
    let hub = Hub::sample();
    let told = told(&press(&hub, "deny", &[]));
    assert_eq!(
        (told["error"].as_str(), told["state"].as_str()),
        ("access_denied", "s&1")
    );
    assert!(told.contains_key("error_description") && !told.contains_key("code"));
    assert_eq!(open(&hub, &[("sandbox_decision", "allow")]).status, 200);
}

#[test]
fn what_is_wrong_with_the_address_is_told_on_a_page() {
    let hub = Hub::sample();
    for (wrong, words) in [
        (("client_id", "other"), "client_id"),
        (("redirect_uri", "http://evil.example/cb"), "redirect_uri"),
        (("redirect_uri", ""), "redirect_uri"),
        (
            ("scope", "oauth crm.objects.unheard.read"),
            "mismatch between the scopes",
        ),
        (("scope", ""), "mismatch between the scopes"),
        (("optional_scope", "unheard"), "mismatch between the scopes"),
    ] {
        for reply in [open(&hub, &[wrong]), press(&hub, "allow", &[wrong])] {
            assert_eq!(reply.status, 400, "{wrong:?}");
            assert!(text(&reply).contains(words), "{wrong:?}: {}", text(&reply));
        }
    }
    let hub = hub.with(&json!({ "redirect_uris": ["https://app.example/cb"] }));
    assert_eq!(open(&hub, &[]).status, 400);
    assert_eq!(
        open(&hub, &[("redirect_uri", "https://app.example/cb")]).status,
        200
    );
    let hub = hub.with(&json!({ "redirect_uris": null, "app_scopes": ["oauth"] }));
    assert_eq!(open(&hub, &[]).status, 400);
    assert_eq!(open(&hub, &[("scope", "oauth")]).status, 200);
}

#[test]
fn a_scope_that_the_account_lacks_blocks_when_required_and_is_left_out_when_optional() {
    let hub = Hub::sample().with(&json!({ "unavailable_scopes": ["crm.objects.custom.read"] }));
    let required = format!("{READS} crm.objects.custom.read");
    let blocked = open(&hub, &[("scope", &required)]);
    assert_eq!(blocked.status, 400);
    let (access, _) = install(
        &hub,
        &[(
            "optional_scope",
            "crm.objects.custom.read crm.objects.deals.read",
        )],
    );
    let (_, info) = hub.get(&format!("/oauth/v1/access-tokens/{access}"));
    let expected = json!([
        "crm.objects.contacts.read",
        "oauth",
        "crm.objects.deals.read"
    ]);
    assert_eq!(info["scopes"], expected);
}

#[test]
fn a_grant_may_what_was_consented_to_and_no_more() {
    let hub = Hub::sample();
    let (access, _) = install(&hub, &[]);
    assert_eq!(status(&hub, Method::GET, CONTACTS, &access), 200);
    assert_eq!(status(&hub, Method::POST, CONTACTS, &access), 403);
    assert_eq!(status(&hub, Method::GET, "/crm/v3/owners", &access), 403);
    // Neither another grant nor the private app is held to it.
    let (wide, _) = install(&hub, &[("scope", "crm.objects.owners.read")]);
    assert_eq!(status(&hub, Method::GET, "/crm/v3/owners", &wide), 200);
    assert_eq!(status(&hub, Method::GET, CONTACTS, &wide), 403);
    assert_eq!(hub.get("/crm/v3/owners").0, 200);
    // `oauth` is implied.
    assert_eq!(
        status(&hub, Method::GET, "/account-info/v3/details", &wide),
        200
    );
}

#[test]
fn grants_end_one_by_one() {
    let hub = Hub::sample();
    let ((one, one_refresh), (other, other_refresh)) = (install(&hub, &[]), install(&hub, &[]));
    assert_ne!(one_refresh, other_refresh);
    assert_eq!(
        hub.delete(&format!("/oauth/v1/refresh-tokens/{one_refresh}"))
            .0,
        204
    );
    assert_eq!(refresh(&hub, &one_refresh).1["status"], "BAD_REFRESH_TOKEN");
    // Access tokens live out.
    assert_eq!(status(&hub, Method::GET, CONTACTS, &one), 200);
    assert_eq!(refresh(&hub, &other_refresh).0, 200);
    assert_eq!(refresh(&hub, REFRESH_TOKEN).0, 200);
    // A test ends a grant with all that it has.
    let grant = hub.0.look("grants", &[]).unwrap().unwrap()["grants"][2]["id"].clone();
    assert_eq!(
        hub.0.command("revoke", &json!({ "grant": grant })),
        Some(Ok(json!({ "revoked": [grant] })))
    );
    assert_eq!(refresh(&hub, &other_refresh).0, 400);
    assert_eq!(status(&hub, Method::GET, CONTACTS, &other), 401);
    assert_eq!(refresh(&hub, REFRESH_TOKEN).0, 200);
}

#[test]
fn a_code_belongs_to_its_address_and_works_once() {
    let hub = Hub::sample();
    let code = || told(&press(&hub, "allow", &[]))["code"].clone();
    let first = code();
    assert_eq!(exchange(&hub, &first, BACK, "").0, 200);
    assert_eq!(
        exchange(&hub, &first, BACK, "").1["status"],
        "BAD_AUTH_CODE"
    );
    let elsewhere = exchange(&hub, &code(), "https://else.example", "");
    assert_eq!(elsewhere.1["status"], "BAD_REDIRECT_URI");
}

#[test]
fn a_challenge_is_held_against_its_verifier() {
    let hub = Hub::sample();
    let verifier = "v".repeat(43);
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let more = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let code = || told(&press(&hub, "allow", &more))["code"].clone();
    assert_eq!(exchange(&hub, &code(), BACK, "").0, 400);
    let wrong = format!("&code_verifier={}", "w".repeat(43));
    assert_eq!(exchange(&hub, &code(), BACK, &wrong).0, 400);
    let right = format!("&code_verifier={verifier}");
    assert_eq!(exchange(&hub, &code(), BACK, &right).0, 200);
    let plain = [("code_challenge", "x"), ("code_challenge_method", "plain")];
    assert_eq!(open(&hub, &plain).status, 400);
}

#[test]
fn with_rotation_an_old_refresh_token_ends_its_grant_alone() {
    let hub = Hub::sample().with(&json!({ "rotate_refresh_tokens": true }));
    let ((_, first), (other, other_refresh)) = (install(&hub, &[]), install(&hub, &[]));
    let (access, second) = tokens(&refresh(&hub, &first).1);
    assert_ne!(first, second);
    assert_eq!(refresh(&hub, &first).0, 400);
    assert_eq!(refresh(&hub, &second).0, 400);
    assert_eq!(status(&hub, Method::GET, CONTACTS, &access), 401);
    assert_eq!(status(&hub, Method::GET, CONTACTS, &other), 200);
    assert_eq!(refresh(&hub, &other_refresh).0, 200);
}

#[test]
fn newer_calls_keep_tokens_out_of_urls() {
    let hub = Hub::sample();
    let (access, refresh_token) = install(&hub, &[]);
    let ask = |verb: &str, token: &str| {
        form(
            &hub,
            &format!("/oauth/v3/token/{verb}"),
            &format!("{CLIENT}&token={token}"),
        )
    };
    let (status, about) = ask("introspect", &access);
    assert_eq!(
        (status, &about["active"], &about["token_use"]),
        (200, &json!(true), &json!("access_token"))
    );
    assert_eq!(
        about["scopes"],
        json!(["crm.objects.contacts.read", "oauth"])
    );
    assert_eq!(
        ask("introspect", &refresh_token).1["token_use"],
        "refresh_token"
    );
    assert_eq!(ask("introspect", "other").1, json!({ "active": false }));
    for token in [&access, &refresh_token] {
        assert_eq!(ask("revoke", token).0, 200);
        assert_eq!(ask("introspect", token).1, json!({ "active": false }));
    }
    let (status, body) = form(&hub, "/oauth/v3/token/revoke", "client_id=x&token=y");
    assert_eq!((status, &body["error"]), (400, &json!("invalid_client")));
}

#[test]
fn a_test_can_ask_how_often_was_refreshed() {
    let hub = Hub::sample();
    let (_, token) = install(&hub, &[]);
    refresh(&hub, &token);
    refresh(&hub, &token);
    refresh(&hub, "other");
    let seen = hub.0.look("grants", &[]).unwrap().unwrap();
    let grant = &seen["grants"][1];
    assert_eq!(
        (&grant["kind"], &grant["refreshes"]),
        (&json!("consent"), &json!(2))
    );
    assert_eq!(
        (&grant["access_tokens"], &grant["renews"]),
        (&json!(3), &json!(true))
    );
    let calls = json!({ "granted": { "authorization_code": 1, "refresh_token": 2 }, "refused": 1 });
    assert_eq!(seen["token_calls"], calls);
    assert!(!seen.to_string().contains(&token));
    hub.0.expire_tokens();
    let seen = hub.0.look("grants", &[]).unwrap().unwrap();
    assert_eq!(seen["grants"][1]["access_tokens"], 0);
}
