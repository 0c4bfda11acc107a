//! One unified operation as a translator: a struct, its steps, and what each response leads to.

mod list;
mod steps;
mod upsert;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{
    call::Calls,
    native::{self, Leaf, Tree},
};
use crate::{
    names,
    plan::{PlanBatch, PlanEntity, PlanForm, PlanOperation, PlanPath, PlanShape, PlanVertical},
};

/// The name of an operation's translator: `crm.account.batch_read` → `BatchRead`.
pub(super) fn type_name(operation: &str) -> Ident {
    names::ty(operation.rsplit('.').next().unwrap_or(operation))
}

pub(super) fn emit(
    vertical: &PlanVertical,
    entity: &PlanEntity,
    planned: &PlanOperation,
    shape: &PlanShape,
    calls: &mut Calls<'_>,
) -> TokenStream {
    match &planned.form {
        PlanForm::List(list) => list::emit(planned, list, calls),
        PlanForm::Batch(batch) => batch_read(planned, batch, calls),
        PlanForm::Steps(steps) => steps::emit(vertical, entity, planned, shape, steps, calls),
        PlanForm::Upsert(upsert) => upsert::emit(vertical, entity, planned, shape, upsert, calls),
    }
}

/// The struct of an answer with rows, and the expression that takes them out of `answer`.
fn rows_of(
    name: &Ident,
    doc: &str,
    rows: &PlanPath,
    more: &[(&PlanPath, Leaf)],
) -> (TokenStream, TokenStream, TokenStream) {
    if rows.is_empty() {
        return (TokenStream::new(), quote! { Rows<'_> }, quote! { answer });
    }
    let mut tree = Tree::default();
    tree.add(rows, Leaf::Rows);
    for (path, leaf) in more {
        tree.add(path, *leaf);
    }
    let place = native::place(&quote! { answer }, rows);
    (tree.emit(name, doc), quote! { #name<'_> }, place)
}

fn batch_read(planned: &PlanOperation, batch: &PlanBatch, calls: &mut Calls<'_>) -> TokenStream {
    let (name, doc) = (type_name(&planned.name), format!(" `{}`.", planned.name));
    let function = calls.function(&batch.call, &planned.name.replace('.', "_"));
    let arguments = super::call::parameters(&batch.call)
        .into_iter()
        .map(|parameter| {
            if parameter == super::call::Parameter::Ids {
                quote! { ids }
            } else {
                quote! { &self.batch.fields }
            }
        });
    let answer_name = quote::format_ident!("{name}Answer");
    let (answer_struct, answer_ty, rows) = rows_of(
        &answer_name,
        &format!("An answer of [`{name}`]."),
        &batch.rows,
        &[],
    );
    let max = names::number(batch.max);
    quote! {
        #[doc = #doc]
        #[derive(Debug)]
        pub struct #name {
            batch: Batch,
            warnings: Warnings,
        }

        #answer_struct

        impl #name {
            pub fn new(cx: Context, request: &UnifiedRequest) -> Result<Self, Error> {
                let mut warnings = Warnings::default();
                let request = decode::batch_read(request, &mut warnings)?;
                let fields = Fields::new(SELECTION, request.properties);
                Ok(Self { batch: Batch::new(cx, fields, FORM.record_id, ID_PREFIX, &request.ids), warnings })
            }
        }

        impl Translator for #name {
            fn start(&mut self, _recent: &[String]) -> Result<Step, Error> {
                let calls = self.batch.calls(#max, |ids| #function(&self.batch.cx #(, #arguments)*));
                if calls.is_empty() { self.resume(Vec::new()) } else { Ok(Step::Calls(calls)) }
            }

            fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
                self.batch.check(&responses)?;
                let mut records = HashMap::new();
                for response in &responses {
                    let answer: #answer_ty = native::parse(&response.body)?;
                    for raw in #rows.0.into_iter().flatten() {
                        let record = read(raw, &mut self.warnings)?;
                        records.insert(record.id.to_string(), record);
                    }
                }
                let body = answer::list(&self.batch.in_order(&records));
                Ok(Step::Answer(Answer { body, written: None }))
            }
        }
    }
}
