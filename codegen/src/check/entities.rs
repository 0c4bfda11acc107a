//! Entities of a provider: what they are on both sides, and through them their fields and operations.

use super::{
    beside,
    calls::Calls,
    defaults, fields, gone,
    natives::Natives,
    objects::{Object, Objects},
    operations::{self, Operations},
    scripts,
    unified::{Unified, UnifiedEntity},
    versions::Roots,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    load::InputProvider,
    mapping::{self, MappingEntity, beside::MappingBeside, script::MappingScripts},
    plan::{
        PlanBeside, PlanCall, PlanEntity, PlanField, PlanForm, PlanOperation, PlanPath,
        PlanScripts, PlanSlot, PlanSource,
    },
    source::{Sources, Text},
    spec::{SpecKind, SpecParameterPlace, SpecSchema},
};

/// What entities are checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entities<'a> {
    pub(super) provider: &'a InputProvider,
    pub(super) unified: &'a Unified,
    pub(super) roots: &'a Roots,
    pub(super) sources: &'a Sources,
    pub(super) sink: &'a Sink,
}

impl<'a> Entities<'a> {
    pub(super) fn entity(&self, mapping: &MappingEntity) -> Option<PlanEntity> {
        let unified = self.unified_entity(mapping)?;
        let native = self.native(mapping)?;
        self.check_bind(mapping);
        let spec = &self.provider.spec;
        let provider = &self.provider.mapping;
        let besides: Vec<MappingBeside> = mapping
            .beside
            .iter()
            .filter_map(|(name, node)| mapping::beside::beside(name, node, self.sink))
            .collect();
        let beside_natives = beside::natives(&besides, spec, (&mapping.native, native), self.sink);
        let natives = Natives {
            beside: &beside_natives,
            name: &mapping.native.value,
            schema: native,
            spec: &spec.path,
            fields_in: provider
                .fields_in
                .as_ref()
                .filter(|_| !mapping.flat)
                .map(Text::as_str),
            updates: unified.updates(),
            sink: self.sink,
        };
        let fields = fields::check(mapping, unified, natives, self.sink);
        let objects = Objects {
            spec,
            mapping,
            entity: Some(Object {
                name: native.called(&mapping.native.value),
                schema: native,
            }),
            fields_in: natives.fields_in,
            sink: self.sink,
        };
        let calls = Calls {
            objects,
            spec,
            roots: self.roots,
            version: &provider.version.parameter.value,
            mapping,
            reads_by_post: &provider.reads_by_post,
            sink: self.sink,
        };
        let inputs: Vec<String> = unified.inputs().map(|(name, _)| name.clone()).collect();
        let operations = operations::check(&Operations {
            inputs: &inputs,
            unified,
            mapping,
            fields: &fields,
            natives,
            calls,
            bundle: provider.bundle.as_ref().map(|bundle| bundle.max.value),
            undoes: provider
                .bundle
                .as_ref()
                .is_some_and(|bundle| !bundle.atomic_members.is_empty()),
            conflict_has_id: provider.errors.existing_id_after.is_some(),
        });
        self.check_inputs(mapping, unified, &operations);
        let planned_beside = beside::check(&besides, mapping, &fields.mapped, natives, calls);
        let description = provider
            .hidden_fields
            .as_ref()
            // Where all fields are read that the provider describes, there are no hidden ones among them.
            .filter(|_| mapping.objects.is_none())
            .map(|described| beside::description(described, calls));
        let defaults = defaults::check(mapping, unified, natives, self.sink);
        let gone = gone::check(mapping, &fields.mapped, &operations, self.sink);
        let selection = selection(fields.selection, &operations, &planned_beside, natives);
        let path = |file| self.sources.file(file).path.clone();
        let name = |schema: &SpecSchema| {
            schema
                .name
                .as_deref()
                .map(|name| unified.short(name).to_owned())
        };
        Some(PlanEntity {
            vertical: unified.vertical.clone(),
            name: unified.name.clone(),
            sources: vec![
                self.unified.path.clone(),
                spec.path.clone(),
                path(provider.file),
                path(mapping.file),
            ],
            native: mapping.native.value.clone(),
            around_fields: natives.around_fields(),
            record: name(&unified.record).unwrap_or_default(),
            input: unified
                .input
                .as_deref()
                .map(|input| name(input).unwrap_or_default()),
            id: id_path(&fields.mapped),
            fields: fields.mapped,
            not_mapped: fields.not_mapped,
            selection,
            record_id_prefix: mapping
                .record_id_prefix
                .as_ref()
                .map(|prefix| prefix.value.clone()),
            beside: planned_beside,
            description: match description {
                Some(description) => Some(description?),
                None => None,
            },
            defaults,
            objects: match &mapping.objects {
                Some(objects) => Some(scripts::objects(objects, provider.objects.as_ref(), calls)?),
                None => None,
            },
            inputs,
            gone,
            operations,
        })
    }

