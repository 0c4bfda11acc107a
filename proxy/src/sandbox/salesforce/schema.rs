//! The objects and their fields, from data derived from real describe answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An object.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    pub(super) name: String,
    /// What its ids begin with.
    pub(super) prefix: String,
    pub(super) label: String,
    pub(super) label_plural: String,
    /// Users are switched off, never deleted.
    pub(super) deletable: bool,
    pub(super) fields: Vec<Field>,
}

/// A field of an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a describe answer has them so"
)]
pub(super) struct Field {
    pub(super) name: String,
    /// What people call it; errors on values say this, not the name.
    pub(super) label: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
    #[serde(default)]
    pub(super) length: usize,
    pub(super) nillable: bool,
    pub(super) createable: bool,
    pub(super) updateable: bool,
    pub(super) filterable: bool,
    pub(super) sortable: bool,
    /// Filled by Salesforce where a create leaves it out.
    #[serde(default)]
    pub(super) defaulted: bool,
    #[serde(default)]
    pub(super) id_lookup: bool,
    #[serde(default)]
    pub(super) reference_to: Vec<String>,
    #[serde(default)]
    pub(super) relationship_name: Option<String>,
    /// Whether a picklist takes no other than its own values.
    #[serde(default)]
    pub(super) restricted: bool,
    /// The values of a picklist.
    #[serde(default)]
    pub(super) values: Vec<String>,
}

/// The objects by their names in lower case.
pub(super) type Schema = BTreeMap<String, Object>;

pub(super) fn standard() -> Schema {
    [
        include_str!("data/account.json"),
        include_str!("data/contact.json"),
        include_str!("data/user.json"),
    ]
    .into_iter()
    .map(|json| {
        let object: Object =
            serde_json::from_str(json).expect("the embedded schema is well-formed");
        (object.name.to_ascii_lowercase(), object)
    })
    .collect()
}

impl Object {
    /// A field by its name in any case.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

impl Field {
    /// A field from the settings: `{"name":"Tier__c","type":"picklist","length":40,"restricted":true,"values":["Gold"]}`.
    pub(super) fn custom(settings: &Value) -> Option<Self> {
        let text = |name: &str| settings.get(name).and_then(Value::as_str);
        let name = text("name")?.to_owned();
        let ty = text("type").unwrap_or("string").to_owned();
        let length = settings
            .get("length")
            .and_then(Value::as_u64)
            .and_then(|length| length.try_into().ok())
            .unwrap_or(255);
        // Long text areas stand in no condition and no order.
        let is_long = ty == "textarea" && length > 255;
        let flag = |name: &str| settings.get(name).and_then(Value::as_bool);
        Some(Self {
            label: text("label").unwrap_or(&name).to_owned(),
            name,
            filterable: !is_long,
            sortable: !is_long,
            nillable: ty != "boolean",
            defaulted: ty == "boolean",
            ty,
            length,
            createable: true,
            updateable: true,
            id_lookup: flag("idLookup").unwrap_or(false),
            reference_to: Vec::new(),
            relationship_name: None,
            restricted: flag("restricted").unwrap_or(false),
            values: settings
                .get("values")
                .and_then(|values| serde_json::from_value(values.clone()).ok())
                .unwrap_or_default(),
        })
    }

    /// Whether its values are text that LIKE can look into.
    pub(super) fn is_text(&self) -> bool {
        !matches!(
            self.ty.as_str(),
            "id" | "reference"
                | "boolean"
                | "int"
                | "double"
                | "currency"
                | "percent"
                | "date"
                | "datetime"
                | "address"
        )
    }

    /// The parts of a compound address: `BillingAddress` → `Billing`.
    pub(super) fn address_prefix(&self) -> Option<&str> {
        if self.ty == "address" {
            self.name.strip_suffix("Address")
        } else {
            None
        }
    }
}
