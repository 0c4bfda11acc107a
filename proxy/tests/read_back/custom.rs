use std::cell::Cell;

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    played::{PROVIDERS, Played},
    scenario::taken,
    values::{cases, text},
};

const CASES: u32 = 64;

/// An object with a short and a long text of the customer's: the path of its lists, its fields, and where they are read.
fn customized(played: &Played) -> (&'static str, [&'static str; 3], &'static str) {
    if !played.is_hubspot() {
        let fields = json!([
            {"name": "Memo__c", "type": "string"},
            {"name": "Long__c", "type": "textarea", "length": 32_000},
        ]);
        played.configure(&json!({"custom_fields": {"Account": fields}}));
        return (
            "/unified/crm/custom_objects/Account",
            ["Name", "Memo__c", "Long__c"],
            "",
        );
    }
    let text =
        |name, kind| json!({"name": name, "label": name, "type": "string", "fieldType": kind});
    let schema = json!({
        "name": "memo", "labels": {"singular": "Memo", "plural": "Memos"}, "primaryDisplayProperty": "title",
        "requiredProperties": ["title"], "searchableProperties": ["title"], "secondaryDisplayProperties": [],
        "properties": [text("title", "text"), text("memo", "text"), text("long", "textarea")], "associatedObjects": [],
    });
    let (status, made) = played.other(&Method::POST, "/crm-object-schemas/v3/schemas", &schema);
    assert_eq!(status, 201, "{made}");
    (
        "/unified/crm/custom_objects/memo",
        ["title", "memo", "long"],
        "/properties",
    )
}

#[test]
fn any_custom_record_is_listed_as_it_was_written_or_refused() {
    for name in PROVIDERS {
        let count = Cell::new(0);
        let title = prop_oneof![1 => text(), 2 => "[A-Za-z']{1,12}"];
        proptest!(cases(CASES), |(title in title, memo in text(), long in text())| {
            let played = Played::new(name);
            let (path, fields, place) = customized(&played);
            let values = [&title, &memo, &long];
            let record: serde_json::Map<String, Value> = fields
                .iter()
                .zip(values)
                .map(|(field, value)| ((*field).to_owned(), json!(value)))
                .collect();
            let body = json!({ "record": record });
            let Some(created) = taken(played.call(&Method::POST, path, &body))? else {
                return Ok(());
            };
            count.set(count.get() + 1);
            for query in ["?sync_mode=full", ""] {
                let page = played.call(&Method::GET, &format!("{path}{query}"), &Value::Null).unwrap();
                prop_assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
                for answer in [&created["record"], &page["items"][0]] {
                    let read = answer["raw_data"].pointer(place).unwrap();
                    for (field, value) in fields.iter().zip(values) {
                        let told = read[*field].as_str().unwrap_or_default();
                        prop_assert_eq!(told, value, "{} {}", name, field);
                    }
                }
            }
        });
        assert!(count.get() > CASES / 8, "{name} took {}", count.get());
    }
}
