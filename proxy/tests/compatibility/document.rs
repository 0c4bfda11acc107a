//! An OpenAPI document as a plain value, 3.0 or 3.1, and its schemas in one form.
//!
//! The two versions say the same in different words: `nullable: true` and `type: [string, 'null']`, `oneOf` with a null
//! and `allOf` around a reference that may be null. A [`Shape`] has one word for each. Documents are never trusted: a
//! reference that leads nowhere is an answer, not a panic.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A reference that leads to itself would be followed for ever.
const LONGEST_CHAIN: usize = 16;
const LIMITS: [&str; 3] = ["pattern", "minLength", "default"];

pub(crate) struct Document(pub(crate) Value);

/// What a schema means, whichever version of OpenAPI says it.
#[derive(Default)]
pub(crate) struct Shape<'d> {
    pub(crate) types: BTreeSet<String>,
    pub(crate) nullable: bool,
    pub(crate) format: Option<&'d str>,
    /// What narrows a value further, and what it is without any.
    pub(crate) limits: BTreeMap<&'static str, &'d Value>,
    /// The values of an enumeration as JSON, without null, in no order.
    pub(crate) values: BTreeSet<String>,
    pub(crate) properties: BTreeMap<&'d str, &'d Value>,
    pub(crate) required: BTreeSet<&'d str>,
    pub(crate) items: Option<&'d Value>,
    /// What members without a name may be; `None` where anything may be there, which is also what silence means.
    pub(crate) additional: Option<&'d Value>,
    /// Alternatives, null apart, where there is more than one.
    pub(crate) variants: Vec<&'d Value>,
}

impl Document {
    /// The value itself, or what its reference leads to.
    pub(crate) fn resolve<'d>(&'d self, mut value: &'d Value) -> Result<&'d Value, String> {
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            value = self.lookup(reference)?;
        }
        Err("a reference leads back to itself".into())
    }

    pub(crate) fn lookup(&self, reference: &str) -> Result<&Value, String> {
        reference
            .strip_prefix('#')
            .and_then(|pointer| self.0.pointer(pointer))
            .ok_or_else(|| format!("{reference} leads nowhere"))
    }

    /// Every reference of the document that leads nowhere.
    pub(crate) fn dangling(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut left = vec![&self.0];
        while let Some(value) = left.pop() {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(_)) = members.get("$ref")
                        && let Err(fault) = self.resolve(value)
                    {
                        faults.push(fault);
                    }
                    left.extend(members.values());
                }
                Value::Array(elements) => left.extend(elements),
                _ => {}
            }
        }
        faults.sort();
        faults
    }

    pub(crate) fn shape<'d>(&'d self, schema: &'d Value) -> Result<Shape<'d>, String> {
        let mut shape = Shape::default();
        self.add(schema, &mut shape, 0)?;
        Ok(shape)
    }

    /// Adds what a schema says to what is known; `allOf` and an only alternative say more of the same thing.
    fn add<'d>(
        &'d self,
        schema: &'d Value,
        shape: &mut Shape<'d>,
        depth: usize,
    ) -> Result<(), String> {
        if depth > LONGEST_CHAIN {
            return Err("a schema contains itself".into());
        }
        let schema = self.resolve(schema)?;
        shape.nullable |= schema["nullable"] == true;
        for ty in one_or_many(&schema["type"]).filter_map(Value::as_str) {
            if ty == "null" {
                shape.nullable = true;
            } else {
                shape.types.insert(ty.to_owned());
            }
        }
        if let Some(format) = schema["format"].as_str() {
            shape.format = Some(format);
        }
        for limit in LIMITS {
            shape.limits.extend(schema.get(limit).map(|it| (limit, it)));
        }
        for value in elements(&schema["enum"]).chain(schema.get("const")) {
            if value.is_null() {
                shape.nullable = true;
            } else {
                shape.values.insert(value.to_string());
            }
        }
        shape.properties.extend(
            schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, member)| (name.as_str(), member)),
        );
        shape
            .required
            .extend(elements(&schema["required"]).filter_map(Value::as_str));
        shape.items = schema.get("items").or(shape.items);
        shape.additional = schema
            .get("additionalProperties")
            .filter(|it| **it != true && it.as_object().is_none_or(|it| !it.is_empty()))
            .or(shape.additional);
        for part in elements(&schema["allOf"]) {
            self.add(part, shape, depth + 1)?;
        }
        for kind in ["oneOf", "anyOf"] {
            let (nulls, others): (Vec<_>, Vec<_>) =
                elements(&schema[kind]).partition(|it| it["type"] == "null");
            shape.nullable |= !nulls.is_empty();
            match others[..] {
                [] => {}
                [only] => self.add(only, shape, depth + 1)?,
                _ => shape.variants.extend(others),
            }
        }
        Ok(())
    }
}

pub(crate) fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &Value> {
    elements(value).chain(value.is_string().then_some(value))
}
