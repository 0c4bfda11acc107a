//! Request bodies: JSON with slots in it, held against the schema that the operation takes.

use serde_json::Value;

use super::{
    objects::{About, Object, Objects},
    slots::{Scope, check_optional, is_each},
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    plan::{PlanJson, PlanSlot},
    source::{
        Span, Text,
        yaml::{Entry, Node, NodeKind},
    },
    spec::{SpecKind, SpecName, SpecSchema},
};

/// Reads bodies for one call.
pub(super) struct Bodies<'a> {
    pub(super) scope: &'a Scope<'a>,
    /// None where no object is known that names could be held against.
    pub(super) objects: Option<Objects<'a>>,
    /// The object that the call is about.
    pub(super) object: Option<Object<'a>>,
    pub(super) sink: &'a Sink,
}

impl Bodies<'_> {
    pub(super) fn json(&self, node: &Node, schema: Option<&SpecSchema>) -> Option<PlanJson> {
        if let Some(text) = slot_text(node) {
            return self.slot(text, node.span, schema);
        }
        match &node.kind {
            NodeKind::Scalar { .. } => {
                let value = node.to_json();
                self.literal(&value, node.span, schema);
                Some(PlanJson::Literal(value.to_string()))
            }
            NodeKind::List(elements) => self.list(node, elements, schema),
            NodeKind::Mapping(entries) => self.object(node, entries, schema),
        }
    }

    fn slot(&self, text: &str, span: Span, schema: Option<&SpecSchema>) -> Option<PlanJson> {
        let name = text.strip_suffix('?');
        let optional = name.is_some();
        let slot = self.scope.slot(name.unwrap_or(text), span, self.sink)?;
        check_optional(
            &slot,
            optional || self.scope.is_given(&slot),
            span,
            self.sink,
        );
        if let Some(schema) = schema {
            self.scope.check_type(&slot, schema, span, self.sink);
        }
        Some(PlanJson::Slot { slot, optional })
    }

    fn list(
        &self,
        node: &Node,
        elements: &[Node],
        schema: Option<&SpecSchema>,
    ) -> Option<PlanJson> {
        let items = self.kind(node, schema, "a list", |kind| match kind {
            SpecKind::List(items) => Some(Some(items.as_ref())),
            _ => None,
        });
        let each = elements.iter().find_map(|element| self.each(element));
        let planned: Option<Vec<PlanJson>> = elements
            .iter()
            .map(|element| self.json(element, items))
            .collect();
        let mut planned = planned?;
        match each {
            Some(slot) if planned.len() == 1 => planned.pop().map(|element| PlanJson::Each {
                slot,
                element: Box::new(element),
            }),
            Some(_) => {
                let message = "an `…each` slot fills a list whose only element it stands in";
                self.sink
                    .push(Diagnostic::new("slot-not-available", message, node.span));
                None
            }
            None if planned.iter().all(is_literal) => {
                Some(PlanJson::Literal(node.to_json().to_string()))
            }
            None => Some(PlanJson::List(planned)),
        }
    }

    /// The `…each` slot that an element of a list is repeated for. It may stand anywhere in it, but for lists.
    fn each(&self, node: &Node) -> Option<PlanSlot> {
        match &node.kind {
            NodeKind::Scalar { .. } => {
                let text = slot_text(node)?;
                // Unknown slots are reported where they are read.
                self.scope
                    .slot(text, node.span, &Sink::default())
                    .filter(is_each)
            }
            NodeKind::Mapping(entries) => entries.iter().find_map(|entry| self.each(&entry.value)),
            NodeKind::List(_) => None,
        }
    }

    fn object(
        &self,
        node: &Node,
        entries: &[Entry],
        schema: Option<&SpecSchema>,
    ) -> Option<PlanJson> {
        let schema = match self.object {
            Some(object) if schema.is_some_and(|schema| schema.is_record) => Some(object.schema),
            _ => schema,
        };
        let object = self.kind(node, schema, "an object", |kind| match kind {
            SpecKind::Object(object) => Some(Some(object)),
            _ => None,
        });
        let open = schema.is_none_or(SpecSchema::is_open);
        let mut members = Vec::new();
        let mut complete = true;
        for Entry { key, value } in entries {
            let member = object.and_then(|object| object.properties.get(&key.value));
            if let (None, Some(object), false) = (member, object, open) {
                let message = format!("the request has no member `{}`", key.value);
                let known = object.properties.keys().map(String::as_str);
                self.sink.push(
                    Diagnostic::new("unknown-body-member", message, key.span)
                        .nearest(&key.value, known),
                );
            }
            match self.json(value, member.map(AsRef::as_ref)) {
                Some(json) => members.push((key.value.clone(), json)),
                None => complete = false,
            }
        }
        for required in object.into_iter().flat_map(|object| &object.required) {
            if !entries.iter().any(|entry| entry.key.value == *required) {
                let message = format!("the request must have `{required}`");
                self.sink
                    .push(Diagnostic::new("missing-body-member", message, node.span));
            }
        }
        if !complete {
            return None;
        }
        if members.iter().all(|(_, member)| is_literal(member)) {
            return Some(PlanJson::Literal(node.to_json().to_string()));
        }
        Some(PlanJson::Object(members))
    }

    /// What the schema says of a list or an object; nothing where it allows anything.
    fn kind<'s, T>(
        &self,
        node: &Node,
        schema: Option<&'s SpecSchema>,
        what: &str,
        pick: impl Fn(&'s SpecKind) -> Option<Option<T>>,
    ) -> Option<T> {
        let schema = schema?;
        if matches!(schema.kind, SpecKind::Any) {
            return None;
        }
        pick(&schema.kind).unwrap_or_else(|| {
            mismatch(what, node.span, schema, self.sink);
            None
        })
    }

    /// A text that names something must name something that there is.
    fn name(&self, name: &str, span: Span, takes: Option<SpecName>) {
        let Some(objects) = self.objects else {
            return;
        };
        match (takes, self.object) {
            (Some(SpecName::Field), Some(object)) => {
                let whole = Text {
                    value: name.to_owned(),
                    span,
                };
                let at = |offset, length| whole.part(offset, length);
                objects.check_field(object, name, at);
            }
            (Some(SpecName::Object), _) => {
                let name = Text {
                    value: name.to_owned(),
                    span,
                };
                objects.named(&name, About::Anything);
            }
            _ => {}
        }
    }

    pub(super) fn literal(&self, value: &Value, span: Span, schema: Option<&SpecSchema>) {
        let Some(schema) = schema else {
            return;
        };
        check_literal(value, span, schema, self.sink);
        if let Value::String(value) = value {
            self.name(value, span, schema.takes());
        }
    }
}

