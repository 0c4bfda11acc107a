//! Schemas of the OpenAPI document as JSON Schemas that need nothing beside them.
//!
//! OpenAPI 3.0 has a dialect of its own: `nullable`, `example`, extensions. Tools have JSON Schema 2020-12. References are
//! replaced by what they lead to, since what a model is shown of a tool is often the one schema and no `$defs`.

use serde_json::{Map, Value, json};

use crate::cli::contract::{document, resolved};

/// Members that say nothing to who reads JSON Schema.
const NOT_FOR_SCHEMAS: [&str; 5] = [
    "discriminator",
    "example",
    "externalDocs",
    "nullable",
    "xml",
];

/// The schema, whole.
pub(super) fn whole(schema: &Value) -> Value {
    converted(schema, &mut Vec::new())
}

/// `within` are the references that lead here: one that leads back to itself is left open.
fn converted<'d>(schema: &'d Value, within: &mut Vec<&'d str>) -> Value {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let to = resolved(document(), schema);
        let (Some(to), false) = (to, within.contains(&reference)) else {
            return json!({});
        };
        within.push(reference);
        let whole = converted(to, within);
        within.pop();
        return whole;
    }
    let Some(members) = schema.as_object() else {
        return schema.clone();
    };
    let mut whole = Map::new();
    for (name, value) in members {
        if NOT_FOR_SCHEMAS.contains(&name.as_str()) || name.starts_with("x-") {
            continue;
        }
        let value = match (name.as_str(), value) {
            ("properties", Value::Object(named)) => named
                .iter()
                .map(|(name, inner)| (name.clone(), converted(inner, within)))
                .collect(),
            ("allOf" | "anyOf" | "oneOf", Value::Array(several)) => several
                .iter()
                .map(|inner| converted(inner, within))
                .collect(),
            ("items" | "additionalProperties" | "not", inner) => converted(inner, within),
            _ => value.clone(),
        };
        whole.insert(name.clone(), value);
    }
    // A whole number, in the words that models know.
    if whole.get("type").is_some_and(|kind| kind == "number")
        && whole.get("multipleOf") == Some(&json!(1))
    {
        whole.remove("multipleOf");
        whole.insert("type".to_owned(), "integer".into());
    }
    // In 3.0 a reference has no siblings, so one that is to have any stands alone in an `allOf`.
    if let Some(Value::Array(only)) = whole.get("allOf")
        && let [Value::Object(inner)] = only.as_slice()
    {
        let mut inner = inner.clone();
        whole.remove("allOf");
        inner.extend(whole);
        whole = inner;
    }
    if let Some(example) = schema.get("example") {
        whole.insert("examples".to_owned(), json!([example]));
    }
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        whole = or_null(whole);
    }
    Value::Object(whole)
}

/// The same, or null.
fn or_null(mut schema: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(known)) = schema.get_mut("enum")
        && !known.contains(&Value::Null)
    {
        known.push(Value::Null);
    }
    match schema.get_mut("type") {
        Some(kind) if kind.is_string() => {
            *kind = json!([kind.take(), "null"]);
            schema
        }
        // It may be null already, or anything.
        Some(_) => schema,
        None => {
            let description = schema.remove("description");
            let mut either = Map::new();
            either.extend(description.map(|text| ("description".to_owned(), text)));
            either.insert("anyOf".to_owned(), json!([schema, { "type": "null" }]));
            either
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openapi_says_in_its_own_words_is_said_in_those_of_json_schema() {
        for (openapi, expected) in [
            (
                json!({ "type": "string", "nullable": true }),
                json!({ "type": ["string", "null"] }),
            ),
            (
                json!({ "type": "string", "nullable": true, "enum": ["a"] }),
                json!({ "type": ["string", "null"], "enum": ["a", null] }),
            ),
            (
                json!({ "nullable": true, "description": "d", "oneOf": [{ "type": "string" }] }),
                json!({ "description": "d", "anyOf": [{ "oneOf": [{ "type": "string" }] }, { "type": "null" }] }),
            ),
            (
                json!({ "type": "string", "example": "2.5", "x-instant": true }),
                json!({ "type": "string", "examples": ["2.5"] }),
            ),
            (
                json!({ "type": "number", "multipleOf": 1, "minimum": 1 }),
                json!({ "type": "integer", "minimum": 1 }),
            ),
            (
                json!({ "type": "array", "items": { "type": "number", "nullable": true } }),
                json!({ "type": "array", "items": { "type": ["number", "null"] } }),
            ),
            (
                json!({ "type": "object", "additionalProperties": true, "properties": { "example": { "type": "string" } } }),
                json!({ "type": "object", "additionalProperties": true, "properties": { "example": { "type": "string" } } }),
            ),
        ] {
            assert_eq!(whole(&openapi), expected);
        }
    }

    #[test]
    fn references_are_replaced_by_what_they_lead_to() {
        let stage = json!({ "allOf": [{ "$ref": "#/components/schemas/crm.lifecycle_stage" }], "nullable": true });
        let whole = whole(&stage);
        assert_eq!(whole["type"], json!(["string", "null"]));
        let known = whole["enum"].as_array().unwrap();
        assert!(known.contains(&json!("customer")) && known.contains(&Value::Null));
    }

    #[test]
    fn every_schema_of_the_contract_becomes_one_that_needs_nothing_beside_it() {
        let schemas = document()["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            let whole = whole(schema);
            let text = whole.to_string();
            assert!(!text.contains("\"$ref\""), "{name}");
            assert!(!text.contains("\"nullable\":true"), "{name}");
            if let Err(fault) = jsonschema::draft202012::meta::validate(&whole) {
                panic!("{name}: {fault}");
            }
        }
    }
}
