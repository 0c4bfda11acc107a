//! The body of a call, put together from --data and --set and held against its schema before it is sent.
//!
//! --set is read by the schema: `record.number_of_employees=120` is a number, `record.name=120` a text. What --data says
//! is sent as it stands, once nothing that must be there is missing; the rest is for the proxy to check.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Read as _},
};

use serde_json::{Map, Value};

use crate::cli::contract::{document, resolved};

/// Elements that a list may grow to by --set: nobody types more, and one slip must not take all memory.
const MOST_ELEMENTS: usize = 1000;

/// The body that is meant, as it is sent.
pub(super) fn put_together(
    schema: &Value,
    data: Option<&str>,
    sets: &[&str],
) -> Result<Vec<u8>, String> {
    let given = data.map(given).transpose()?;
    if let (Some(bytes), []) = (&given, sets) {
        let value = parsed(bytes)?;
        must_be_whole(schema, &value, "")?;
        return Ok(bytes.clone());
    }
    let mut body = match given {
        Some(bytes) => parsed(&bytes)?,
        None => Value::Object(Map::new()),
    };
    for set in sets {
        put(schema, &mut body, set).map_err(|reason| format!("--set {set}: {reason}"))?;
    }
    must_be_whole(schema, &body, "")?;
    Ok(body.to_string().into_bytes())
}

/// Whether anything must be in a body.
pub(super) fn is_needed(schema: &Value) -> bool {
    let required = expand(schema).get("required").and_then(Value::as_array);
    required.is_some_and(|names| !names.is_empty())
}

/// What --data means.
fn given(data: &str) -> Result<Vec<u8>, String> {
    let failed =
        |place: &str, error: &io::Error| format!("--data: {place} cannot be read: {error}");
    if data == "-" {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        return read.map(|_| bytes).map_err(|error| failed("stdin", &error));
    }
    match data.strip_prefix('@') {
        Some(path) => fs::read(path).map_err(|error| failed(path, &error)),
        None => Ok(data.as_bytes().to_vec()),
    }
}

fn parsed(bytes: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| format!("--data: expected JSON, or @ and a file that has it: {error}"))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("--data: expected a JSON object".to_owned())
    }
}

/// One step of a place: `record`, then `[0]`.
#[derive(Debug, PartialEq)]
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

/// Puts one `PLACE=VALUE` or `PLACE:=JSON` into a body.
fn put(schema: &Value, body: &mut Value, set: &str) -> Result<(), String> {
    let (place, value) = set
        .split_once('=')
        .ok_or("expected PLACE=VALUE, as in record.name=Acme")?;
    let (place, is_json) = match place.strip_suffix(':') {
        Some(place) => (place, true),
        None => (place, false),
    };
    let mut schema = Some(expand(schema));
    let mut at = body;
    let mut path = String::new();
    for step in steps(place)? {
        schema = schema
            .map(|schema| step.schema_of(schema, &path))
            .transpose()?
            .flatten();
        at = step.place_in(at, &path)?;
        match step {
            Step::Member(name) if path.is_empty() => path.push_str(name),
            Step::Member(name) => {
                let _ = write!(path, ".{name}");
            }
            Step::Element(index) => {
                let _ = write!(path, "[{index}]");
            }
        }
    }
    *at = if is_json {
        serde_json::from_str(value).map_err(|error| format!("expected JSON after `:=`: {error}"))?
    } else {
        typed(schema, value)?
    };
    Ok(())
}

fn steps(place: &str) -> Result<Vec<Step<'_>>, String> {
    let mut steps = Vec::new();
    for part in place.split('.') {
        let (name, mut elements) = match part.find('[') {
            Some(at) => part.split_at(at),
            None => (part, ""),
        };
        if name.is_empty() {
            return Err(
                "expected the names of members with points between them, as in record.name"
                    .to_owned(),
            );
        }
        steps.push(Step::Member(name));
        while let Some(rest) = elements.strip_prefix('[') {
            let (index, rest) = rest.split_once(']').ok_or("expected ] after [")?;
            let index = index.parse().ok().filter(|index| *index < MOST_ELEMENTS);
            steps.push(Step::Element(index.ok_or_else(|| {
                format!(
                    "expected the number of an element below {MOST_ELEMENTS} in [ ], the first is 0"
                )
            })?));
            elements = rest;
        }
        if !elements.is_empty() {
            return Err("expected a point after ]".to_owned());
        }
    }
    Ok(steps)
}

