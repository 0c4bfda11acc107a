use std::cell::Cell;

use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::{
    played::{PROVIDERS, Played},
    scenario::{Scenario, Verdict},
    values::{cases, email, text},
};

const CASES: u32 = 64;

/// A contact with one to all of its fields.
fn contact() -> impl Strategy<Value = Map<String, Value>> {
    let field = || prop::option::weighted(0.6, text());
    // A name that is short and plain more often than not, so that not every contact is refused.
    let last_name = prop_oneof![2 => "[A-Za-z']{1,12}".prop_map(Some), 1 => field()];
    let email = prop::option::weighted(0.6, email());
    (field(), last_name, email, field()).prop_map(|(first_name, last_name, email, phone)| {
        let fields = [
            ("first_name", first_name),
            ("last_name", last_name),
            ("email", email),
            ("phone", phone),
        ];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))))
            .collect()
    })
}

/// An empty text is none; `HubSpot` keeps addresses in lower case (`hubspot.md` §5.3).
fn expected(played: &Played, name: &str, value: &Value) -> Value {
    match value.as_str() {
        None | Some("") => Value::Null,
        Some(text) if name == "email" && played.is_hubspot() => text.to_lowercase().into(),
        Some(text) => text.into(),
    }
}

/// Covers: names-land, write-answer-whole
#[test]
fn any_contact_is_read_as_it_was_written_or_refused() {
    for name in PROVIDERS {
        let taken = Cell::new(0);
        let config = cases(CASES);
        proptest!(config, |(written in contact(), changed in contact())| {
            let played = Played::new(name);
            let scenario = Scenario { played: &played, entity: "contact", key: "email", expected };
            if scenario.play(&written, &changed)? == Verdict::Taken {
                taken.set(taken.get() + 1);
            }
        });
        assert!(
            taken.get() > CASES / 8,
            "{name} took {} records",
            taken.get()
        );
    }
}
