//! The values of a write: by the type of their field, or refused in its words.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Map, Value, json};

use super::{Row, State};
use crate::sandbox::salesforce::{
    fault::Fault,
    id,
    schema::{Field, Object},
    stamp,
};

impl State {
    /// The values of a write by their canonical names, or what is wrong with them.
    pub(super) fn checked(
        &self,
        object: &Object,
        values: &Map<String, Value>,
        creates: bool,
    ) -> Result<Row, Fault> {
        let mut row = Row::new();
        for (name, value) in values {
            if name == "attributes" {
                continue;
            }
            let Some(field) = self.visible(object, name) else {
                let message = format!("No such column '{name}' on sobject of type {}", object.name);
                return Err(Fault::new(400, "INVALID_FIELD", message));
            };
            let writes = if creates {
                field.createable
            } else {
                field.updateable
            };
            if !writes || !self.writable(object, field) {
                let message = format!(
                    "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
                    field.name
                );
                return Err(Fault::new(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message)
                    .fields(&[&field.name]));
            }
            row.insert(field.name.clone(), self.checked_value(field, value)?);
        }
        Ok(row)
    }

    fn checked_value(&self, field: &Field, value: &Value) -> Result<Value, Fault> {
        let wrong = |expected: &str| {
            Err(Fault::unparsable(format!(
                "Cannot deserialize instance of {expected} from {} value {} or request may be missing a required field at [line:1, column:1]",
                kind(value),
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            )))
        };
        let text = value.as_str();
        if value.is_null() || text == Some("") {
            return Ok(Value::Null);
        }
        let (expected, fits) = match field.ty.as_str() {
            "boolean" => ("boolean", value.is_boolean()),
            "int" => match value.as_i64() {
                Some(whole) => return checked_digits(field, whole),
                None => ("int", false),
            },
            "double" | "currency" | "percent" => match value.as_f64() {
                Some(number) => return checked_number(field, number),
                None => ("double", false),
            },
            "date" => (
                "date",
                text.is_some_and(|text| {
                    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
                }),
            ),
            "datetime" => match text.and_then(stamp::parse) {
                Some(instant) => return Ok(json!(stamp::seconds(instant))),
                None => ("datetime", false),
            },
            "base64" => (
                "base64Binary",
                text.is_some_and(|text| BASE64_STANDARD.decode(text).is_ok()),
            ),
            "complexvalue" => ("complexvalue", value.is_object()),
            _ => ("string", text.is_some()),
        };
        match (fits, text) {
            (false, _) => wrong(expected),
            (true, Some(text)) if field.ty == "reference" => self.checked_reference(field, text),
            (true, Some(text)) if field.ty == "multipicklist" => checked_choices(field, text),
            (true, Some(text)) if !matches!(field.ty.as_str(), "date" | "base64") => {
                checked_text(field, text)
            }
            (true, _) => Ok(value.clone()),
        }
    }

    fn checked_reference(&self, field: &Field, text: &str) -> Result<Value, Fault> {
        // Ids of objects that the sandbox does not play may have any prefix.
        let may_be = |id: &String| {
            let objects = field.reference_to.iter().map(|name| self.any_object(name));
            let prefixes: Option<Vec<&str>> = objects
                .map(|object| object.map(|object| object.prefix.as_str()))
                .collect();
            prefixes.is_none_or(|known| {
                known.is_empty() || known.iter().any(|prefix| id.starts_with(prefix))
            })
        };
        let Some(id) = id::normalize(text).filter(may_be) else {
            let message = format!("{}: id value of incorrect type: {text}", field.label);
            return Err(Fault::new(400, "MALFORMED_ID", message).fields(&[&field.name]));
        };
        let known = field.reference_to.iter().any(|object| {
            // Objects that the sandbox does not play are taken on trust.
            self.any_object(object)
                .is_none_or(|object| self.live(&object.name, &id).is_some())
        });
        if !known && !field.reference_to.is_empty() {
            let message = format!(
                "insufficient access rights on cross-reference id: {}",
                &id[..15]
            );
            let code = "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY";
            return Err(Fault::new(400, code, message).fields(&[]));
        }
        Ok(json!(id))
    }
}

/// The rest of what a describe says of whole numbers; that it is held against writes is documented, the words are not.
fn checked_digits(field: &Field, whole: i64) -> Result<Value, Fault> {
    let digits = usize::try_from(whole.unsigned_abs().checked_ilog10().unwrap_or(0) + 1);
    if field.digits > 0 && digits.is_ok_and(|digits| digits > field.digits) {
        return Err(outside(field, &whole.to_string()));
    }
    Ok(json!(whole))
}

/// A number with a fraction, rounded to its scale: half up, as Salesforce does (unconfirmed).
fn checked_number(field: &Field, number: f64) -> Result<Value, Fault> {
    if field.precision == 0 {
        return Ok(json!(number));
    }
    let whole_digits = i32::try_from(field.precision - field.scale.min(field.precision));
    if number.abs() >= 10_f64.powi(whole_digits.unwrap_or(18)) {
        return Err(outside(field, &number.to_string()));
    }
    // What f64 cannot tell apart anyhow is not multiplied: the largest amounts would change.
    let factor = 10_f64.powi(i32::try_from(field.scale).unwrap_or(0));
    let shifted = number * factor;
    let exact = shifted.abs() < 9_007_199_254_740_992.0;
    Ok(json!(if exact {
        shifted.round() / factor
    } else {
        number
    }))
}

fn outside(field: &Field, number: &str) -> Fault {
    let message = format!(
        "{}: value outside of valid range on numeric field: {number}",
        field.label
    );
    Fault::new(400, "NUMBER_OUTSIDE_VALID_RANGE", message).fields(&[&field.name])
}

/// `a;b`: each of a multiple choice on its own.
fn checked_choices(field: &Field, text: &str) -> Result<Value, Fault> {
    for choice in text.split(';').filter(|choice| !choice.is_empty()) {
        check_picklist(field, choice)?;
    }
    Ok(json!(text))
}

fn checked_text(field: &Field, text: &str) -> Result<Value, Fault> {
    if field.length > 0 && text.chars().count() > field.length {
        let shown: String = text.chars().take(80).collect();
        let message = format!(
            "{}: data value too large: {shown} (max length={})",
            field.label, field.length
        );
        return Err(Fault::new(400, "STRING_TOO_LONG", message).fields(&[&field.name]));
    }
    if field.ty == "email" {
        let legal = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
        });
        if !legal {
            let message = format!("{}: invalid email address: {text}", field.label);
            return Err(Fault::new(400, "INVALID_EMAIL_ADDRESS", message).fields(&[&field.name]));
        }
    }
    check_picklist(field, text)?;
    Ok(json!(text))
}

fn check_picklist(field: &Field, text: &str) -> Result<(), Fault> {
    if field.restricted && !field.values.iter().any(|value| value == text) {
        let message = format!(
            "{}: bad value for restricted picklist field: {text}",
            field.label
        );
        return Err(
            Fault::new(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message)
                .fields(&[&field.name]),
        );
    }
    Ok(())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "VALUE_NULL",
        Value::Bool(true) => "VALUE_TRUE",
        Value::Bool(false) => "VALUE_FALSE",
        Value::Number(_) => "VALUE_NUMBER",
        Value::String(_) => "VALUE_STRING",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}
