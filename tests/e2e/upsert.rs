use crosswalk_tests::Demo;
use serde_json::{Value, json};

use crate::{CONNECTIONS, good};

fn website(value: &str) -> Value {
    json!({"upsert_on": {"key": "website", "values": [value]}, "record": {"name": "One", "website": value}})
}

#[test]
fn the_same_website_however_written_is_one_record() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let ids: Vec<Value> = [
            "one.example",
            "HTTPS://www.One.example/",
            "http://one.example",
        ]
        .iter()
        .map(|text| {
            good(
                &demo,
                connection,
                "crm.account.upsert",
                "POST",
                "/unified/crm/account/_upsert",
                Some(&website(text)),
            )["record"]["id"]
                .clone()
        })
        .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{connection}: {ids:?}");
    }
}

/// Covers: search-lags, upsert-race
#[test]
fn a_lagging_search_index_makes_no_second_record() {
    let demo = Demo::start();
    demo.sandbox(
        "hubspot-demo",
        "PATCH",
        "/_sandbox/settings",
        Some(&json!({"search_lag_ms": 60_000})),
    );
    // At the same moment, and one after the other.
    let ids: Vec<Value> = std::thread::scope(|scope| {
        let upsert = || {
            good(
                &demo,
                "hubspot-demo",
                "crm.account.upsert",
                "POST",
                "/unified/crm/account/_upsert",
                Some(&website("lag.example")),
            )["record"]["id"]
                .clone()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(upsert)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .chain([upsert()])
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    // A plain create is found by the upsert after it as well, by either key.
    let created = json!({"record": {"name": "Two", "website": "https://two.example"}});
    let created = good(
        &demo,
        "hubspot-demo",
        "crm.account.create",
        "POST",
        "/unified/crm/account",
        Some(&created),
    );
    let by_domain = json!({"upsert_on": {"key": "domain", "values": ["two.example"]}, "record": {"name": "Two"}});
    let upserted = good(
        &demo,
        "hubspot-demo",
        "crm.account.upsert",
        "POST",
        "/unified/crm/account/_upsert",
        Some(&by_domain),
    );
    assert_eq!(upserted["record"]["id"], created["record"]["id"]);
}

/// Covers: upsert-ambiguous
#[test]
fn several_matches_are_a_conflict_and_nothing_is_written() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let ids: Vec<Value> = (0..2)
            .map(|_| {
                let record = json!({"record": {"name": "Twin", "website": "https://twin.example"}});
                good(
                    &demo,
                    connection,
                    "crm.account.create",
                    "POST",
                    "/unified/crm/account",
                    Some(&record),
                )["record"]["id"]
                    .clone()
            })
            .collect();
        demo.native_calls(connection);
        let answer = demo.call(
            connection,
            "POST",
            "/unified/crm/account/_upsert",
            Some(&website("twin.example")),
        );
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (409, &json!("CONFLICT")),
            "{connection}: {:#}",
            answer.body
        );
        for id in &ids {
            assert!(
                answer.body["message"]
                    .as_str()
                    .unwrap()
                    .contains(id.as_str().unwrap()),
                "{connection}: {:#}",
                answer.body
            );
        }
        let writes: Vec<String> = demo
            .native_calls(connection)
            .into_iter()
            .filter(|call| {
                call.starts_with("PATCH")
                    || call.ends_with("companies")
                    || call.ends_with("composite")
            })
            .collect();
        assert_eq!(writes, Vec::<String>::new(), "{connection}");
    }
}

#[test]
fn an_upsert_by_one_plain_email_is_one_call_at_salesforce() {
    let demo = Demo::start();
    demo.native_calls("salesforce-demo");
    let body = json!({"upsert_on": {"key": "email", "values": ["ada@one.example"]}, "record": {"last_name": "L"}});
    good(
        &demo,
        "salesforce-demo",
        "crm.contact.upsert",
        "POST",
        "/unified/crm/contact/_upsert",
        Some(&body),
    );
    assert_eq!(
        demo.native_calls("salesforce-demo"),
        ["POST /services/data/v59.0/composite"]
    );
}

