//! Batch reads of as many ids as may be asked for.

use crosswalk_tests::{Contract, Demo};
use serde_json::{Value, json};

use crate::{
    CONNECTIONS,
    natives::{create_contacts, empty},
};

/// The most ids of one call.
const MOST: usize = 10_000;

fn batch_read(demo: &Demo, connection: &str, ids: &[String]) -> crosswalk_tests::Answer {
    let body = json!({"ids": ids, "properties": []});
    let target = "/unified/crm/contact/_batch_read";
    demo.call(connection, "POST", target, Some(&body))
}

#[test]
fn ten_thousand_ids_are_answered_in_the_order_asked() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let is_hubspot = connection.starts_with("hubspot");
        empty(&demo, connection, &json!({}));
        let known = create_contacts(&demo, connection, 2_500);
        let unknown = if is_hubspot {
            "999999999999"
        } else {
            "0035g0000000zzzAAA"
        };
        // Backwards, with a duplicate, an unknown id, no id at all, and a short form mixed in.
        let mut ids = Vec::new();
        let mut expected = Vec::new();
        for id in known.iter().rev() {
            let short = if is_hubspot { id } else { &id[..15].to_owned() };
            ids.extend([
                id.clone(),
                unknown.to_owned(),
                "no/id".to_owned(),
                short.clone(),
            ]);
            expected.extend([id.clone(), id.clone()]);
        }
        assert_eq!(ids.len(), MOST);
        demo.native_calls(connection);
        let answer = batch_read(&demo, connection, &ids);
        assert_eq!(answer.status, 200, "{connection}: {}", answer.text);
        let items = answer.body.as_array().unwrap();
        let found: Vec<&str> = items
            .iter()
            .map(|item| item["id"].as_str().unwrap())
            .collect();
        assert!(found == expected, "{connection}: {} found", found.len());
        // Each id is asked for once, in batches of the provider's size.
        let calls = demo.native_calls(connection);
        let most = if is_hubspot { 100 } else { 2_000 };
        assert_eq!(calls.len(), (2_500_usize + 1).div_ceil(most), "{calls:?}");
        let some = Value::Array(items[..50].to_vec());
        let faults = Contract::load().faults("crm.contact.batch_read", 200, &some);
        assert!(faults.is_empty(), "{faults:?}");
    }
}

#[test]
fn an_id_too_many_is_refused_with_the_limit() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let ids = vec!["1".to_owned(); MOST + 1];
        let answer = batch_read(&demo, connection, &ids);
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(
            answer.body["issues"],
            json!([{"message": "expected at most 10000 ids, found 10001", "path": "body.ids"}])
        );
        let none = batch_read(&demo, connection, &[]);
        assert_eq!((none.status, &none.body), (200, &json!([])));
    }
}
