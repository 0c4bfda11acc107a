//! Objects and fields that are made with any names and labels: what is made is what was asked for, and nothing else.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    played::{Outcome, PROVIDERS, Played},
    values::{cases, text},
};

const OBJECTS: &str = "/unified/crm/metadata/objects";

/// An object with one field beside its name.
fn object(name: &str, id: &str, words: &[String; 4]) -> Value {
    let [label, description, option, singular] = words;
    json!({"name": name, "description": description, "labels": {"singular": singular, "plural": "Many"}, "primary_field_id": "title", "fields": [
        {"id": "title", "label": "Title", "type": "text"},
        {"id": id, "label": label, "type": "picklist", "description": description, "options": [{"label": option, "value": "a"}, {"label": "B", "value": "b"}]}]})
}

/// A refusal blames the caller, with a reason.
fn refused(outcome: Outcome) -> Result<Option<Value>, TestCaseError> {
    match outcome {
        Ok(answer) => Ok(Some(answer)),
        Err(refusal) => {
            let reason = refusal.body["message"].as_str().unwrap_or_default();
            prop_assert_eq!(refusal.status, 400, "{}", reason);
            prop_assert!(!reason.is_empty());
            Ok(None)
        }
    }
}

fn read(played: &Played, target: &str) -> Vec<Value> {
    let list = played.call(&Method::GET, target, &Value::Null).unwrap();
    list.as_array().unwrap().clone()
}

/// The name that a provider has an object or a field by.
fn native(played: &Played, id: &str) -> String {
    if played.is_hubspot() || id.ends_with("__c") {
        id.to_owned()
    } else {
        format!("{id}__c")
    }
}

/// The label that a provider keeps: Salesforce takes spaces around it away.
fn label(played: &Played, label: &str) -> Value {
    json!(if played.is_hubspot() {
        label
    } else {
        label.trim()
    })
}

fn custom(properties: &[Value], played: &Played) -> usize {
    let own = |property: &&Value| {
        let raw = &property["raw_details"];
        raw["custom"] == true || played.is_hubspot() && raw["hubspotDefined"] == false
    };
    properties.iter().filter(own).count()
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_label_is_read_as_it_was_written(words in [text(), text(), text(), text()]) {
        for name in PROVIDERS {
            let played = Played::new(name);
            let body = object("thing", "colour", &words);
            let before = read(&played, OBJECTS).len();
            let made = refused(played.call(&Method::POST, OBJECTS, &body))?;
            let count = usize::from(made.is_some());
            prop_assert_eq!(read(&played, OBJECTS).len(), before + count, "{}", name);
            if made.is_none() {
                continue;
            }
            let properties = read(&played, &format!("{OBJECTS}/thing/properties"));
            let id = native(&played, "colour");
            let property = properties.iter().find(|property| property["id"] == *id).unwrap();
            prop_assert_eq!(&property["label"], &label(&played, &words[0]), "{}", name);
            let option = match label(&played, &words[2]) {
                // An option without a label has its value for one.
                Value::String(empty) if empty.is_empty() && !played.is_hubspot() => json!("a"),
                label => label,
            };
            let options = if played.is_hubspot() { "options" } else { "picklistValues" };
            let options = &property["raw_details"][options];
            prop_assert_eq!(options.as_array().unwrap().len(), 2);
            prop_assert_eq!(&options[0]["label"], &option, "{}", name);
            // HubSpot's name is a field like others.
            prop_assert_eq!(custom(&properties, &played), 1 + usize::from(played.is_hubspot()));
        }
    }

    #[test]
    fn any_name_is_the_name_or_refused(object_name in text(), id in text()) {
        let words = ["L", "D", "O", "S"].map(str::to_owned);
        for provider in PROVIDERS {
            for (name, id) in [(object_name.as_str(), "colour"), ("thing", id.as_str())] {
                let played = Played::new(provider);
                let before = read(&played, OBJECTS);
                let made = refused(played.call(&Method::POST, OBJECTS, &object(name, id, &words)))?;
                let after = read(&played, OBJECTS);
                let Some(made) = made else {
                    prop_assert_eq!(after, before, "{}", provider);
                    continue;
                };
                prop_assert_eq!(after.len(), before.len() + 1, "{}", provider);
                if !played.is_hubspot() {
                    prop_assert_eq!(&made["id"], &json!(native(&played, name)));
                }
                let known = made["id"].as_str().unwrap();
                let properties = read(&played, &format!("{OBJECTS}/{known}/properties"));
                let id = native(&played, id);
                prop_assert!(properties.iter().any(|property| property["id"] == *id), "{}", provider);
                prop_assert_eq!(custom(&properties, &played), 1 + usize::from(played.is_hubspot()));
            }
        }
    }

    #[test]
    fn any_field_name_is_the_name_or_refused(id in text(), key in text()) {
        for provider in PROVIDERS {
            let played = Played::new(provider);
            let target = format!("{OBJECTS}/account/properties");
            let before = custom(&read(&played, &target), &played);
            let body = json!({"id": id, "label": "L", "type": "text"});
            let made = refused(played.call(&Method::POST, &target, &body))?;
            let after = read(&played, &target);
            prop_assert_eq!(custom(&after, &played), before + usize::from(made.is_some()), "{}", provider);
            if made.is_some() {
                let id = native(&played, &id);
                prop_assert!(after.iter().any(|property| property["id"] == *id), "{}", provider);
            }
            let link = json!({"source_object": "contact", "target_object": "account", "suggested_key_name": key, "display_name": "Linked"});
            refused(played.call(&Method::POST, "/unified/crm/metadata/associations", &link))?;
            prop_assert_eq!(custom(&read(&played, &target), &played), custom(&after, &played));
        }
    }

    #[test]
    fn an_object_that_can_be_none_costs_no_call(name in text()) {
        let is_legal = name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.len() <= 255
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC);
        for provider in PROVIDERS {
            let played = Played::new(provider);
            for target in [
                format!("/unified/crm/{encoded}/_count"),
                format!("/unified/crm/custom_objects/{encoded}"),
                format!("/unified/crm/metadata/objects/{encoded}/properties"),
            ] {
                let Err(refusal) = played.call(&Method::GET, &target, &Value::Null) else {
                    prop_assert!(is_legal, "{}", target);
                    continue;
                };
                if is_legal {
                    prop_assert_eq!(refusal.status, 404, "{}", target);
                } else {
                    prop_assert!([400, 404].contains(&refusal.status), "{}", target);
                    prop_assert_eq!(played.calls(), 0, "{}", target);
                }
            }
        }
    }
}
