//! Upserts: find, then create or update; or, where the provider can, both at once.

use proc_macro2::TokenStream;
use quote::quote;

use super::{optional_path, path, steps};
use crate::{
    emit::{
        call::{Calls, Parameter, parameters},
        entity, fields,
    },
    names,
    plan::{PlanKey, PlanUpsert},
};

pub(super) fn value(upsert: &PlanUpsert, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let keys: Vec<_> = upsert
        .keys
        .iter()
        .map(|planned| key(planned, &format!("{purpose}_{}", planned.name), calls))
        .collect();
    let refused = upsert
        .refused
        .iter()
        .map(|(key, why)| quote! { (#key, #why) });
    let recent = upsert.recent.as_ref().map_or_else(
        || quote! { None },
        |call| {
            let call = calls.of_work(call, "recent");
            quote! { Some(|work, recent_id| #call) }
        },
    );
    let (none, one) = (&upsert.none, &upsert.one);
    let steps = steps::values(&upsert.steps, purpose, calls);
    quote! {
        UpsertPlan {
            keys: &[#(#keys),*],
            refused: &[#(#refused),*],
            recent: #recent,
            none: #none,
            one: #one,
            steps: &[#(#steps),*],
        }
    }
}

fn key(key: &PlanKey, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let (name, normalize) = (&key.name, entity::normalize(key.normalize));
    let (set, omit) = (fields::target(&key.set), key.omit_from_changes);
    let matches = key.matches.iter().map(|from| path(&from.path));
    let find = &key.find;
    let call = calls.of_work(&find.call, purpose);
    let (rows, id, split) = (path(&find.rows), path(&find.id), names::number(find.split));
    let (next, stale) = (optional_path(find.next.as_ref()), find.stale);
    let page = if parameters(&find.call).contains(&Parameter::Page) {
        quote! { page }
    } else {
        quote! { _page }
    };
    let max = find.max.map_or_else(
        || quote! { usize::MAX },
        |max| {
            let max = names::number(max);
            quote! { #max }
        },
    );
    let direct = key.direct.as_ref().map_or_else(
        || quote! { None },
        |direct| {
            let (step, plain, keeps) = (&direct.step, direct.plain_value, direct.record_keeps_key);
            quote! { Some(DirectPlan { step: #step, plain_value: #plain, record_keeps_key: #keeps }) }
        },
    );
    quote! {
        KeyPlan {
            name: #name,
            normalize: #normalize,
            set: #set,
            omit_from_changes: #omit,
            matches: &[#(#matches),*],
            find: FindPlan { call: |work, chunk, #page| #call, rows: #rows, next: #next, stale: #stale, id: #id, split: #split, max: #max },
            direct: #direct,
        }
    }
}
