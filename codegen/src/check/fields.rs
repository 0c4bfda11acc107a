//! The fields of an entity: each unified one mapped, or a reason why not.

mod derived;

use super::{
    convert::{self, Target},
    groups,
    natives::{BesideNativeKind, Native, Natives},
    targets,
    unified::UnifiedEntity,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{MappingEntity, MappingField, MappingSource, MappingWrite},
    plan::{PlanConvert, PlanField, PlanNativeRef, PlanNotMapped, PlanPath, PlanSource, PlanWrite},
    source::Text,
    spec::SpecSchema,
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
    targets::check(mapping, &fields.mapped, sink);
    checker.check_id();
    checker.check_losers();
    // In the order of the mapping, as its reader would expect in a request.
    for field in &mapping.fields {
        for path in own_paths(&fields.mapped, &field.name.value) {
            if let Some(name) = natives.selected(&path)
                && !fields.selection.contains(&name)
            {
                fields.selection.push(name);
            }
        }
    }
    fields
}

/// The native paths of the record itself that a unified field is read from.
fn own_paths(fields: &[PlanField], name: &str) -> Vec<PlanPath> {
    let field = fields.iter().find(|field| field.name == name);
    let refs = field.map_or_else(Vec::new, |field| native_refs(&field.source));
    let own = refs.into_iter().filter(|from| from.beside.is_none());
    own.map(|from| from.path.clone()).collect()
}

/// All that a unified field is read from.
pub(crate) fn native_refs(source: &PlanSource) -> Vec<&PlanNativeRef> {
    match source {
        PlanSource::Value { from, .. } | PlanSource::Join(from) => from.iter().collect(),
        PlanSource::Constant(_) => Vec::new(),
        PlanSource::FirstTrue { cases, .. } => cases.iter().map(|(_, from)| from).collect(),
        PlanSource::Losers { from, .. } => vec![from],
        PlanSource::Group { rows, .. } => rows
            .iter()
            .flat_map(|row| row.members.iter().map(|member| &member.from))
            .collect(),
    }
}

/// What a mapping says of a field that comes from native ones.
#[derive(Clone, Copy)]
struct From<'a> {
    paths: &'a [Text],
    convert: Option<&'a Text>,
    values: Option<convert::Values<'a>>,
    label: Option<&'a Text>,
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

    /// The id tells records apart before anything else of them has been read.
    fn check_id(&self) {
        let id = self
            .mapping
            .fields
            .iter()
            .find(|field| field.name.value == "id");
        let Some(field) = id else { return };
        match &field.source {
            Some(MappingSource::From { from, .. }) if from.len() == 1 => {
                self.natives.own(&from[0]);
            }
            None => {}
            Some(_) => {
                let message = "an id comes from one native field";
                self.sink
                    .push(Diagnostic::new("several-sources", message, field.name.span));
            }
        }
    }

    /// One field tells which records were merged away: a second one would tell them once more.
    fn check_losers(&self) {
        let mut losers = self
            .mapping
            .fields
            .iter()
            .filter(|field| matches!(field.source, Some(MappingSource::Losers { .. })));
        let Some(first) = losers.next() else { return };
        for second in losers {
            let message = "only one field tells of records that were merged away";
            self.sink.push(
                Diagnostic::new("mapped-twice", message, second.name.span)
                    .other(first.name.span, "the first one"),
            );
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
        let read_only = never
            || matches!(
                source,
                MappingSource::Join(_)
                    | MappingSource::Constant(_)
                    | MappingSource::FirstTrue { .. }
                    | MappingSource::Losers { .. }
            );
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
                others,
                label,
            } => self.value(
                field,
                schema,
                From {
                    paths: from,
                    convert: convert.as_ref(),
                    values: values.as_deref().map(|pairs| convert::Values {
                        pairs,
                        others: others.is_some(),
                    }),
                    label: label.as_ref(),
                },
                writes,
            )?,
            MappingSource::FirstTrue { cases, otherwise } => {
                self.first_true(&field.name, schema, cases, otherwise)?
            }
            MappingSource::Losers { from, flag } => {
                self.losers(&field.name, schema, from, flag.as_ref())?
            }
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
        said: From<'_>,
        writes: bool,
    ) -> Option<PlanSource> {
        let From {
            paths: from,
            convert,
            values,
            label,
        } = said;
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
        let label = match label {
            Some(label) => {
                let label_is = self.label(label, convert != PlanConvert::Same)?;
                let refuse = |id, message: String, help: &str| {
                    let diagnostic = Diagnostic::new(id, message, label.span);
                    self.sink.push(diagnostic.help(help));
                };
                let name = &field.name.value;
                if writes {
                    let message = format!(
                        "`{name}` is read as a label, and nothing tells which value a label stands for"
                    );
                    let help = "say `write: never` and give a reason in `not_mapped`";
                    refuse("wrong-write", message, help);
                }
                if convert == PlanConvert::Same && natives.iter().any(|it| it.text().is_none()) {
                    let message =
                        format!("a label is text, and `{name}` is {}", schema.kind_name());
                    refuse("type-mismatch", message, "leave the label out");
                }
                Some(label_is)
            }
            None => None,
        };
        complete.then_some(PlanSource::Value {
            from,
            convert,
            label,
            write,
        })
    }

    /// The table beside the records that a value is looked up in.
    fn label(&self, label: &Text, is_converted: bool) -> Option<String> {
        if is_converted {
            let message = "`label` looks a value up as it is: there is no conversion before it";
            self.sink
                .push(Diagnostic::new("several-sources", message, label.span));
        }
        let tables = self.natives.beside.iter();
        let known = tables
            .filter(|beside| matches!(beside.kind, BesideNativeKind::Labels))
            .map(|beside| beside.name);
        if known.clone().any(|name| name == label.value) {
            return Some(label.value.clone());
        }
        // One with a fault of its own has been told.
        let mut all = self.mapping.beside.iter();
        let there = all.find(|(name, _)| name.value == label.value);
        if there.is_some() && !self.natives.beside.iter().any(|it| it.name == label.value) {
            return None;
        }
        let message = match there {
            Some(_) => format!("`{}` is no table of labels", label.value),
            None => format!("nothing beside the records is called `{}`", label.value),
        };
        let mut diagnostic = Diagnostic::new("unknown-beside", message, label.span);
        if let Some((name, _)) = there {
            diagnostic = diagnostic.other(name.span, "it is read here");
        }
        self.sink.push(diagnostic.nearest(&label.value, known));
        None
    }
}