impl Step<'_> {
    /// The schema of what the step leads to; none where it may be anything.
    fn schema_of<'s>(&self, schema: &'s Value, path: &str) -> Result<Option<&'s Value>, String> {
        match self {
            Self::Element(_) => Ok(schema.get("items").map(expand)),
            Self::Member(name) => {
                let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                    return Ok(None);
                };
                if let Some(found) = properties.get(*name) {
                    return Ok(Some(expand(found)));
                }
                if schema
                    .get("additionalProperties")
                    .is_some_and(|more| *more != Value::Bool(false))
                {
                    return Ok(None);
                }
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                let place = if path.is_empty() { "the body" } else { path };
                Err(format!(
                    "{place} has no `{name}`{}",
                    match nearest(name, &known) {
                        Some(near) => format!("; did you mean `{near}`?"),
                        None => format!("; expected one of {}", known.join(", ")),
                    }
                ))
            }
        }
    }

    /// The place itself, made where it is not there yet.
    fn place_in<'v>(&self, value: &'v mut Value, path: &str) -> Result<&'v mut Value, String> {
        match self {
            Self::Member(name) => {
                if value.is_null() {
                    *value = Value::Object(Map::new());
                }
                let members = value
                    .as_object_mut()
                    .ok_or_else(|| format!("{path} is no object, so it has no `{name}`"))?;
                Ok(members.entry(*name).or_insert(Value::Null))
            }
            Self::Element(index) => {
                if value.is_null() {
                    *value = Value::Array(Vec::new());
                }
                let list = value
                    .as_array_mut()
                    .ok_or_else(|| format!("{path} is no list, so it has no [{index}]"))?;
                let length = list.len();
                if *index == length {
                    list.push(Value::Null);
                }
                list.get_mut(*index).ok_or_else(|| {
                    format!("{path} has {length} elements so far, so [{index}] cannot be the next")
                })
            }
        }
    }
}

/// What a text is by the schema; without one, JSON if it is any, and a text otherwise.
fn typed(schema: Option<&Value>, text: &str) -> Result<Value, String> {
    let json = || serde_json::from_str::<Value>(text).ok();
    let Some(schema) = schema else {
        return Ok(json().unwrap_or_else(|| text.into()));
    };
    if let Some(known) = schema.get("enum").and_then(Value::as_array)
        && schema.get("x-extensible-enum").is_none()
    {
        let known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
        if !known.contains(&text) {
            return Err(match nearest(text, &known) {
                Some(near) => format!("found {text:?}; did you mean {near}?"),
                None => format!("expected one of {}, found {text:?}", known.join(", ")),
            });
        }
    }
    let expected = match schema.get("type").and_then(Value::as_str) {
        Some("string") => return Ok(text.into()),
        Some("number") => "a number",
        Some("integer") => "a whole number",
        Some("boolean") => "true or false",
        Some("array") => return list(schema, text),
        Some("object") => "an object as JSON",
        _ => return Ok(json().unwrap_or_else(|| text.into())),
    };
    let fits = |value: &Value| match expected {
        "a number" => value.is_number(),
        "a whole number" => value.is_i64() || value.is_u64(),
        "true or false" => value.is_boolean(),
        _ => value.is_object(),
    };
    let may_be_null = schema.get("nullable") == Some(&Value::Bool(true));
    json()
        .filter(|value| fits(value) || (may_be_null && value.is_null()))
        .ok_or_else(|| format!("expected {expected}, found {text:?}"))
}

/// A list as JSON, or its elements with commas.
fn list(schema: &Value, text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text)
            .map_err(|error| format!("expected a list as JSON: {error}"));
    }
    let items = schema.get("items").map(expand);
    let elements = text.split(',').map(|element| typed(items, element.trim()));
    elements.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// Says what is missing of what must be there.
fn must_be_whole(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let schema = expand(schema);
    let Some(members) = value.as_object() else {
        return Ok(());
    };
    let missing: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|name| !members.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        let mut examples = Vec::new();
        let mut places = Vec::new();
        for name in missing {
            let place = format!("{path}{name}");
            example(&schema["properties"][name], &place, &mut examples);
            places.push(format!("`{place}`"));
        }
        return Err(format!(
            "the body has no {}, which must be there; --set '{}' or --data gives it",
            places.join(" and no "),
            examples.join("' --set '")
        ));
    }
    for (name, value) in members {
        if let Some(schema) = schema["properties"].get(name) {
            must_be_whole(schema, value, &format!("{path}{name}."))?;
        }
    }
    Ok(())
}

/// A schema with its reference followed, and that of an `allOf` with one.
fn expand(schema: &Value) -> &Value {
    let followed = match schema
        .get("allOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([only]) => only,
        _ => schema,
    };
    // References are the document's own, and lead somewhere: routes were generated from them.
    resolved(document(), followed).unwrap_or(followed)
}

/// The name that was meant, where one is near.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distances = known.iter().map(|known| {
        let distance =
            strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &known.to_ascii_lowercase());
        (distance, *known)
    });
    let near = distances.filter(|(distance, known)| *distance <= known.len().max(3) / 3);
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// `--set` for what must be in a body, as examples in a help have it.
pub(super) fn example_members(schema: &Value) -> Vec<String> {
    let mut places = Vec::new();
    example(schema, "", &mut places);
    places
        .iter()
        .map(|place| format!("--set {place}"))
        .collect()
}

