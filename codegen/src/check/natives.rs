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
    /// What is read beside the records.
    pub(super) beside: &'a [BesideNative<'a>],
    /// Whether records of it are changed after they have been created.
    pub(super) updates: bool,
    pub(super) sink: &'a Sink,
}

/// Something beside the records that fields may come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct BesideNative<'a> {
    pub(super) name: &'a str,
    pub(super) kind: BesideNativeKind<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum BesideNativeKind<'a> {
    /// The native object's name and its schema.
    Record(&'a str, &'a SpecSchema),
    Text,
    Labels,
}

/// A native field.
#[derive(Debug, Clone)]
pub(super) struct Native {
    /// The name of what is beside the record, where the field is not the record's own.
    pub(super) beside: Option<String>,
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
            beside: self.beside.clone(),
        }
    }

    pub(super) fn text(&self) -> Option<&SpecText> {
        match &self.schema.kind {
            SpecKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The path as mappings write it.
    pub(super) fn dotted(&self) -> String {
        let beside = self.beside.iter().map(String::as_str);
        let parts: Vec<&str> = beside.chain(self.path.iter().map(String::as_str)).collect();
        parts.join(".")
    }

    /// What it is, as a person would call it.
    pub(super) fn described(&self) -> String {
        described(&self.schema)
    }

    /// Its values, where the spec knows them.
    pub(super) fn known_values(&self) -> &[String] {
        self.text().map_or(&[], SpecText::known)
    }
}

impl Natives<'_> {
    /// What a record has around its fields, where they are in a member of their own.
    pub(super) fn around_fields(&self) -> Vec<String> {
        let object = self.schema.object().filter(|_| self.fields_in.is_some());
        object
            .map(|object| object.properties.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The field that a dotted path names: of the record, or of what is beside it.
    pub(super) fn field(&self, path: &Text) -> Option<Native> {
        let first = path.value.split('.').next().unwrap_or_default();
        let beside = self.beside.iter().find(|beside| beside.name == first);
        let refuse = |message: String| {
            self.sink
                .push(Diagnostic::new("type-mismatch", message, path.span));
            None
        };
        let Some(BesideNative { name, kind }) = beside else {
            return self.field_in(path, 0, None, self.name, self.schema);
        };
        match kind {
            BesideNativeKind::Text => self.whole_text(path, name),
            BesideNativeKind::Labels => refuse(format!(
                "`{name}` is a table of labels and no record: say `label: {name}` where a value of it comes from"
            )),
            BesideNativeKind::Record(object, schema) if path.value.len() > name.len() => {
                let native = self.field_in(path, name.len() + 1, Some(name), object, schema)?;
                Some(Native {
                    read_only: true,
                    ..native
                })
            }
            BesideNativeKind::Record(..) => {
                refuse(format!("`{name}` is a record: say which of its fields"))
            }
        }
    }

    /// A field of the record itself: what is beside it has not been read yet where this counts.
    pub(super) fn own(&self, path: &Text) -> Option<Native> {
        let native = self.field(path)?;
        if let Some(beside) = &native.beside {
            let message = format!(
                "`{}` is beside the record, and only a field of the record itself can stand here",
                path.value
            );
            let help = format!("`{beside}` is read after the record");
            self.sink
                .push(Diagnostic::new("not-in-the-record", message, path.span).help(help));
            return None;
        }
        Some(native)
    }

    /// What is beside the record is one text, and there is nothing in it.
    fn whole_text(&self, path: &Text, name: &str) -> Option<Native> {
        if path.value != name {
            let message = format!("`{name}` is one text: it has no fields");
            self.sink
                .push(Diagnostic::new("unknown-native-field", message, path.span));
            return None;
        }
        Some(Native {
            beside: Some(name.to_owned()),
            path: Vec::new(),
            ty: PlanNativeType::Text,
            schema: Arc::new(SpecSchema {
                name: None,
                span: path.span,
                doc: None,
                nullable: true,
                read_only: true,
                create_only: false,
                object_name: None,
                is_record: false,
                kind: SpecKind::Text(SpecText::default()),
            }),
            read_only: true,
            span: path.span,
        })
    }

    fn field_in(
        &self,
        path: &Text,
        begin: usize,
        beside: Option<&str>,
        object: &str,
        outer: &SpecSchema,
    ) -> Option<Native> {
        let mut schema: Option<&Arc<SpecSchema>> = None;
        let mut read_only = false;
        let mut offset = begin;
        for segment in path.value[begin..].split('.') {
            let around = schema.map_or(outer, |schema| schema.as_ref());
            let Some(member) = around.member(segment) else {
                self.unknown(path, object, around, segment, offset);
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
        let path_parts = path.value[begin..].split('.').map(str::to_owned).collect();
        Some(Native {
            beside: beside.map(str::to_owned),
            path: path_parts,
            ty,
            schema,
            read_only,
            span: path.span,
        })
    }

    fn unknown(
        &self,
        path: &Text,
        object: &str,
        around: &SpecSchema,
        segment: &str,
        offset: usize,
    ) {
        let known = around
            .object()
            .into_iter()
            .flat_map(|object| object.properties.keys());
        let message = format!("`{object}` has no field `{}`", path.value);
        let mut diagnostic = Diagnostic::new(
            "unknown-native-field",
            message,
            path.part(offset, segment.len()),
        )
        .label(format!("not in {}", self.spec))
        .nearest(segment, known.map(String::as_str));
        // Nothing is like it: rather a field that the spec does not have yet than a slip.
        if diagnostic.help.is_none()
            && let Some(name) = &around.name
        {
            let help = format!(
                "if the provider has it, it is one line more under `{name}` in {}: `{segment}: {{ type: string, nullable: true }}`",
                self.spec
            );
            diagnostic = diagnostic.help(help);
        }
        self.sink.push(diagnostic);
    }

    /// The name by which a native field is chosen when a record is read; none where it always comes.
    pub(super) fn selected(&self, path: &[String]) -> Option<String> {
        selected(self.fields_in, path)
    }

    /// The field as the target of a write.
    pub(super) fn target(&self, native: &Native) -> Option<PlanWrite> {
        let help = "say `write: never` and give a reason in `not_mapped`";
        let why = ", and the unified input can write it";
        let name = self.written(native, why, help)?;
        if native.schema.create_only && self.updates {
            let message = format!(
                "`{}` is given only when a record is created, and updates would write it",
                native.dotted()
            );
            let diagnostic = Diagnostic::new("create-only-native-field", message, native.span);
            self.sink.push(
                diagnostic
                    .other(native.schema.span, "it is said here")
                    .help(help),
            );
            return None;
        }
        Some(PlanWrite {
            name,
            ty: native.ty,
            max_length: native.text().and_then(|text| text.max_length),
            nullable: native.schema.nullable,
        })
    }

    /// The field as what a created record gets.
    pub(super) fn initial(&self, native: &Native) -> Option<String> {
        let why = ": no record can be created with it";
        self.written(native, why, "leave it to the provider")
    }

    /// The name by which a native field is written.
    fn written(&self, native: &Native, why: &str, help: &str) -> Option<String> {
        let dotted = native.dotted();
        let name = match (self.fields_in, native.path.as_slice()) {
            _ if native.read_only => None,
            (None, [name]) => Some(name.clone()),
            (Some(fields_in), [first, name]) if first == fields_in => Some(name.clone()),
            _ => None,
        };
        if name.is_none() {
            let message = if native.read_only {
                format!("`{dotted}` is read-only{why}")
            } else {
                format!("`{dotted}` is not among the fields that are written")
            };
            let diagnostic = Diagnostic::new("read-only-native-field", message, native.span);
            self.sink.push(
                diagnostic
                    .other(native.schema.span, "it is said here")
                    .help(help),
            );
        }
        name
    }
}

/// The name by which a native field is chosen when a record is read; none where it always comes.
pub(super) fn selected(fields_in: Option<&str>, path: &[String]) -> Option<String> {
    match (fields_in, path) {
        (None, path) => Some(path.join(".")),
        (Some(fields_in), [first, rest @ ..]) if first == fields_in => Some(rest.join(".")),
        (Some(_), _) => None,
    }
}

/// What a schema is, as a person would call it.
pub(super) fn described(schema: &SpecSchema) -> String {
    match &schema.kind {
        SpecKind::Text(text) => match &text.format {
            Some(format) if text.values.is_empty() => format!("text ({format})"),
            _ => schema.kind_name().to_owned(),
        },
        _ => schema.kind_name().to_owned(),
    }
}
