//! What an answer says beside the record: what was not written, what could not be read, what was not understood.

use serde::Serialize;

/// The most warnings that one answer carries.
const MAX: usize = 50;

/// One warning, in the shape that the API's contract has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub title: &'static str,
    pub problem_type: &'static str,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// The warnings of one call: each thing once, and not without end.
#[derive(Debug, Default)]
pub struct Warnings(Vec<Warning>);

impl Warnings {
    pub fn as_slice(&self) -> &[Warning] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn truncate(&mut self, count: usize) {
        self.0.truncate(count);
    }

    /// Adds those of another place, after those that are here.
    pub(super) fn append(&mut self, others: Self) {
        for warning in others.0 {
            self.add(warning);
        }
    }

    /// A field was given that the provider has no place for.
    pub fn not_written(&mut self, field: &str, reason: &str) {
        self.push(
            "field not written",
            "field_not_written",
            field,
            reason.to_owned(),
        );
    }

    /// An empty list of entries says nothing: those that are not named stay as they are.
    pub fn empty_list(&mut self, field: &str) {
        self.push(
            "field not written",
            "field_not_written",
            field,
            "an empty list changes nothing, since entries that are not in it stay as they are; null clears them".to_owned(),
        );
    }

    /// A native value has no form in the unified field, which is null instead.
    pub fn not_read(&mut self, field: &str, detail: String) {
        self.push(
            "value not understood",
            "value_not_understood",
            field,
            detail,
        );
    }

    /// A native field that the mapping reads is hidden from the connected user; what comes from it is null.
    pub fn hidden(&mut self, native: &str) {
        self.push(
            "field not visible",
            "field_not_visible",
            native,
            format!(
                "`{native}` is hidden from the connected user, or does not exist: what comes from it is null; let the provider's administrator grant read access to it"
            ),
        );
    }

    /// A record was listed, and could not be read by its id.
    pub fn incomplete(&mut self, id: &str) {
        self.push(
            "record not complete",
            "record_not_complete",
            &format!("items[id={id}]"),
            "it is deleted, or went away a moment ago: of its fields only those of the list are known; ask for fewer `fields` to see all".to_owned(),
        );
    }

    /// The connected user may not see what these fields come from: they are null, or what the record itself has of them.
    pub fn not_visible(&mut self, fields: &[&str], why: &str) {
        for field in fields {
            self.push(
                "field not visible",
                "field_not_visible",
                field,
                format!("the connected user may not read all that it comes from: {why}"),
            );
        }
    }

    /// An upsert writes another value than the one it looks for: the next one by the same value will not find it.
    pub fn key_differs(&mut self, key: &str) {
        let detail = format!(
            "the record has another `{key}` than upsert_on, which is written; an upsert by the same value will not find it"
        );
        self.push("key differs from the record", "key_differs", key, detail);
    }

    /// The request has something in it that this API does not know.
    pub fn ignored(&mut self, path: &str) {
        self.push(
            "unknown member ignored",
            "unknown_member",
            path,
            format!("`{path}` is not known here and was ignored"),
        );
    }

    pub(super) fn push(
        &mut self,
        title: &'static str,
        problem_type: &'static str,
        field: &str,
        detail: String,
    ) {
        self.add(Warning {
            title,
            problem_type,
            detail,
            field: Some(field.to_owned()),
        });
    }

    fn add(&mut self, warning: Warning) {
        let is_known = self.0.iter().any(|known| {
            known.problem_type == warning.problem_type && known.field == warning.field
        });
        if !is_known && self.0.len() < MAX {
            self.0.push(warning);
        }
    }
}
