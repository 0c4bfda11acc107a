//! Values that records are matched by: whatever they are, one value is one record, and none means anything else.

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    played::{PROVIDERS, Played},
    scenario::taken,
    values::{cases, email, website},
};

const CASES: u32 = 64;

/// A record that no value of the tests matches, and that no call may touch.
fn bystander(played: &Played, entity: &str) -> Value {
    let record = if entity == "account" {
        json!({"name": "Bystander", "website": "bystander.test"})
    } else {
        json!({"last_name": "Bystander", "email": "bystander@bystander.test"})
    };
    let target = format!("/unified/crm/{entity}");
    let created = played.call(&Method::POST, &target, &json!({ "record": record }));
    created.unwrap()["record"].clone()
}

fn records(played: &Played, entity: &str) -> Vec<Value> {
    let target = format!("/unified/crm/{entity}?sync_mode=full");
    let page = played.call(&Method::GET, &target, &Value::Null).unwrap();
    page["items"].as_array().unwrap().clone()
}

/// Upserts by the values twice: both times the same record, made by the first, and the bystander is as it was.
fn upserts(
    played: &Played,
    entity: &str,
    key: &str,
    values: &[String],
) -> Result<(), TestCaseError> {
    let before = bystander(played, entity);
    let name = if entity == "account" {
        "name"
    } else {
        "last_name"
    };
    let target = format!("/unified/crm/{entity}/_upsert");
    let upsert = |called: &str| {
        let on = json!({"key": key, "values": values});
        let body = json!({"upsert_on": on, "record": { name: called }});
        taken(played.call(&Method::POST, &target, &body))
    };
    let first = upsert("First")?;
    let second = upsert("Second")?;
    prop_assert_eq!(
        first.is_some(),
        second.is_some(),
        "{} {:?}",
        played.name,
        values
    );
    let after = records(played, entity);
    prop_assert!(after.contains(&before), "{:?} touches no other", values);
    let Some((first, second)) = first.zip(second) else {
        prop_assert_eq!(
            after.len(),
            1,
            "{} {:?}: nothing is made",
            played.name,
            values
        );
        return Ok(());
    };
    prop_assert_eq!(after.len(), 2, "{} {:?}", played.name, values);
    prop_assert_eq!(&first["record"]["id"], &second["record"]["id"]);
    prop_assert_eq!(&second["record"][name], "Second");
    // The record has the key that it was made for.
    if key != "domain" {
        let kept = first["record"][key].as_str().unwrap_or_default();
        let asked = values[0].trim();
        prop_assert!(
            kept.eq_ignore_ascii_case(asked) || kept == asked.to_lowercase(),
            "{}: {:?} became {:?}",
            played.name,
            asked,
            kept
        );
    }
    Ok(())
}

#[test]
fn one_email_is_one_contact_whatever_it_is() {
    for name in PROVIDERS {
        proptest!(cases(CASES), |(values in prop::collection::vec(email(), 1..3))| {
            upserts(&Played::new(name), "contact", "email", &values)?;
        });
    }
}

#[test]
fn one_website_is_one_account_whatever_it_is() {
    for name in PROVIDERS {
        proptest!(cases(CASES), |(values in prop::collection::vec(website(), 1..3))| {
            upserts(&Played::new(name), "account", "website", &values)?;
        });
    }
}

#[test]
fn one_domain_is_one_account_whatever_it_is() {
    proptest!(cases(CASES), |(values in prop::collection::vec(website(), 1..3))| {
        upserts(&Played::new("hubspot"), "account", "domain", &values)?;
    });
}

/// What the provider would put in place of the reference is the id of the record that is being written.
/// Covers: reference-in-value
#[test]
fn no_text_is_read_as_a_reference_to_an_answer() {
    let played = Played::new("salesforce");
    let refused = |target: &str, body: &Value| {
        let refusal = played.call(&Method::POST, target, body).unwrap_err();
        assert_eq!(refusal.status, 400, "{refusal:?}");
        // By us: no provider is asked what it makes of it.
        let message = refusal.body["issues"][0]["message"].as_str().unwrap();
        assert!(message.contains("without `@{`"), "{message}");
    };
    for value in ["x@{write.id}.example", "@{write.id}@x.example"] {
        let on = json!({"key": "email", "values": [value]});
        let body = json!({"upsert_on": on, "record": {"last_name": "L"}});
        refused("/unified/crm/contact/_upsert", &body);
    }
    let on = json!({"key": "website", "values": ["x.example/@{write.id}"]});
    let body = json!({"upsert_on": on, "record": {"name": "N"}});
    refused("/unified/crm/account/_upsert", &body);
    let body = json!({"record": {"name": "N", "passthrough_fields": {"Site": "@{write.id}"}}});
    refused("/unified/crm/account", &body);
    assert_eq!(records(&played, "account"), Vec::<Value>::new());
    assert_eq!(records(&played, "contact"), Vec::<Value>::new());
}

/// A query stands in the address of its call, where each of these characters has twelve.
#[test]
fn as_many_values_as_may_be_asked_for_fit_into_calls() {
    for name in PROVIDERS {
        for (entity, key, record) in [
            ("account", "website", json!({"name": "N"})),
            ("contact", "email", json!({"last_name": "L"})),
        ] {
            for character in ["x", "é", "😀", "'"] {
                let text = character.repeat(40);
                let value = |number: usize| {
                    if key == "email" {
                        format!("{text}{number}@many.example")
                    } else {
                        format!("many.example/{text}{number}")
                    }
                };
                let values: Vec<String> = (0..100).map(value).collect();
                let played = Played::new(name);
                let on = json!({"key": key, "values": values});
                let body = json!({"upsert_on": on, "record": record});
                let target = format!("/unified/crm/{entity}/_upsert");
                let upserted = played.call(&Method::POST, &target, &body);
                let upserted = upserted
                    .unwrap_or_else(|refusal| panic!("{name} {key} {character}: {refusal:?}"));
                assert_eq!(upserted["record"][key], values[0]);
                // Any of them finds it.
                let again = played.call(&Method::POST, &target, &body).unwrap();
                assert_eq!(again["record"]["id"], upserted["record"]["id"]);
            }
        }
    }
}
