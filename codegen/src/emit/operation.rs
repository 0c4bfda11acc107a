//! One unified operation: what its mapping says as a constant, and the function that opens its machine.

mod list;
mod steps;
mod upsert;

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    call::{Calls, Parameter, parameters},
    unified,
};
use crate::{
    names,
    plan::{PlanBatch, PlanForm, PlanOperation, PlanPath, PlanShape, PlanUnifiedOperation, PlanVertical},
};

/// The name of the function that opens an operation: `crm.account.batch_read` → `batch_read`.
pub(super) fn function_name(operation: &str) -> proc_macro2::Ident {
    names::field(verb(operation))
}

fn verb(operation: &str) -> &str {
    operation.rsplit('.').next().unwrap_or(operation)
}

/// The name of the constant of an operation: `crm.account.batch_read` → `BATCH_READ`.
fn constant_name(operation: &str) -> proc_macro2::Ident {
    names::constant(verb(operation))
}

pub(super) fn emit(
    vertical: &PlanVertical,
    planned: &PlanOperation,
    unified: &PlanUnifiedOperation,
    calls: &mut Calls<'_>,
) -> TokenStream {
    let (shape, object_parameter) = (&unified.shape, unified.object_parameter.as_ref());
    let (constant, function) = (constant_name(&planned.name), function_name(&planned.name));
    let purpose = names::snake(verb(&planned.name));
    let (ty, value, open) = match &planned.form {
        PlanForm::List(list) => (
            quote! { ListPlan },
            list::value(list, &purpose, calls),
            quote! { List::open(cx, &ENTITY, &#constant, request) },
        ),
        PlanForm::Batch(batch) => (
            quote! { BatchPlan },
            batch_value(batch, &purpose, calls),
            quote! { BatchRead::open(cx, &ENTITY, &#constant, request) },
        ),
        PlanForm::Steps(steps) => {
            let steps = steps::values(steps, &purpose, calls);
            (
                quote! { &[StepPlan] },
                quote! { &[#(#steps),*] },
                open_steps(vertical, shape, &constant),
            )
        }
        PlanForm::Upsert(upsert) => (
            quote! { UpsertPlan },
            upsert::value(upsert, &purpose, calls),
            open_upsert(vertical, planned, shape),
        ),
    };
    let open = if let Some(parameter) = object_parameter {
        quote! {
            let asked = objects::asked(request, &[("name", Place::Parameter(#parameter))])?;
            let request = request.clone();
            WithObjects::open(cx, &OBJECTS, asked, Box::new(move |cx| {
                let request = &request;
                #open
            }))
        }
    } else {
        open
    };
    let doc = format!(" `{}`.", planned.name);
    let how = format!(" How `{}` is carried out.", planned.name);
    quote! {
        #[doc = #how]
        static #constant: #ty = #value;

        #[doc = #doc]
        pub fn #function(cx: Context, request: &UnifiedRequest) -> Result<Box<dyn Translator>, Error> {
            #open
        }
    }
}

fn open_steps(
    vertical: &PlanVertical,
    shape: &PlanShape,
    constant: &proc_macro2::Ident,
) -> TokenStream {
    match shape {
        PlanShape::Create { input, .. } if input.is_empty() => {
            quote! { Steps::create::<InputObject>(cx, &ENTITY, #constant, request, write) }
        }
        PlanShape::Create { input, .. } => {
            let input = names::ident(&unified::input_name(vertical, input));
            quote! { Steps::create::<#input>(cx, &ENTITY, #constant, request, write) }
        }
        PlanShape::Update { input, .. } => {
            let input = names::ident(&unified::input_name(vertical, input));
            quote! { Steps::update::<#input>(cx, &ENTITY, #constant, request, write) }
        }
        _ => quote! { Steps::get(cx, &ENTITY, #constant, request) },
    }
}

fn open_upsert(vertical: &PlanVertical, planned: &PlanOperation, shape: &PlanShape) -> TokenStream {
    let PlanShape::Upsert { input, .. } = shape else {
        return TokenStream::new();
    };
    let input = names::ident(&unified::input_name(vertical, input));
    let key = names::ident(&unified::key_name(&planned.name));
    let constant = constant_name(&planned.name);
    quote! { Upsert::open::<#key, #input>(cx, &ENTITY, &#constant, request, #key::as_str, write) }
}

fn batch_value(batch: &PlanBatch, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let call = with_ids(&batch.call, purpose, calls);
    let (max, rows) = (names::number(batch.max), path(&batch.rows));
    quote! { BatchPlan { call: #call, max: #max, rows: #rows } }
}

/// A call that reads records by their ids, as a function of context, ids and fields.
fn with_ids(call: &crate::plan::PlanCall, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let function = calls.function(call, purpose);
    let parameters = parameters(call);
    let arguments = parameters.iter().map(|parameter| {
        if *parameter == Parameter::Ids {
            quote! { ids }
        } else {
            quote! { fields }
        }
    });
    let fields = if parameters.contains(&Parameter::Fields) {
        quote! { fields }
    } else {
        quote! { _fields }
    };
    quote! { |cx, ids, #fields| #function(cx #(, #arguments)*) }
}

/// A place in an answer: `&["paging", "next"]`.
pub(super) fn path(path: &PlanPath) -> TokenStream {
    quote! { &[#(#path),*] }
}

fn optional_path(path: Option<&PlanPath>) -> TokenStream {
    path.map_or_else(
        || quote! { None },
        |path| {
            let path = self::path(path);
            quote! { Some(#path) }
        },
    )
}