#[test]
fn two_keys_of_one_host_at_the_same_moment_make_one_record() {
    let demo = Demo::start();
    let lag = json!({"search_lag_ms": 60_000});
    demo.sandbox("hubspot-demo", "PATCH", "/_sandbox/settings", Some(&lag));
    // Slow enough that both have searched before either has written, unless one waits for the other.
    let slow = json!({"match": {"method": "POST", "path": "/search"}, "times": 100, "action": {"delay_ms": 200}});
    demo.sandbox("hubspot-demo", "POST", "/_sandbox/faults", Some(&slow));
    for (website, host) in [
        ("https://host.example", "host.example"),
        ("https://path.example/eu", "path.example"),
    ] {
        let upsert = |key: &str, value: &str| {
            let body =
                json!({"upsert_on": {"key": key, "values": [value]}, "record": {"name": "One"}});
            good(
                &demo,
                "hubspot-demo",
                "crm.account.upsert",
                "POST",
                "/unified/crm/account/_upsert",
                Some(&body),
            )["record"]["id"]
                .clone()
        };
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| upsert("website", website));
            // The website first: what it writes is found by its domain, and not always the other way round.
            std::thread::sleep(std::time::Duration::from_millis(50));
            let second = scope.spawn(|| upsert("domain", host));
            (first.join().unwrap(), second.join().unwrap())
        });
        assert_eq!(first, second, "{website}");
    }
}

/// Covers: upsert-race
#[test]
fn the_same_key_at_the_same_moment_makes_one_record() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        // Slow enough that all have searched before any has written, unless they wait for each other.
        let path = if connection.starts_with("hubspot") {
            "/crm/"
        } else {
            "/query"
        };
        let slow = json!({"match": {"path": path}, "times": 16, "action": {"delay_ms": 100}});
        demo.sandbox(connection, "POST", "/_sandbox/faults", Some(&slow));
        for (entity, key, value, name) in [
            ("account", "website", "moment.example", "name"),
            ("contact", "email", "One.Moment@moment.example", "last_name"),
            // Not plain: it is looked up first.
            ("contact", "email", "one+moment@moment.example", "last_name"),
        ] {
            let upsert = || {
                let on = json!({"key": key, "values": [value, value.to_uppercase()]});
                let body = json!({"upsert_on": on, "record": { name: "One" }});
                let target = format!("/unified/crm/{entity}/_upsert");
                let operation = format!("crm.{entity}.upsert");
                good(&demo, connection, &operation, "POST", &target, Some(&body))["record"]["id"]
                    .clone()
            };
            let ids: Vec<Value> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..6).map(|_| scope.spawn(upsert)).collect();
                let join =
                    |thread: std::thread::ScopedJoinHandle<'_, Value>| thread.join().unwrap();
                threads.into_iter().map(join).collect()
            });
            assert!(ids.iter().all(|id| *id == ids[0]), "{connection}: {ids:?}");
        }
        demo.sandbox(connection, "DELETE", "/_sandbox/faults", None);
    }
}

#[test]
fn a_hit_through_a_secondary_address_leaves_the_primary_one() {
    let demo = Demo::start();
    let connection = "hubspot-demo";
    let created = json!({"record": {
        "email": "first@two.example", "last_name": "Two",
        "passthrough_fields": {"hs_additional_emails": "second@two.example"},
    }});
    let created = good(
        &demo,
        connection,
        "crm.contact.create",
        "POST",
        "/unified/crm/contact",
        Some(&created),
    );
    for values in [
        json!(["Second@two.example"]),
        json!(["second@two.example", "nobody@two.example"]),
        json!(["second@two.example", "first@two.example"]),
    ] {
        for record in [
            json!({"first_name": "Found"}),
            json!({"first_name": "Found", "email": "second@two.example"}),
            json!({}),
        ] {
            let on = json!({"key": "email", "values": values});
            let body = json!({"upsert_on": on, "record": record});
            let upserted = good(
                &demo,
                connection,
                "crm.contact.upsert",
                "POST",
                "/unified/crm/contact/_upsert",
                Some(&body),
            );
            let upserted = &upserted["record"];
            assert_eq!(upserted["id"], created["record"]["id"], "{body}");
            assert_eq!(upserted["email"], "first@two.example", "{body}");
        }
    }
}
