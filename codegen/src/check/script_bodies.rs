//! Members of bodies and answers that templates write: what they are for has members that are called so.

use crate::{
    diagnostic::{Diagnostic, Sink},
    source::yaml::{Node, NodeKind},
    spec::{SpecKind, SpecSchema},
};

/// What a template is written for.
#[derive(Debug, Clone, Copy)]
pub(super) enum For<'a> {
    /// The body of a native operation.
    Body(&'a str),
    /// The answer of a unified one.
    Answer(&'a str),
}

/// Holds the members of a template against a schema. Whatever is filled while it runs is not known here.
pub(super) fn check(node: &Node, schema: &SpecSchema, operation: For<'_>, sink: &Sink) {
    match &node.kind {
        NodeKind::Scalar { .. } => {}
        NodeKind::List(elements) => {
            if let SpecKind::List(element) = &schema.kind {
                for node in elements {
                    check(node, element, operation, sink);
                }
            }
        }
        NodeKind::Mapping(entries) => {
            for entry in entries {
                let value = &entry.value;
                match (entry.key.value.as_str(), &value.kind) {
                    ("$do", _) => {
                        if let SpecKind::List(element) = &schema.kind {
                            check(value, element, operation, sink);
                        }
                    }
                    ("$cases", NodeKind::Mapping(cases)) => {
                        for case in cases {
                            check(&case.value, schema, operation, sink);
                        }
                    }
                    // Each is of the same kind as the whole: objects in one, and lists in the other.
                    ("$all" | "$join", NodeKind::List(parts)) => {
                        for part in parts {
                            check(part, schema, operation, sink);
                        }
                    }
                    ("$all" | "$else", _) => check(value, schema, operation, sink),
                    (key, _) if key.starts_with('$') => {}
                    (key, _) => match schema.member(key) {
                        Some(member) => check(value, member, operation, sink),
                        None if schema.is_open() => {}
                        None => {
                            let (id, message) = match operation {
                                For::Body(name) => {
                                    ("unknown-body-member", format!("`{name}` takes no `{key}`"))
                                }
                                For::Answer(name) => (
                                    "unknown-unified-field",
                                    format!("`{name}` answers with no `{key}`"),
                                ),
                            };
                            let known = schema
                                .object()
                                .into_iter()
                                .flat_map(|object| object.properties.keys());
                            sink.push(
                                Diagnostic::new(id, message, entry.key.span)
                                    .other(schema.span, "looked for here")
                                    .nearest(key, known.map(String::as_str)),
                            );
                        }
                    },
                }
            }
        }
    }
}
