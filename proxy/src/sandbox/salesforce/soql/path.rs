//! The way to a field: an object's own, or one of a record that it refers to, up to five steps away.

use serde_json::Value;

use super::syntax::Name;
use crate::sandbox::salesforce::{
    fault::Fault,
    rows::{shown_value, value_of},
    schema::{Field, Object},
    state::{Row, State},
};

/// The most steps to a parent.
const MOST_STEPS: usize = 5;

/// A field and the way to it.
#[derive(Debug)]
pub(super) struct Path<'s> {
    pub(super) steps: Vec<Step<'s>>,
    /// Whose field it is.
    object: &'s Object,
    pub(super) field: &'s Field,
}

/// From a record to the one that it refers to.
#[derive(Debug)]
pub(super) struct Step<'s> {
    /// The field that holds the id, `OwnerId`.
    reference: &'s Field,
    /// What the way is called, `Owner`.
    pub(super) relationship: &'s str,
}

impl<'s> Path<'s> {
    /// An object's own field.
    pub(super) fn own(object: &'s Object, field: &'s Field) -> Self {
        Self {
            steps: Vec::new(),
            object,
            field,
        }
    }

    pub(super) fn resolve(
        state: &'s State,
        object: &'s Object,
        name: &Name,
        text: &str,
    ) -> Result<Self, Fault> {
        let unknown =
            |part: &str, of: &Object| Fault::no_such_column(part, &of.name).in_query(text, name.at);
        let mut object = object;
        let mut steps = Vec::new();
        let mut rest = name.text.as_str();
        while let Some((way, after)) = rest.split_once('.') {
            let found = object
                .fields
                .iter()
                .filter(|field| state.visible(object, &field.name).is_some())
                .find_map(|field| {
                    let relationship = field.relationship_name.as_deref()?;
                    let is_meant = relationship.eq_ignore_ascii_case(way);
                    is_meant.then_some((field, relationship))
                });
            let (reference, relationship) = found.ok_or_else(|| unknown(rest, object))?;
            object = target(state, reference).ok_or_else(|| unknown(rest, object))?;
            steps.push(Step {
                reference,
                relationship,
            });
            rest = after;
        }
        let field = state
            .visible(object, rest)
            .ok_or_else(|| unknown(rest, object))?;
        if steps.len() > MOST_STEPS {
            // The words are unconfirmed.
            let message = format!("only {MOST_STEPS} levels of relationships are allowed");
            return Err(Fault::new(400, "MALFORMED_QUERY", message).in_query(text, name.at));
        }
        Ok(Self {
            steps,
            object,
            field,
        })
    }

    /// Its canonical name, `Owner.Name`.
    pub(super) fn name(&self) -> String {
        let steps = self.steps.iter().map(|step| step.relationship);
        let names: Vec<&str> = steps.chain([self.field.name.as_str()]).collect();
        names.join(".")
    }

    /// What a row has there.
    pub(super) fn value(&self, state: &State, row: &Row) -> Value {
        let end = self.steps.iter().try_fold(row, |row, step| {
            step.parent(state, row).map(|(_, parent)| parent)
        });
        end.map_or(Value::Null, |row| {
            value_of(state, self.object, self.field, row)
        })
    }

    /// The same as it is answered, of the record that the steps have led to.
    pub(super) fn shown(&self, state: &State, row: &Row, root: &str) -> Value {
        shown_value(state, self.object, self.field, row, root)
    }
}

impl Step<'_> {
    /// The record that a row refers to, and its object.
    pub(super) fn parent<'r>(&self, state: &'r State, row: &Row) -> Option<(&'r Object, &'r Row)> {
        let id = row.get(&self.reference.name)?.as_str()?;
        self.reference.reference_to.iter().find_map(|name| {
            let object = state.object(name)?;
            Some((object.as_ref(), state.row(&object.name, id)?))
        })
    }
}

/// The object whose fields a reference leads to; one that may lead to several leads to what they share.
fn target<'s>(state: &'s State, reference: &Field) -> Option<&'s Object> {
    match reference.reference_to.as_slice() {
        [one] => state.object(one).map(AsRef::as_ref),
        _ => state.any_object("Name").map(AsRef::as_ref),
    }
}
