//! Object types and their property definitions, as data. Knows no rows.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Why a set of definitions can be trusted: they are compiled in, and a test loads them.
const EMBEDDED: &str = "the embedded definitions are well-formed";

/// One type of object, as `data/<plural>.json` describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ObjectType {
    pub(super) id: String,
    pub(super) singular: String,
    pub(super) plural: String,
    /// What `.read` and `.write` are appended to.
    pub(super) scope: String,
    pub(super) schema_scope: String,
    pub(super) group: Group,
    /// The property that `createdAt` shows.
    pub(super) created: String,
    /// The property that `updatedAt` shows; contacts differ from all others.
    pub(super) modified: String,
    /// What a read answers when it names no properties.
    pub(super) defaults: Vec<String>,
    /// Where `query` of a search looks.
    pub(super) search: Vec<String>,
    /// A create must carry one of these.
    #[serde(default)]
    pub(super) required_any: Vec<String>,
    /// A create must carry all of these.
    #[serde(default)]
    pub(super) required: Vec<String>,
    /// The `HUBSPOT_DEFINED` kind of link that a create must carry.
    #[serde(default)]
    pub(super) required_link: Option<u32>,
    /// Where a row says its pipeline and its stage in it.
    #[serde(default)]
    pub(super) pipelined: Option<Pipelined>,
    /// Notes, calls and the like: they have no list of archived rows.
    #[serde(default)]
    pub(super) activity: bool,
    #[serde(default)]
    pub(super) merges: bool,
    #[serde(default)]
    pub(super) gdpr_delete: bool,
    /// `[from, to]`: on create, `to` is made from `from` when only that was sent.
    #[serde(default)]
    pub(super) fill_on_create: Vec<(String, String)>,
    properties: Vec<Property>,
}

/// The two properties of a type that has pipelines.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pipelined {
    pub(super) pipeline: String,
    pub(super) stage: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) label: String,
}

/// The definition of one property.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
// They are the flags of HubSpot's own definition.
#[expect(clippy::struct_excessive_bools)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) label: String,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) field_type: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) group_name: Option<String>,
    #[serde(default)]
    pub(super) options: Vec<Choice>,
    #[serde(default)]
    pub(super) read_only: bool,
    #[serde(default)]
    pub(super) calculated: bool,
    #[serde(default, alias = "hasUniqueValue")]
    pub(super) unique: bool,
    /// The options live elsewhere.
    #[serde(default)]
    pub(super) external: Option<Source>,
    /// They are listed in the definition all the same.
    #[serde(default)]
    pub(super) listed: bool,
    #[serde(default)]
    pub(super) format: Option<Format>,
    /// The property that holds further values of this one, unique among them.
    #[serde(default)]
    pub(super) secondary: Option<String>,
    /// A write cannot go back to an earlier option.
    #[serde(default)]
    pub(super) forward_only: bool,
    #[serde(skip)]
    pub(super) sensitivity: Sensitivity,
    /// Made by the caller, not by `HubSpot`.
    #[serde(skip)]
    pub(super) custom: bool,
    #[serde(skip)]
    pub(super) created_at: Option<i64>,
    #[serde(skip)]
    pub(super) updated_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    String,
    Number,
    Bool,
    Enumeration,
    Date,
    Datetime,
    PhoneNumber,
}

/// Who sees the values: sensitive ones need a scope of their own (hubspot.md §1.4).
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sensitivity {
    #[default]
    NonSensitive,
    Sensitive,
    HighlySensitive,
}

/// Where options live that are no part of a definition.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Source {
    Owner,
    Pipeline,
    Stage,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Email,
    Domain,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) value: String,
    #[serde(default)]
    pub(super) display_order: Option<i64>,
    #[serde(default)]
    pub(super) hidden: Option<bool>,
    #[serde(default)]
    pub(super) description: String,
}

impl Sensitivity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NonSensitive => "non_sensitive",
            Self::Sensitive => "sensitive",
            Self::HighlySensitive => "highly_sensitive",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::NonSensitive, Self::Sensitive, Self::HighlySensitive]
            .into_iter()
            .find(|own| own.name() == text)
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Enumeration => "enumeration",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::PhoneNumber => "phone_number",
        }
    }

    /// Whether a property of this type can be shown by that kind of field.
    pub(super) fn fits(self, field_type: &str) -> bool {
        let fields: &[&str] = match self {
            Self::String => &["text", "textarea", "html", "file", "phonenumber"],
            Self::Number => &["number"],
            Self::Bool => &["booleancheckbox"],
            Self::Enumeration => &["select", "radio", "checkbox", "booleancheckbox"],
            Self::Date | Self::Datetime => &["date"],
            Self::PhoneNumber => &["phonenumber"],
        };
        fields.contains(&field_type)
    }
}

impl Property {
    /// Several values at once, joined by `;`.
    pub(super) fn is_multiple(&self) -> bool {
        self.kind == Kind::Enumeration
            && (self.field_type == "checkbox" || self.name == "hs_additional_emails")
    }
}

impl ObjectType {
    /// Made by the account, not by `HubSpot`.
    pub(super) fn is_custom(&self) -> bool {
        self.id.starts_with("2-")
    }

    /// Whether a path may call this type so: plural, singular or id; of a custom type its full name or that without
    /// the account (`p_car`), but not the bare one.
    pub(super) fn answers_to(&self, name: &str) -> bool {
        if self.id == name || self.plural == name {
            return true;
        }
        if self.is_custom() {
            return name.strip_prefix("p_") == Some(&self.singular);
        }
        self.singular == name
    }

    /// Set by the system and part of every answer, asked for or not.
    pub(super) fn system(&self) -> [&str; 3] {
        [&self.created, &self.modified, "hs_object_id"]
    }

    /// The definitions that a fresh account has.
    pub(super) fn definitions(&self) -> BTreeMap<String, Property> {
        self.properties
            .iter()
            .map(|property| (property.name.clone(), property.clone()))
            .collect()
    }
}

/// Every object type that the sandbox knows. Those of `further.json` are there so that links to them, counts and lists of
/// them answer; beyond their names and ids (hubspot.md §0, §6.2) their definitions are general knowledge.
pub(super) fn embedded() -> Vec<ObjectType> {
    let further: Vec<ObjectType> =
        serde_json::from_str(include_str!("data/further.json")).expect(EMBEDDED);
    let own = [
        include_str!("data/contacts.json"),
        include_str!("data/companies.json"),
        include_str!("data/deals.json"),
        include_str!("data/notes.json"),
        include_str!("data/leads.json"),
    ]
    .into_iter()
    .map(|text| serde_json::from_str(text).expect(EMBEDDED));
    own.chain(further).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_and_search_property_is_defined() {
        for ty in embedded() {
            let defined = ty.definitions();
            for name in ty
                .defaults
                .iter()
                .chain(&ty.search)
                .chain(&ty.required_any)
                .chain(&ty.required)
            {
                assert!(defined.contains_key(name), "{}: {name}", ty.plural);
            }
            assert!(defined.values().all(|property| property.calculated || property.kind.fits(&property.field_type)));
        }
    }

    #[test]
    fn industry_has_the_148_values_of_a_live_account() {
        let companies = embedded().remove(1).definitions();
        let options = &companies["industry"].options;
        assert_eq!(options.len(), 148);
        assert_eq!(
            (options[0].label.as_str(), options[147].label.as_str()),
            ("Accounting", "Mobile Games")
        );
    }
}
