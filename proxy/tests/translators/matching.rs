//! Which record an upsert takes, and when it takes none.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    conversation::Conversation,
    hubspot::{company, contact},
};

fn account(key: &str, value: &str) -> Conversation {
    let body =
        json!({"upsert_on": {"key": key, "values": [value]}, "record": {"description": "Anvils"}});
    Conversation::new("hubspot", "crm.account.upsert").body(&body)
}

fn row(id: &str, website: &str, domain: &str) -> Value {
    json!({"id": id, "properties": {"domain": domain, "website": website}})
}

fn rows(rows: &[Value]) -> Value {
    json!({"total": rows.len(), "results": rows})
}

fn page(rows: &[Value], after: &str) -> Value {
    json!({"total": 9999, "results": rows, "paging": {"next": {"after": after}}})
}

fn missing() -> Value {
    json!({"status":"error","message":"resource not found","correlationId":"c","category":"OBJECT_NOT_FOUND"})
}

/// The calls, one a line, without their bodies.
fn calls(told: &str) -> Vec<&str> {
    told.lines()
        .filter(|line| line.contains(" -> "))
        .map(|line| line.split("/2026-09/").last().unwrap_or(line))
        .collect()
}

#[test]
fn a_record_that_the_key_does_not_match_is_not_adopted() {
    let body = json!({"upsert_on": {"key": "email", "values": ["alice@corp.example"]},
        "record": {"email": "bob@corp.example", "first_name": "Alice"}});
    let exists = json!({"status":"error","message":"Contact already exists. Existing ID: 77","correlationId":"c","category":"CONFLICT"});
    let (told, answer) = Conversation::new("hubspot", "crm.contact.upsert")
        .body(&body)
        .answers(404, missing())
        .answers(409, exists)
        .run();
    assert_eq!(answer["code"], "CONFLICT");
    assert!(answer["message"].as_str().unwrap().contains("77"), "{told}");
    assert_eq!(answer["outcome"], Value::Null);
}

