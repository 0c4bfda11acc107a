//! The choices of a picklist that is being made.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{integrity, list, word};
use crate::sandbox::salesforce::{fault::Fault, schema::Field};

/// Sets a field's choices from a definition's `valueSet`.
pub(super) fn set(field: &mut Field, definition: &Value) -> Result<(), Fault> {
    let set = &definition["valueSet"];
    let defined = list(&set["valueSetDefinition"]["value"]);
    if defined.is_empty() {
        let message = format!(
            "You must specify either picklist values or a picklist for the field {}",
            field.name
        );
        return Err(integrity(message).fields(&["valueSet"]));
    }
    let key = "valueName";
    let mut labels = BTreeMap::new();
    for value in defined {
        let name = word(value, key);
        if name.is_empty() {
            let message = format!("Required fields are missing: [{key}]");
            return Err(Fault::new(400, "REQUIRED_FIELD_MISSING", message).fields(&[key]));
        }
        if field
            .values
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            let message = format!("Duplicate label or value: {name}");
            return Err(Fault::new(400, "DUPLICATE_VALUE", message).fields(&[]));
        }
        let label = word(value, "label");
        if !label.is_empty() && label != name {
            labels.insert(name.to_owned(), label.to_owned());
        }
        if is_on(&value["default"]) && field.ty == "picklist" {
            field.default_value = json!(name);
        }
        field.values.push(name.to_owned());
    }
    field.value_labels = labels;
    field.restricted = is_on(&set["restricted"]);
    Ok(())
}

/// Whether a flag is set; the default of a checkbox is text in either API.
pub(super) fn is_on(value: &Value) -> bool {
    *value == json!(true) || value.as_str() == Some("true")
}
