//! Upserts: find, then create or update; or, where the provider can, both at once.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{rows_of, steps::Machine, type_name};
use crate::{
    emit::{
        call::Calls,
        entity,
        native::{self, Leaf, Tree},
        unified,
    },
    names,
    plan::{
        PlanEntity, PlanKey, PlanNativeType, PlanOperation, PlanShape, PlanUpsert, PlanVertical,
    },
};

pub(super) fn emit(
    vertical: &PlanVertical,
    entity: &PlanEntity,
    planned: &PlanOperation,
    shape: &PlanShape,
    upsert: &PlanUpsert,
    calls: &mut Calls<'_>,
) -> TokenStream {
    let (name, doc) = (type_name(&planned.name), format!(" `{}`.", planned.name));
    let PlanShape::Upsert { input, .. } = shape else {
        return TokenStream::new();
    };
    let input = names::ident(&unified::input_name(vertical, input));
    let key_ty = names::ident(&unified::key_name(&planned.name));
    let machine = Machine::new(&name, &upsert.steps, calls);
    let step_ty = machine.step_ty.clone();
    let (step_enum, go, arms, ids) = (
        machine.step_enum(),
        machine.go(&quote! { Some(step) }),
        machine.arms(),
        machine.id_structs(),
    );
    let lookups = lookups(entity, upsert, &key_ty);
    let direct = directs(upsert, &key_ty, &step_ty);
    let mut structs = TokenStream::new();
    let mut find_calls = Vec::new();
    let mut find_reads = Vec::new();
    for key in &upsert.keys {
        let parts = Parts::new(key, &name, calls);
        let (variant, call, read) = (names::ty(&key.name), parts.call, parts.read);
        structs.extend(parts.structs);
        find_calls.push(quote! { #key_ty::#variant => #call });
        find_reads.push(quote! { #key_ty::#variant => { #read } });
    }
    for (refused, _) in &upsert.refused {
        let variant = names::ty(refused);
        find_calls.push(quote! { #key_ty::#variant => Vec::new() });
        find_reads.push(quote! { #key_ty::#variant => {} });
    }
    let recent_calls = upsert.recent.as_ref().map(|call| {
        let call = calls.of_work(call, "recent");
        quote! { calls.extend(recent.iter().map(|recent_id| #call)); }
    });
    let calls_mut = upsert.recent.as_ref().map(|_| quote! { mut });
    let recent_parameter = if upsert.recent.is_some() {
        quote! { recent }
    } else {
        quote! { _recent }
    };
    let (none, one) = (names::ty(&upsert.none), names::ty(&upsert.one));
    let start = if direct.is_empty() {
        quote! { Ok(self.find(recent)) }
    } else {
        quote! { #direct Ok(self.find(recent)) }
    };
    quote! {
        #[doc = #doc]
        #[derive(Debug)]
        pub struct #name {
            work: Work,
            key: #key_ty,
            /// None while the record is looked for.
            step: Option<#step_ty>,
            /// How many of the calls that look for the record are searches; the rest read recent records.
            searches: usize,
        }

        #step_enum
        #ids
        #structs

        impl #name {
            pub fn new(cx: Context, request: &UnifiedRequest) -> Result<Self, Error> {
                let mut warnings = Warnings::default();
                let request = decode::upsert::<#key_ty, #input>(request, &mut warnings)?;
                let record = write(&request.record, &mut warnings)?;
                let mut work = Work::new(cx, &FORM, Fields::new(SELECTION, Vec::new()), warnings);
                work.set_record(record);
                let values = &request.upsert_on.values;
                match request.upsert_on.key { #lookups }
                Ok(Self { work, key: request.upsert_on.key, step: None, searches: 0 })
            }

            #go

            fn find(&mut self, #recent_parameter: &[String]) -> Step {
                let work = &self.work;
                let Some(lookup) = &work.lookup else { return self.go(#step_ty::#none) };
                let #calls_mut calls: Vec<NativeRequest> = match self.key { #(#find_calls),* };
                self.searches = calls.len();
                #recent_calls
                self.step = None;
                Step::Calls(calls)
            }

            fn found(&mut self, responses: &[NativeResponse]) -> Result<Step, Error> {
                let (searches, recent) = responses.split_at(self.searches.min(responses.len()));
                for response in searches {
                    self.work.success(response)?;
                }
                let Some(lookup) = &mut self.work.lookup else { return Ok(self.go(#step_ty::#none)) };
                match self.key { #(#find_reads)* }
                match lookup.found() {
                    Found::None => Ok(self.go(#step_ty::#none)),
                    Found::One(id) => {
                        self.work.set_record_id(id);
                        Ok(self.go(#step_ty::#one))
                    }
                    Found::Many(ids) => Err(key::conflict(&ids)),
                }
            }
        }

        impl Translator for #name {
            fn keys(&self) -> &[MatchKey] {
                self.work.lookup.as_ref().map_or(&[], Lookup::keys)
            }

            fn start(&mut self, recent: &[String]) -> Result<Step, Error> {
                #start
            }

            fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
                let Some(step) = self.step else { return self.found(&responses) };
                let response = native::one(responses)?;
                match step { #arms }
            }

            fn failed(&self, error: Error) -> Error {
                self.work.failed(error)
            }
        }
    }
}

/// What finds by one key: structs, calls, and the reading of their answers.
struct Parts {
    structs: TokenStream,
    call: TokenStream,
    read: TokenStream,
}

impl Parts {
    fn new(key: &PlanKey, name: &proc_macro2::Ident, calls: &mut Calls<'_>) -> Self {
        let key_name = names::pascal(&key.name);
        let (page, row) = (
            format_ident!("{name}{key_name}Found"),
            format_ident!("{name}{key_name}Row"),
        );
        let find = &key.find;
        let (page_struct, page_ty, rows) = rows_of(
            &page,
            &format!("What a search by `{}` answers.", key.name),
            &find.rows,
            &[],
        );
        let mut tree = Tree::default();
        tree.add(&find.id, Leaf::Value(PlanNativeType::Text));
        for from in &key.matches {
            tree.add(&from.path, Leaf::Value(from.ty));
        }
        let row_struct = tree.emit(
            &row,
            &format!("A record that may have the `{}` asked for.", key.name),
        );
        let object = quote! { row };
        let id = native::value(&object, &find.id);
        let values: Vec<_> = key
            .matches
            .iter()
            .map(|from| native::value(&object, &from.path))
            .collect();
        let split = names::number(find.split);
        let max = find.max.map_or_else(
            || quote! { usize::MAX },
            |max| {
                let max = names::number(max);
                quote! { #max }
            },
        );
        let search = calls.of_work(
            &find.call,
            &format!("{}_{}", names::snake(&name.to_string()), key.name),
        );
        Self {
            structs: quote! { #page_struct #row_struct },
            call: quote! { lookup.chunks(#split, #max).iter().map(|chunk| #search).collect() },
            read: quote! {
                for response in searches {
                    let answer: #page_ty = native::parse(&response.body)?;
                    for raw in #rows.0.into_iter().flatten() {
                        let row: #row<'_> = native::parse(raw.get().as_bytes())?;
                        lookup.consider(#id, [#(#values),*]);
                    }
                }
                for response in recent.iter().filter(|response| response.is_success()) {
                    let row: #row<'_> = native::parse(&response.body)?;
                    lookup.consider(#id, [#(#values),*]);
                }
            },
        }
    }
}

fn lookups(entity: &PlanEntity, upsert: &PlanUpsert, key_ty: &proc_macro2::Ident) -> TokenStream {
    let entity_name = format!("{}.{}", entity.vertical, entity.name);
    let known = upsert.keys.iter().map(|key| {
        let (variant, key_name, normalize) = (
            names::ty(&key.name),
            &key.name,
            entity::normalize(key.normalize),
        );
        let (set, omit) = (&key.set.name, key.omit_from_changes);
        quote! {
            #key_ty::#variant => {
                work.lookup = Some(Lookup::new(#entity_name, #key_name, #normalize, values)?);
                work.apply_key(#set, #omit);
            }
        }
    });
    let refused = upsert.refused.iter().map(|(key, reason)| {
        let variant = names::ty(key);
        quote! { #key_ty::#variant => return Err(Error::issue("body.upsert_on.key", #reason)), }
    });
    quote! { #(#known)* #(#refused)* }
}

fn directs(
    upsert: &PlanUpsert,
    key_ty: &proc_macro2::Ident,
    step_ty: &proc_macro2::Ident,
) -> TokenStream {
    upsert
        .keys
        .iter()
        .filter_map(|key| {
            let direct = key.direct.as_ref()?;
            let (variant, step, set) =
                (names::ty(&key.name), names::ty(&direct.step), &key.set.name);
            let single = if direct.plain_value {
                quote! { |lookup| lookup.is_single() && lookup.is_plain() }
            } else {
                quote! { Lookup::is_single }
            };
            let keeps = direct
                .record_keeps_key
                .then(|| quote! { && self.work.keeps_key(#set) });
            Some(quote! {
                if self.key == #key_ty::#variant
                    && self.work.lookup.as_ref().is_some_and(#single)
                    #keeps
                {
                    return Ok(self.go(#step_ty::#step));
                }
            })
        })
        .collect()
}
