//! The objects and their fields, from data derived from real describe answers.
//!
//! Accounts, contacts, leads and opportunities have the fields of the recorded describes; no recording of the other
//! objects exists, so theirs are those that `salesforce.md` §5.1 and §7 name, and the usual ones beside them.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

mod custom;

/// An object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a describe answer has them so"
)]
pub(super) struct Object {
    pub(super) name: String,
    /// What its ids begin with.
    pub(super) prefix: String,
    pub(super) label: String,
    pub(super) label_plural: String,
    /// Users are switched off, never deleted.
    pub(super) deletable: bool,
    #[serde(default = "yes")]
    pub(super) createable: bool,
    #[serde(default = "yes")]
    pub(super) updateable: bool,
    #[serde(default)]
    pub(super) mergeable: bool,
    /// Whether it is one of the Tooling API's, which the data API does not know.
    #[serde(default)]
    pub(super) tooling: bool,
    /// Whether nobody can ask for it: `Name`, through which owners are read that are users or queues.
    #[serde(default)]
    pub(super) hidden: bool,
    /// Whether nobody sees it before `ObjectPermissions` say so: those that were made by API.
    #[serde(skip)]
    pub(super) needs_grant: bool,
    /// How its rows are called where nobody calls them: `INV-{0000}`.
    #[serde(skip)]
    pub(super) auto_name: Option<String>,
    pub(super) fields: Vec<Field>,
}

/// A field of an object.
#[derive(Debug, Clone, Default, Deserialize)]
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
    pub(super) default_value: Value,
    /// All the digits of a number with a fraction, and those after the point.
    #[serde(default)]
    pub(super) precision: usize,
    #[serde(default)]
    pub(super) scale: usize,
    /// The digits of a whole number.
    #[serde(default)]
    pub(super) digits: usize,
    #[serde(default)]
    pub(super) id_lookup: bool,
    #[serde(default)]
    pub(super) external_id: bool,
    /// Whether no two rows have the same value.
    #[serde(default)]
    pub(super) unique: bool,
    /// Whether it is what people call a row by.
    #[serde(default, rename = "nameField")]
    pub(super) is_name: bool,
    #[serde(default)]
    pub(super) reference_to: Vec<String>,
    #[serde(default)]
    pub(super) relationship_name: Option<String>,
    /// What the way back is called, from the object that it refers to.
    #[serde(default)]
    pub(super) child_relationship: Option<String>,
    /// Whether a picklist takes no other than its own values.
    #[serde(default)]
    pub(super) restricted: bool,
    /// The values of a picklist.
    #[serde(default)]
    pub(super) values: Vec<String>,
    /// What people call those values that are called otherwise.
    #[serde(skip)]
    pub(super) value_labels: BTreeMap<String, String>,
    /// The field that it is a part of: `Name`, `BillingAddress`.
    #[serde(default)]
    pub(super) compound: Option<String>,
    #[serde(default)]
    pub(super) extra_type_info: Option<String>,
    #[serde(default)]
    pub(super) help: Option<String>,
    #[serde(default)]
    pub(super) search_prefilterable: bool,
    /// Whether field-level security can hide it.
    #[serde(default)]
    pub(super) permissionable: bool,
    /// Whether nobody sees it before `FieldPermissions` say so: those that were made by API and are not required.
    #[serde(skip)]
    pub(super) needs_grant: bool,
}

/// The objects by their names in lower case.
pub(super) type Schema = BTreeMap<String, Arc<Object>>;

pub(super) fn standard() -> Schema {
    [
        include_str!("data/account.json"),
        include_str!("data/contact.json"),
        include_str!("data/content_document.json"),
        include_str!("data/content_document_link.json"),
        include_str!("data/content_note.json"),
        include_str!("data/custom_field.json"),
        include_str!("data/custom_object.json"),
        include_str!("data/field_permissions.json"),
        include_str!("data/group.json"),
        include_str!("data/lead.json"),
        include_str!("data/name.json"),
        include_str!("data/note.json"),
        include_str!("data/object_permissions.json"),
        include_str!("data/opportunity.json"),
        include_str!("data/opportunity_stage.json"),
        include_str!("data/permission_set.json"),
        include_str!("data/permission_set_assignment.json"),
        include_str!("data/profile.json"),
        include_str!("data/user.json"),
    ]
    .into_iter()
    .map(|json| {
        let object: Object =
            serde_json::from_str(json).expect("the embedded schema is well-formed");
        (object.name.to_ascii_lowercase(), Arc::new(object))
    })
    .collect()
}

fn yes() -> bool {
    true
}

impl Object {
    /// A field by its name in any case.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }
}

impl Field {
    pub(super) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Whether a create must name it.
    pub(super) fn is_required(&self) -> bool {
        self.createable && !self.nillable && !self.defaulted && self.ty != "boolean"
    }

    /// Whether it stands in no condition and no order.
    pub(super) fn is_long(&self) -> bool {
        self.ty == "textarea" && self.length > 255
    }

    /// Whether its values are text that LIKE can look into.
    pub(super) fn is_text(&self) -> bool {
        matches!(
            self.ty.as_str(),
            "string" | "picklist" | "textarea" | "phone" | "email" | "url" | "combobox"
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
