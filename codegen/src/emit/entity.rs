//! The module of one entity of one provider.

use proc_macro2::TokenStream;
use quote::quote;

use super::{beside, call::Calls, fields, operation, unified};
use crate::{
    names,
    plan::{
        PlanDefault, PlanEntity, PlanForm, PlanKey, PlanNormalize, PlanProvider, PlanShape,
        PlanVertical,
    },
};

pub(super) fn module(
    vertical: &PlanVertical,
    provider: &PlanProvider,
    entity: &PlanEntity,
) -> TokenStream {
    let fields = fields::items(vertical, &provider.title, entity);
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
            operation::emit(vertical, planned, unified, &mut calls)
        })
        .collect();
    let objects = entity
        .objects
        .as_ref()
        .map(|planned| super::script::objects(planned, &mut calls));
    let declared = declared(entity, &mut calls);
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
        use crosswalk::{
            error::Error,
            field,
            key,
            route::UnifiedRequest,
            translate::{
                Context, NativeRequest, Translator,
                batch::{BatchPlan, BatchRead},
                beside::{Beside, BesideKind, BesidePlan},
                bundle::BundleForm,
                call::{Call, Fields, Root},
                entity::{Entity, Initial, InitialValue, Output, Remembered},
                hidden::FieldsOf,
                key::{Chunk, Normalize},
                leaf::{Leaf, first},
                list::{CompletePlan, List, ListPlan, PagerPlan},
                objects::{self, ListedObjects, ObjectFields, ObjectPlan, Place, WithObjects},
                paging::{Page, Window},
                patch::{InputObject, Patch},
                query::Query,
                record::Truth,
                scan::{Left, Members, Native, Scan},
                steps::{StepCall, StepPlan, Steps, To, Written},
                upsert::{DirectPlan, FindPlan, KeyPlan, Upsert, UpsertPlan},
                warning::Warnings,
                write::{At, Inputs, NativeObject, Tags},
            },
        };
        use super::super::super::{
            #provider_module::{#bundle FORM, #(#statics),*},
            unified::#vertical_module::{#(#types),*},
        };

        #declared
        #objects

        #fields
        #operations
        #calls
    }
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

/// The entity as a constant.
fn declared(entity: &PlanEntity, calls: &mut Calls<'_>) -> TokenStream {
    let name = format!("{}.{}", entity.vertical, entity.name);
    let doc = format!(" `{name}`, as the machines that carry out its operations see it.");
    let selection = &entity.selection;
    let prefix = entity
        .record_id_prefix
        .as_ref()
        .map_or_else(|| quote! { None }, |prefix| quote! { Some(#prefix) });
    let id = operation::path(&entity.id);
    let remembered = entity
        .operations
        .iter()
        .filter_map(|planned| match &planned.form {
            PlanForm::Upsert(upsert) => Some(upsert.keys.iter()),
            _ => None,
        })
        .flatten()
        .filter(|key| !key.matches.is_empty())
        .map(|key: &PlanKey| {
            let (key_name, normalize) = (&key.name, normalize(key.normalize));
            let from = key.matches.iter().map(|from| operation::path(&from.path));
            quote! { Remembered { key: #key_name, normalize: #normalize, from: &[#(#from),*] } }
        });
    let beside = beside::plans(entity, calls);
    let description = entity.description.as_ref().map_or_else(
        || quote! { None },
        |described| {
            let function = calls.function(&described.call, "description");
            let (rows, name) = (
                operation::path(&described.rows),
                operation::path(&described.name),
            );
            quote! { Some(FieldsOf { call: #function, rows: #rows, name: #name }) }
        },
    );
    let defaults = entity.defaults.iter().map(|(name, value)| {
        let value = match value {
            PlanDefault::Constant(json) => quote! { Initial::Json(#json) },
            PlanDefault::Now => quote! { Initial::Now },
            PlanDefault::TitleOf(field) => quote! { Initial::TitleOf(#field) },
        };
        quote! { InitialValue { name: #name, value: #value } }
    });
    quote! {
        #[doc = #doc]
        pub static ENTITY: Entity = Entity {
            name: #name,
            form: &FORM,
            id_prefix: #prefix,
            id: #id,
            selection: &[#(#selection),*],
            encode,
            beside: &[#(#beside),*],
            description: #description,
            defaults: &[#(#defaults),*],
            remembered: &[#(#remembered),*],
        };
    }
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
