//! A cursor goes on where it was made, or is refused; a list never starts again in silence. Sizes of pages have limits.

use crosswalk_tests::{Answer, Contract, Demo, Sandbox, Sidecar};
use serde_json::{Value, json};

use crate::{CONNECTIONS, good};

/// The 64 digits of cursors.
const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn list(demo: &Demo, connection: &str, query: &str) -> Answer {
    demo.call(
        connection,
        "GET",
        &format!("/unified/crm/account?{query}"),
        None,
    )
}

fn cursor(page: &Value) -> &str {
    page["next_cursor"].as_str().expect("a cursor")
}

fn is_refused(answer: &Answer, told: &str) {
    assert_eq!(
        (answer.status, &answer.body["issues"][0]["path"]),
        (400, &json!("query.cursor")),
        "{told}: {}",
        answer.text
    );
    let faults = Contract::load().faults("crm.account.list", 400, &answer.body);
    assert!(faults.is_empty(), "{faults:?}");
}

/// The same with the digit at `at` moved on by `by`.
fn edited(cursor: &str, at: usize, by: usize) -> String {
    let digit = DIGITS.find(&cursor[at..=at]).expect("a digit");
    let other = (digit + by) % DIGITS.len();
    format!(
        "{}{}{}",
        &cursor[..at],
        &DIGITS[other..=other],
        &cursor[at + 1..]
    )
}

/// Covers: cursor-forged, cursor-of-older-version
#[test]
fn an_edited_cut_or_older_cursor_is_refused_and_nothing_is_asked() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let page = list(&demo, connection, "page_size=2").body;
        let good = cursor(&page);
        demo.native_calls(connection);
        // The first byte is the format's version: its lowest bits stand in the second digit.
        let older = edited(good, 1, 64 - 16);
        let newer = edited(good, 1, 16);
        for (told, bad) in [
            ("older", older),
            ("newer", newer),
            ("cut", good[..good.len() - 4].to_owned()),
            ("longer", format!("{good}AAAA")),
            ("doubled", format!("{good}{good}")),
            ("no base64", "%7B%22a%22%3A1%7D".to_owned()),
            ("one digit", "A".to_owned()),
            ("too long", "A".repeat(5000)),
        ] {
            is_refused(&list(&demo, connection, &format!("cursor={bad}")), told);
        }
        for at in (2..good.len()).step_by(3) {
            let bad = edited(good, at, 1);
            let answer = list(&demo, connection, &format!("cursor={bad}"));
            is_refused(&answer, &format!("digit {at}"));
        }
        assert_eq!(demo.native_calls(connection), Vec::<String>::new());
        let next = list(&demo, connection, &format!("page_size=2&cursor={good}"));
        assert_eq!(next.status, 200, "the one that was given goes on");
        assert_ne!(next.body["items"], page["items"]);
    }
}

/// Covers: cursor-of-another
#[test]
fn a_cursor_of_another_mode_is_refused() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let full = list(&demo, connection, "sync_mode=full&page_size=2").body;
        let target = format!("sync_mode=incremental&cursor={}", cursor(&full));
        let answer = list(&demo, connection, &target);
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.body["issues"][0]["path"], "query.sync_mode");
        // Without a mode the cursor's own goes on, and ends as a full list does.
        let mut page = full;
        while page["has_next_page"] == true {
            let target = format!("page_size=30&cursor={}", cursor(&page));
            page = list(&demo, connection, &target).body;
        }
        assert_eq!(page["next_cursor"], Value::Null);
    }
}

/// Covers: cursor-of-another
#[test]
fn a_cursor_is_of_one_customers_connection_and_of_one_key() {
    let sandbox = Sandbox::start();
    let address = sandbox.address("hubspot");
    let connection = |name: &str| {
        format!(
            "  {name}: {{ provider: hubspot, base_url: \"http://{address}\", access_token: pat-na1-sandbox-demo }}\n"
        )
    };
    let connections = format!("connections:\n{}{}", connection("one"), connection("two"));
    let keyed =
        |key: &str| Sidecar::start(&format!("cursor_key: \"{}\"\n{connections}", key.repeat(8)));
    let target = "/unified/crm/account?page_size=2";
    let proxy = keyed("first-key");
    let page = proxy.call("one", "GET", target, None).body;
    let target = format!("{target}&cursor={}", cursor(&page));
    // The same provider, the same account, another connection.
    is_refused(&proxy.call("two", "GET", &target, None), "another customer");
    drop(proxy);
    let proxy = keyed("first-key");
    let next = proxy.call("one", "GET", &target, None);
    assert_eq!(next.status, 200, "it outlives a restart: {}", next.text);
    drop(proxy);
    is_refused(
        &keyed("other-key").call("one", "GET", &target, None),
        "another key",
    );
}

/// Covers: page-size-odd
#[test]
fn a_page_above_the_limit_is_refused_with_the_limit() {
    let demo = Demo::start();
    for (connection, most) in CONNECTIONS.into_iter().zip([200, 2000]) {
        for entity in ["account", "contact"] {
            let operation = format!("crm.{entity}.list");
            for mode in ["full", "incremental"] {
                let target =
                    |size: u32| format!("/unified/crm/{entity}?sync_mode={mode}&page_size={size}");
                good(&demo, connection, &operation, "GET", &target(most), None);
                demo.native_calls(connection);
                let answer = demo.call(connection, "GET", &target(most + 1), None);
                assert_eq!(answer.status, 400, "{}", answer.text);
                assert_eq!(
                    answer.body["issues"],
                    json!([{
                        "message": format!("expected at most {most}, found {}", most + 1),
                        "path": "query.page_size",
                    }])
                );
                assert_eq!(demo.native_calls(connection), Vec::<String>::new());
            }
        }
        for wrong in ["0", "-1", "1.5", "ten", "1e9"] {
            let answer = list(&demo, connection, &format!("page_size={wrong}"));
            assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
        }
    }
}

/// Covers: last-page
#[test]
fn the_last_page_of_all_is_known_to_be_the_last_without_a_further_call() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let empty = json!({"empty": true});
        demo.sandbox(connection, "POST", "/_sandbox/reset", Some(&empty));
        for number in 0..6 {
            let record = json!({"record": {"name": format!("Of six {number}")}});
            let made = demo.call(connection, "POST", "/unified/crm/account", Some(&record));
            assert_eq!(made.status, 200, "{}", made.text);
        }
        // Pages that end with the last record, and one that has room for more.
        for (size, pages) in [(3, 2), (6, 1), (4, 2)] {
            demo.native_calls(connection);
            let mut more = String::new();
            let mut sizes = Vec::new();
            loop {
                let query = format!("sync_mode=full&page_size={size}{more}");
                let page = list(&demo, connection, &query).body;
                sizes.push(page["items"].as_array().unwrap().len());
                let Some(next) = page["next_cursor"].as_str() else {
                    assert_eq!(page["has_next_page"], false, "{page:#}");
                    break;
                };
                assert_eq!(page["has_next_page"], true, "{page:#}");
                more = format!("&cursor={next}");
            }
            assert_eq!(sizes.len(), pages, "{connection} {size}: {sizes:?}");
            assert_eq!(sizes.iter().sum::<usize>(), 6, "{connection}: {sizes:?}");
            let calls = demo.native_calls(connection);
            assert_eq!(calls.len(), pages, "{connection} {size}: {calls:?}");
        }
    }
}
