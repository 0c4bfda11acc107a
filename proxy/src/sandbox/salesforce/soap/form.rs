//! The same definition as SOAP has it and as Tooling has it, which is how it is kept.
//!
//! XML knows no types and no lists, and calls the values of a picklist otherwise.

use serde_json::{Value, json};

/// What is true or false.
const FLAGS: [&str; 6] = [
    "required",
    "externalId",
    "unique",
    "restricted",
    "sorted",
    "default",
];
/// What is a whole number.
const NUMBERS: [&str; 4] = ["length", "precision", "scale", "visibleLines"];

/// A definition out of XML.
pub(super) fn kept(mut definition: Value) -> Value {
    walk(&mut definition, &|name, value| {
        let text = value.as_str().unwrap_or_default().trim().to_owned();
        if FLAGS.contains(&name) {
            if let Ok(flag) = text.parse::<bool>() {
                *value = json!(flag);
            }
        } else if NUMBERS.contains(&name)
            && let Ok(number) = text.parse::<u64>()
        {
            *value = json!(number);
        }
    });
    choices(&mut definition, "fullName", "valueName");
    for field in fields(&mut definition) {
        choices(field, "fullName", "valueName");
    }
    definition
}

/// A definition for XML.
pub(super) fn shown(mut definition: Value) -> Value {
    choices(&mut definition, "valueName", "fullName");
    for field in fields(&mut definition) {
        choices(field, "valueName", "fullName");
    }
    definition
}

fn fields(definition: &mut Value) -> impl Iterator<Item = &mut Value> {
    let fields = definition.get_mut("fields");
    if let Some(fields @ Value::Object(_)) = fields {
        *fields = json!([fields.take()]);
    }
    let fields = definition.get_mut("fields").and_then(Value::as_array_mut);
    fields.into_iter().flatten()
}

/// Renames the key of each choice; one that came under the other's name is none.
fn choices(definition: &mut Value, from: &str, to: &str) {
    let Some(choices) = definition.pointer_mut("/valueSet/valueSetDefinition/value") else {
        return;
    };
    if choices.is_object() {
        *choices = json!([choices.take()]);
    }
    for choice in choices.as_array_mut().into_iter().flatten() {
        if let Some(choice) = choice.as_object_mut() {
            choice.remove(to);
            if let Some(name) = choice.shift_remove(from) {
                choice.insert(to.to_owned(), name);
            }
        }
    }
}

fn walk(value: &mut Value, change: &dyn Fn(&str, &mut Value)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| walk(value, change)),
        Value::Object(members) => {
            for (name, value) in members {
                change(name, value);
                walk(value, change);
            }
        }
        _ => {}
    }
}
