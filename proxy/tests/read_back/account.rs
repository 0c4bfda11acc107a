use std::cell::Cell;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{
    played::{PROVIDERS, Played},
    scenario::{Scenario, Verdict},
    values::{cases, number, part, text, website},
};

const CASES: u32 = 64;
const PARTS: [&str; 6] = [
    "city",
    "country",
    "postal_code",
    "state",
    "street_1",
    "street_2",
];
/// Stands for an id that the provider knows.
const AN_OWNER: &str = "an owner";

/// Addresses, each type at most once: a second one is refused, which another test shows.
fn addresses() -> impl Strategy<Value = Value> {
    let address = (
        prop::sample::select(vec!["primary", "mailing", "other", "billing", "shipping"]),
        prop::collection::vec(part(), PARTS.len()),
    );
    prop::collection::vec(address, 0..3).prop_map(|addresses| {
        let mut list: Vec<Value> = Vec::new();
        for (address_type, parts) in addresses {
            if list
                .iter()
                .any(|known| known["address_type"] == address_type)
            {
                continue;
            }
            let mut address = json!({ "address_type": address_type });
            for (name, value) in PARTS.into_iter().zip(parts) {
                address[name] = value;
            }
            list.push(address);
        }
        Value::Array(list)
    })
}

fn phone_numbers() -> impl Strategy<Value = Value> {
    let number = prop_oneof!["[+0-9 ()-]{1,20}", text()];
    let types = prop::sample::subsequence(vec!["primary", "mobile", "fax", "other"], 0..3);
    (types, prop::collection::vec(number, 4)).prop_map(|(types, numbers)| {
        let phones = types.into_iter().zip(numbers).map(
            |(phone_type, number)| json!({"phone_number_type": phone_type, "phone_number": number}),
        );
        phones.collect()
    })
}

/// An account of a name and one to four further fields.
fn account() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![2 => "[A-Za-z' ]{0,12}[a-z]", 1 => text()].prop_map(Value::from);
    let industry = prop_oneof![
        prop::sample::select(vec!["COMPUTER_SOFTWARE", "Technology", "Banking"])
            .prop_map(str::to_owned),
        text()
    ];
    let stage = prop::sample::select(vec![
        "subscriber",
        "lead",
        "marketingqualifiedlead",
        "salesqualifiedlead",
        "opportunity",
        "customer",
        "evangelist",
        "other",
    ]);
    let owner = prop_oneof![2 => Just(AN_OWNER.to_owned()), 1 => text()];
    let field = prop_oneof![
        text().prop_map(|text| ("description", Value::from(text))),
        industry.prop_map(|text| ("industry", Value::from(text))),
        number().prop_map(|number| ("number_of_employees", number)),
        website().prop_map(|text| ("website", Value::from(text))),
        addresses().prop_map(|list| ("addresses", list)),
        phone_numbers().prop_map(|list| ("phone_numbers", list)),
        owner.prop_map(|id| ("owner_id", Value::from(id))),
        stage.prop_map(|stage| ("lifecycle_stage", Value::from(stage))),
    ];
    (name, prop::collection::vec(field, 1..5)).prop_map(|(name, fields)| {
        let mut account = Map::from_iter([("name".to_owned(), name)]);
        account.extend(
            fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        account
    })
}

/// An empty text is none, and so is an entry without a value or of a type that the provider has no place for: the
/// answer's warnings tell those.
fn expected(played: &Played, name: &str, value: &Value) -> Value {
    let places: &[&str] = match (name, played.is_hubspot()) {
        ("lifecycle_stage", false) => return Value::Null,
        ("industry", true) => return industry(value),
        ("number_of_employees", _) => return whole(value),
        ("addresses" | "phone_numbers", true) => &["primary"],
        ("addresses", false) => &["billing", "shipping"],
        ("phone_numbers", false) => &["primary", "fax"],
        _ => return set(value),
    };
    let Value::Array(entries) = value else {
        return Value::Null;
    };
    let tag = if name == "addresses" {
        "address_type"
    } else {
        "phone_number_type"
    };
    let entry = |place: &&str| {
        let entry = entries.iter().find(|entry| entry[tag] == *place)?;
        let mut entry = entry.as_object()?.clone();
        entry.iter_mut().for_each(|(_, value)| *value = set(value));
        // Lines of a street are told apart by LF, whatever they came with (`salesforce.md` §5.3).
        if !played.is_hubspot()
            && let Some(Value::String(lines)) = entry.get_mut("street_2")
        {
            *lines = lines.replace("\r\n", "\n");
        }
        let is_empty = entry
            .iter()
            .all(|(name, value)| name == tag || value.is_null());
        (!is_empty).then_some(Value::Object(entry))
    };
    let list: Vec<Value> = places.iter().filter_map(entry).collect();
    if list.is_empty() {
        Value::Null
    } else {
        list.into()
    }
}

fn set(value: &Value) -> Value {
    if value == "" {
        Value::Null
    } else {
        value.clone()
    }
}

/// A label is written as its option's value, and read as that.
fn industry(value: &Value) -> Value {
    match value.as_str() {
        Some("Banking") => "BANKING".into(),
        _ => set(value),
    }
}

/// A whole number is read without its zeros.
fn whole(value: &Value) -> Value {
    match value.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough")]
        Some(number) if value.is_f64() && number.abs() < 1e18 => (number as i64).into(),
        _ => value.clone(),
    }
}

/// Covers: write-answer-whole
#[test]
fn any_account_is_read_as_it_was_written_or_refused() {
    for name in PROVIDERS {
        let taken = Cell::new(0);
        let config = cases(CASES);
        proptest!(config, |(written in account(), changed in account())| {
            let played = Played::new(name);
            if played.is_hubspot() {
                // That a stage goes forward only is the provider's rule, which its own tests show.
                played.configure(&json!({"forward_only_lifecycle": false}));
            }
            let owner = played.owner();
            let with_owner = |mut record: Map<String, Value>| {
                if record.get("owner_id") == Some(&json!(AN_OWNER)) {
                    record["owner_id"] = owner.clone();
                }
                record
            };
            let scenario = Scenario { played: &played, entity: "account", key: "website", expected };
            if scenario.play(&with_owner(written), &with_owner(changed))? == Verdict::Taken {
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
