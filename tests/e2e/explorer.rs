//! The explorer on the port of those who watch: the calls that are remembered, who may see them, the API documents, and
//! the page in a real browser.

use crosswalk_tests::{Answer, Demo, Home, exchange, exchange_text};
use serde_json::{Value, json};

use crate::{CONTRACT, browser::drive};

const KEY: &str = "x-apikey: demo\r\n";

/// Where the demo says that its explorer is.
pub(crate) fn admin(demo: &Demo) -> String {
    let printed = demo.printed();
    let (before, _) = printed.rsplit_once("/#key=demo").unwrap();
    let (_, address) = before.rsplit_once("http://").unwrap();
    address.to_owned()
}

fn get(admin: &str, target: &str) -> Answer {
    exchange(admin, "GET", target, KEY, None)
}

/// A call that is recorded in full; its id.
fn recorded(
    demo: &Demo,
    connection: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> String {
    let headers = format!("{KEY}x-connection-id: {connection}\r\nx-crosswalk-record: full\r\n");
    let answer = demo.call_with(method, target, &headers, body);
    answer.header("x-request-id").unwrap().to_owned()
}

#[test]
fn a_call_that_asks_for_it_is_told_whole() {
    let demo = Demo::start();
    let admin = admin(&demo);
    for (connection, native, id) in [
        ("hubspot-demo", "properties", "id"),
        ("salesforce-demo", "Name", "Id"),
    ] {
        let body = json!({
            "upsert_on": {"key": "website", "values": ["recorded.example"]},
            "record": {"name": "Recorded", "website": "recorded.example"},
        });
        let request = recorded(
            &demo,
            connection,
            "POST",
            "/unified/crm/account/_upsert",
            Some(&body),
        );
        let told = get(&admin, &format!("/calls/{request}")).body;
        assert_eq!(told["operation"], "crm.account.upsert", "{told}");
        assert_eq!(told["connection"], connection);
        assert_eq!(told["status"], 200);
        assert_eq!(told["request"]["method"], "POST");
        assert_eq!(told["request"]["path"], "/unified/crm/account/_upsert");
        assert_eq!(told["request"]["headers"]["x-apikey"], "•••");
        assert_eq!(told["request"]["body"], body);
        let record = &told["answer"]["body"]["record"];
        assert_eq!(record["name"], "Recorded", "{told}");
        let calls = told["native"].as_array().unwrap();
        assert!(calls.len() >= 2, "{told}");
        assert_eq!(told["native_calls"], calls.len());
        let mut ends = 0;
        for call in calls {
            assert!(
                call["url"]
                    .as_str()
                    .unwrap()
                    .starts_with("http://127.0.0.1:")
            );
            assert_eq!(call["headers"]["authorization"], "Bearer •••");
            assert!(call["status"].as_u64().unwrap() < 400, "{call}");
            assert_eq!(call["attempt"], 1);
            assert_eq!(call["error"], Value::Null);
            let began = call["started_us"].as_u64().unwrap();
            let took = call["duration_us"].as_u64().unwrap();
            assert!(began >= ends, "they follow each other: {told}");
            ends = began + took;
        }
        assert!(ends <= told["duration_us"].as_u64().unwrap(), "{told}");
        let written = calls.iter().map(|call| &call["request_body"]);
        let written = written
            .map(Value::to_string)
            .find(|it| it.contains("Recorded") && it.contains(native));
        assert!(written.is_some(), "what was written is told: {told}");
        let answered = calls.last().unwrap()["response_body"].to_string();
        assert!(answered.contains(record["id"].as_str().unwrap()) && answered.contains(id));
    }
}

#[test]
fn other_calls_are_told_without_anything_of_their_data() {
    let demo = Demo::start();
    let admin = admin(&demo);
    let target = "/unified/crm/contact?page_size=1&fields=email";
    let answer = demo.call("salesforce-demo", "GET", target, None);
    let id = answer.header("x-request-id").unwrap();
    let told = get(&admin, &format!("/calls/{id}"));
    let call = &told.body;
    assert_eq!(call["operation"], "crm.contact.list");
    assert_eq!(call["is_full"], false);
    assert_eq!(
        call["request"],
        json!({"method": "GET", "path": "/unified/crm/contact", "headers": {}, "body": null})
    );
    assert_eq!(call["answer"], json!({"status": 200, "body": null}));
    let native = &call["native"][0];
    assert_eq!(native["method"], "GET");
    assert_eq!(native["status"], 200);
    let url = native["url"].as_str().unwrap();
    assert!(
        url.ends_with("/query"),
        "the query of a call is its data: {url}"
    );
    for bare in ["request_body", "response_body"] {
        assert_eq!(native[bare], Value::Null);
    }
    // A refusal is told with its code.
    demo.call("hubspot-demo", "GET", "/unified/crm/account/0", None);
    let calls = get(&admin, "/calls").body;
    assert_eq!(calls["calls"][0]["code"], "NOT_FOUND");
    // What comes after a call is asked for by its number.
    let last = calls["last"].as_u64().unwrap();
    assert_eq!(
        get(&admin, &format!("/calls?after={last}")).body["calls"],
        json!([])
    );
    demo.call("hubspot-demo", "GET", "/unified/crm/user?page_size=1", None);
    let new = get(&admin, &format!("/calls?after={last}")).body;
    assert_eq!(new["calls"].as_array().unwrap().len(), 1);
    assert_eq!(new["calls"][0]["operation"], "crm.user.list");
    assert_eq!(get(&admin, "/calls?after=x").status, 400);
    assert_eq!(get(&admin, "/calls/nobody-knows-it").status, 404);
}

#[test]
fn answers_of_the_proxy_itself_are_never_kept() {
    let demo = Demo::start();
    let admin = admin(&demo);
    let body = json!({"customerId": "canary-customer"});
    let headers = format!("{KEY}x-crosswalk-record: full\r\n");
    let made = demo.call_with("POST", "/connect/token", &headers, Some(&body));
    let token = made.body["token"].as_str().unwrap();
    let id = made.header("x-request-id").unwrap();
    let told = get(&admin, &format!("/calls/{id}")).text;
    assert!(told.contains("connect.token.create"), "{told}");
    assert!(
        !told.contains(token) && !told.contains("canary-customer"),
        "{told}"
    );
    // Nor are tokens of providers, where a call has them at all.
    for connection in ["hubspot-demo", "salesforce-demo"] {
        recorded(
            &demo,
            connection,
            "GET",
            "/unified/crm/account?page_size=2",
            None,
        );
        let target = "/unified/crm/metadata/objects";
        recorded(&demo, connection, "GET", target, None);
    }
    let calls = get(&admin, "/calls?limit=1000").body;
    for call in calls["calls"].as_array().unwrap() {
        let id = call["request_id"].as_str().unwrap();
        let told = get(&admin, &format!("/calls/{id}")).text;
        for secret in [
            "pat-na1-sandbox-demo",
            "00DSANDBOX!demo",
            "x-apikey\":\"demo",
        ] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
        for bearer in told.split("Bearer ").skip(1) {
            assert!(bearer.starts_with("•••"), "{told}");
        }
    }
}

#[test]
fn a_key_sees_its_own_calls_and_an_administrator_all() {
    let home = Home::new("admin_listen: 127.0.0.1:0\n");
    let admin_key = home.key(&["--scope", "admin"]);
    let [one, other] = ["read", "unified"].map(|scope| home.key(&["--scope", scope]));
    let served = home.serve();
    let line = served.process.err.wait_for("listening");
    let line: Value = serde_json::from_str(&line).unwrap();
    let admin = line["admin"].as_str().unwrap().to_owned();
    let call = |key: &str| {
        let headers = format!("x-apikey: {key}\r\nx-connection-id: nobody\r\n");
        let target = "/unified/crm/account";
        let answer = exchange(&served.address, "GET", target, &headers, None);
        assert_eq!(answer.status, 404);
        answer.header("x-request-id").unwrap().to_owned()
    };
    let ids = [call(&one), call(&other)];
    let seen = |key: &str| -> Vec<bool> {
        let headers = format!("x-apikey: {key}\r\n");
        ids.iter()
            .map(|id| {
                let found = exchange(&admin, "GET", &format!("/calls/{id}"), &headers, None);
                let listed = exchange(&admin, "GET", "/calls", &headers, None);
                let is_listed = listed.text.contains(id);
                assert_eq!(found.status == 200, is_listed, "{}", found.text);
                is_listed
            })
            .collect()
    };
    assert_eq!(seen(&one), [true, false]);
    assert_eq!(seen(&other), [false, true]);
    assert_eq!(seen(&admin_key), [true, true]);
    // Who has no key sees nothing, nor does a customer.
    for target in [
        "/calls",
        "/explorer/connections",
        &format!("/calls/{}", ids[0]),
    ] {
        assert_eq!(
            exchange(&admin, "GET", target, "", None).status,
            401,
            "{target}"
        );
        let body = json!({"customerId": "acme"});
        let headers = format!("x-apikey: {admin_key}\r\n");
        let made = exchange(
            &served.address,
            "POST",
            "/connect/token",
            &headers,
            Some(&body),
        );
        let token = format!(
            "authorization: Bearer {}\r\n",
            made.body["token"].as_str().unwrap()
        );
        assert_eq!(
            exchange(&admin, "GET", target, &token, None).status,
            403,
            "{target}"
        );
    }
}

#[test]
fn a_call_is_tried_for_who_has_a_key_and_no_other_page_may() {
    let demo = Demo::start();
    let admin = admin(&demo);
    let wanted = json!({
        "method": "GET",
        "path": "/unified/crm/account?page_size=1",
        "headers": {"x-connection-id": "hubspot-demo", "host": "evil.example", "x-apikey": "other"},
    });
    let attempt =
        |headers: &str| exchange(&admin, "POST", "/explorer/call", headers, Some(&wanted));
    let answer = attempt(KEY);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["status"], 200, "{}", answer.text);
    let id = answer.body["request_id"].as_str().unwrap();
    assert_eq!(get(&admin, &format!("/calls/{id}")).body["is_full"], true);
    // A wrong key is refused by the API itself.
    let answer = attempt("x-apikey: wrong\r\n");
    assert_eq!(answer.body["status"], 401, "{}", answer.text);
    assert_eq!(attempt("").status, 401);
    // Our own page may, no other.
    let own = format!("{KEY}origin: http://{admin}\r\nsec-fetch-site: same-origin\r\n");
    assert_eq!(attempt(&own).status, 200);
    for (foreign, status) in [
        ("origin: http://evil.example\r\n", 403),
        ("origin: null\r\n", 403),
        ("sec-fetch-site: cross-site\r\n", 403),
        ("sec-fetch-site: same-site\r\n", 403),
        ("host: evil.example\r\n", 421),
    ] {
        let headers = format!("{KEY}{foreign}");
        let refused = attempt(&headers);
        assert_eq!(refused.status, status, "{foreign}");
        assert!(refused.header("access-control-allow-origin").is_none());
        assert_eq!(
            exchange(&admin, "GET", "/calls", &headers, None).status,
            status,
            "{foreign}"
        );
    }
    // A form cannot say that it is JSON, and nobody is told that a page may ask.
    let form = exchange_text(
        &admin,
        "POST",
        "/explorer/call",
        &format!("{KEY}content-type: text/plain\r\n"),
        &wanted.to_string(),
    );
    assert_eq!(form.status, 415);
    let asked = exchange(
        &admin,
        "OPTIONS",
        "/explorer/call",
        "origin: http://evil.example\r\n",
        None,
    );
    assert_eq!(asked.status, 403);
    assert!(asked.header("access-control-allow-origin").is_none());
}