/// Values for what must be there, by their places; for one member where nothing must.
fn example(schema: &Value, path: &str, places: &mut Vec<String>) {
    let schema = expand(schema);
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let required = schema.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        let mut names: Vec<&str> = required.collect();
        if names.is_empty() {
            let name = properties.contains_key("name").then_some("name");
            names.extend(name.or_else(|| properties.keys().next().map(String::as_str)));
        }
        for name in names {
            let between = if path.is_empty() { "" } else { "." };
            if let Some(schema) = properties.get(name) {
                example(schema, &format!("{path}{between}{name}"), places);
            }
        }
        return;
    }
    if let Some(first) = schema.pointer("/enum/0").and_then(Value::as_str) {
        places.push(format!("{path}={first}"));
        return;
    }
    let prefix = schema
        .get("pattern")
        .and_then(Value::as_str)
        .and_then(|it| it.strip_prefix('^'));
    places.push(match (schema.get("type").and_then(Value::as_str), prefix) {
        (Some("number" | "integer"), _) => format!("{path}=1"),
        (Some("boolean"), _) => format!("{path}=true"),
        (Some("object"), _) => format!("{path}.name=value"),
        (Some("array"), _) => return example_of_list(schema, path, places),
        (_, Some(prefix)) if prefix.ends_with('_') => format!("{path}={prefix}…"),
        _ => format!("{path}=value"),
    });
}

fn example_of_list(schema: &Value, path: &str, places: &mut Vec<String>) {
    match schema.get("items").map(expand) {
        Some(items) if items.get("properties").is_some() => {
            example(items, &format!("{path}[0]"), places);
        }
        _ => places.push(format!("{path}=value")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(name: &str) -> Value {
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    fn body(name: &str, data: Option<&str>, sets: &[&str]) -> Result<Value, String> {
        let bytes = put_together(&schema(name), data, sets)?;
        Ok(serde_json::from_slice(&bytes).unwrap())
    }

    #[test]
    fn values_are_what_the_schema_says() {
        let sets = [
            "upsert_on.key=website",
            "upsert_on.values=a.example, b.example",
            "record.name=120",
            "record.number_of_employees=120",
            "record.website:=null",
            "record.addresses[0].city=Oslo",
            "record.passthrough_fields.rating=4",
        ];
        let expected = json!({
            "upsert_on": { "key": "website", "values": ["a.example", "b.example"] },
            "record": {
                "name": "120", "number_of_employees": 120, "website": null,
                "addresses": [{ "city": "Oslo" }], "passthrough_fields": { "rating": 4 },
            },
        });
        assert_eq!(body("crm.account_upsert", None, &sets).unwrap(), expected);
    }

    #[test]
    fn what_is_set_goes_before_what_was_given() {
        let data = r#"{"record":{"name":"a","website":"b"}}"#;
        let body = body("crm.account_write", Some(data), &["record.name=c"]).unwrap();
        assert_eq!(body, json!({ "record": { "name": "c", "website": "b" } }));
    }

    #[test]
    fn a_body_in_which_nothing_must_be_may_be_left_out() {
        assert!(is_needed(&schema("crm.account_write")));
        assert!(!is_needed(&schema("core.connection_check")));
        assert_eq!(body("core.connection_check", None, &[]).unwrap(), json!({}));
    }

    #[test]
    fn what_was_given_alone_is_sent_byte_for_byte() {
        let data = r#"{ "record": {"number_of_employees": 1.0} }"#;
        let bytes = put_together(&schema("crm.account_write"), Some(data), &[]).unwrap();
        assert_eq!(bytes, data.as_bytes());
    }

    #[test]
    fn what_is_wrong_is_told_with_what_was_meant() {
        for (data, sets, told) in [
            (
                None,
                &["record.nmae=Acme"][..],
                "record has no `nmae`; did you mean `name`?",
            ),
            (
                None,
                &["recrod.name=Acme"],
                "the body has no `recrod`; did you mean `record`?",
            ),
            (
                None,
                &["record.number_of_employees=many"],
                "expected a number, found \"many\"",
            ),
            (None, &["record.name"], "expected PLACE=VALUE"),
            (
                None,
                &["record.addresses[1].city=Oslo"],
                "has 0 elements so far",
            ),
            (None, &["record.addresses[99999].city=Oslo"], "below 1000"),
            (None, &["record.name:=Acme"], "expected JSON after `:=`"),
            (
                None,
                &["record.name.first=A", "record=1"],
                "expected an object as JSON",
            ),
            (
                Some("{}"),
                &[],
                "the body has no `record`, which must be there; --set 'record.name=value'",
            ),
            (Some("{"), &[], "--data: expected JSON"),
            (Some("[]"), &[], "--data: expected a JSON object"),
            (
                Some("@/nowhere/body.json"),
                &[],
                "--data: /nowhere/body.json cannot be read",
            ),
        ] {
            let error = body("crm.account_write", data, sets).unwrap_err();
            assert!(error.contains(told), "{sets:?} {data:?}: {error}");
        }
        let wrong_key = body("crm.account_upsert", None, &["upsert_on.key=websit"]);
        assert!(wrong_key.unwrap_err().contains("did you mean website?"));
        let no_key = body(
            "crm.account_upsert",
            Some(r#"{"record":{},"upsert_on":{}}"#),
            &[],
        );
        assert!(no_key.unwrap_err().contains("no `upsert_on.key`"));
    }
}