#[test]
fn a_row_that_the_search_found_is_read_before_it_is_written() {
    let (told, _) = account("domain", "acme.com")
        .answers(200, rows(&[row("512", "acme.com", "acme.com")]))
        .answers(200, row("512", "acme.com", "acme.com"))
        .answers(200, company())
        .answers(200, company())
        .run();
    assert_snapshot!(told.lines().take(10).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_row_that_is_no_longer_what_the_search_says_is_left_alone() {
    for (status, now) in [
        (200, row("512", "moved.example", "moved.example")),
        (404, missing()),
    ] {
        let (told, _) = account("domain", "acme.com")
            .answers(200, rows(&[row("512", "acme.com", "acme.com")]))
            .answers(status, now)
            .answers(201, company())
            .answers(200, company())
            .run();
        assert!(calls(&told)[2].starts_with("companies -> 201"), "{told}");
    }
}

#[test]
fn what_was_written_a_moment_ago_counts_more_than_its_row() {
    let (told, _) = account("domain", "acme.com")
        .recent("512")
        .answers_all(vec![
            (200, rows(&[row("512", "acme.com", "acme.com")])),
            (200, row("512", "moved.example", "moved.example")),
        ])
        .answers(201, company())
        .answers(200, company())
        .run();
    assert!(calls(&told)[2].starts_with("companies -> 201"), "{told}");
}

#[test]
fn only_a_recent_record_that_is_not_there_is_passed_over() {
    let (_, answer) = account("domain", "acme.com")
        .recent("512")
        .answers_all(vec![
            (200, rows(&[])),
            (500, json!({"status": "error", "message": "internal error"})),
        ])
        .run();
    assert_eq!(answer["code"], "BAD_GATEWAY");
    assert_eq!(answer["outcome"], Value::Null);
    let (told, _) = account("domain", "acme.com")
        .recent("512")
        .answers_all(vec![(200, rows(&[])), (404, missing())])
        .answers(201, company())
        .answers(200, company())
        .run();
    assert!(calls(&told)[2].starts_with("companies -> 201"), "{told}");
}

#[test]
fn a_search_is_read_to_its_end() {
    let (told, _) = account("website", "acme.com")
        .answers(200, page(&[row("1", "acme.com/de", "x.example")], "200"))
        .answers(200, page(&[], "400"))
        .answers(200, rows(&[row("512", "acme.com", "acme.com")]))
        .answers(200, row("512", "acme.com", "acme.com"))
        .answers(200, company())
        .answers(200, company())
        .run();
    assert!(
        calls(&told)[4].starts_with("companies/512 -> 200"),
        "{told}"
    );
    assert!(told.contains("\"after\":\"400\""), "{told}");
}

#[test]
fn a_better_match_on_a_later_page_counts() {
    let branches = [
        row("1", "acme.com/de", "acme.com"),
        row("2", "acme.com/fr", "acme.com"),
    ];
    let mut read = vec![(200, page(&branches, "200"))];
    read.extend(branches.iter().map(|branch| (200, branch.clone())));
    let (told, _) = account("website", "acme.com")
        .recent("1")
        .recent("2")
        .answers_all(read)
        .answers(200, rows(&[row("512", "acme.com", "acme.com")]))
        .answers(200, row("512", "acme.com", "acme.com"))
        .answers(200, company())
        .answers(200, company())
        .run();
    assert!(
        calls(&told)[5].starts_with("companies/512 -> 200"),
        "{told}"
    );
}

#[test]
fn a_search_without_end_is_a_conflict() {
    let mut conversation = account("website", "acme.com");
    for number in 1..=10 {
        conversation = conversation.answers(200, page(&[], &number.to_string()));
    }
    let (told, answer) = conversation.run();
    assert_eq!(answer["code"], "CONFLICT");
    assert_eq!(calls(&told).len(), 10);
}

#[test]
fn a_domain_counts_beside_another_website_where_nothing_fits_better() {
    let branch = row("600", "https://acme.com/eu", "acme.com");
    let (told, _) = account("website", "acme.com")
        .answers(200, rows(std::slice::from_ref(&branch)))
        .answers(200, branch.clone())
        .answers(200, company())
        .answers(200, company())
        .run();
    assert!(
        calls(&told)[2].starts_with("companies/600 -> 200"),
        "{told}"
    );
    let other = row("601", "https://acme.com/us", "acme.com");
    let (_, answer) = account("website", "acme.com")
        .answers(200, rows(&[branch.clone(), other.clone()]))
        .answers_all(vec![(200, branch), (200, other)])
        .run();
    assert_eq!(answer["code"], "CONFLICT");
}

/// Covers: search-lags
#[test]
fn nothing_is_created_while_an_earlier_create_is_uncertain() {
    let (_, answer) = account("website", "acme.com")
        .uncertain()
        .answers(200, rows(&[]))
        .run();
    assert_eq!(answer["code"], "SERVICE_UNAVAILABLE");
    let (told, _) = account("website", "acme.com")
        .uncertain()
        .answers(200, rows(&[row("512", "acme.com", "acme.com")]))
        .answers(200, row("512", "acme.com", "acme.com"))
        .answers(200, company())
        .answers(200, company())
        .run();
    assert!(
        calls(&told)[2].starts_with("companies/512 -> 200"),
        "{told}"
    );
}

/// Covers: partial-success
#[test]
fn a_batch_that_failed_in_part_is_an_error() {
    let entry =
        |category: &str| json!({"status":"error","category":category,"message":"oh","context":{}});
    let batch =
        |errors: Value| json!({"status":"COMPLETE","results":[],"numErrors":1,"errors":errors});
    let failed = batch(json!([entry("OBJECT_NOT_FOUND"), entry("INTERNAL_ERROR")]));
    let ids = json!({"ids": ["512"], "properties": []});
    let read = || Conversation::new("hubspot", "crm.account.batch_read").body(&ids);
    let (_, answer) = read().answers(207, failed.clone()).run();
    assert_eq!(answer["code"], "BAD_GATEWAY");
    assert_eq!(answer["provider"]["code"], "INTERNAL_ERROR");
    let (_, answer) = read()
        .answers(207, batch(json!([entry("OBJECT_NOT_FOUND")])))
        .run();
    assert_eq!(answer, json!([]));
    let (_, answer) = read()
        .answers(207, json!({"status":"COMPLETE","results":[]}))
        .run();
    assert_eq!(answer["code"], "BAD_GATEWAY");
    // The search of an upsert is such a batch as well.
    let body = json!({"upsert_on": {"key": "email", "values": ["a@x.co", "b@x.co"]}, "record": {}});
    let upsert = || Conversation::new("hubspot", "crm.contact.upsert").body(&body);
    let (_, answer) = upsert().answers(207, failed).run();
    assert_eq!(answer["code"], "BAD_GATEWAY");
    let (told, _) = upsert()
        .answers(207, batch(json!([entry("OBJECT_NOT_FOUND")])))
        .answers(201, contact())
        .answers(200, contact())
        .run();
    assert!(calls(&told)[1].starts_with("contacts -> 201"), "{told}");
}
