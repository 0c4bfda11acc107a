//! A canary: nothing secret that is kept or given out is printed, logged, answered twice, or readable in the store.

use std::fs;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use crosswalk_tests::{Answer, Home, Receiver, Reply, Served, exchange, exchange_text};
use serde_json::{Value, json};

const CLIENT_SECRET: &str = "canary-client-secret-4711";
const REFRESH: &str = "canary-refresh-token-4711";
const ACCESS: &str = "canary-access-token-4711";
const CONFIGURED: &str = "canary-configured-key-4711";

/// All that anybody could read.
#[derive(Debug, Default)]
struct Seen(Vec<(String, String)>);

impl Seen {
    fn note(&mut self, place: &str, text: &str) {
        self.0.push((place.to_owned(), text.to_owned()));
    }

    fn call(
        &mut self,
        served: &Served,
        key: &str,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Answer {
        let answer = served.call(key, method, target, body);
        let text = format!("{}\n{}", answer.head, answer.text);
        self.note(&format!("{method} {target}"), &text);
        answer
    }
}

/// A call whose answer shows a secret, once.
fn shown(served: &Served, key: &str, target: &str, body: &Value, member: &str) -> String {
    let answer = served.call(key, "POST", target, Some(body));
    assert_eq!(answer.status, 200, "{target}: {}", answer.text);
    let secret = answer.body[member].as_str();
    secret
        .unwrap_or_else(|| panic!("{target} answers {member}: {}", answer.text))
        .to_owned()
}

/// Covers: secret-in-logs, secret-at-rest
#[test]
fn no_secret_that_is_kept_shows_anywhere() {
    let home = Home::new(&format!("api_keys: [{CONFIGURED}]\n"));
    let served = home.serve();
    let mut seen = Seen::default();
    let mut secrets: Vec<String> = [CLIENT_SECRET, REFRESH, ACCESS, CONFIGURED]
        .map(str::to_owned)
        .to_vec();
    let admin = home.key(&["--scope", "admin", "--name", "canary"]);
    let read = home.key(&["--scope", "read"]);
    for arguments in [
        &["keys", "list"][..],
        &["keys", "revoke", "key_none"],
        &["keys", "rotate"],
        &["check-config"],
    ] {
        let ran = home.run(arguments);
        seen.note(
            &format!("{arguments:?}"),
            &format!("{}\n{}", ran.out, ran.err),
        );
    }

    // A webhook whose receiver takes nothing.
    let receiver = Receiver::start(|_| Reply::new(500));
    let hook = json!({ "url": receiver.url() });
    secrets.push(shown(&served, &admin, "/core/webhook", &hook, "secret"));
    assert_eq!(secrets.len(), 5, "the webhook's secret was shown");
    let webhooks = seen
        .call(&served, &admin, "GET", "/core/webhook", None)
        .body;
    let webhook = webhooks[0]["id"].as_str().unwrap().to_owned();

    // Connections, by all that they can be made with.
    let config = json!({ "orgId": "org_crosswalk", "connectorName": "hubspot", "config": { "client_id": "app", "client_secret": CLIENT_SECRET } });
    let config = seen.call(
        &served,
        &admin,
        "POST",
        "/core/connector_config",
        Some(&config),
    );
    assert_eq!(config.status, 200, "{}", config.text);
    let id = config.body["id"].clone();
    let mut connections = Vec::new();
    for settings in [
        json!({ "access_token": ACCESS, "base_url": "http://127.0.0.1:9" }),
        json!({ "oauth": { "credentials": { "refresh_token": REFRESH } }, "base_url": "http://127.0.0.1:9" }),
    ] {
        let body = json!({ "connectorConfigId": id, "customerId": "acme", "settings": settings });
        let made = seen.call(&served, &admin, "POST", "/core/connection", Some(&body));
        assert_eq!(made.status, 200, "{}", made.text);
        connections.push(made.body.as_str().unwrap().to_owned());
    }
    for connection in &connections {
        let target = format!("/core/connection/{connection}");
        seen.call(&served, &admin, "GET", &target, None);
        seen.call(
            &served,
            &admin,
            "POST",
            &format!("{target}/_check"),
            Some(&json!({})),
        );
        let call = format!("x-apikey: {admin}\r\nx-connection-id: {connection}\r\n");
        let answer = exchange(&served.address, "GET", "/unified/crm/account", &call, None);
        seen.note("a unified call", &answer.text);
    }
    // Wrong in every way that quotes what was sent.
    for body in [
        json!({ "connectorConfigId": id, "settings": { "access_tokn": ACCESS } }),
        json!({ "connectorConfigId": id, "settings": { "access_token": [ACCESS] } }),
        json!({ "connectorConfigId": id, "settings": ACCESS }),
    ] {
        seen.call(&served, &admin, "POST", "/core/connection", Some(&body));
    }
    for target in [
        "/core/connector_config",
        "/core/connection",
        "/core/customer",
        "/core/events?since=0",
    ] {
        assert_eq!(
            seen.call(&served, &admin, "GET", target, None).status,
            200,
            "{target}"
        );
    }

    // A customer's token and link.
    let customer = json!({ "customerId": "acme" });
    let token = shown(&served, &admin, "/connect/token", &customer, "token");
    let bearer = format!("authorization: Bearer {token}\r\n");
    for headers in [
        bearer.clone(),
        format!("{bearer}x-apikey: {admin}\r\n"),
        format!("x-apikey: {token}\r\n"),
    ] {
        let answer = exchange(&served.address, "GET", "/core/connection", &headers, None);
        seen.note(
            "a customer's call",
            &format!("{}\n{}", answer.head, answer.text),
        );
    }
    secrets.push(token);
    let url = shown(&served, &admin, "/connect/magic-link", &customer, "url");
    let link = url.split('#').nth(1).expect("the link has its secret");
    assert!(link.starts_with("cwm_"), "{url}");
    let opened = exchange_text(
        &served.address,
        "POST",
        "/connect/open",
        &format!(
            "origin: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            url.split("/connect").next().expect("it has an origin")
        ),
        &format!("link={link}"),
    );
    seen.note("an opened link", &opened.text);
    secrets.push(link.to_owned());
    // Refusals.
    assert_eq!(
        seen.call(&served, &read, "GET", "/core/webhook", None)
            .status,
        403
    );
    assert_eq!(
        seen.call(
            &served,
            "cwk_canary-wrong-4711",
            "GET",
            "/core/webhook",
            None
        )
        .status,
        401
    );
    secrets.push("cwk_canary-wrong-4711".to_owned());
    secrets.extend([admin.clone(), read]);

    receiver.wait_for(2);
    let deliveries = format!("/core/webhook/{webhook}/deliveries");
    seen.call(&served, &admin, "GET", &deliveries, None);
    for connection in &connections {
        let target = format!("/core/connection/{connection}");
        assert_eq!(
            seen.call(&served, &admin, "DELETE", &target, None).status,
            200
        );
    }
    let mut served = served;
    served.process.terminate();
    served.process.exit_code();
    seen.note("stdout", &served.process.out.text());
    seen.note("stderr", &served.process.err.text());
    for post in receiver.seen() {
        seen.note("a webhook's post", &format!("{}\n{}", post.head, post.body));
    }
    // The receiver's own secret is in its URL, which the API shows to administrators; no log has it.
    let printed = seen.0.iter().filter(|(place, _)| place.starts_with("std"));
    assert!(
        printed
            .into_iter()
            .all(|(_, text)| !text.contains("canary-of-the-receiver"))
    );

    let mut files = Vec::new();
    for file in fs::read_dir(home.state()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|it| it != "key") && path.is_file() {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    assert!(
        files.iter().any(|(name, _)| name.contains("crosswalk.db")),
        "the store is looked at"
    );
    let text = fs::read_to_string(home.state().join("store.key")).unwrap();
    secrets.extend(text.lines().map(str::to_owned));
    for secret in &secrets {
        assert!(secret.len() > 16, "{secret} is one");
        // The part that is secret, also as what a careless hand might have made of it.
        let bare = secret.trim_start_matches("whsec_");
        let forms = [bare.to_owned(), BASE64_URL_SAFE_NO_PAD.encode(secret)];
        for form in &forms {
            for (place, text) in &seen.0 {
                assert!(
                    !text.contains(form.as_str()),
                    "{secret} is in {place}: {text}"
                );
            }
            for (file, bytes) in &files {
                let found = bytes
                    .windows(form.len())
                    .any(|part| part == form.as_bytes());
                assert!(!found, "{secret} is in {file}");
            }
        }
    }
}
