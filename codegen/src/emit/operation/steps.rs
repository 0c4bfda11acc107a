//! Steps of an operation, each as one line of builder calls that reads like its mapping.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::path;
use crate::{
    emit::call::{Calls, Parameter, parameters},
    plan::{PlanRouteTo, PlanStep, PlanStepCall, PlanStepKind},
};

pub(super) fn values(steps: &[PlanStep], purpose: &str, calls: &mut Calls<'_>) -> Vec<TokenStream> {
    steps
        .iter()
        .map(|planned| step(planned, &format!("{purpose}_{}", planned.name), calls))
        .collect()
}

fn step(step: &PlanStep, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let name = &step.name;
    let new = match &step.kind {
        PlanStepKind::Call(planned) => {
            let call = call(planned, purpose, calls);
            quote! { StepPlan::call(#name, #call) }
        }
        PlanStepKind::Bundle { atomic, parts } => {
            let parts = parts.iter().map(|(name, planned)| {
                let call = call(planned, purpose, calls);
                quote! { (#name, #call) }
            });
            let kind = if *atomic {
                quote! { atomic_bundle }
            } else {
                quote! { bundle }
            };
            quote! { StepPlan::#kind(#name, &BUNDLE, &[#(#parts),*]) }
        }
    };
    let if_empty = step.if_empty.as_ref().map(|to| {
        let written = written(step);
        quote! { .if_empty(#written, #to) }
    });
    let on = on(&step.on);
    let otherwise = step.otherwise.as_ref().map(|to| quote! { .otherwise(#to) });
    let then = step.then.as_ref().map(|to| quote! { .then(#to) });
    quote! { #new #if_empty #on #otherwise #then }
}

fn call(planned: &PlanStepCall, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let request = calls.of_work(&planned.call, purpose);
    let id = planned.id.as_ref().map(|id| {
        let id = path(id);
        quote! { .id(#id) }
    });
    let record = match &planned.rows {
        None => planned.record.then(|| quote! { .record() }),
        Some(rows) => {
            let rows = path(rows);
            Some(quote! { .row_of(#rows) })
        }
    };
    let on = on(&planned.on);
    let only_if = planned.only_if.as_ref().map(|input| {
        quote! { .only_if(|work| work.record.inputs().get(#input).is_some()) }
    });
    quote! { StepCall::new(|work| #request) #id #record #on #only_if }
}

fn on(routes: &[(u16, PlanRouteTo)]) -> Option<TokenStream> {
    if routes.is_empty() {
        return None;
    }
    let routes = routes.iter().map(|(status, to)| {
        let status = Literal::u16_unsuffixed(*status);
        match to {
            PlanRouteTo::Conflict => quote! { (#status, To::Conflict) },
            PlanRouteTo::Step(step) => quote! { (#status, To::Step(#step)) },
        }
    });
    Some(quote! { .on(&[#(#routes),*]) })
}

/// What a step writes: the record, or the changes to one that is there.
fn written(step: &PlanStep) -> TokenStream {
    let calls: Vec<&PlanStepCall> = match &step.kind {
        PlanStepKind::Call(call) => vec![call],
        PlanStepKind::Bundle { parts, .. } => parts.iter().map(|(_, call)| call).collect(),
    };
    let changes = calls
        .iter()
        .any(|call| parameters(&call.call).contains(&Parameter::Changes));
    if changes {
        quote! { Written::Changes }
    } else {
        quote! { Written::Record }
    }
}
