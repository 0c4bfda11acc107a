//! Nothing that a caller sends changes the structure of a native call: it is the same as with a plain value in its place.

use std::collections::BTreeSet;

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    played::{Asked, PROVIDERS, Played},
    values::{cases, text},
};

const CASES: u32 = 48;

/// A unified call with a value in it.
#[derive(Debug, Clone, Copy)]
enum Place {
    Get(&'static str),
    Update(&'static str),
    BatchRead(&'static str),
    Upsert(&'static str, &'static str),
    Create(&'static str, &'static str),
    Fields(&'static str),
    Cursor(&'static str),
    Count,
    Object,
    ObjectCreate,
}

const PLACES: [Place; 24] = [
    Place::Get("account"),
    Place::Get("contact"),
    Place::Get("lead"),
    Place::Get("opportunity"),
    Place::Get("user"),
    Place::Update("account"),
    Place::Update("contact"),
    Place::BatchRead("account"),
    Place::BatchRead("contact"),
    Place::Upsert("contact", "email"),
    Place::Upsert("account", "website"),
    Place::Create("account", "name"),
    Place::Create("account", "owner_id"),
    Place::Create("contact", "last_name"),
    Place::Create("note", "content"),
    Place::Create("note", "account_id"),
    Place::Fields("account"),
    Place::Fields("note"),
    Place::Fields("user"),
    Place::Cursor("account"),
    Place::Cursor("lead"),
    Place::Count,
    Place::Object,
    Place::ObjectCreate,
];

fn escaped(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// The native calls that a unified one becomes.
fn asked(played: &Played, place: Place, value: &str) -> Vec<Asked> {
    let in_path = escaped(value);
    let (method, target, body) = match place {
        Place::Get(entity) => (Method::GET, format!("{entity}/{in_path}"), Value::Null),
        Place::Update(entity) => (
            Method::PATCH,
            format!("{entity}/{in_path}"),
            json!({"record": {"phone": "1"}}),
        ),
        Place::BatchRead(entity) => (
            Method::POST,
            format!("{entity}/_batch_read"),
            json!({"ids": [value], "properties": []}),
        ),
        Place::Upsert(entity, key) => (
            Method::POST,
            format!("{entity}/_upsert"),
            json!({"upsert_on": {"key": key, "values": [value]}, "record": {"description": "D"}}),
        ),
        Place::Create(entity, field) => (
            Method::POST,
            entity.to_owned(),
            json!({"record": {"name": "N", "last_name": "L", "content": "C", field: value}}),
        ),
        Place::Fields(entity) => (
            Method::GET,
            format!("{entity}?fields={in_path}"),
            Value::Null,
        ),
        Place::Cursor(entity) => (
            Method::GET,
            format!("{entity}?cursor={in_path}"),
            Value::Null,
        ),
        Place::Count => (Method::GET, format!("{in_path}/_count"), Value::Null),
        Place::Object => (
            Method::GET,
            format!("custom_objects/{in_path}"),
            Value::Null,
        ),
        Place::ObjectCreate => (
            Method::POST,
            format!("custom_objects/{in_path}"),
            json!({"record": {"name": "N"}}),
        ),
    };
    // Refused or not: what matters is what went out.
    let _ = played.call(&method, &format!("/unified/crm/{target}"), &body);
    played.asked()
}

/// A call without its values: what is left is what only the mapping may say.
fn skeleton(place: Place, call: &Asked, value: &str) -> String {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let mut form = format!("{} {}", call.method, target(&call.target, value));
    if matches!(place, Place::Fields(_)) {
        // What could be a field's name is asked for, between the others.
        let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '.';
        for name in value.split(',').map(str::trim) {
            if !name.is_empty() && name.chars().all(is_name) {
                for wanted in [format!(",{name}"), format!(", {name}")] {
                    let place = form
                        .match_indices(&wanted)
                        .find(|(at, _)| !form[at + wanted.len()..].starts_with(is_name));
                    if let Some((at, _)) = place {
                        form.replace_range(at..at + wanted.len(), "");
                    }
                }
            }
        }
    }
    format!("{form} {}", shape(&body, value))
}

/// Path segments that are the value are none of the structure; a query's parameters keep their names.
fn target(target: &str, value: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segment = |segment: &str| {
        let decoded = decoded(segment);
        let is_value = !decoded.is_empty() && decoded.trim().eq_ignore_ascii_case(value.trim());
        if is_value {
            "?".to_owned()
        } else {
            decoded_or_same(segment)
        }
    };
    let path: Vec<String> = path.split('/').map(segment).collect();
    let query: Vec<String> = query
        .split('&')
        .map(|pair| {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            let text = decoded(text);
            match name {
                "q" => format!("q={}", soql(&text)),
                "fields" | "properties" => format!("{name}={text}"),
                _ => format!("{name}=?"),
            }
        })
        .collect();
    format!("{}?{}", path.join("/"), query.join("&"))
}

fn decoded(text: &str) -> String {
    let pair = format!("a={}", text.replace('+', "%20"));
    let (_, value) = url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .unwrap_or_default();
    value.into_owned()
}

/// A segment as it stands; an id that a provider made is none of the structure.
fn decoded_or_same(segment: &str) -> String {
    let is_id = segment.len() > 8 && segment.chars().any(|it| it.is_ascii_digit());
    if is_id {
        "?".to_owned()
    } else {
        segment.to_owned()
    }
}

/// A query with `?` for each literal: a text in quotes, a number, an instant.
fn soql(query: &str) -> String {
    let mut form = String::new();
    let mut characters = query.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\'' {
            // To its end; what a backslash escapes does not end it.
            while let Some(inner) = characters.next() {
                match inner {
                    '\\' => drop(characters.next()),
                    '\'' => break,
                    _ => {}
                }
            }
            form.push('?');
        } else if character.is_ascii_digit()
            && !form.ends_with(|it: char| it.is_alphanumeric() || it == '_')
        {
            while characters
                .peek()
                .is_some_and(|it| it.is_ascii_alphanumeric() || "-:.+".contains(*it))
            {
                characters.next();
            }
            form.push('?');
        } else {
            form.push(character);
        }
    }
    // As many values as there are: a website has several spellings.
    while form.contains("?,?") || form.contains("?, ?") {
        form = form.replace("?,?", "?").replace("?, ?", "?");
    }
    form
}

/// JSON with `?` for its values; the paths in a bundle of calls are taken apart as others are.
fn shape(body: &Value, value: &str) -> String {
    match body {
        Value::Object(members) => {
            let member = |(name, inner): (&String, &Value)| match (name.as_str(), inner) {
                ("url", Value::String(url)) => format!("url:{}", target(url, value)),
                ("propertyName" | "operator" | "method" | "direction" | "referenceId", _) => {
                    format!("{name}:{inner}")
                }
                _ => format!("{name}:{}", shape(inner, value)),
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(|item| shape(item, value)).collect();
            items.dedup();
            format!("[{}]", items.join(","))
        }
        _ => "?".to_owned(),
    }
}

/// Values that are plain, for each place those that lead to every call that it can make.
fn plain(place: Place, played: &Played) -> Vec<String> {
    let mut values = vec!["plain".to_owned(), "plain.example".to_owned()];
    match place {
        Place::Upsert(..) => values.extend(
            [
                "a@plain.example",
                "www.plain.example/a",
                "A@PLAIN.EXAMPLE",
                "ü@plain.example",
                "a b",
            ]
            .map(str::to_owned),
        ),
        Place::Get(_) | Place::Update(_) | Place::BatchRead(_) => values.extend(
            [
                "12345",
                "0015g0000000001",
                "0035g0000000001",
                "00Q5g0000000001",
                "0065g0000000001",
                "0055g0000000001",
            ]
            .map(str::to_owned),
        ),
        // Nothing is a value too: of that, no account is linked.
        Place::Create(..) => {
            values.extend([String::new(), played.owner().as_str().unwrap().to_owned()]);
        }
        Place::Count | Place::Object | Place::ObjectCreate => {
            values.extend(["account", "Account", "contacts", "note"].map(str::to_owned));
        }
        Place::Fields(_) => values.push(String::new()),
        Place::Cursor(_) => {}
    }
    values
}

/// Covers: search-filter, soql-literal
#[test]
fn no_value_changes_the_structure_of_a_call() {
    for name in PROVIDERS {
        for place in PLACES {
            let known: BTreeSet<String> = plain(place, &Played::new(name))
                .iter()
                .flat_map(|value| {
                    let calls = asked(&Played::new(name), place, value);
                    calls
                        .into_iter()
                        .map(move |call| skeleton(place, &call, value))
                })
                .collect();
            let may_be_asked = !matches!(place, Place::Cursor(_));
            assert_eq!(!known.is_empty(), may_be_asked, "{name} {place:?}");
            proptest!(cases(CASES), |(value in text())| {
                // An empty cursor is none.
                prop_assume!(!(value.is_empty() && matches!(place, Place::Cursor(_))));
                for call in asked(&Played::new(name), place, &value) {
                    let form = skeleton(place, &call, &value);
                    prop_assert!(known.contains(&form), "{} {:?}: {} is none of {:#?}", name, place, form, known);
                }
            });
        }
    }
}

#[test]
fn the_comparison_sees_what_a_value_would_add() {
    let call = |target: &str, body: &Value| {
        let call = Asked {
            method: Method::POST,
            target: target.to_owned(),
            body: body.to_string().into(),
        };
        skeleton(Place::Count, &call, "plain")
    };
    let query = |name: &str| {
        let soql = format!("SELECT Id FROM Account WHERE Name IN ({name}) LIMIT 2");
        call(&format!("/query?q={}", escaped(&soql)), &Value::Null)
    };
    let body = |body: &Value| call("/rows", body);
    assert_eq!(query("'a'"), query(r"'a\' OR Name != \'', 'b'"));
    assert_eq!(
        body(&json!({"filters": [{"value": "a"}]})),
        body(&json!({"filters": [{"value": "b"}, {"value": "\"c"}]}))
    );
    for (one, other) in [
        (query("'a'"), query("'a') OR Name IN ('b'")),
        (query("'a'"), query(r"'a\\') OR Name IN ('b'")),
        (
            call("/rows/plain", &Value::Null),
            call("/rows/a/b", &Value::Null),
        ),
        (
            call("/rows/plain", &Value::Null),
            call("/rows/plain?all=1", &Value::Null),
        ),
        (body(&json!({"a": "b"})), body(&json!({"a": {"b": 1}}))),
        (body(&json!({"a": "b"})), body(&json!({"a": "b", "c": 1}))),
        (
            body(&json!({"url": "/rows/plain", "method": "GET"})),
            body(&json!({"url": "/rows/plain", "method": "DELETE"})),
        ),
    ] {
        assert_ne!(one, other);
    }
}
