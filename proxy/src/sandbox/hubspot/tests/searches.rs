//! Search: limits, operators and their case rules, the lag, the wall.

use super::*;

fn search(hub: &Hub, body: &Value) -> (u16, Value) {
    hub.post(&format!("{COMPANIES}/search"), body)
}

/// How many companies fit one filter.
fn total(hub: &Hub, filter: &Value) -> u64 {
    let (status, body) = search(hub, &json!({ "filterGroups": [{ "filters": [filter] }] }));
    assert_eq!(status, 200, "{body}");
    body["total"].as_u64().unwrap()
}

fn filter(name: &str, operator: &str, value: &str) -> Value {
    json!({ "propertyName": name, "operator": operator, "value": value })
}

fn three() -> Hub {
    let hub = Hub::empty();
    hub.create(COMPANIES, &json!({ "name": "Halden Marine", "domain": "halden.example", "industry": "MARITIME", "numberofemployees": 9, "phone": "+1 617-555-0142" }));
    hub.create(COMPANIES, &json!({ "name": "Marine Two", "domain": "two.example", "industry": "MARITIME", "numberofemployees": 100 }));
    hub.create(COMPANIES, &json!({ "name": "Submarine" }));
    hub
}

#[test]
fn text_ignores_case_but_lists_need_lower_case() {
    let hub = three();
    assert_eq!(total(&hub, &filter("name", "EQ", "HALDEN marine")), 1);
    assert_eq!(total(&hub, &filter("name", "EQ", "halden")), 0);
    assert_eq!(
        total(
            &hub,
            &json!({ "propertyName": "name", "operator": "IN", "values": ["halden marine", "submarine"] })
        ),
        2
    );
    assert_eq!(
        total(
            &hub,
            &json!({ "propertyName": "name", "operator": "IN", "values": ["Halden Marine"] })
        ),
        0
    );
    assert_eq!(
        total(
            &hub,
            &json!({ "propertyName": "name", "operator": "NOT_IN", "values": ["submarine"] })
        ),
        2
    );
}

#[test]
fn enumerations_never_ignore_case() {
    let hub = three();
    assert_eq!(total(&hub, &filter("industry", "EQ", "MARITIME")), 2);
    assert_eq!(total(&hub, &filter("industry", "EQ", "maritime")), 0);
    assert_eq!(
        total(
            &hub,
            &json!({ "propertyName": "industry", "operator": "IN", "values": ["MARITIME"] })
        ),
        2
    );
}

#[test]
fn numbers_compare_as_numbers_and_tokens_as_whole_words() {
    let hub = three();
    assert_eq!(total(&hub, &filter("numberofemployees", "GT", "9")), 1);
    assert_eq!(total(&hub, &filter("numberofemployees", "LTE", "9.0")), 1);
    assert_eq!(
        total(
            &hub,
            &json!({ "propertyName": "numberofemployees", "operator": "BETWEEN", "value": "9", "highValue": "100" })
        ),
        2
    );
    assert_eq!(total(&hub, &filter("name", "CONTAINS_TOKEN", "marine")), 2);
    assert_eq!(total(&hub, &filter("name", "CONTAINS_TOKEN", "*marine")), 3);
    assert_eq!(
        total(&hub, &filter("domain", "CONTAINS_TOKEN", "*.example")),
        2
    );
    assert_eq!(
        total(&hub, &filter("name", "NOT_CONTAINS_TOKEN", "marine")),
        1
    );
    assert_eq!(
        total(
            &hub,
            &json!({ "propertyName": "domain", "operator": "HAS_PROPERTY" })
        ),
        2
    );
    assert_eq!(
        total(
            &hub,
            &json!({ "propertyName": "domain", "operator": "NOT_HAS_PROPERTY" })
        ),
        1
    );
    assert_eq!(total(&hub, &filter("phone", "EQ", "6175550142")), 1);
    assert_eq!(total(&hub, &filter("phone", "EQ", "+16175550142")), 0);
}

