//! Many rows: made at once, queried at a price that hangs on the page, and dumped.

use std::time::{Duration, Instant};

use super::*;

fn fill(org: &Salesforce, body: &Value) -> Value {
    org.command("fill", body).unwrap().unwrap()
}

fn records(org: &Salesforce, asked: &[(&str, &str)]) -> Result<Value, String> {
    let asked: Vec<_> = asked
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    org.look("records", &asked).unwrap()
}

fn found(org: &Salesforce, soql: &str) -> Vec<Value> {
    let (status, page) = ask(org, soql);
    assert_eq!(status, 200, "{soql}: {page}");
    page["records"].as_array().unwrap().clone()
}

/// How long it took at best: other work on the machine only adds to it.
fn best(mut page: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        page();
        best = best.min(start.elapsed());
    }
    best
}

#[test]
fn a_fill_is_deterministic_and_its_rows_are_like_others() {
    let (org, other) = (empty(), empty());
    let order = json!({"contacts": 30, "companies": 7, "linked": true});
    let made = fill(&org, &order);
    assert_eq!(
        (&made["contacts"]["made"], &made["accounts"]["made"]),
        (&json!(30), &json!(7))
    );
    assert_eq!(fill(&other, &order), made);
    let people = |org: &Salesforce| found(org, "SELECT Name, Email, AccountId FROM Contact");
    let shown = people(&org);
    assert_eq!(shown, people(&other));
    assert_eq!(shown.len(), 30);
    // The first one was written by the rules, the last one was copied.
    let by_hand = create(&org, "Contact", &json!({"LastName": "X"}));
    let names = |id: &str| {
        let (_, row) = call(
            &org,
            "GET",
            &format!("/sobjects/Contact/{id}"),
            &Value::Null,
        );
        let row = row.as_object().unwrap().clone();
        assert_eq!(row["OwnerId"], State::user_id());
        row.into_iter()
            .filter(|(_, value)| value.is_boolean())
            .collect::<Vec<_>>()
    };
    let last = made["contacts"]["last"].as_str().unwrap();
    assert_eq!(names(last), names(&by_hand));
    assert_eq!(
        found(
            &org,
            &format!("SELECT Id FROM Contact WHERE Id = '{last}' AND Account.Name != null")
        )
        .len(),
        1
    );
    fill(&org, &json!({"contacts": 30}));
    assert_eq!(ask(&org, "SELECT COUNT() FROM Contact").1["totalSize"], 61);
    for wrong in [
        json!({"contact": 1}),
        json!({"contacts": 3_000_000}),
        json!({"contacts": 1, "linked": true}),
    ] {
        assert!(org.command("fill", &wrong).unwrap().is_err(), "{wrong}");
    }
}

