//! What only another client can write, as it is read.

use std::cell::Cell;

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    played::{PROVIDERS, Played},
    values::{cases, text},
};

const CASES: u32 = 64;

/// A lead and an opportunity of another client's, where the provider takes them: their ids.
fn made(played: &Played, text: &str, entity: &str) -> Option<String> {
    let create = |object: &str, hubspot: Value, salesforce: Value| {
        let (path, body) = if played.is_hubspot() {
            (format!("/crm/v3/objects/{object}"), hubspot)
        } else {
            (
                format!("/services/data/v59.0/sobjects/{object}"),
                salesforce,
            )
        };
        let (status, body) = played.other(&Method::POST, &path, &body);
        (status == 201).then(|| body["id"].as_str().unwrap().to_owned())
    };
    match (entity, played.is_hubspot()) {
        ("lead", true) => {
            let person = json!({"properties": {"lastname": text, "jobtitle": text}});
            let contact = create("contacts", person, Value::Null)?;
            let ty = json!({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578});
            let link = json!([{"to": {"id": contact}, "types": [ty]}]);
            let lead = json!({"properties": {"hs_lead_name": text}, "associations": link});
            create("leads", lead, Value::Null)
        }
        ("lead", false) => {
            let lead = json!({"LastName": text, "Title": text, "Company": "C"});
            create("Lead", Value::Null, lead)
        }
        (_, true) => {
            let deal = json!({"dealname": text, "description": text, "dealstage": "appointmentscheduled", "pipeline": "default"});
            create("deals", json!({ "properties": deal }), Value::Null)
        }
        (_, false) => {
            let deal = json!({"Name": text, "Description": text, "StageName": "Prospecting", "CloseDate": "2026-01-31"});
            create("Opportunity", Value::Null, deal)
        }
    }
}

#[test]
fn any_text_of_another_client_is_read_unchanged() {
    for name in PROVIDERS {
        for (entity, fields) in [
            ("lead", ["last_name", "title"]),
            ("opportunity", ["name", "description"]),
        ] {
            let count = Cell::new(0);
            proptest!(cases(CASES), |(text in text())| {
                let played = Played::new(name);
                let Some(id) = made(&played, &text, entity) else {
                    return Ok(());
                };
                count.set(count.get() + 1);
                let read = |rest: &str| {
                    let target = format!("/unified/crm/{entity}{rest}");
                    played.call(&Method::GET, &target, &Value::Null).unwrap()
                };
                let got = read(&format!("/{id}"));
                for field in fields {
                    let told = got["record"][field].as_str().unwrap_or_default();
                    prop_assert_eq!(told, &text, "{} {} {}", name, entity, field);
                }
                for list in ["?sync_mode=full", ""] {
                    prop_assert_eq!(&read(list)["items"], &json!([got["record"]]));
                }
            });
            assert!(
                count.get() > CASES / 8,
                "{name} took {} {entity}",
                count.get()
            );
        }
    }
}