#[test]
fn times_are_given_in_milliseconds_or_iso() {
    let hub = Hub::sample();
    // The rows of one import share a millisecond.
    assert!(total(&hub, &filter("hs_lastmodifieddate", "EQ", "1754002800250")) > 1);
    let since = total(&hub, &filter("hs_lastmodifieddate", "GTE", "1754002800250"));
    assert_eq!(
        since,
        total(
            &hub,
            &filter("hs_lastmodifieddate", "GTE", "2025-07-31T23:00:00.250Z")
        )
    );
    assert!(total(&hub, &filter("hs_lastmodifieddate", "GT", "1754002800250")) < since);
}

#[test]
fn groups_are_or_and_filters_are_and() {
    let hub = three();
    let (halden, maritime) = (
        filter("name", "EQ", "halden marine"),
        filter("industry", "EQ", "MARITIME"),
    );
    let sub = filter("name", "EQ", "submarine");
    let (_, body) = search(
        &hub,
        &json!({ "filterGroups": [{ "filters": [halden, maritime] }, { "filters": [sub] }] }),
    );
    assert_eq!(body["total"], 2);
    let (_, body) = search(&hub, &json!({ "filters": [sub] }));
    assert_eq!(body["total"], 1);
    let (_, body) = search(&hub, &json!({ "query": "marin" }));
    assert_eq!(body["total"], 2);
}

#[test]
fn what_a_search_may_hold_is_limited() {
    let hub = three();
    let group = |filters: usize| json!({ "filters": vec![filter("name", "EQ", "a"); filters] });
    let status = |groups: Vec<Value>| search(&hub, &json!({ "filterGroups": groups })).0;
    assert_eq!(status(vec![group(1); 5]), 200);
    assert_eq!(status(vec![group(1); 6]), 400);
    assert_eq!(status(vec![group(6)]), 200);
    assert_eq!(status(vec![group(7)]), 400);
    assert_eq!(status(vec![group(6); 3]), 200);
    assert_eq!(status(vec![group(6), group(6), group(6), group(1)]), 400);
    assert_eq!(search(&hub, &json!({ "limit": 200 })).0, 200);
    assert_eq!(search(&hub, &json!({ "limit": 201 })).0, 400);
    assert_eq!(search(&hub, &json!({ "sorts": ["name", "domain"] })).0, 400);
    let (status, body) = search(&hub, &json!({ "query": "x".repeat(3000) }));
    assert_eq!(
        (status, &body["category"]),
        (400, &json!("VALIDATION_ERROR"))
    );
    let (status, body) = search(&hub, &json!({ "filters": [filter("nope", "EQ", "1")] }));
    assert_eq!(
        (status, body["message"].as_str()),
        (400, Some("There was a problem with the request."))
    );
    assert_eq!(body["errors"][0]["message"], "Unknown property nope");
    for wrong in [
        json!({ "propertyName": "name", "operator": "NOT_HAS_PROPERTY", "value": "" }),
        json!({ "propertyName": "name", "operator": "IN", "values": [] }),
        json!({ "propertyName": "name", "operator": "LIKE", "value": "a" }),
        json!({ "propertyName": "name", "operator": "EQ" }),
        json!({ "propertyName": "numberofemployees", "operator": "GT", "value": "many" }),
    ] {
        assert_eq!(search(&hub, &json!({ "filters": [wrong] })).0, 400);
    }
}

