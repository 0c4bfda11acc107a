//! References → what they lead to.
//!
//! A schema becomes a tree, so a schema within itself is refused; so are references that lead nowhere or out of the file.

use std::{collections::BTreeMap, sync::Arc};

use openapiv3::{
    AdditionalProperties, ObjectType, ReferenceOr, Schema, SchemaKind, StringType, Type,
    VariantOrUnknownOrEmpty,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{SpecKind, SpecName, SpecObject, SpecSchema, SpecText};
use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{Span, Text, yaml::Node},
};

/// The most nodes that one document may unfold to, however its references multiply.
const MAX_SCHEMAS: usize = 100_000;

pub(super) struct Resolver<'a> {
    document: &'a Value,
    node: &'a Node,
    pub(super) sink: &'a Sink,
    components: BTreeMap<String, State>,
    read: usize,
}

/// How far a component has been resolved.
enum State {
    /// It is being read: a reference to it leads in a circle.
    Open,
    Done(Option<Arc<SpecSchema>>),
}

/// A name as a segment of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl<'a> Resolver<'a> {
    pub(super) fn new(document: &'a Value, node: &'a Node, sink: &'a Sink) -> Self {
        Self {
            document,
            node,
            sink,
            components: BTreeMap::new(),
            read: 0,
        }
    }

    pub(super) fn span(&self, pointer: &str) -> Span {
        self.node.at_pointer(pointer).span
    }

    fn bad_reference(&self, message: String, pointer: &str) {
        let at = self.span(&format!("{pointer}/$ref"));
        self.sink
            .push(Diagnostic::new("bad-reference", message, at).label(format!("at `{pointer}`")));
    }

    /// The name of the component of `section` that a reference leads to.
    fn target<'r>(&self, reference: &'r str, section: &str, pointer: &str) -> Option<&'r str> {
        if !reference.starts_with('#') {
            self.bad_reference(format!("`{reference}` leads out of this file"), pointer);
            return None;
        }
        let name = reference.strip_prefix(&format!("#/components/{section}/"));
        if name.is_none() {
            let message = format!("`{reference}` does not lead to `#/components/{section}/…`");
            self.bad_reference(message, pointer);
        }
        name
    }

    /// A component of another kind than a schema; references in references are refused.
    pub(super) fn item<T: Clone + Serialize + DeserializeOwned>(
        &self,
        item: &ReferenceOr<T>,
        section: &str,
        pointer: &str,
    ) -> Option<(T, String)> {
        let reference = match item {
            ReferenceOr::Item(item) => return Some((item.clone(), pointer.to_owned())),
            ReferenceOr::Reference { reference } => reference,
        };
        let name = self.target(reference, section, pointer)?;
        let target = format!("/components/{section}/{name}");
        match self.document.pointer(&target) {
            None => {
                self.bad_reference(format!("`{reference}` leads nowhere"), pointer);
                None
            }
            Some(value) if value.get("$ref").is_some() => {
                self.bad_reference(format!("`{reference}` leads to another reference"), pointer);
                None
            }
            Some(value) => Some((self.typed(value, &target)?, target)),
        }
    }

    /// The component schema of a name that is known to exist.
    pub(super) fn component(&mut self, name: &str) -> Option<Arc<SpecSchema>> {
        if let Some(State::Done(schema)) = self.components.get(name) {
            return schema.clone();
        }
        let pointer = format!("/components/schemas/{}", escape(name));
        let value = self.document.pointer(&pointer)?;
        self.components.insert(name.to_owned(), State::Open);
        let schema = self
            .typed::<ReferenceOr<Schema>>(value, &pointer)
            .and_then(|schema| self.schema(&schema, &pointer))
            .map(|schema| {
                Arc::new(SpecSchema {
                    name: Some(name.to_owned()),
                    ..(*schema).clone()
                })
            });
        self.components
            .insert(name.to_owned(), State::Done(schema.clone()));
        schema
    }

    pub(super) fn schema(
        &mut self,
        schema: &ReferenceOr<Schema>,
        pointer: &str,
    ) -> Option<Arc<SpecSchema>> {
        self.read += 1;
        if self.read > MAX_SCHEMAS {
            return None;
        }
        match schema {
            ReferenceOr::Item(schema) => self.inline(schema, pointer),
            ReferenceOr::Reference { reference } => {
                let name = self.target(reference, "schemas", pointer)?;
                let name = name.replace("~1", "/").replace("~0", "~");
                if matches!(self.components.get(&name), Some(State::Open)) {
                    self.bad_reference(format!("`{reference}` leads back to itself"), pointer);
                    return None;
                }
                let exists = self
                    .document
                    .pointer(&format!("/components/schemas/{}", escape(&name)));
                if exists.is_none() {
                    self.bad_reference(format!("`{reference}` leads nowhere"), pointer);
                    return None;
                }
                self.component(&name)
            }
        }
    }

    fn boxed(
        &mut self,
        schema: &ReferenceOr<Box<Schema>>,
        pointer: &str,
    ) -> Option<Arc<SpecSchema>> {
        self.schema(&schema.clone().unbox(), pointer)
    }

    fn inline(&mut self, schema: &Schema, pointer: &str) -> Option<Arc<SpecSchema>> {
        let data = &schema.schema_data;
        let mut name = None;
        let mut doc = None;
        let mut is_record = false;
        let kind = match &schema.schema_kind {
            SchemaKind::Type(ty) => self.kind(ty, data, pointer)?,
            SchemaKind::AllOf { all_of } => {
                let mut parts = Vec::new();
                for (index, part) in all_of.iter().enumerate() {
                    parts.push(self.schema(part, &format!("{pointer}/allOf/{index}"))?);
                }
                if let [only] = parts.as_slice() {
                    // The way to say something beside a reference: `allOf: [{ $ref: … }]`.
                    name.clone_from(&only.name);
                    doc.clone_from(&only.doc);
                    is_record = only.is_record;
                    only.kind.clone()
                } else {
                    merged(&parts)
                }
            }
            _ => SpecKind::Any,
        };
        let object_name = data.extensions.get("x-object-name").and_then(Value::as_str);
        let flag = |name: &str| {
            data.extensions
                .get(name)
                .and_then(Value::as_bool)
                .unwrap_or(false)
        };
        Some(Arc::new(SpecSchema {
            name,
            span: self.span(pointer),
            doc: data.description.clone().or(doc),
            nullable: data.nullable,
            read_only: data.read_only,
            create_only: flag("x-create-only"),
            object_name: object_name.map(|name| Text {
                value: name.to_owned(),
                span: self.span(&format!("{pointer}/x-object-name")),
            }),
            is_record: is_record || flag("x-record"),
            kind,
        }))
    }

    fn kind(&mut self, ty: &Type, data: &openapiv3::SchemaData, pointer: &str) -> Option<SpecKind> {
        Some(match ty {
            Type::String(text) => {
                let known = data
                    .extensions
                    .get("x-extensible-enum")
                    .and_then(Value::as_array);
                let known = known
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned);
                let known_values = known.collect();
                let mut read = text_kind(text);
                if data.extensions.get("x-instant") == Some(&Value::Bool(true)) {
                    // Said apart only where a format would be news to callers.
                    read.format = Some("date-time".to_owned());
                }
                SpecKind::Text(SpecText {
                    known_values,
                    takes: self.word(
                        data,
                        "x-takes",
                        &[
                            ("field-name", SpecName::Field),
                            ("object-name", SpecName::Object),
                        ],
                        pointer,
                    ),
                    is_query: self
                        .word(data, "x-query", &[("select", ())], pointer)
                        .is_some(),
                    ..read
                })
            }
            Type::Number(number) => SpecKind::Number {
                integer: false,
                maximum: number.maximum,
            },
            Type::Integer(integer) => SpecKind::Number {
                integer: true,
                // Limits of pages and lengths: far below what a float holds exactly.
                #[allow(clippy::cast_precision_loss)]
                maximum: integer.maximum.map(|maximum| maximum as f64),
            },
            Type::Boolean(_) => SpecKind::Boolean,
            Type::Array(list) => match &list.items {
                Some(items) => SpecKind::List(self.boxed(items, &format!("{pointer}/items"))?),
                None => SpecKind::Any,
            },
            Type::Object(object) => SpecKind::Object(self.object(object, pointer)?),
        })
    }

    /// An extension that is one of a few words.
    fn word<T: Copy>(
        &self,
        data: &openapiv3::SchemaData,
        name: &str,
        words: &[(&str, T)],
        pointer: &str,
    ) -> Option<T> {
        let value = data.extensions.get(name)?;
        let word = words
            .iter()
            .find(|(word, _)| value.as_str() == Some(word))
            .map(|(_, meaning)| *meaning);
        if word.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{name}` says nothing that is known");
            let at = self.span(&format!("{pointer}/{name}"));
            self.sink.push(
                Diagnostic::new("bad-spec", message, at)
                    .nearest(value.as_str().unwrap_or_default(), words),
            );
        }
        word
    }

    fn object(&mut self, object: &ObjectType, pointer: &str) -> Option<SpecObject> {
        let mut properties = indexmap::IndexMap::new();
        for (name, property) in &object.properties {
            let pointer = format!("{pointer}/properties/{}", escape(name));
            properties.insert(name.clone(), self.boxed(property, &pointer)?);
        }
        let open = !matches!(
            &object.additional_properties,
            None | Some(AdditionalProperties::Any(false))
        );
        Some(SpecObject {
            properties,
            required: object.required.clone(),
            open,
        })
    }
}

fn text_kind(text: &StringType) -> SpecText {
    let format = match &text.format {
        VariantOrUnknownOrEmpty::Empty => None,
        VariantOrUnknownOrEmpty::Unknown(format) => Some(format.clone()),
        VariantOrUnknownOrEmpty::Item(format) => serde_json::to_value(format)
            .ok()
            .and_then(|format| format.as_str().map(str::to_owned)),
    };
    SpecText {
        format,
        max_length: text.max_length,
        values: text.enumeration.iter().flatten().cloned().collect(),
        ..SpecText::default()
    }
}

/// Several objects as one.
fn merged(parts: &[Arc<SpecSchema>]) -> SpecKind {
    let mut all = SpecObject::default();
    for part in parts {
        let Some(object) = part.object() else {
            return SpecKind::Any;
        };
        all.properties.extend(object.properties.clone());
        all.required.extend(object.required.clone());
        all.open |= object.open;
    }
    SpecKind::Object(all)
}
