//! Many rows: made at once, paged through at a price that hangs on the page, and dumped.

use std::time::{Duration, Instant};

use super::*;

fn fill(hub: &Hub, body: &Value) -> Value {
    hub.0.command("fill", body).unwrap().unwrap()
}

fn records(hub: &Hub, asked: &[(&str, &str)]) -> Result<Value, String> {
    let asked = asked.iter();
    let asked: Vec<_> = asked
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    hub.0.look("records", &asked).unwrap()
}

/// How long each of so many pages took, at best: other work on the machine only adds to it.
fn best(times: u32, mut page: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..times {
        let start = Instant::now();
        page();
        best = best.min(start.elapsed());
    }
    best
}

#[test]
fn a_fill_is_deterministic_and_its_rows_are_like_others() {
    let (hub, other) = (Hub::empty(), Hub::empty());
    let order = json!({ "contacts": 300, "accounts": 7, "linked": true });
    let made = fill(&hub, &order);
    assert_eq!(
        (&made["contacts"]["made"], &made["accounts"]["made"]),
        (&json!(300), &json!(7))
    );
    assert_eq!(fill(&other, &order), made);
    let people = |hub: &Hub| {
        let page = records(
            hub,
            &[("object", "contacts"), ("fields", "email,firstname")],
        )
        .unwrap();
        let rows = page["records"].as_array().unwrap().clone();
        rows.into_iter()
            .map(|row| row["fields"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(people(&hub), people(&other));
    let last = made["contacts"]["last"].as_str().unwrap();
    let email = hub.value(CONTACTS, last, "email");
    let email = email.as_str().unwrap();
    let (_, row) = hub.get(&format!(
        "{CONTACTS}/{email}?idProperty=email&properties=associatedcompanyid,hs_email_domain"
    ));
    assert_eq!(row["id"], last);
    assert_eq!(row["properties"]["hs_email_domain"], "people.example");
    assert!(
        row["properties"]["associatedcompanyid"].is_string(),
        "{row}"
    );
    // A second fill makes further people.
    fill(&hub, &json!({ "contacts": 300 }));
    assert_eq!(hub.total(CONTACTS), 600);
    for wrong in [
        json!({ "contact": 1 }),
        json!({ "contacts": 3_000_000 }),
        json!({ "contacts": 1, "linked": true }),
    ] {
        assert!(hub.0.command("fill", &wrong).unwrap().is_err(), "{wrong}");
    }
}

#[test]
fn a_dump_has_every_row_once_with_its_end() {
    let hub = Hub::empty();
    let made = fill(&hub, &json!({ "contacts": 25 }));
    let first = made["contacts"]["first"].as_str().unwrap();
    hub.delete(&format!("{CONTACTS}/{first}"));
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let mut asked = vec![("object", "contacts"), ("limit", "10"), ("fields", "email")];
        if !after.is_empty() {
            asked.push(("after", &after));
        }
        let page = records(&hub, &asked).unwrap();
        assert_eq!(page["total"], 25);
        seen.extend(page["records"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    assert_eq!(
        (&seen[0]["id"], &seen[0]["deleted"]),
        (&json!(first), &json!(true))
    );
    assert!(seen[0]["deleted_at"].is_string());
    let (_, row) = hub.get(&format!("{CONTACTS}/{}", seen[24]["id"].as_str().unwrap()));
    assert_eq!(
        (&seen[24]["updated_at"], &seen[24]["deleted"]),
        (&row["updatedAt"], &json!(false))
    );
    assert_eq!(
        seen[24]["fields"],
        json!({ "email": row["properties"]["email"] })
    );
    assert_eq!(
        records(&hub, &[("object", "accounts")]).unwrap()["total"],
        0
    );
    for wrong in [
        vec![],
        vec![("object", "x")],
        vec![("object", "contacts"), ("limit", "0")],
        vec![("objects", "contacts")],
    ] {
        assert!(records(&hub, &wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_churn_changes_what_its_seed_says() {
    let (hub, other) = (Hub::empty(), Hub::empty());
    let churn = |hub: &Hub| {
        fill(hub, &json!({ "contacts": 50 }));
        hub.move_clock(5_000);
        let order = json!({ "creates": 3, "updates": 5, "deletes": 2, "seed": 7 });
        hub.0.command("churn", &order).unwrap().unwrap()
    };
    let told = churn(&hub);
    assert_eq!(told, churn(&other));
    let named = |kind: &str| told[kind].as_array().unwrap().clone();
    let counts = ["created", "updated", "deleted"].map(|kind| named(kind).len());
    assert_eq!(counts, [3, 5, 2]);
    let page = records(&hub, &[("object", "contacts")]).unwrap();
    let rows = page["records"].as_array().unwrap();
    assert_eq!(rows.len(), 53);
    for row in rows {
        let is_new = row["created_at"] == row["updated_at"];
        assert_eq!(
            named("deleted").contains(&row["id"]),
            row["deleted"] == true
        );
        assert_eq!(named("updated").contains(&row["id"]), !is_new, "{row}");
    }
    // More than there are is all that there are.
    let all = hub
        .0
        .command("churn", &json!({ "deletes": 1_000 }))
        .unwrap()
        .unwrap();
    assert_eq!(all["deleted"].as_array().unwrap().len(), 51);
    assert_eq!(hub.total(CONTACTS), 0);
    for wrong in [json!({ "object": "deals" }), json!({ "update": 1 })] {
        assert!(hub.0.command("churn", &wrong).unwrap().is_err(), "{wrong}");
    }
}

/// An incremental search inside of a window, by keyset (hubspot.md §9).
fn window(from: &str, to: &str, last: &str) -> Value {
    json!({
        "filterGroups": [{ "filters": [
            { "propertyName": "lastmodifieddate", "operator": "GTE", "value": from },
            { "propertyName": "lastmodifieddate", "operator": "LTE", "value": to },
            { "propertyName": "hs_object_id", "operator": "GT", "value": last },
        ] }],
        "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
        "limit": 200,
    })
}

#[test]
fn a_walk_by_keyset_finds_each_row_once() {
    let hub = Hub::empty();
    fill(&hub, &json!({ "contacts": 1_000, "step_ms": 0 }));
    let (mut seen, mut last) = (Vec::new(), "0".to_owned());
    loop {
        let (status, body) = hub.post(
            &format!("{CONTACTS}/search"),
            &window("0", "9999999999999", &last),
        );
        assert_eq!(status, 200, "{body}");
        let page = ids(&body);
        assert_eq!(body["total"], 1_000 - seen.len());
        let Some(end) = page.last() else { break };
        last = (*end).to_owned();
        seen.extend(page.into_iter().map(str::to_owned));
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), sorted), (1_000, seen));
}

#[test]
fn an_index_that_lags_is_searched_by_what_rows_were() {
    let hub = Hub::empty();
    fill(&hub, &json!({ "contacts": 10 }));
    hub.0
        .configure(&json!({ "search_lag_ms": 60_000 }))
        .unwrap();
    let first =
        records(&hub, &[("object", "contacts"), ("limit", "1")]).unwrap()["records"][0].clone();
    let id = first["id"].as_str().unwrap();
    hub.move_clock(5_000);
    hub.patch(&format!("{CONTACTS}/{id}"), &json!({ "phone": "1" }));
    let changed = hub.value(CONTACTS, id, "lastmodifieddate");
    let total = |from: &Value, to: &str| {
        let search = window(from.as_str().unwrap(), to, "0");
        hub.post(&format!("{CONTACTS}/search"), &search).1["total"].clone()
    };
    assert_eq!(total(&changed, "9999999999999"), 0);
    assert_eq!(total(&json!("0"), "9999999999999"), 10);
    hub.move_clock(70_000);
    assert_eq!(total(&changed, "9999999999999"), 1);
    assert_eq!(total(&json!("0"), "9999999999999"), 10);
}

#[test]
fn a_page_costs_no_more_among_many_rows() {
    let (few, many) = (Hub::empty(), Hub::empty());
    fill(&few, &json!({ "contacts": 1_000 }));
    fill(&many, &json!({ "contacts": 20_000 }));
    // A list goes on after the last row of any page.
    let middle = |hub: &Hub| {
        let total = records(hub, &[("object", "contacts"), ("limit", "1")]).unwrap();
        let first: u64 = total["records"][0]["id"].as_str().unwrap().parse().unwrap();
        first + total["total"].as_u64().unwrap() / 2
    };
    let list = |hub: &Hub| {
        let target = format!("{CONTACTS}?limit=100&after={}", middle(hub));
        best(5, || assert_eq!(ids(&hub.get(&target).1).len(), 100))
    };
    let archived = |hub: &Hub| {
        let target = format!("{CONTACTS}?limit=100&archived=true");
        best(5, || assert_eq!(hub.get(&target).0, 200))
    };
    let search = |hub: &Hub| {
        // The newest two hundred by time, as an incremental read asks for them.
        let page = records(hub, &[("object", "contacts"), ("limit", "10000")]).unwrap();
        let end = page["next"].as_str().unwrap_or("0");
        let tail = records(
            hub,
            &[("object", "contacts"), ("limit", "10000"), ("after", end)],
        )
        .unwrap();
        let rows = if end == "0" { &page } else { &tail };
        let rows = rows["records"].as_array().unwrap();
        let from = rows[rows.len() - 200]["updated_at"].as_str().unwrap();
        let search = window(from, "9999999999999", "0");
        best(5, || {
            assert_eq!(
                hub.post(&format!("{CONTACTS}/search"), &search).1["total"],
                200
            );
        })
    };
    for (name, few, many) in [
        ("list", list(&few), list(&many)),
        ("archived", archived(&few), archived(&many)),
        ("search", search(&few), search(&many)),
    ] {
        println!("{name}: {few:?} among 1,000, {many:?} among 20,000");
        // Twenty times the rows; a page that looked at all of them would take about as many times as long.
        assert!(
            many < few * 5 + Duration::from_millis(2),
            "{name}: {few:?} and {many:?}"
        );
    }
    // A window over everything is counted in whole numbers: less than a millisecond for a thousand rows, unoptimized.
    let all = window("0", "9999999999999", "0");
    let whole = best(5, || {
        assert_eq!(
            many.post(&format!("{CONTACTS}/search"), &all).1["total"],
            20_000
        );
    });
    println!("a window over all: {whole:?}");
    assert!(whole < Duration::from_millis(100), "{whole:?}");
}