#[test]
fn the_default_order_is_creation_and_one_sort_is_taken() {
    let hub = three();
    let names = |body: &Value| -> Vec<String> {
        let rows = search(&hub, body).1["results"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["properties"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&json!({})),
        ["Halden Marine", "Marine Two", "Submarine"]
    );
    assert_eq!(
        names(&json!({ "sorts": ["-name"] })),
        ["Submarine", "Marine Two", "Halden Marine"]
    );
    let sorts = json!([{ "propertyName": "numberofemployees", "direction": "DESCENDING" }]);
    assert_eq!(
        names(&json!({ "sorts": sorts })),
        ["Marine Two", "Halden Marine", "Submarine"]
    );
}

#[test]
fn pages_go_by_offset_and_neither_lose_nor_repeat() {
    let hub = Hub::sample();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let sorts = json!(["hs_lastmodifieddate"]);
        let (_, page) = search(&hub, &json!({ "limit": 7, "after": after, "sorts": sorts }));
        assert_eq!(page["total"], 25);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        after = page["paging"]["next"]["after"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 25);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

#[test]
fn no_page_reaches_beyond_ten_thousand_but_the_total_does() {
    let hub = Hub::empty();
    for block in 0..101 {
        let inputs: Vec<Value> = (0..100)
            .map(|n| json!({ "properties": { "name": format!("{block}-{n}") } }))
            .collect();
        assert_eq!(
            hub.post(
                &format!("{COMPANIES}/batch/create"),
                &json!({ "inputs": inputs })
            )
            .0,
            201
        );
    }
    let (status, body) = search(&hub, &json!({ "limit": 200, "after": "9800" }));
    assert_eq!(
        (status, &body["total"], ids(&body).len()),
        (200, &json!(10_100), 200)
    );
    assert_eq!(body["paging"]["next"]["after"], "10000");
    assert_eq!(
        search(&hub, &json!({ "limit": 200, "after": "9801" })).0,
        400
    );
    assert_eq!(
        search(&hub, &json!({ "limit": 1, "after": "10000" })).0,
        400
    );
    let (_, body) = search(&hub, &json!({ "limit": 0 }));
    assert_eq!((&body["total"], ids(&body).len()), (&json!(10_100), 0));
}

#[test]
fn the_index_lags_behind_creates_and_updates() {
    let hub = Hub::empty().with(&json!({ "search_lag_ms": 5_000 }));
    let id = hub.create(COMPANIES, &json!({ "name": "Old" }));
    assert_eq!(hub.get(&format!("{COMPANIES}/{id}")).0, 200);
    assert_eq!(total(&hub, &filter("name", "EQ", "old")), 0);
    hub.move_clock(5_000);
    assert_eq!(total(&hub, &filter("name", "EQ", "old")), 1);
    hub.patch(&format!("{COMPANIES}/{id}"), &json!({ "name": "New" }));
    assert_eq!(total(&hub, &filter("name", "EQ", "new")), 0);
    // It is found by what it was, and shown as it is.
    let (_, body) = search(&hub, &json!({ "filters": [filter("name", "EQ", "old")] }));
    assert_eq!(body["results"][0]["properties"]["name"], "New");
    hub.move_clock(10_100);
    assert_eq!(total(&hub, &filter("name", "EQ", "old")), 0);
    assert_eq!(total(&hub, &filter("name", "EQ", "new")), 1);
}

#[test]
fn rows_are_found_by_what_they_are_linked_to() {
    let hub = Hub::sample();
    let (_, page) = hub.get(&format!(
        "{CONTACTS}?limit=1&properties=associatedcompanyid"
    ));
    let company = page["results"][0]["properties"]["associatedcompanyid"]
        .as_str()
        .unwrap()
        .to_owned();
    let linked = |name: &str| {
        let body = json!({ "filters": [filter(name, "EQ", &company)] });
        hub.post(&format!("{CONTACTS}/search"), &body).1["total"]
            .as_u64()
            .unwrap()
    };
    assert!(linked("associations.company") > 1);
    assert_eq!(
        linked("associations.company"),
        linked("associatedcompanyid")
    );
}

#[test]
fn archived_rows_are_never_found() {
    let hub = three();
    let (_, body) = search(&hub, &json!({ "limit": 1 }));
    let id = ids(&body)[0].to_owned();
    hub.ask(Method::DELETE, &format!("{COMPANIES}/{id}"), &Value::Null);
    assert_eq!(search(&hub, &json!({})).1["total"], 2);
}

#[test]
fn rows_are_found_in_another_order_than_written_when_the_index_jitters() {
    let hub = Hub::empty().with(&json!({ "search_lag_jitter_ms": 10_000 }));
    let written: Vec<String> = (0..20)
        .map(|n| hub.create(COMPANIES, &json!({ "name": format!("C{n}") })))
        .collect();
    hub.move_clock(5_000);
    let body = json!({ "limit": 100 });
    let (_, page) = hub.post(&format!("{COMPANIES}/search"), &body);
    let found = ids(&page);
    assert!(!found.is_empty() && found.len() < 20, "{}", found.len());
    // Some row is found before one that was written earlier.
    let seen: Vec<bool> = written
        .iter()
        .map(|id| found.contains(&id.as_str()))
        .collect();
    assert!(
        seen.windows(2).any(|pair| pair == [false, true]),
        "{seen:?}"
    );
    hub.move_clock(10_001);
    assert_eq!(hub.total(COMPANIES), 20);
}
