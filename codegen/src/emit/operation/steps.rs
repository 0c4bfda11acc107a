//! Operations that go step by step.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::type_name;
use crate::{
    emit::{
        call::{Calls, Parameter, parameters},
        native::{self, Leaf, Tree},
        unified,
    },
    names,
    plan::{
        PlanEntity, PlanNativeType, PlanOperation, PlanPath, PlanRouteTo, PlanShape, PlanStep,
        PlanStepCall, PlanStepKind, PlanVertical,
    },
};

pub(super) fn emit(
    vertical: &PlanVertical,
    entity: &PlanEntity,
    planned: &PlanOperation,
    shape: &PlanShape,
    steps: &[PlanStep],
    calls: &mut Calls<'_>,
) -> TokenStream {
    let (name, doc) = (type_name(&planned.name), format!(" `{}`.", planned.name));
    let machine = Machine::new(&name, steps, calls);
    let (step_ty, first) = (&machine.step_ty, names::ty(&steps[0].name));
    let (step_enum, go, arms, ids) = (
        machine.step_enum(),
        machine.go(&quote! { step }),
        machine.arms(),
        machine.id_structs(),
    );
    let entity_name = &entity.name;
    let take_id = quote! {
        work.set_record_id(decode::record_id(FORM.record_id, ID_PREFIX, &request.id, #entity_name)?);
    };
    let new = match shape {
        PlanShape::Create { input, .. } => {
            let input = names::ident(&unified::input_name(vertical, input));
            quote! {
                let request = decode::create::<#input>(request, &mut warnings)?;
                let record = write(&request.record, &mut warnings)?;
                let mut work = Work::new(cx, &FORM, Fields::new(SELECTION, Vec::new()), warnings);
                work.set_record(record);
            }
        }
        PlanShape::Update { input, .. } => {
            let input = names::ident(&unified::input_name(vertical, input));
            quote! {
                let request = decode::update::<#input>(request, &mut warnings)?;
                let record = write(&request.record, &mut warnings)?;
                let mut work = Work::new(cx, &FORM, Fields::new(SELECTION, Vec::new()), warnings);
                work.set_record(record);
                #take_id
            }
        }
        _ => quote! {
            let request = decode::get(request, &mut warnings)?;
            let mut work = Work::new(cx, &FORM, Fields::new(SELECTION, request.fields), warnings);
            #take_id
        },
    };
    quote! {
        #[doc = #doc]
        #[derive(Debug)]
        pub struct #name {
            work: Work,
            step: #step_ty,
        }

        #step_enum
        #ids

        impl #name {
            pub fn new(cx: Context, request: &UnifiedRequest) -> Result<Self, Error> {
                let mut warnings = Warnings::default();
                #new
                Ok(Self { work, step: #step_ty::#first })
            }

            #go
        }

        impl Translator for #name {
            fn start(&mut self, _recent: &[String]) -> Result<Step, Error> {
                Ok(self.go(self.step))
            }

            fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
                let response = native::one(responses)?;
                match self.step { #arms }
            }

            fn failed(&self, error: Error) -> Error {
                self.work.failed(error)
            }
        }
    }
}

/// The steps of one operation: their enumeration, how each is gone to, and what its response leads to.
pub(super) struct Machine<'s> {
    pub(super) step_ty: Ident,
    name: Ident,
    steps: &'s [PlanStep],
    /// The call of each step, or of each part of it.
    requests: Vec<Vec<TokenStream>>,
    writes: Vec<Vec<bool>>,
    /// The paths of ids that are read from answers.
    ids: Vec<PlanPath>,
}

