//! The fields of an entity: each unified one mapped, or a reason why not.

use super::{
    convert::{self, Target},
    groups,
    natives::{Native, Natives},
    unified::UnifiedEntity,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{MappingEntity, MappingField, MappingSource, MappingWrite},
    plan::{PlanField, PlanNotMapped, PlanSource, PlanWrite},
    source::{
        Text,
        yaml::{Node, NodeKind},
    },
    spec::{SpecKind, SpecSchema},
};

/// What the fields come to.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) mapped: Vec<PlanField>,
    pub(super) not_mapped: Vec<PlanNotMapped>,
    pub(super) selection: Vec<String>,
}

pub(super) fn check(
    mapping: &MappingEntity,
    unified: &UnifiedEntity,
    natives: Natives<'_>,
    sink: &Sink,
) -> Fields {
    let checker = Checker {
        mapping,
        unified,
        natives,
        sink,
    };
    checker.check_names();
    let mut fields = Fields {
        mapped: Vec::new(),
        not_mapped: Vec::new(),
        selection: Vec::new(),
    };
    for (name, schema) in unified.fields() {
        let mapped = mapping
            .fields
            .iter()
            .find(|field| field.name.value == *name);
        let reason = mapping
            .not_mapped
            .iter()
            .find(|(field, _)| field.value == *name);
        if let Some(reason) = reason {
            fields.not_mapped.push(PlanNotMapped {
                field: name.clone(),
                reason: reason.1.value.clone(),
                in_input: unified.input_has(name),
            });
        }
        match (mapped, reason) {
            (Some(field), reason) => {
                fields
                    .mapped
                    .extend(checker.field(field, schema, reason.map(|(name, _)| name)));
            }
            (None, Some(_)) => {}
            (None, None) => {
                let message = format!(
                    "`{name}` of `{}` is neither mapped nor in `not_mapped`",
                    mapping.entity.value
                );
                let help =
                    "map it, or tell a customer in one sentence why this provider cannot have it";
                sink.push(
                    Diagnostic::new("unmapped-field", message, mapping.entity.span)
                        .other(schema.span, "it is said here")
                        .help(help),
                );
            }
        }
    }
    // In the order of the mapping, as its reader would expect in a request.
    for field in &mapping.fields {
        for path in read_paths(&fields.mapped, &field.name.value) {
            if let Some(name) = natives.selected(&path)
                && !fields.selection.contains(&name)
            {
                fields.selection.push(name);
            }
        }
    }
    fields
}

/// The native paths that a unified field is read from.
fn read_paths(fields: &[PlanField], name: &str) -> Vec<Vec<String>> {
    let Some(field) = fields.iter().find(|field| field.name == name) else {
        return Vec::new();
    };
    match &field.source {
        PlanSource::Value { from, .. } | PlanSource::Join(from) => {
            from.iter().map(|from| from.path.clone()).collect()
        }
        PlanSource::Constant(_) => Vec::new(),
        PlanSource::Group { rows, .. } => {
            let members = rows.iter().flat_map(|row| &row.members);
            members.map(|member| member.from.path.clone()).collect()
        }
    }
}

struct Checker<'a> {
    mapping: &'a MappingEntity,
    unified: &'a UnifiedEntity,
    natives: Natives<'a>,
    sink: &'a Sink,
}

