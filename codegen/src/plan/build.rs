//! Checked providers → the plan's numbering.
//!
//! Checks number the operations of a whole spec. In the plan there are only those that are called, by id, and every
//! call has the number of its operation in that list.

use crate::{
    plan::{PlanCall, PlanForm, PlanObjects, PlanOperation, PlanProvider, PlanStep, PlanStepKind},
    spec::Spec,
};

/// Leaves out the operations that nothing calls.
pub(crate) fn provider(mut provider: PlanProvider, spec: &Spec) -> PlanProvider {
    let mut used = vec![false; provider.operations.len()];
    for_each_call(&mut provider, &mut |operation| used[*operation] = true);
    let mut kept: Vec<usize> = (0..used.len()).filter(|at| used[*at]).collect();
    kept.sort_by_key(|at| spec.operations.get_index(*at).map(|(id, _)| id));
    let mut numbers = vec![0; used.len()];
    for (number, at) in kept.iter().enumerate() {
        numbers[*at] = number;
    }
    for_each_call(&mut provider, &mut |operation| {
        *operation = numbers[*operation];
    });
    provider.operations = kept
        .into_iter()
        .map(|at| provider.operations[at].clone())
        .collect();
    provider
}

fn for_each_call(provider: &mut PlanProvider, visit: &mut dyn FnMut(&mut usize)) {
    if let Some(bundle) = &mut provider.bundle {
        visit(&mut bundle.operation);
    }
    if let Some(check) = &mut provider.check {
        visit(&mut check.call.operation);
        let account = check.account.as_mut();
        if let Some(call) = account.and_then(|account| account.call.as_mut()) {
            visit(&mut call.operation);
        }
    }
    for join in &mut provider.joins {
        visit(&mut join.single);
        visit(&mut join.many);
    }
    for scripts in &mut provider.scripts {
        for call in object_calls(scripts.objects.as_mut()) {
            visit(&mut call.operation);
        }
        for step in scripts
            .operations
            .iter_mut()
            .flat_map(|it| &mut it.script.steps)
        {
            visit(&mut step.operation);
        }
    }
    for entity in &mut provider.entities {
        for call in object_calls(entity.objects.as_mut()) {
            visit(&mut call.operation);
        }
        let beside = entity.beside.iter_mut().map(|beside| &mut beside.call);
        let description = entity.description.as_mut();
        for call in beside.chain(description.map(|description| &mut description.call)) {
            visit(&mut call.operation);
        }
        for operation in &mut entity.operations {
            for call in calls(operation) {
                visit(&mut call.operation);
            }
        }
    }
}

fn object_calls(objects: Option<&mut PlanObjects>) -> Vec<&mut PlanCall> {
    let Some(objects) = objects else {
        return Vec::new();
    };
    let listed = objects.listed.as_mut().map(|listed| &mut listed.call);
    let fields = objects.fields.as_mut().map(|fields| &mut fields.call);
    listed.into_iter().chain(fields).collect()
}

fn calls(operation: &mut PlanOperation) -> Vec<&mut PlanCall> {
    match &mut operation.form {
        PlanForm::List(list) => {
            let pagers = list.full.iter_mut().chain(&mut list.changes);
            let complete = list.complete.as_mut().map(|complete| &mut complete.call);
            pagers
                .map(|pager| &mut pager.call)
                .chain(complete)
                .collect()
        }
        PlanForm::Batch(batch) => vec![&mut batch.call],
        PlanForm::Steps(steps) => step_calls(steps).collect(),
        PlanForm::Upsert(upsert) => {
            let finds = upsert.keys.iter_mut().map(|key| &mut key.find.call);
            finds
                .chain(upsert.recent.as_mut())
                .chain(step_calls(&mut upsert.steps))
                .collect()
        }
    }
}

fn step_calls(steps: &mut [PlanStep]) -> impl Iterator<Item = &mut PlanCall> {
    steps.iter_mut().flat_map(|step| match &mut step.kind {
        PlanStepKind::Call(call) => vec![&mut call.call],
        PlanStepKind::Bundle { parts, .. } => {
            parts.iter_mut().map(|(_, part)| &mut part.call).collect()
        }
    })
}