#[test]
fn nothing_is_remembered_without_the_port_or_where_it_is_switched_off() {
    let home = Home::new("admin_listen: 127.0.0.1:0\nlimits: { recorded_calls: 0 }\n");
    let key = home.key(&["--scope", "admin"]);
    let served = home.serve();
    let line = served.process.err.wait_for("listening");
    let line: Value = serde_json::from_str(&line).unwrap();
    let admin = line["admin"].as_str().unwrap().to_owned();
    let headers =
        format!("x-apikey: {key}\r\nx-connection-id: nobody\r\nx-crosswalk-record: full\r\n");
    exchange(
        &served.address,
        "GET",
        "/unified/crm/account",
        &headers,
        None,
    );
    let told = exchange(
        &admin,
        "GET",
        "/calls",
        &format!("x-apikey: {key}\r\n"),
        None,
    );
    assert_eq!(
        told.body,
        json!({"calls": [], "last": 0, "is_recording": false})
    );
}

#[test]
fn the_documents_are_on_both_ports_without_a_key() {
    let demo = Demo::start();
    let admin = admin(&demo);
    for address in [&demo.address, &admin] {
        let json = exchange(address, "GET", "/openapi.json", "", None);
        assert_eq!(json.status, 200);
        assert_eq!(json.header("content-type"), Some("application/json"));
        assert_eq!(json.body["openapi"], "3.0.3");
        let yaml = exchange(address, "GET", "/openapi.yaml", "", None);
        assert_eq!(yaml.header("content-type"), Some("application/yaml"));
        assert!(yaml.text.contains("\nopenapi: 3.0.3\n"));
        let wrong = exchange(address, "POST", "/openapi.json", "", Some(&json!({})));
        assert_eq!(wrong.status, 405);
        let foreign = "origin: http://evil.example\r\n";
        assert_eq!(
            exchange(address, "GET", "/openapi.json", foreign, None).status,
            403
        );
        let rebound = "host: evil.example\r\n";
        assert_eq!(
            exchange(address, "GET", "/openapi.json", rebound, None).status,
            421
        );
    }
}