impl<'s> Machine<'s> {
    pub(super) fn new(name: &Ident, steps: &'s [PlanStep], calls: &mut Calls<'_>) -> Self {
        let mut machine = Self {
            step_ty: format_ident!("{name}Step"),
            name: name.clone(),
            steps,
            requests: Vec::new(),
            writes: Vec::new(),
            ids: Vec::new(),
        };
        for step in steps {
            let parts: Vec<&PlanStepCall> = parts(step);
            for part in &parts {
                if let Some(id) = &part.id
                    && !machine.ids.contains(id)
                {
                    machine.ids.push(id.clone());
                }
            }
            let purpose = format!("{}_{}", names::snake(&name.to_string()), step.name);
            machine.requests.push(
                parts
                    .iter()
                    .map(|part| calls.of_work(&part.call, &purpose))
                    .collect(),
            );
            machine
                .writes
                .push(parts.iter().map(|part| calls.writes(&part.call)).collect());
        }
        machine
    }

    pub(super) fn step_enum(&self) -> TokenStream {
        let ty = &self.step_ty;
        let doc = format!(" The steps of [`{}`].", self.name);
        let steps = self.steps.iter().map(|step| names::ty(&step.name));
        quote! {
            #[doc = #doc]
            #[derive(Debug, Clone, Copy)]
            enum #ty { #(#steps),* }
        }
    }

    pub(super) fn id_structs(&self) -> TokenStream {
        self.ids
            .iter()
            .map(|path| {
                let mut tree = Tree::default();
                tree.add(path, Leaf::Value(PlanNativeType::Text));
                tree.emit(
                    &self.id_struct(path),
                    &format!("The id in an answer of [`{}`].", self.name),
                )
            })
            .collect()
    }

    fn id_struct(&self, path: &PlanPath) -> Ident {
        match self.ids.iter().position(|known| known == path) {
            Some(0) | None => format_ident!("{}Id", self.name),
            Some(index) => format_ident!("{}Id{}", self.name, index + 1),
        }
    }

