//! The org's settings, as the control endpoints read and set them: all that a patch names, or none.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Org,
    schema::{Field, Object, Schema},
};

/// The settings, beside the clock's.
pub(super) fn shown(org: &Org) -> Map<String, Value> {
    let custom: BTreeMap<&str, Vec<&str>> = org
        .state
        .schema
        .values()
        .map(|object| (object.name.as_str(), custom_names(object)))
        .collect();
    Map::from_iter([
        ("daily_limit".to_owned(), json!(org.daily_limit)),
        ("calls_today".to_owned(), json!(org.calls)),
        ("hidden_fields".to_owned(), json!(org.state.hidden)),
        ("custom_fields".to_owned(), json!(custom)),
        ("rotate_refresh_tokens".to_owned(), json!(org.rotates)),
    ])
}

fn custom_names(object: &Object) -> Vec<&str> {
    let names = object.fields.iter().map(|field| field.name.as_str());
    names.filter(|name| name.ends_with("__c")).collect()
}

/// What a patch says of the clock, which the org does not hold.
#[derive(Debug, Default)]
pub(super) struct Time {
    pub(super) offset_ms: Option<i64>,
    pub(super) stopped: Option<bool>,
}

/// Sets what `patch` names, and answers what it says of the clock.
pub(super) fn set(org: &mut Org, patch: &Value) -> Result<Time, String> {
    let patch = patch.as_object().ok_or("expected an object")?;
    let mut schema = org.state.schema.clone();
    let mut hidden = org.state.hidden.clone();
    let (mut daily_limit, mut calls, mut rotates) = (org.daily_limit, org.calls, org.rotates);
    let mut time = Time::default();
    for (name, value) in patch {
        let expected = |what: &str| format!("{name}: expected {what}, found {value}");
        let number = || value.as_u64().ok_or_else(|| expected("a whole number"));
        let flag = || value.as_bool().ok_or_else(|| expected("true or false"));
        match name.as_str() {
            "clock_offset_ms" => {
                time.offset_ms = Some(value.as_i64().ok_or_else(|| expected("milliseconds"))?);
            }
            "clock_stopped" => time.stopped = Some(flag()?),
            "daily_limit" => daily_limit = number()?,
            "calls_today" => calls = number()?,
            "rotate_refresh_tokens" => rotates = flag()?,
            "hidden_fields" => {
                let named: BTreeMap<String, Vec<String>> = serde_json::from_value(value.clone())
                    .map_err(|_| expected("field names by object"))?;
                hidden = BTreeMap::new();
                for (object, fields) in named {
                    hidden.insert(known(&mut schema, &object)?.name.clone(), fields);
                }
            }
            "custom_fields" => add_fields(&mut schema, value)?,
            _ => return Err(format!("{name}: there is no such setting")),
        }
    }
    org.state.schema = schema;
    org.state.hidden = hidden;
    (org.daily_limit, org.calls, org.rotates) = (daily_limit, calls, rotates);
    Ok(time)
}

/// Adds custom fields by object; one of the same name is replaced.
fn add_fields(schema: &mut Schema, value: &Value) -> Result<(), String> {
    let by_object = value
        .as_object()
        .ok_or("custom_fields: expected fields by object")?;
    for (name, fields) in by_object {
        let object = known(schema, name)?;
        let fields = fields
            .as_array()
            .ok_or_else(|| format!("custom_fields.{name}: expected a list of fields"))?;
        for field in fields {
            let field = Field::custom(field)
                .filter(|field| field.name.ends_with("__c"))
                .ok_or_else(|| {
                    format!("custom_fields.{name}: expected a name that ends in __c, found {field}")
                })?;
            object
                .fields
                .retain(|other| !other.name.eq_ignore_ascii_case(&field.name));
            object.fields.push(field);
        }
    }
    Ok(())
}

fn known<'s>(schema: &'s mut Schema, name: &str) -> Result<&'s mut Object, String> {
    schema
        .get_mut(&name.to_ascii_lowercase())
        .ok_or_else(|| format!("{name}: the sandbox plays no such object"))
}
