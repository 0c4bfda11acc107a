//! Pages that are read while they come are told as they would be as a whole.

use serde_json::{Value, json};

use crate::conversation::Conversation;

fn contacts(body: &Value) -> Conversation {
    Conversation::new("hubspot", "crm.contact.list")
        .query("sync_mode", "full")
        .query("page_size", "3")
        .answers(200, body.clone())
}

fn accounts(body: &Value) -> Conversation {
    Conversation::new("salesforce", "crm.account.list")
        .query("sync_mode", "full")
        .query("page_size", "2")
        .answers(200, body.clone())
}

fn contact(id: u32) -> Value {
    json!({
        "id": id.to_string(),
        "properties": {"firstname": "É\"\\]}", "lastname": null, "email": "a@b.example"},
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
    })
}

fn account(id: u32) -> Value {
    json!({"Id": format!("00100000000000{id}AAA"), "Name": "{[\",ü", "CreatedDate": "2026-01-01T00:00:00.000+0000", "SystemModstamp": "2026-01-01T00:00:00.000+0000"})
}

fn bodies() -> Vec<Value> {
    let rows: Vec<Value> = (1..4).map(contact).collect();
    vec![
        json!({"results": rows, "paging": {"next": {"after": "3"}}}),
        json!({"paging": {"next": {"after": "3", "link": "[{"}}, "results": rows}),
        json!({"results": [contact(1), null, contact(2)]}),
        json!({"results": []}),
    ]
}

#[test]
fn a_page_of_hubspot_is_told_the_same_in_pieces() {
    for body in bodies() {
        let whole = contacts(&body).text();
        for piece in [1, 7, 100, 10_000] {
            assert_eq!(contacts(&body).in_pieces(piece).text(), whole);
            assert_eq!(contacts(&body).in_pieces_at_once(piece).text(), whole);
        }
    }
}

#[test]
fn a_page_of_salesforce_is_cut_and_goes_on_the_same_in_pieces() {
    for count in 0..4 {
        let rows: Vec<Value> = (1..=count).map(account).collect();
        let body = json!({"totalSize": count, "done": true, "records": rows});
        let whole = accounts(&body).text();
        for piece in [1, 7, 100, 10_000] {
            assert_eq!(accounts(&body).in_pieces(piece).text(), whole, "{count}");
        }
    }
}

#[test]
fn of_records_that_come_twice_the_last_count_until_the_first_were_told() {
    let twice = format!(
        r#"{{"results":[{},{}],"paging":{{}},"results":[{}]}}"#,
        contact(1),
        contact(2),
        contact(3)
    );
    let page = || {
        Conversation::new("hubspot", "crm.contact.list")
            .query("sync_mode", "full")
            .query("page_size", "3")
    };
    let twice: &'static str = twice.leak();
    let whole = page().answers_text(200, twice).text();
    assert!(
        whole.contains(r#"{"id":"3""#) && !whole.contains(r#"{"id":"1""#),
        "{whole}"
    );
    for piece in [1, 7, 100, 10_000] {
        let at_once = page().answers_text(200, twice).in_pieces_at_once(piece);
        assert_eq!(at_once.text(), whole, "{piece}");
    }
    let error = page().answers_text(200, twice).in_pieces(100).answer();
    let message = error.unwrap_err().message;
    assert!(message.contains("records twice"), "{message}");
}

#[test]
fn what_is_no_page_as_a_whole_is_none_in_pieces() {
    for body in [
        json!({}),
        json!([]),
        json!({"results": {}}),
        json!({"results": [1]}),
        json!({"results": [contact(1), {"id": []}]}),
        json!("results"),
    ] {
        let whole = contacts(&body).answer().unwrap_err();
        for piece in [1, 7, 10_000] {
            let error = contacts(&body).in_pieces(piece).answer().unwrap_err();
            assert_eq!(
                (error.code, error.message),
                (whole.code, whole.message.clone()),
                "{body}"
            );
        }
    }
}
