//! Custom fields that the settings add, as if an administrator had made them and shown them to everybody.

use serde_json::Value;

use super::Field;

impl Field {
    /// A field from the settings: `{"name":"Tier__c","type":"picklist","length":40,"restricted":true,"values":["Gold"]}`.
    pub(in crate::sandbox::salesforce) fn custom(settings: &Value) -> Option<Self> {
        let text = |name: &str| settings.get(name).and_then(Value::as_str);
        let number = |name: &str| {
            let number = settings.get(name).and_then(Value::as_u64);
            number.and_then(|number| usize::try_from(number).ok())
        };
        let flag = |name: &str| settings.get(name).and_then(Value::as_bool);
        let list = |name: &str| -> Vec<String> {
            settings
                .get(name)
                .and_then(|values| serde_json::from_value(values.clone()).ok())
                .unwrap_or_default()
        };
        let name = text("name")?.to_owned();
        let ty = text("type").unwrap_or("string").to_owned();
        let mut field = Self {
            label: text("label").unwrap_or(&name).to_owned(),
            nillable: ty != "boolean" && flag("required") != Some(true),
            defaulted: ty == "boolean",
            length: if is_number(&ty) || is_fixed(&ty) {
                0
            } else {
                number("length").unwrap_or(255)
            },
            precision: number("precision").unwrap_or(if is_number(&ty) { 18 } else { 0 }),
            scale: number("scale").unwrap_or(0),
            createable: true,
            updateable: true,
            external_id: flag("externalId").unwrap_or(false),
            id_lookup: flag("idLookup").or(flag("externalId")).unwrap_or(false),
            unique: flag("unique").unwrap_or(false),
            reference_to: list("referenceTo"),
            relationship_name: text("relationshipName").map(str::to_owned),
            restricted: flag("restricted").unwrap_or(false),
            permissionable: true,
            values: list("values"),
            name,
            ty,
            ..Self::default()
        };
        field.filterable = !field.is_long();
        field.sortable = field.filterable && field.ty != "multipicklist";
        Some(field)
    }
}

/// Whether values of a type are numbers with a fraction.
fn is_number(ty: &str) -> bool {
    matches!(ty, "double" | "currency" | "percent")
}

/// Whether a type has no length.
fn is_fixed(ty: &str) -> bool {
    matches!(ty, "boolean" | "date" | "datetime" | "time" | "int")
}
