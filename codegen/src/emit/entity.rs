//! The module of one entity of one provider.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    call::Calls,
    fields,
    native::{self, Leaf, Tree},
    operation,
    unified::{self, Pruned},
};
use crate::{
    names,
    plan::{PlanEntity, PlanForm, PlanKey, PlanNormalize, PlanProvider, PlanShape, PlanVertical},
};

pub(super) fn module(
    vertical: &PlanVertical,
    provider: &PlanProvider,
    entity: &PlanEntity,
) -> TokenStream {
    let fields = fields::items(vertical, &provider.title, entity);
    let selection = &entity.selection;
    let prefix = entity
        .record_id_prefix
        .as_ref()
        .map_or_else(|| quote! { None }, |prefix| quote! { Some(#prefix) });
    let mut calls = Calls::new(provider);
    let operations: TokenStream = entity
        .operations
        .iter()
        .map(|planned| {
            let unified = vertical
                .operations
                .iter()
                .find(|unified| unified.name == planned.name)
                .expect("an operation that is mapped is in the unified spec");
            operation::emit(vertical, entity, planned, &unified.shape, &mut calls)
        })
        .collect();
    let end = end(entity);
    let calls = calls.emit();
    let types = used_types(vertical, entity);
    let (vertical_module, provider_module) =
        (names::field(&vertical.name), names::field(&provider.name));
    let statics: Vec<_> = provider
        .operations
        .iter()
        .map(|operation| names::constant(&operation.id))
        .collect();
    let bundle = provider.bundle.as_ref().map(|_| quote! { BUNDLE, });
    let doc = format!(
        " `{}.{}` at {}: native `{}`.",
        entity.vertical, entity.name, provider.title, entity.native
    );
    quote! {
        #![doc = #doc]
        use std::collections::HashMap;
        use crosswalk::{
            error::Error,
            route::UnifiedRequest,
            translate::{
                Answer, Context, MatchKey, not_implemented, NativeRequest, NativeResponse, Step, Translator, Written,
                answer,
                batch::Batch,
                call::{Call, Fields, Root},
                decode,
                key::{self, Chunk, Found, Lookup, Normalize},
                native,
                paging::{self, Page, PageEnd, PageLimits, Paging, Phase, Window},
                patch,
                query::Query,
                read,
                scalar::{Flag, Number, Present, Rows, Text, null_as_default},
                warning::Warnings,
                work::Work,
                write::{At, NativeObject, Tags},
            },
        };
        use serde::Deserialize;
        use serde_json::value::RawValue;
        use super::super::super::{
            #provider_module::{#bundle FORM, #(#statics),*},
            unified::#vertical_module::{#(#types),*},
        };

        /// The native fields that every read asks for.
        const SELECTION: &[&str] = &[#(#selection),*];

        /// What every id of this entity begins with.
        const ID_PREFIX: Option<&str> = #prefix;

        #fields
        #end
        #operations
        #calls
    }
    .pruned()
}

/// The types of the vertical; those that are not used are pruned away.
fn used_types(vertical: &PlanVertical, entity: &PlanEntity) -> Vec<proc_macro2::Ident> {
    let mut types: Vec<String> = Vec::new();
    for ty in &vertical.types {
        types.push(names::pascal(&ty.name));
        types.push(unified::input_name(vertical, &ty.name));
    }
    for operation in &vertical.operations {
        let ours = entity
            .operations
            .iter()
            .any(|planned| planned.name == operation.name);
        if ours && matches!(operation.shape, PlanShape::Upsert { .. }) {
            types.push(unified::key_name(&operation.name));
        }
    }
    types.sort();
    types.dedup();
    types.iter().map(|name| names::ident(name)).collect()
}

/// The functions with which operations end: the answer of a record, and the keys that a written one is remembered by.
fn end(entity: &PlanEntity) -> Option<TokenStream> {
    let goes_by_steps = entity
        .operations
        .iter()
        .any(|planned| matches!(planned.form, PlanForm::Steps(_) | PlanForm::Upsert(_)));
    if !goes_by_steps {
        return None;
    }
    let keys: Vec<&PlanKey> = entity
        .operations
        .iter()
        .filter_map(|planned| match &planned.form {
            PlanForm::Upsert(upsert) => Some(upsert.keys.iter()),
            _ => None,
        })
        .flatten()
        .filter(|key| !key.matches.is_empty())
        .collect();
    let written = if keys.is_empty() {
        TokenStream::new()
    } else {
        let mut tree = Tree::default();
        for from in keys.iter().flat_map(|key| &key.matches) {
            tree.add(&from.path, Leaf::Value(from.ty));
        }
        let native = names::ident("Keys");
        let keys_struct = tree.emit(&native, "The values that a record is matched by.");
        let name = format!("{}.{}", entity.vertical, entity.name);
        let remembered = keys.iter().map(|key| {
            let (key_name, normalize) = (&key.name, normalize(key.normalize));
            let values = key
                .matches
                .iter()
                .map(|from| native::value(&quote! { native }, &from.path));
            quote! { key::remember(#name, #key_name, #normalize, &[#(#values),*]) }
        });
        quote! {
            #keys_struct

            /// What is remembered of a written record, so that the next upsert finds it.
            fn written(id: &str, raw: &RawValue) -> Result<Written, Error> {
                let native: Keys<'_> = native::parse(raw.get().as_bytes())?;
                let keys: [Option<MatchKey>; _] = [#(#remembered),*];
                Ok(Written { id: id.to_owned(), keys: keys.into_iter().flatten().collect() })
            }
        }
    };
    let remembered = if keys.is_empty() {
        // It is found by its keys at once.
        quote! { work.has_written().then(|| Written { id: record.id.to_string(), keys: Vec::new() }) }
    } else {
        quote! { work.has_written().then(|| written(&record.id, raw)).transpose()? }
    };
    Some(quote! {
        #written

        /// The end of an operation that has its record.
        fn answer(work: &mut Work, response: &NativeResponse) -> Result<Step, Error> {
            let raw: &RawValue = native::parse(&response.body)?;
            let record = read(raw, &mut work.warnings)?;
            let written = #remembered;
            let body = answer::record(record, &work.warnings);
            Ok(Step::Answer(Answer { body, written }))
        }
    })
}

pub(super) fn normalize(normalize: PlanNormalize) -> TokenStream {
    let variant = names::ident(match normalize {
        PlanNormalize::Host => "Host",
        PlanNormalize::Website => "Website",
        PlanNormalize::Email => "Email",
        PlanNormalize::Exact => "Exact",
    });
    quote! { Normalize::#variant }
}