#[test]
fn a_dump_has_every_row_once_with_its_end() {
    let org = empty();
    let made = fill(&org, &json!({"contacts": 25}));
    let first = made["contacts"]["first"].as_str().unwrap();
    call(
        &org,
        "DELETE",
        &format!("/sobjects/Contact/{first}"),
        &Value::Null,
    );
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let mut asked = vec![("object", "contacts"), ("limit", "10"), ("fields", "Email")];
        if !after.is_empty() {
            asked.push(("after", &after));
        }
        let page = records(&org, &asked).unwrap();
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
    let id = seen[24]["id"].as_str().unwrap();
    let row = &found(
        &org,
        &format!("SELECT SystemModstamp, Email FROM Contact WHERE Id = '{id}'"),
    )[0];
    assert_eq!(seen[24]["updated_at"], row["SystemModstamp"]);
    assert_eq!(seen[24]["fields"], json!({"Email": row["Email"]}));
    assert_eq!(records(&org, &[("object", "account")]).unwrap()["total"], 0);
    for wrong in [
        vec![],
        vec![("object", "x")],
        vec![("object", "Contact"), ("limit", "0")],
    ] {
        assert!(records(&org, &wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_churn_changes_what_its_seed_says() {
    let (org, other) = (empty(), empty());
    let churn = |org: &Salesforce| {
        fill(org, &json!({"contacts": 50, "accounts": 4}));
        org.configure(&json!({"clock_offset_ms": 5_000})).unwrap();
        let order = json!({"creates": 3, "updates": 5, "deletes": 2, "seed": 7});
        org.command("churn", &order).unwrap().unwrap()
    };
    let told = churn(&org);
    assert_eq!(told, churn(&other));
    let named = |kind: &str| told[kind].as_array().unwrap().clone();
    let counts = ["created", "updated", "deleted"].map(|kind| named(kind).len());
    assert_eq!(counts, [3, 5, 2]);
    let page = records(&org, &[("object", "contacts")]).unwrap();
    let rows = page["records"].as_array().unwrap();
    assert_eq!(rows.len(), 53);
    for row in rows {
        let is_touched = row["created_at"] != row["updated_at"];
        let (updated, deleted) = (
            named("updated").contains(&row["id"]),
            named("deleted").contains(&row["id"]),
        );
        assert_eq!(
            (deleted, updated || deleted),
            (row["deleted"] == true, is_touched),
            "{row}"
        );
    }
    let moved = org
        .command("churn", &json!({"object": "accounts", "updates": 9}))
        .unwrap()
        .unwrap();
    assert_eq!(moved["updated"].as_array().unwrap().len(), 4);
    assert!(
        org.command("churn", &json!({"object": "deals"}))
            .unwrap()
            .is_err()
    );
}

#[test]
fn what_is_not_looked_at_would_not_have_fitted() {
    let org = empty();
    fill(&org, &json!({"contacts": 120, "step_ms": 250}));
    let all = found(
        &org,
        "SELECT Id, SystemModstamp FROM Contact ORDER BY SystemModstamp, Id",
    );
    let stamp = |at: usize| {
        all[at]["SystemModstamp"]
            .as_str()
            .unwrap()
            .replace("+0000", "Z")
    };
    let id = |at: usize| all[at]["Id"].as_str().unwrap().to_owned();
    let (low, high, middle) = (stamp(30), stamp(90), id(60));
    // `NOT` of the opposite says the same, and no stretch is read off it.
    let same = [
        (
            format!("SystemModstamp >= {low}"),
            format!("(NOT SystemModstamp < {low})"),
        ),
        (
            format!("SystemModstamp <= {high}"),
            format!("(NOT SystemModstamp > {high})"),
        ),
        (
            format!("SystemModstamp > {low}"),
            format!("(NOT SystemModstamp <= {low})"),
        ),
        (
            format!("SystemModstamp = {low}"),
            format!("(NOT SystemModstamp != {low})"),
        ),
        (
            format!("Id > '{middle}'"),
            format!("(NOT Id <= '{middle}')"),
        ),
        (
            format!("Id IN ('{}', '{}')", id(3), id(99)),
            format!("(NOT Id NOT IN ('{}', '{}'))", id(3), id(99)),
        ),
        (
            format!("(SystemModstamp > {low} OR (SystemModstamp = {low} AND Id > '{middle}'))"),
            format!(
                "(NOT (SystemModstamp < {low} OR (SystemModstamp = {low} AND Id <= '{middle}')))"
            ),
        ),
    ];
    let mut compared = 0;
    for (one, one_same) in &same {
        for (other, other_same) in &same {
            for end in [
                "",
                " ORDER BY Id LIMIT 20",
                " ORDER BY Id DESC",
                " ORDER BY SystemModstamp, Id LIMIT 17 OFFSET 3",
                " ORDER BY SystemModstamp DESC",
                " ORDER BY LastName, Id",
            ] {
                let ids = |one: &str, other: &str| {
                    found(
                        &org,
                        &format!("SELECT Id FROM Contact WHERE {one} AND {other}{end}"),
                    )
                };
                let fitting = ids(one, other);
                assert_eq!(fitting, ids(one_same, other_same), "{one} AND {other}{end}");
                compared += fitting.len();
            }
        }
    }
    assert!(compared > 1_000, "{compared}");
    // A stretch that has no end before its beginning is empty.
    assert!(
        found(
            &org,
            &format!(
                "SELECT Id FROM Contact WHERE SystemModstamp > {high} AND SystemModstamp < {low}"
            )
        )
        .is_empty()
    );
}

#[test]
fn a_change_moves_a_row_in_time() {
    let org = empty();
    let made = fill(&org, &json!({"contacts": 10, "step_ms": 60_000}));
    let id = made["contacts"]["first"].as_str().unwrap();
    let now = org.now().replace("+0000", "Z");
    let newest =
        format!("SELECT Id FROM Contact WHERE SystemModstamp >= {now} ORDER BY SystemModstamp, Id");
    let before = found(&org, &newest).len();
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/sobjects/Contact/{id}"),
            &json!({"Phone": "1"})
        )
        .0,
        204
    );
    let after = found(&org, &newest);
    assert_eq!(after.len(), before + 1);
    assert!(after.iter().any(|row| row["Id"] == id));
    // With commits that come late the row is seen as it was.
    org.configure(&json!({"commit_lag_seconds": 60})).unwrap();
    let second =
        found(&org, "SELECT Id FROM Contact ORDER BY Id LIMIT 1 OFFSET 1")[0]["Id"].clone();
    let second = second.as_str().unwrap();
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/sobjects/Contact/{second}"),
            &json!({"Phone": "2"})
        )
        .0,
        204
    );
    assert!(!found(&org, &newest).iter().any(|row| row["Id"] == second));
    assert_eq!(
        found(
            &org,
            "SELECT Id FROM Contact WHERE SystemModstamp > 2000-01-01T00:00:00Z"
        )
        .len(),
        10
    );
}

#[test]
fn a_page_costs_no_more_among_many_rows() {
    let (few, many) = (empty(), empty());
    fill(&few, &json!({"contacts": 1_000, "step_ms": 100}));
    fill(&many, &json!({"contacts": 20_000, "step_ms": 100}));
    let list = |org: &Salesforce| {
        let middle =
            records(org, &[("object", "Contact"), ("limit", "300")]).unwrap()["next"].clone();
        let soql = format!(
            "SELECT Id, Name, Email FROM Contact WHERE Id > {middle} ORDER BY Id ASC LIMIT 201"
        )
        .replace('"', "'");
        best(|| assert_eq!(found(org, &soql).len(), 201))
    };
    let newest = |org: &Salesforce, order: &str| {
        let now = org.clock.now_ms();
        let from = jiff::Timestamp::from_millisecond(now - 20_000).unwrap();
        let soql = format!(
            "SELECT Id, Name, Email FROM Contact WHERE SystemModstamp >= {from} ORDER BY {order} LIMIT 100"
        );
        best(|| assert_eq!(found(org, &soql).len(), 100))
    };
    for (name, few, many) in [
        ("list", list(&few), list(&many)),
        ("newest by id", newest(&few, "Id"), newest(&many, "Id")),
        (
            "newest by time",
            newest(&few, "SystemModstamp, Id"),
            newest(&many, "SystemModstamp, Id"),
        ),
    ] {
        println!("{name}: {few:?} among 1,000, {many:?} among 20,000");
        // Twenty times the rows; a query that looked at all of them would take about as many times as long.
        assert!(
            many < few * 5 + Duration::from_millis(2),
            "{name}: {few:?} and {many:?}"
        );
    }
}