    /// What can be written and not read is used by some call, or there is a reason why not.
    fn check_inputs(
        &self,
        mapping: &MappingEntity,
        unified: &UnifiedEntity,
        operations: &[PlanOperation],
    ) {
        let used: Vec<&PlanSlot> = operations
            .iter()
            .flat_map(PlanOperation::calls)
            .flat_map(PlanCall::slots)
            .collect();
        for (name, schema) in unified.inputs() {
            let is_used = used
                .iter()
                .any(|slot| matches!(slot, PlanSlot::Input(input) if input == name));
            let is_text = matches!(&schema.kind, SpecKind::Text(text) if text.values.is_empty());
            if is_used && !is_text {
                let message = format!(
                    "`$input.{name}` is {}, and only texts are given to calls as they are",
                    schema.kind_name()
                );
                self.sink.push(
                    Diagnostic::new("slot-type-mismatch", message, mapping.entity.span)
                        .other(schema.span, "it is said here"),
                );
            }
            let has_reason = mapping
                .not_mapped
                .iter()
                .any(|(known, _)| known.value == *name);
            // One with a fault may have been meant to use it.
            let all_planned = operations.len() == mapping.operations.len();
            if !is_used && !has_reason && all_planned && !operations.is_empty() {
                let message = format!(
                    "`{name}` can be written and not read, and no call uses `$input.{name}`"
                );
                let help =
                    "give it to a call, or say in `not_mapped` why this provider cannot have it";
                self.sink.push(
                    Diagnostic::new("unmapped-field", message, mapping.entity.span)
                        .other(schema.span, "it is said here")
                        .help(help),
                );
            }
        }
    }

    /// A file of operations that are not about records.
    pub(super) fn scripts(&self, mapping: &MappingScripts) -> Option<PlanScripts> {
        let Some(unified) = self.unified.free.get(&mapping.entity.value) else {
            let message = format!(
                "the unified API has no operations of `{}` that are not about records",
                mapping.entity.value
            );
            let known = self.unified.free.keys().map(String::as_str);
            let diagnostic = Diagnostic::new("unknown-entity", message, mapping.entity.span);
            self.sink
                .push(diagnostic.nearest(&mapping.entity.value, known));
            return None;
        };
        let as_entity = scripts::as_entity(mapping);
        self.check_bind(&as_entity);
        let provider = &self.provider.mapping;
        let spec = &self.provider.spec;
        let calls = Calls {
            objects: Objects {
                spec,
                mapping: &as_entity,
                entity: None,
                fields_in: None,
                sink: self.sink,
            },
            spec,
            roots: self.roots,
            version: &provider.version.parameter.value,
            mapping: &as_entity,
            reads_by_post: &provider.reads_by_post,
            sink: self.sink,
        };
        let objects = match &mapping.objects {
            Some(objects) => Some(scripts::objects(objects, provider.objects.as_ref(), calls)?),
            None => None,
        };
        let operations = scripts::check(
            mapping,
            scripts::Scripts {
                unified,
                calls,
                roots: self.roots,
                bind: &mapping.bind,
                sink: self.sink,
            },
        );
        let path = |file| self.sources.file(file).path.clone();
        Some(PlanScripts {
            vertical: unified.vertical.clone(),
            name: unified.name.clone(),
            sources: vec![
                self.unified.path.clone(),
                spec.path.clone(),
                path(provider.file),
                path(mapping.file),
            ],
            objects,
            operations,
        })
    }