    /// The function that makes the calls of a step.
    ///
    /// `note` is the step as the struct keeps it.
    pub(super) fn go(&self, note: &TokenStream) -> TokenStream {
        let ty = &self.step_ty;
        let arms = self
            .steps
            .iter()
            .zip(&self.requests)
            .map(|(step, requests)| {
                let variant = names::ty(&step.name);
                let empty = step.if_empty.as_ref().map(|to| {
                let (written, to) = (written_object(step), names::ty(to));
                quote! { #ty::#variant if work.#written.is_empty() => return self.go(#ty::#to), }
            });
                let request = match &step.kind {
                    PlanStepKind::Call(_) => requests[0].clone(),
                    PlanStepKind::Bundle(parts) => {
                        let parts = parts
                            .iter()
                            .zip(requests)
                            .map(|((name, _), request)| quote! { (#name, #request) });
                        quote! { BUNDLE.request(&work.cx, &[#(#parts),*]) }
                    }
                };
                quote! { #empty #ty::#variant => #request, }
            });
        quote! {
            fn go(&mut self, step: #ty) -> Step {
                self.step = #note;
                let work = &self.work;
                Step::call(match step { #(#arms)* })
            }
        }
    }

    /// What the response of each step leads to.
    pub(super) fn arms(&self) -> TokenStream {
        let ty = &self.step_ty;
        self.steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let variant = names::ty(&step.name);
                let body = match &step.kind {
                    PlanStepKind::Call(call) => self.after_call(index, step, call),
                    PlanStepKind::Bundle(parts) => self.after_bundle(index, step, parts),
                };
                quote! { #ty::#variant => #body }
            })
            .collect()
    }

    fn after_call(&self, index: usize, step: &PlanStep, call: &PlanStepCall) -> TokenStream {
        let noted = self.noted(call, self.writes[index][0], &quote! { response });
        let next = self.next(step, call.record.then(|| quote! { response }));
        let done = quote! {
            self.work.success(&response)?;
            #noted
            #next
        };
        let routes = self.routes(&step.on, &quote! { response });
        quote! { { #routes #done } }
    }

    fn after_bundle(
        &self,
        index: usize,
        step: &PlanStep,
        parts: &[(String, PlanStepCall)],
    ) -> TokenStream {
        let names: Vec<Ident> = parts.iter().map(|(name, _)| names::field(name)).collect();
        let checks = parts
            .iter()
            .zip(&names)
            .zip(&self.writes[index])
            .filter(|((part, _), _)| !part.1.record)
            .map(|(((_, call), name), writes)| {
                let routes = self.routes(&call.on, &quote! { #name });
                let noted = self.noted(call, *writes, &quote! { #name });
                quote! {
                    #routes
                    self.work.success(&#name)?;
                    #noted
                }
            });
        let record = parts
            .iter()
            .zip(&names)
            .find(|((_, call), _)| call.record)
            .map(|(_, name)| name);
        let end = match (record, &step.otherwise) {
            (Some(name), Some(otherwise)) => {
                let (ty, to) = (&self.step_ty, names::ty(otherwise));
                quote! {
                    if #name.is_success() { answer(&mut self.work, &#name) } else { Ok(self.go(#ty::#to)) }
                }
            }
            (Some(name), None) => quote! {
                self.work.success(&#name)?;
                answer(&mut self.work, &#name)
            },
            (None, _) => self.next(step, None),
        };
        quote! {
            {
                self.work.success(&response)?;
                let [#(#names),*] = BUNDLE.split(&response)?;
                #(#checks)*
                #end
            }
        }
    }

    /// What is noted after a call: that it wrote, and the id in its answer.
    fn noted(
        &self,
        call: &PlanStepCall,
        writes: bool,
        response: &TokenStream,
    ) -> Option<TokenStream> {
        let id = call.id.as_ref().map(|path| {
            let (id_struct, place) = (self.id_struct(path), native::place(&quote! { saved }, path));
            quote! {
                let saved: #id_struct<'_> = native::parse(&#response.body)?;
                let id = #place.map(|id| id.0.into_owned());
            }
        });
        match (id, writes) {
            (Some(id), _) => Some(quote! { #id self.work.wrote(id); }),
            (None, true) => Some(quote! { self.work.wrote(None); }),
            (None, false) => None,
        }
    }

    fn next(&self, step: &PlanStep, record: Option<TokenStream>) -> TokenStream {
        if let Some(response) = record {
            return quote! { answer(&mut self.work, &#response) };
        }
        let (ty, to) = (
            &self.step_ty,
            names::ty(
                step.then
                    .as_ref()
                    .expect("a step without a record leads on"),
            ),
        );
        quote! { Ok(self.go(#ty::#to)) }
    }

    fn routes(&self, on: &[(u16, PlanRouteTo)], response: &TokenStream) -> TokenStream {
        let ty = &self.step_ty;
        on.iter()
            .map(|(status, to)| (proc_macro2::Literal::u16_unsuffixed(*status), status, to))
            .map(|(literal, status, to)| match to {
                PlanRouteTo::Conflict => quote! {
                    if #response.status == #literal {
                        return Err(key::conflict(&native::listed_ids(&#response.body)));
                    }
                },
                PlanRouteTo::Step(step) => {
                    // A conflict names the record that is in the way.
                    let adopt =
                        (*status == 409).then(|| quote! { self.work.adopt_existing(&#response)?; });
                    let step = names::ty(step);
                    quote! {
                        if #response.status == #literal {
                            #adopt
                            return Ok(self.go(#ty::#step));
                        }
                    }
                }
            })
            .collect()
    }
}

fn parts(step: &PlanStep) -> Vec<&PlanStepCall> {
    match &step.kind {
        PlanStepKind::Call(call) => vec![call],
        PlanStepKind::Bundle(parts) => parts.iter().map(|(_, call)| call).collect(),
    }
}

/// What a step writes: `record` or `changes`.
fn written_object(step: &PlanStep) -> Ident {
    let changes = parts(step)
        .iter()
        .any(|part| parameters(&part.call).contains(&Parameter::Changes));
    names::ident(if changes { "changes" } else { "record" })
}
