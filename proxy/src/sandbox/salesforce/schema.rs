//! The objects and their fields, from data derived from real describe answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An object.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Object {
    pub(super) name: String,
    /// What its ids begin with.
    pub(super) prefix: String,
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
    #[serde(rename = "type")]
    pub(super) ty: String,
    #[serde(default)]
    pub(super) length: usize,
    pub(super) nillable: bool,
    pub(super) createable: bool,
    pub(super) updateable: bool,
    pub(super) filterable: bool,
    /// Filled by Salesforce where a create leaves it out.
    #[serde(default)]
    pub(super) defaulted: bool,
    #[serde(default)]
    pub(super) id_lookup: bool,
    #[serde(default)]
    pub(super) reference_to: Vec<String>,
    /// The values of a restricted picklist.
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
    pub(super) fn custom(settings: &Value) -> Option<Self> {
        let name = settings.get("name")?.as_str()?.to_owned();
        let ty = settings
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("string")
            .to_owned();
        let length = settings
            .get("length")
            .and_then(Value::as_u64)
            .and_then(|length| length.try_into().ok())
            .unwrap_or(255);
        Some(Self {
            name,
            filterable: ty != "textarea",
            ty,
            length,
            nillable: true,
            createable: true,
            updateable: true,
            defaulted: false,
            id_lookup: false,
            reference_to: Vec::new(),
            values: Vec::new(),
        })
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