    fn unified_entity(&self, mapping: &MappingEntity) -> Option<&'a UnifiedEntity> {
        let unified = self.unified.entities.get(&mapping.entity.value);
        if unified.is_none() {
            let message = format!("the unified API has no entity `{}`", mapping.entity.value);
            let known = self.unified.entities.keys().map(String::as_str);
            let diagnostic = Diagnostic::new("unknown-entity", message, mapping.entity.span);
            self.sink.push(
                diagnostic
                    .label(format!("not in {}", self.unified.path))
                    .nearest(&mapping.entity.value, known),
            );
        }
        unified
    }

    fn native(&self, mapping: &MappingEntity) -> Option<&'a SpecSchema> {
        let spec = &self.provider.spec;
        let native = spec
            .schemas
            .get(&mapping.native.value)
            .filter(|schema| schema.object().is_some());
        let Some(native) = native else {
            let message = format!("there is no native object `{}`", mapping.native.value);
            let objects = spec
                .schemas
                .iter()
                .filter(|(_, schema)| schema.object().is_some());
            let known = objects.map(|(name, _)| name.as_str());
            let diagnostic = Diagnostic::new("unknown-native-schema", message, mapping.native.span);
            self.sink.push(
                diagnostic
                    .label(format!("not in {}", spec.path))
                    .nearest(&mapping.native.value, known),
            );
            return None;
        };
        if let Some(fields_in) = &self.provider.mapping.fields_in
            && !mapping.flat
            && native.member(&fields_in.value).is_none()
        {
            let message = format!(
                "`{}` has no member `{}` to hold its fields",
                mapping.native.value, fields_in.value
            );
            self.sink.push(
                Diagnostic::new("unknown-native-field", message, fields_in.span)
                    .other(mapping.native.span, "the object"),
            );
            return None;
        }
        Some(native)
    }

    /// What is bound for all calls must be a parameter of some operation.
    fn check_bind(&self, mapping: &MappingEntity) {
        let operations = || self.provider.spec.operations.values();
        for (name, _) in &mapping.bind {
            if !operations().any(|operation| {
                operation
                    .parameter(SpecParameterPlace::Path, &name.value)
                    .is_some()
            }) {
                let message = format!("no operation has `{}` in its path", name.value);
                let known = operations().flat_map(|operation| &operation.parameters);
                let known = known.filter(|parameter| parameter.place == SpecParameterPlace::Path);
                let diagnostic = Diagnostic::new("unknown-parameter", message, name.span);
                self.sink.push(
                    diagnostic.nearest(&name.value, known.map(|parameter| parameter.name.as_str())),
                );
            }
        }
    }
}

/// Where a native record has its id: where the unified `id` comes from.
fn id_path(fields: &[PlanField]) -> PlanPath {
    let id = fields.iter().find(|field| field.name == "id");
    match id.map(|id| &id.source) {
        Some(PlanSource::Value { from, .. }) => from
            .first()
            .map(|from| from.path.clone())
            .unwrap_or_default(),
        _ => PlanPath::new(),
    }
}

/// The fields that are read, those that lead to what is beside the record, and those that upserts match by: what was written is remembered by its keys, so every read
/// must have them.
fn selection(
    mut selection: Vec<String>,
    operations: &[PlanOperation],
    beside: &[PlanBeside],
    natives: Natives<'_>,
) -> Vec<String> {
    let keys = beside.iter().map(|beside| &beside.key.path);
    for path in keys.chain(operations.iter().flat_map(matched)) {
        if let Some(name) = natives.selected(path)
            && !selection.contains(&name)
        {
            selection.push(name);
        }
    }
    selection
}

/// The native fields by which an upsert matches.
fn matched(operation: &PlanOperation) -> impl Iterator<Item = &PlanPath> {
    let keys = match &operation.form {
        PlanForm::Upsert(upsert) => upsert.keys.as_slice(),
        _ => &[],
    };
    keys.iter()
        .flat_map(|key| &key.matches)
        .map(|matched| &matched.path)
}
