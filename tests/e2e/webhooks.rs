//! Events and webhooks, as a caller and a receiver meet them.

use std::time::{Duration, Instant};

use crosswalk_tests::{Answer, Home, Receiver, Reply, Served};
use serde_json::{Value, json};

use crate::CONTRACT;

const KEY: &str = "configured";

fn home() -> Home {
    Home::new("api_keys: [configured]\n")
}

/// A call whose answer is as the contract has it.
fn call(
    served: &Served,
    operation: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Answer {
    let answer = served.call(KEY, method, target, body);
    let faults = CONTRACT.faults(operation, answer.status, &answer.body);
    assert!(
        faults.is_empty(),
        "{operation}: {faults:#?} in {}",
        answer.text
    );
    answer
}

fn good(
    served: &Served,
    operation: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Value {
    let answer = call(served, operation, method, target, body);
    assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
    answer.body
}

/// The paths of what is wrong with a request.
fn refused(
    served: &Served,
    operation: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Vec<String> {
    let answer = call(served, operation, method, target, body);
    assert_eq!(answer.status, 400, "{target} {body:?}: {}", answer.text);
    let issues = answer.body["issues"].as_array().unwrap();
    issues
        .iter()
        .map(|issue| issue["path"].as_str().unwrap().to_owned())
        .collect()
}

fn webhook(served: &Served, url: &str) -> (String, String) {
    let body = json!({ "url": url });
    let made = good(
        served,
        "core.webhook.create",
        "POST",
        "/core/webhook",
        Some(&body),
    );
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

fn deliveries(served: &Served, webhook: &str) -> Vec<Value> {
    let target = format!("/core/webhook/{webhook}/deliveries");
    let page = good(served, "core.webhook.deliveries", "GET", &target, None);
    page["items"].as_array().unwrap().clone()
}

/// Makes a connection to a destination, which is an event; the connection's id.
fn connect(served: &Served, customer: &str) -> String {
    let configs = served.call(KEY, "GET", "/core/connector_config", None).body;
    let config = configs
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["connectorName"] == "sqlite");
    let config = config.cloned().unwrap_or_else(|| {
        let body = json!({ "orgId": "org_crosswalk", "connectorName": "sqlite" });
        served
            .call(KEY, "POST", "/core/connector_config", Some(&body))
            .body
    });
    let body = json!({ "connectorConfigId": config["id"], "customerId": customer, "settings": { "path": format!("{customer}.db") } });
    let made = served.call(KEY, "POST", "/core/connection", Some(&body));
    assert_eq!(made.status, 200, "{}", made.text);
    made.body.as_str().unwrap().to_owned()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(40);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_webhook_is_made_changed_and_deleted_and_shows_its_secret_once() {
    let home = home();
    let served = home.serve();
    let body = json!({ "url": "https://example.com/hook", "events": ["sync.completed", "connection.broken", "sync.completed"] });
    let made = good(
        &served,
        "core.webhook.create",
        "POST",
        "/core/webhook",
        Some(&body),
    );
    assert_eq!(
        made["events"],
        json!(["sync.completed", "connection.broken"])
    );
    assert_eq!(made["disabled"], false);
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(secret.len(), "whsec_".len() + 44, "32 bytes in base64");
    let target = format!("/core/webhook/{}", made["id"].as_str().unwrap());
    let found = served.call(KEY, "GET", &target, None);
    let listed = served.call(KEY, "GET", "/core/webhook", None);
    assert!(!found.text.contains(&secret[6..]) && !listed.text.contains(&secret[6..]));
    assert_eq!(listed.body, json!([found.body]));

    let change = json!({ "disabled": true, "url": "http://localhost:9/other", "events": [] });
    let changed = good(
        &served,
        "core.webhook.update",
        "PATCH",
        &target,
        Some(&change),
    );
    assert_eq!(
        (&changed["url"], &changed["disabled"]),
        (&change["url"], &change["disabled"])
    );
    assert_eq!(changed["events"], json!([]), "none given are all");
    assert_eq!(
        good(&served, "core.webhook.get", "GET", &target, None),
        changed
    );
    let unchanged = good(
        &served,
        "core.webhook.update",
        "PATCH",
        &target,
        Some(&json!({})),
    );
    assert_eq!(unchanged["url"], change["url"]);

    good(&served, "core.webhook.delete", "DELETE", &target, None);
    for (operation, method, target) in [
        ("core.webhook.get", "GET", target.clone()),
        ("core.webhook.delete", "DELETE", target.clone()),
        (
            "core.webhook.deliveries",
            "GET",
            format!("{target}/deliveries"),
        ),
    ] {
        assert_eq!(call(&served, operation, method, &target, None).status, 404);
    }
    for (operation, method, target) in [
        ("core.webhook.update", "PATCH", target.clone()),
        ("core.webhook.replay", "POST", format!("{target}/_replay")),
    ] {
        assert_eq!(
            call(&served, operation, method, &target, Some(&json!({}))).status,
            404
        );
    }
}

#[test]
fn a_wrong_webhook_is_told_by_its_path_and_not_made() {
    let home = home();
    let served = home.serve();
    let url = "https://example.com";
    for (body, paths) in [
        (json!({}), &["body.url"][..]),
        (json!({ "url": 1 }), &["body.url"]),
        (json!({ "url": "http://example.com/" }), &["body.url"]),
        (json!({ "url": "https://192.168.0.1/" }), &["body.url"]),
        (
            json!({ "url": "https://169.254.169.254/latest/meta-data" }),
            &["body.url"],
        ),
        (json!({ "url": url, "disabled": "no" }), &["body.disabled"]),
        (
            json!({ "url": url, "events": ["sync.completed", "sync.complete"] }),
            &["body.events[1]"],
        ),
        (
            json!({ "url": url, "event": ["sync.completed"] }),
            &["body.event"],
        ),
        (
            json!({ "url": "ftp://x", "events": [1], "secret": "mine" }),
            &["body.events[0]", "body.secret", "body.url"],
        ),
    ] {
        let got = refused(
            &served,
            "core.webhook.create",
            "POST",
            "/core/webhook",
            Some(&body),
        );
        let mut sorted = got.clone();
        sorted.sort();
        assert_eq!(sorted, paths, "{body}");
    }
    let all = good(&served, "core.webhook.list", "GET", "/core/webhook", None);
    assert_eq!(all, json!([]));
    let (id, _) = webhook(&served, url);
    let target = format!("/core/webhook/{id}");
    let paths = refused(
        &served,
        "core.webhook.update",
        "PATCH",
        &target,
        Some(&json!({ "url": "x" })),
    );
    assert_eq!(paths, ["body.url"]);
    let wrong = refused(
        &served,
        "core.webhook.get",
        "GET",
        "/core/webhook/conn_1",
        None,
    );
    assert_eq!(wrong, ["path.id"]);
    let page = format!("{target}/deliveries?page_size=0&state=lost&cursor=abc");
    let mut paths = refused(&served, "core.webhook.deliveries", "GET", &page, None);
    paths.sort();
    assert_eq!(paths, ["query.cursor", "query.page_size", "query.state"]);
    let ids = json!({ "deliveryIds": ["dlv_1", "evt_2"] });
    let replay = format!("{target}/_replay");
    let paths = refused(&served, "core.webhook.replay", "POST", &replay, Some(&ids));
    assert_eq!(paths, ["body.deliveryIds[1]"]);
    let ids = json!({ "deliveryIds": ["dlv_1"] });
    let paths = refused(&served, "core.webhook.replay", "POST", &replay, Some(&ids));
    assert_eq!(paths, ["body.deliveryIds[0]"]);
}

#[test]
fn events_are_listed_from_a_time_and_on_from_a_cursor() {
    let home = home();
    let served = home.serve();
    let get = |query: &str| {
        good(
            &served,
            "core.event.list",
            "GET",
            &format!("/core/events?{query}"),
            None,
        )
    };
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let empty = get("since=0");
    assert_eq!(
        (ids(&empty).len(), &empty["has_next_page"]),
        (0, &json!(false))
    );
    let connections: Vec<String> = ["acme", "birch", "cedar"]
        .iter()
        .map(|it| connect(&served, it))
        .collect();
    let all = get("since=0&name=connection.created");
    let told: Vec<_> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["data"]["connection_id"].as_str().unwrap())
        .collect();
    assert_eq!(told, connections);
    assert_eq!(all["items"][0]["customer_id"], "acme");
    assert_eq!(all["items"][0]["org_id"], "org_crosswalk");
    assert_eq!(
        ids(&get("since=0&customerId=birch&name=connection.created")),
        ids(&all)[1..2]
    );

    // Page by page it is the same list, and then what came later.
    let first = get("since=0&name=connection.created&page_size=2");
    assert_eq!(first["has_next_page"], true);
    let next = |page: &Value| page["next_cursor"].as_str().unwrap().to_owned();
    let second = get(&format!(
        "since=0&name=connection.created&page_size=2&cursor={}",
        next(&first)
    ));
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&all));
    assert_eq!(second["has_next_page"], false);
    let later = connect(&served, "doyle");
    let third = get(&format!(
        "since=0&name=connection.created&cursor={}",
        next(&second)
    ));
    assert_eq!(third["items"][0]["data"]["connection_id"], later.as_str());
    assert_eq!(ids(&third).len(), 1);
    assert_eq!(get("since=0&sync_mode=full")["next_cursor"], Value::Null);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let tomorrow = now.as_secs() + 86_400;
    for since in [format!("{tomorrow}"), format!("{tomorrow}000")] {
        assert_eq!(ids(&get(&format!("since={since}"))).len(), 0, "{since}");
    }

    for (query, path) in [
        ("", "query.since"),
        ("since=today", "query.since"),
        ("since=-1", "query.since"),
        ("since=0&page_size=0", "query.page_size"),
        ("since=0&sync_mode=half", "query.sync_mode"),
        ("since=0&customerId=", "query.customerId"),
        ("since=0&cursor=abc", "query.cursor"),
        ("since=0&since=1", "query.since"),
    ] {
        let target = format!("/core/events?{query}");
        assert_eq!(
            refused(&served, "core.event.list", "GET", &target, None),
            [path],
            "{query}"
        );
    }
}

#[test]
fn an_event_reaches_a_webhook_as_the_contract_has_it_and_a_gone_receiver_can_be_replayed_to() {
    let home = home();
    let served = home.serve();
    let receiver = Receiver::start(|number| Reply::new(if number == 1 { 410 } else { 204 }));
    let (id, secret) = webhook(&served, &receiver.url());
    let connection = connect(&served, "acme");
    let post = receiver.wait_for(1).remove(0);
    assert!(post.is_signed_with(&secret), "{post:?}");
    let body = post.json();
    let faults = CONTRACT.webhook_faults("connection.created", &body);
    assert!(faults.is_empty(), "{faults:#?} in {body:#}");
    assert_eq!(body["data"]["connection_id"], connection.as_str());
    assert_eq!(body["id"], post.id());
    wait_until("it is noted", || {
        deliveries(&served, &id)[0]["state"] == "delivered"
    });

    connect(&served, "birch");
    wait_until("it is given up", || {
        deliveries(&served, &id)[0]["state"] == "dead"
    });
    let target = format!("/core/webhook/{id}");
    let found = good(&served, "core.webhook.get", "GET", &target, None);
    assert_eq!(found["disabled"], true);
    let dead = deliveries(&served, &id).remove(0);
    assert_eq!(
        (&dead["lastStatus"], &dead["attempts"]),
        (&json!(410), &json!(1))
    );
    let enabled = json!({ "disabled": false });
    good(
        &served,
        "core.webhook.update",
        "PATCH",
        &target,
        Some(&enabled),
    );
    let replay = format!("{target}/_replay");
    let replayed = good(
        &served,
        "core.webhook.replay",
        "POST",
        &replay,
        Some(&json!({})),
    );
    assert_eq!(replayed["replayed"], 1);
    let posts = receiver.wait_for(3);
    assert_eq!(posts[2].id(), posts[1].id());
    assert_eq!(posts[2].body, posts[1].body);
    wait_until("it is delivered", || {
        deliveries(&served, &id)[0]["state"] == "delivered"
    });
    let ids = json!({ "deliveryIds": [deliveries(&served, &id)[1]["id"]] });
    good(&served, "core.webhook.replay", "POST", &replay, Some(&ids));
    assert_eq!(receiver.wait_for(4)[3].id(), posts[0].id());
}

/// Covers: webhook-receiver-fails
#[test]
fn an_event_that_was_being_sent_when_the_proxy_was_killed_is_sent_again_with_its_id() {
    let home = home();
    let served = home.serve();
    let receiver = Receiver::start(|number| Reply {
        after: Duration::from_secs(if number == 0 { 5 } else { 0 }),
        ..Reply::new(200)
    });
    let (id, secret) = webhook(&served, &receiver.url());
    connect(&served, "acme");
    connect(&served, "birch");
    receiver.wait_for(1);
    // Dropping it kills it, before it has seen the answer.
    drop(served);
    let served = home.serve();
    let posts = receiver.wait_for(3);
    assert_eq!(
        posts[1].id(),
        posts[0].id(),
        "the one that was cut off comes first"
    );
    assert_eq!(posts[1].body, posts[0].body);
    assert_ne!(posts[2].id(), posts[0].id());
    assert!(posts.iter().all(|post| post.is_signed_with(&secret)));
    wait_until("both are delivered", || {
        deliveries(&served, &id)
            .iter()
            .all(|it| it["state"] == "delivered")
    });
}
