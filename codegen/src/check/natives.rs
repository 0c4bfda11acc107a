//! Native fields: the path in a mapping → the field in the provider's spec.

use std::sync::Arc;

use crate::{
    diagnostic::{Diagnostic, Sink},
    plan::{PlanNativeRef, PlanNativeType, PlanPath, PlanWrite},
    source::{Span, Text},
    spec::{SpecKind, SpecSchema, SpecText},
};

/// The native object of an entity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Natives<'a> {
    /// As in `Company`.
    pub(super) name: &'a str,
    pub(super) schema: &'a SpecSchema,
    /// The spec's path, for messages.
    pub(super) spec: &'a str,
    /// The member of a record that holds its fields.
    pub(super) fields_in: Option<&'a str>,
    /// Whether records of it are changed after they have been created.
    pub(super) updates: bool,
    pub(super) sink: &'a Sink,
}

/// A native field.
#[derive(Debug, Clone)]
pub(super) struct Native {
    pub(super) path: PlanPath,
    pub(super) ty: PlanNativeType,
    pub(super) schema: Arc<SpecSchema>,
    /// The field or something around it is read-only.
    pub(super) read_only: bool,
    pub(super) span: Span,
}

impl Native {
    pub(super) fn reference(&self) -> PlanNativeRef {
        PlanNativeRef {
            path: self.path.clone(),
            ty: self.ty,
        }
    }

    pub(super) fn text(&self) -> Option<&SpecText> {
        match &self.schema.kind {
            SpecKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its values, where the spec knows them.
    pub(super) fn known_values(&self) -> &[String] {
        self.text().map_or(&[], |text| {
            if text.values.is_empty() {
                &text.known_values
            } else {
                &text.values
            }
        })
    }
}

impl Natives<'_> {
    /// The field that a dotted path names.
    pub(super) fn field(&self, path: &Text) -> Option<Native> {
        let mut schema: Option<&Arc<SpecSchema>> = None;
        let mut read_only = false;
        let mut offset = 0;
        for segment in path.value.split('.') {
            let around = schema.map_or(self.schema, |schema| schema.as_ref());
            let Some(member) = around.member(segment) else {
                self.unknown(path, around, segment, offset);
                return None;
            };
            read_only |= member.read_only;
            schema = Some(member);
            offset += segment.len() + 1;
        }
        let schema = Arc::clone(schema?);
        let ty = match &schema.kind {
            SpecKind::Text(_) => PlanNativeType::Text,
            SpecKind::Number { .. } => PlanNativeType::Number,
            SpecKind::Boolean => PlanNativeType::Boolean,
            SpecKind::Object(_) | SpecKind::List(_) | SpecKind::Any => {
                let message = format!(
                    "`{}` is {}: only texts, numbers and booleans can be mapped",
                    path.value,
                    schema.kind_name()
                );
                self.sink.push(
                    Diagnostic::new("type-mismatch", message, path.span)
                        .other(schema.span, "it is said here"),
                );
                return None;
            }
        };
        let path_parts = path.value.split('.').map(str::to_owned).collect();
        Some(Native {
            path: path_parts,
            ty,
            schema,
            read_only,
            span: path.span,
        })
    }

    fn unknown(&self, path: &Text, around: &SpecSchema, segment: &str, offset: usize) {
        let known = around
            .object()
            .into_iter()
            .flat_map(|object| object.properties.keys());
        let message = format!("`{}` has no field `{}`", self.name, path.value);
        self.sink.push(
            Diagnostic::new(
                "unknown-native-field",
                message,
                path.part(offset, segment.len()),
            )
            .label(format!("not in {}", self.spec))
            .nearest(segment, known.map(String::as_str)),
        );
    }

    /// The name by which a native field is chosen when a record is read; none where it always comes.
    pub(super) fn selected(&self, path: &[String]) -> Option<String> {
        match (self.fields_in, path) {
            (None, path) => Some(path.join(".")),
            (Some(fields_in), [first, rest @ ..]) if first == fields_in => Some(rest.join(".")),
            (Some(_), _) => None,
        }
    }

    /// The field as the target of a write.
    pub(super) fn target(&self, native: &Native) -> Option<PlanWrite> {
        let refuse = |id: &'static str, message: String, help: &str| {
            let diagnostic = Diagnostic::new(id, message, native.span)
                .other(native.schema.span, "it is said here");
            self.sink.push(diagnostic.help(help));
        };
        let dotted = native.path.join(".");
        if native.read_only {
            let message = format!("`{dotted}` is read-only, and the unified input can write it");
            refuse(
                "read-only-native-field",
                message,
                "say `write: never` and give a reason in `not_mapped`",
            );
            return None;
        }
        let name = match (self.fields_in, native.path.as_slice()) {
            (None, [name]) => name,
            (Some(fields_in), [first, name]) if first == fields_in => name,
            _ => {
                let message = format!("`{dotted}` is not among the fields that are written");
                refuse(
                    "read-only-native-field",
                    message,
                    "say `write: never` and give a reason in `not_mapped`",
                );
                return None;
            }
        };
        if native.schema.create_only && self.updates {
            let message = format!(
                "`{dotted}` is given only when a record is created, and updates would write it"
            );
            refuse(
                "create-only-native-field",
                message,
                "say `write: never` and give a reason in `not_mapped`",
            );
            return None;
        }
        Some(PlanWrite {
            name: name.clone(),
            ty: native.ty,
            max_length: native.text().and_then(|text| text.max_length),
            nullable: native.schema.nullable,
        })
    }
}
