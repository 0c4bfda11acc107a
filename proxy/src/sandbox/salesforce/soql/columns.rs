//! What a query selects: an object's own fields, and those of the records that it refers to, one step away.

use serde_json::{Map, Value, json};

use super::parser::Name;
use crate::sandbox::salesforce::{
    fault::Fault,
    rows::value_of,
    schema::{Field, Object},
    state::{Row, State},
};

/// One selected field.
#[derive(Debug)]
pub(super) struct Column<'s> {
    /// The way to another object; none for the object's own fields.
    parent: Option<Parent<'s>>,
    field: &'s Field,
}

#[derive(Debug)]
struct Parent<'s> {
    /// The field that holds the id, `OwnerId`.
    reference: &'s Field,
    /// What the way is called, `Owner`.
    relationship: &'s str,
    object: &'s Object,
}

impl<'s> Column<'s> {
    pub(super) fn resolve(
        state: &'s State,
        object: &'s Object,
        name: &Name,
        text: &str,
    ) -> Result<Self, Fault> {
        let unknown = |name_: &str, of: &Object| {
            Fault::no_such_column(name_, &of.name).in_query(text, name.at)
        };
        let Some((way, last)) = name.text.split_once('.') else {
            let field = super::field(state, object, name, text)?;
            return Ok(Self {
                parent: None,
                field,
            });
        };
        let parent = object
            .fields
            .iter()
            .find_map(|reference| Parent::by(state, object, reference, way))
            .ok_or_else(|| unknown(&name.text, object))?;
        let field = state
            .visible(parent.object, last)
            .ok_or_else(|| unknown(last, parent.object))?;
        Ok(Self {
            parent: Some(parent),
            field,
        })
    }

    /// Its canonical name, `Owner.Name`.
    pub(super) fn path(&self) -> String {
        match &self.parent {
            None => self.field.name.clone(),
            Some(parent) => format!("{}.{}", parent.relationship, self.field.name),
        }
    }
}

impl<'s> Parent<'s> {
    fn by(state: &'s State, object: &Object, reference: &'s Field, way: &str) -> Option<Self> {
        let relationship = reference.relationship_name.as_deref()?;
        state.visible(object, &reference.name)?;
        let object = state.object(reference.reference_to.first()?)?;
        relationship.eq_ignore_ascii_case(way).then_some(Self {
            reference,
            relationship,
            object,
        })
    }
}

/// A row as a query answers it; the fields of one parent are in one object, null where there is no parent.
pub(super) fn shown(
    state: &State,
    object: &Object,
    row: &Row,
    columns: &[Column<'_>],
    root: &str,
) -> Value {
    let mut shown = attributes(object, row, root);
    for column in columns {
        let Some(parent) = &column.parent else {
            shown.insert(column.field.name.clone(), value_of(column.field, row));
            continue;
        };
        let found = value_of(parent.reference, row);
        let found = found
            .as_str()
            .and_then(|id| state.rows.get(&parent.object.name)?.get(id));
        let empty = || {
            found.map_or(Value::Null, |found| {
                Value::Object(attributes(parent.object, found, root))
            })
        };
        let entry = shown.entry(parent.relationship).or_insert_with(empty);
        if let (Some(members), Some(found)) = (entry.as_object_mut(), found) {
            members.insert(column.field.name.clone(), value_of(column.field, found));
        }
    }
    Value::Object(shown)
}

fn attributes(object: &Object, row: &Row, root: &str) -> Map<String, Value> {
    let id = row.get("Id").and_then(Value::as_str).unwrap_or_default();
    let url = format!("{root}/sobjects/{}/{id}", object.name);
    Map::from_iter([(
        "attributes".to_owned(),
        json!({ "type": object.name, "url": url }),
    )])
}