impl Checker<'_> {
    /// Each name is a unified field.
    fn check_names(&self) {
        let names = self.mapping.fields.iter().map(|field| &field.name);
        for name in names.chain(self.mapping.not_mapped.iter().map(|(name, _)| name)) {
            if !self.unified.fields().any(|(known, _)| *known == name.value) {
                let message = format!(
                    "`{}` has no field `{}`",
                    self.mapping.entity.value, name.value
                );
                let known = self.unified.fields().map(|(known, _)| known.as_str());
                self.sink.push(
                    Diagnostic::new("unknown-unified-field", message, name.span)
                        .label("not in the unified spec")
                        .nearest(&name.value, known),
                );
            }
        }
    }

    fn field(
        &self,
        field: &MappingField,
        schema: &SpecSchema,
        reason: Option<&Text>,
    ) -> Option<PlanField> {
        let source = field.source.as_ref()?;
        let in_input = self.unified.input_has(&field.name.value);
        let never = matches!(field.write, Some(MappingWrite::Never(_)));
        let read_only =
            never || matches!(source, MappingSource::Join(_) | MappingSource::Constant(_));
        match (reason, in_input && read_only) {
            // A reason beside a mapping is for what cannot be written.
            (Some(reason), false) => {
                let message = format!(
                    "`{}` is mapped, and in `not_mapped` as well",
                    field.name.value
                );
                self.sink.push(
                    Diagnostic::new("mapped-twice", message, reason.span)
                        .other(field.name.span, "it is mapped here"),
                );
            }
            (None, true) => {
                let message = format!(
                    "`{}` can be written in the unified API and has no way to go, and no reason",
                    field.name.value
                );
                let help = "say in `not_mapped` why a write of it is left out";
                self.sink.push(
                    Diagnostic::new("unmapped-field", message, field.name.span)
                        .label("only read")
                        .help(help),
                );
            }
            _ => {}
        }
        let writes = in_input && !read_only;
        if let (Some(MappingWrite::To(to)), false) = (&field.write, writes) {
            let why = if in_input {
                "what it is made of cannot be told from it"
            } else {
                "the unified input does not have it"
            };
            let message = format!("`{}` is never written: {why}", field.name.value);
            self.sink
                .push(Diagnostic::new("wrong-write", message, to.span));
        }
        let source = match source {
            MappingSource::From {
                from,
                convert,
                values,
            } => self.value(
                field,
                schema,
                from,
                convert.as_ref(),
                values.as_deref(),
                writes,
            )?,
            MappingSource::Join(parts) => self.join(&field.name, schema, parts)?,
            MappingSource::Constant(node) => self.constant(&field.name, schema, node)?,
            MappingSource::Group(rows) => groups::check(
                &field.name,
                schema,
                rows,
                writes,
                self.unified,
                self.natives,
                self.sink,
            )?,
        };
        let required = self
            .unified
            .record
            .object()
            .is_some_and(|record| record.required.contains(&field.name.value));
        Some(PlanField {
            name: field.name.value.clone(),
            required,
            source,
        })
    }

    fn value(
        &self,
        field: &MappingField,
        schema: &SpecSchema,
        from: &[Text],
        convert: Option<&Text>,
        values: Option<&[(Text, Text)]>,
        writes: bool,
    ) -> Option<PlanSource> {
        let mut natives: Vec<Native> = from
            .iter()
            .filter_map(|path| self.natives.field(path))
            .collect();
        let complete = natives.len() == from.len();
        let from = natives.iter().map(Native::reference).collect();
        let target = match &field.write {
            Some(MappingWrite::To(to)) if writes => Some(self.natives.field(to)?),
            _ if !writes => None,
            _ if natives.len() == 1 => natives.first().cloned(),
            _ if !complete => None,
            _ => {
                let message = format!(
                    "`{}` is read from several native fields; which one is written?",
                    field.name.value
                );
                self.sink.push(
                    Diagnostic::new("ambiguous-write", message, field.name.span)
                        .help("say `write:` with one of them, or `never`"),
                );
                None
            }
        };
        let write: Option<PlanWrite> = match &target {
            Some(target) => self.natives.target(target),
            None => None,
        };
        // What is written must fit as what is read.
        natives.extend(target);
        natives.dedup_by(|a, b| a.path == b.path);
        let type_name = schema
            .name
            .as_deref()
            .map(|name| self.unified.short(name))
            .unwrap_or_default();
        let target = Target {
            name: &field.name,
            schema,
            type_name,
        };
        let convert = convert::conversion(target, &natives, convert, values, self.sink)?;
        complete.then_some(PlanSource::Value {
            from,
            convert,
            write,
        })
    }

    fn join(&self, name: &Text, schema: &SpecSchema, parts: &[Text]) -> Option<PlanSource> {
        let natives: Vec<Native> = parts
            .iter()
            .filter_map(|part| self.natives.field(part))
            .collect();
        let is_text = matches!(&schema.kind, SpecKind::Text(text) if text.values.is_empty() && text.format.is_none());
        if !is_text {
            let message = format!(
                "`join` makes text, and `{}` is {}",
                name.value,
                schema.kind_name()
            );
            self.sink.push(
                Diagnostic::new("type-mismatch", message, name.span)
                    .other(schema.span, "it is said here"),
            );
        }
        for native in natives.iter().filter(|native| native.text().is_none()) {
            let message = format!(
                "`join` takes texts, and `{}` is {}",
                native.path.join("."),
                native.schema.kind_name()
            );
            self.sink
                .push(Diagnostic::new("type-mismatch", message, native.span));
        }
        (natives.len() == parts.len())
            .then(|| PlanSource::Join(natives.iter().map(Native::reference).collect()))
    }

    fn constant(&self, name: &Text, schema: &SpecSchema, node: &Node) -> Option<PlanSource> {
        let json = node.to_json();
        let fits = match (&schema.kind, &json) {
            (SpecKind::Text(text), serde_json::Value::String(value)) => {
                text.values.is_empty() || text.values.contains(value)
            }
            (SpecKind::Number { .. }, serde_json::Value::Number(_))
            | (SpecKind::Boolean, serde_json::Value::Bool(_)) => true,
            (_, serde_json::Value::Null) => schema.nullable,
            _ => false,
        };
        if !fits || !matches!(node.kind, NodeKind::Scalar { .. }) {
            let message = format!(
                "`{}` is {}, which `{json}` is not",
                name.value,
                schema.kind_name()
            );
            self.sink.push(
                Diagnostic::new("type-mismatch", message, node.span)
                    .other(schema.span, "it is said here"),
            );
            return None;
        }
        Some(PlanSource::Constant(json.to_string()))
    }
}
