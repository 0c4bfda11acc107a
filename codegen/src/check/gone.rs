//! What incremental lists tell of deleted and merged records: a field that can tell it, or a reason.

use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{
        MappingEntity,
        gone::{MappingTelling, MappingTold},
    },
    plan::{PlanField, PlanForm, PlanGone, PlanOperation, PlanSource, PlanTold},
};

/// None where the entity has no list, or what is said has a fault, which has been reported.
pub(super) fn check(
    mapping: &MappingEntity,
    fields: &[PlanField],
    operations: &[PlanOperation],
    sink: &Sink,
) -> Option<PlanGone> {
    let list = operations
        .iter()
        .find_map(|operation| match &operation.form {
            PlanForm::List(list) => Some(list),
            _ => None,
        });
    let Some(gone) = &mapping.gone else {
        if list.is_some() && !mapping.gone_is_said {
            let message = "`gone` is missing: what does a list of changes tell of records that were deleted or merged?";
            let help = "say `told_by` with the unified field that tells, or `not_told` with a reason for a customer";
            sink.push(Diagnostic::new("missing-key", message, mapping.entity.span).help(help));
        }
        return None;
    };
    let has_changes = list.is_some_and(|list| !list.changes.is_empty());
    let [deleted, merged] = [&gone.deleted, &gone.merged]
        .map(|told| self::told(told, mapping, fields, has_changes, sink));
    Some(PlanGone {
        deleted: deleted?,
        merged: merged?,
    })
}

fn told(
    told: &MappingTold,
    mapping: &MappingEntity,
    fields: &[PlanField],
    has_changes: bool,
    sink: &Sink,
) -> Option<PlanTold> {
    let (field, except) = match &told.how {
        MappingTelling::Not(reason) => return Some(PlanTold::Not(reason.value.clone())),
        MappingTelling::By { field, except } => (field, except),
    };
    let Some(planned) = fields.iter().find(|known| known.name == field.value) else {
        // A field with a fault of its own has been reported.
        let names = || mapping.fields.iter().map(|field| field.name.value.as_str());
        if !names().any(|name| name == field.value) {
            let message = format!("no field `{}` is mapped here", field.value);
            let diagnostic = Diagnostic::new("unknown-unified-field", message, field.span);
            sink.push(diagnostic.nearest(&field.value, names()));
        }
        return None;
    };
    if matches!(planned.source, PlanSource::Constant(_)) {
        let message = format!(
            "`{}` is the same for every record, so it tells nothing",
            field.value
        );
        sink.push(Diagnostic::new("type-mismatch", message, field.span));
        return None;
    }
    if !has_changes {
        let message = "only a list of changes can tell what is gone, and there is no `changes`";
        sink.push(Diagnostic::new("no-window", message, told.span));
        return None;
    }
    Some(PlanTold::By {
        field: field.value.clone(),
        except: except.as_ref().map(|except| except.value.clone()),
    })
}