#[test]
fn every_example_of_the_document_fits_its_schema() {
    assert_eq!(CONTRACT.example_faults(), Vec::<String>::new());
}

#[test]
fn every_field_of_every_provider_has_its_line() {
    let demo = Demo::start();
    let admin = admin(&demo);
    let origins = exchange(&admin, "GET", "/explorer/origins", "", None).body;
    let coverage = exchange(&admin, "GET", "/explorer/coverage", "", None).body;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut fields = 0;
    for provider in coverage["providers"].as_array().unwrap() {
        let name = provider["name"].as_str().unwrap();
        for entity in provider["entities"].as_array().unwrap() {
            let told = &origins[name][entity["name"].as_str().unwrap()];
            let file = std::fs::read_to_string(root.join(told["file"].as_str().unwrap())).unwrap();
            for field in entity["fields"].as_array().unwrap() {
                let field_name = field["name"].as_str().unwrap();
                let origin = &told["fields"][field_name];
                // What every record has, and what writes alone have, no mapping says.
                if origin.is_null() {
                    let is_read = field["read"] == true && field["native_fields"] != json!([]);
                    assert!(!is_read, "{name}: {} {field_name}", entity["name"]);
                    continue;
                }
                fields += 1;
                let line = usize::try_from(origin["line"].as_u64().unwrap()).unwrap();
                let text = file.lines().nth(line - 1).unwrap();
                assert_eq!(origin["text"], text.trim());
                assert!(text.contains(&format!("{field_name}:")), "{text}");
            }
        }
    }
    assert!(fields > 100, "{fields}");
}

#[test]
fn the_page_works_in_a_real_browser() {
    drive(
        "explorer.mjs",
        || {
            let demo = Demo::start();
            let settings = vec![
                ("ADMIN_URL", format!("http://{}", admin(&demo))),
                ("CROSSWALK_URL", format!("http://{}", demo.address)),
                ("CROSSWALK_KEY", "demo".to_owned()),
            ];
            (demo, settings)
        },
        Demo::printed,
    );
}
