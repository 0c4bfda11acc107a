//! Upserts whose earlier calls were lost on the way, or whose search tells what was.

use crosswalk_tests::{Answer, Demo};
use serde_json::{Value, json};

use crate::good;

const HUBSPOT: &str = "hubspot-demo";
const UPSERT: &str = "/unified/crm/account/_upsert";

fn website(value: &str) -> Value {
    json!({"upsert_on": {"key": "website", "values": [value]}, "record": {"name": "One"}})
}

fn settings(demo: &Demo, settings: &Value) {
    let answer = demo.sandbox(HUBSPOT, "PATCH", "/_sandbox/settings", Some(settings));
    assert!(answer.status < 300, "{:#}", answer.body);
}

fn fault(demo: &Demo, connection: &str, fault: &Value) {
    let answer = demo.sandbox(connection, "POST", "/_sandbox/faults", Some(fault));
    assert!(answer.status < 300, "{:#}", answer.body);
}

fn upsert(demo: &Demo, body: &Value) -> Answer {
    demo.call(HUBSPOT, "POST", UPSERT, Some(body))
}

/// The companies of a website, by the full list.
fn companies(demo: &Demo, website: &str) -> usize {
    let list = good(
        demo,
        HUBSPOT,
        "crm.account.list",
        "GET",
        "/unified/crm/account?page_size=200",
        None,
    );
    let items = list["items"].as_array().expect("a list has items");
    items
        .iter()
        .filter(|item| item["website"] == website)
        .count()
}

/// Covers: failure-after-write, search-lags
#[test]
fn a_record_whose_read_back_failed_is_found_by_the_next_upsert() {
    let demo = Demo::start();
    settings(&demo, &json!({"search_lag_ms": 60_000}));
    let unread = json!({"match": {"method": "GET", "path": "/companies/"}, "times": 3,
        "action": {"reply": {"status": 500, "body": {"status": "error", "message": "internal error"}}}});
    fault(&demo, HUBSPOT, &unread);
    let first = upsert(&demo, &website("https://unread.example"));
    assert_eq!(first.status, 502, "{:#}", first.body);
    assert_eq!(first.body["outcome"], "written");
    let second = upsert(&demo, &website("https://unread.example"));
    assert_eq!(second.status, 200, "{:#}", second.body);
    assert_eq!(companies(&demo, "https://unread.example"), 1);
}

/// Covers: search-lags, write-cut
#[test]
fn nothing_is_created_blindly_after_a_lost_answer() {
    let demo = Demo::start();
    settings(&demo, &json!({"search_lag_ms": 60_000}));
    let lost =
        json!({"match": {"method": "POST", "path": "/companies?"}, "action": {"reset": "after"}});
    fault(&demo, HUBSPOT, &lost);
    let first = upsert(&demo, &website("https://lost.example"));
    assert_eq!(first.body["outcome"], "unknown", "{:#}", first.body);
    // By either key, since HubSpot makes a domain of a website.
    let by_domain = json!({"upsert_on": {"key": "domain", "values": ["lost.example"]}, "record": {"name": "One"}});
    for body in [website("lost.example"), by_domain] {
        let again = upsert(&demo, &body);
        assert_eq!(again.status, 503, "{:#}", again.body);
        assert_eq!(again.body["code"], "SERVICE_UNAVAILABLE");
    }
    // The index catches up.
    settings(&demo, &json!({"clock_offset_ms": 90_000}));
    let found = upsert(&demo, &website("https://lost.example"));
    assert_eq!(found.status, 200, "{:#}", found.body);
    assert_eq!(companies(&demo, "https://lost.example"), 1);
}

