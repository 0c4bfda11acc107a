//! Operations: each is one of the unified spec's, and has the form that its shape asks for.

use super::{
    calls::Calls,
    fields::Fields,
    lists,
    natives::Natives,
    steps::{self, Known, Steps},
    unified::UnifiedEntity,
    upserts::{self, Upserts},
};
use crate::{
    diagnostic::Diagnostic,
    mapping::{MappingEntity, operation},
    plan::{PlanForm, PlanOperation, PlanShape},
    source::{Text, yaml::Node},
};

/// What the operations of one entity are checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operations<'a> {
    pub(super) unified: &'a UnifiedEntity,
    pub(super) mapping: &'a MappingEntity,
    pub(super) fields: &'a Fields,
    pub(super) natives: Natives<'a>,
    pub(super) calls: Calls<'a>,
    pub(super) bundle: Option<u32>,
    pub(super) conflict_has_id: bool,
    /// Whether the provider can undo a bundle of which one part fails.
    pub(super) undoes: bool,
    /// The fields of the unified input that the record does not have.
    pub(super) inputs: &'a [String],
}

pub(super) fn check(operations: &Operations<'_>) -> Vec<PlanOperation> {
    let sink = operations.calls.sink;
    let mut planned = Vec::new();
    // In the order of the mapping, as its reader would look for them.
    for (name, node) in &operations.mapping.operations {
        let Some(shape) = operations.unified.operations.get(&name.value) else {
            let message = format!(
                "`{}` has no operation `{}`",
                operations.mapping.entity.value, name.value
            );
            let known = operations.unified.operations.keys().map(String::as_str);
            let diagnostic = Diagnostic::new("unknown-operation", message, name.span);
            sink.push(
                diagnostic
                    .label("not in the unified spec")
                    .nearest(&name.value, known),
            );
            continue;
        };
        if let Some(form) = operations.form(name, node, shape) {
            let name = format!("{}.{}", operations.mapping.entity.value, name.value);
            planned.push(PlanOperation { name, form });
        }
    }
    planned
}

impl<'a> Operations<'a> {
    fn form(&self, name: &Text, node: &Node, shape: &PlanShape) -> Option<PlanForm> {
        let sink = self.calls.sink;
        match shape {
            PlanShape::List { .. } => {
                let list = operation::list(node, sink)?;
                lists::list(&list, self.natives, self.calls).map(PlanForm::List)
            }
            PlanShape::BatchRead { .. } => {
                let batch = operation::batch(node, sink)?;
                lists::batch(&batch, self.calls).map(PlanForm::Batch)
            }
            PlanShape::Get { .. } => {
                self.steps(node, self.scope("a get", &["fields"], false), true)
            }
            PlanShape::Create { .. } => self.steps(
                node,
                self.scope("a create", &["fields", "record"], true),
                false,
            ),
            PlanShape::Update { .. } => self.steps(
                node,
                self.scope("an update", &["fields", "record"], true),
                true,
            ),
            // Refused where its mapping was read.
            PlanShape::Free => None,
            PlanShape::Upsert { keys, .. } => {
                let upsert = operation::upsert(node, sink)?;
                let upserts = Upserts {
                    calls: self.calls,
                    steps: self.scope("an upsert", &["fields", "record", "changes"], true),
                    natives: self.natives,
                    fields: &self.fields.mapped,
                    keys,
                };
                upserts::check(&upsert, name, &upserts).map(PlanForm::Upsert)
            }
        }
    }

    fn scope(&self, place: &'a str, slots: &'a [&'static str], writes: bool) -> Steps<'a> {
        Steps {
            calls: self.calls,
            place,
            slots,
            bundle: self.bundle,
            conflict_has_id: self.conflict_has_id,
            undoes: self.undoes,
            writes,
            // A read has no input that could be used.
            inputs: if writes { self.inputs } else { &[] },
        }
    }

    /// Steps in order, from the first one.
    fn steps(&self, node: &Node, steps: Steps<'_>, has_id: bool) -> Option<PlanForm> {
        let mapped = operation::steps(node, self.calls.sink)?;
        let first = mapped.first()?;
        let entries = [(
            first.name.as_str(),
            Known {
                record_id: has_id,
                key_value: false,
            },
        )];
        steps::check(&mapped, &entries, steps).map(PlanForm::Steps)
    }
}