/// A value must be one that the schema allows.
pub(super) fn check_literal(value: &Value, span: Span, schema: &SpecSchema, sink: &Sink) {
    match (&schema.kind, value) {
        (SpecKind::Any, _)
        | (SpecKind::Boolean, Value::Bool(_))
        | (SpecKind::Number { .. }, Value::Number(_)) => {}
        (_, Value::Null) if schema.nullable => {}
        (SpecKind::Text(text), Value::String(value)) => {
            // One that only a customer has would be right for that customer alone.
            let known = text.known();
            if !known.is_empty() && !known.contains(value) {
                let message = format!("`{value}` is not among the values that stand here");
                let known = known.iter().map(String::as_str);
                sink.push(
                    Diagnostic::new("unknown-enum-value", message, span)
                        .other(schema.span, "they are said here")
                        .nearest(value, known),
                );
            }
        }
        _ => mismatch(&format!("`{value}`"), span, schema, sink),
    }
}

fn mismatch(what: &str, span: Span, schema: &SpecSchema, sink: &Sink) {
    let message = format!(
        "this is {what}, and what stands here takes {}",
        schema.kind_name()
    );
    sink.push(
        Diagnostic::new("type-mismatch", message, span).other(schema.span, "it is said here"),
    );
}

fn is_literal(json: &PlanJson) -> bool {
    matches!(json, PlanJson::Literal(_))
}

/// The text after `$`, where a scalar is a slot.
pub(super) fn slot_text(node: &Node) -> Option<&str> {
    match &node.kind {
        NodeKind::Scalar { text, .. } => text.strip_prefix('$'),
        _ => None,
    }
}