#[test]
fn a_record_that_has_moved_on_is_not_written() {
    for shows_old in [false, true] {
        let demo = Demo::start();
        let list = "/unified/crm/account?page_size=1";
        let list = good(&demo, HUBSPOT, "crm.account.list", "GET", list, None);
        let sample = &list["items"][0];
        let (id, old) = (sample["id"].clone(), sample["website"].clone());
        let old = old.as_str().expect("the sample has a website");
        let lag = json!({"search_lag_ms": 60_000, "search_answers_old_values": shows_old});
        settings(&demo, &lag);
        let moved = json!({"record": {"website": "https://moved.example", "passthrough_fields": {"domain": "moved.example"}}});
        let target = format!("/unified/crm/account/{}", id.as_str().expect("an id"));
        good(
            &demo,
            HUBSPOT,
            "crm.account.update",
            "PATCH",
            &target,
            Some(&moved),
        );
        let upserted = upsert(&demo, &website(old));
        assert_eq!(upserted.status, 200, "{:#}", upserted.body);
        assert_ne!(upserted.body["record"]["id"], id, "{:#}", upserted.body);
        let kept = good(&demo, HUBSPOT, "crm.account.get", "GET", &target, None);
        assert_eq!(kept["record"]["name"], sample["name"]);
    }
}

#[test]
fn a_match_beyond_the_first_page_is_found() {
    let demo = Demo::start();
    let create = |website: String| {
        let record = json!({"record": {"name": "Branch", "website": website, "passthrough_fields": {"domain": "many.example"}}});
        let created = demo.call(HUBSPOT, "POST", "/unified/crm/account", Some(&record));
        assert_eq!(created.status, 200, "{:#}", created.body);
        created.body["record"]["id"].clone()
    };
    for number in 0..210 {
        create(format!("https://many.example/{number}"));
    }
    let main = create("https://many.example".to_owned());
    // Only so many are remembered of one key: the search alone has the one above.
    for number in 210..220 {
        create(format!("https://many.example/{number}"));
    }
    let upserted = upsert(&demo, &website("many.example"));
    assert_eq!(upserted.status, 200, "{:#}", upserted.body);
    assert_eq!(upserted.body["record"]["id"], main);
}

/// Covers: upsert-race
#[test]
fn a_key_that_a_record_gets_is_waited_for() {
    let demo = Demo::start();
    settings(&demo, &json!({"search_lag_ms": 60_000}));
    // Slow enough that both have searched before either has written, unless one waits for the other.
    let slow = json!({"match": {"method": "POST", "path": "/search"}, "times": 100, "action": {"delay_ms": 300}});
    fault(&demo, HUBSPOT, &slow);
    let from_old = json!({"upsert_on": {"key": "website", "values": ["old.example"]},
        "record": {"name": "One", "website": "https://new.example"}});
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| upsert(&demo, &from_old));
        std::thread::sleep(std::time::Duration::from_millis(100));
        let second = scope.spawn(|| upsert(&demo, &website("new.example")));
        let joined = (first.join(), second.join());
        (joined.0.expect("no panic"), joined.1.expect("no panic"))
    });
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body["record"]["id"], second.body["record"]["id"]);
}

/// Covers: write-not-carried-out
#[test]
fn a_record_that_another_call_locks_is_written_a_moment_later() {
    let demo = Demo::start();
    let part = |status: u16, name: &str, code: &str| json!({"body": [{"message": "oh", "errorCode": code}], "httpHeaders": {}, "httpStatusCode": status, "referenceId": name});
    let locked = |code: &str| {
        let parts = [
            part(400, "write", code),
            part(400, "row", "PROCESSING_HALTED"),
        ];
        json!({"match": {"path": "/composite"}, "action": {"reply": {"status": 200, "body": {"compositeResponse": parts}}}})
    };
    fault(&demo, "salesforce-demo", &locked("UNABLE_TO_LOCK_ROW"));
    fault(&demo, "salesforce-demo", &locked("REQUEST_LIMIT_EXCEEDED"));
    demo.native_calls("salesforce-demo");
    let record = json!({"record": {"name": "Locked"}});
    good(
        &demo,
        "salesforce-demo",
        "crm.account.create",
        "POST",
        "/unified/crm/account",
        Some(&record),
    );
    assert_eq!(demo.native_calls("salesforce-demo").len(), 3);
    // What may have been carried out is not repeated.
    fault(&demo, "salesforce-demo", &locked("UNKNOWN_EXCEPTION"));
    let target = "/unified/crm/account";
    let refused = demo.call("salesforce-demo", "POST", target, Some(&record));
    assert_eq!(refused.status, 400, "{:#}", refused.body);
    assert_eq!(demo.native_calls("salesforce-demo").len(), 1);
}
