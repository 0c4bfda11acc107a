//! Single reads that one call carries out together.

use proc_macro2::TokenStream;
use quote::quote;

use super::call;
use crate::{
    names,
    plan::{PlanJoin, PlanJoinPart, PlanProvider},
};

/// The value of `joins`.
pub(super) fn joins(provider: &PlanProvider) -> TokenStream {
    let joins = provider.joins.iter().map(|it| join(provider, it));
    quote! { &[#(#joins),*] }
}

fn join(provider: &PlanProvider, join: &PlanJoin) -> TokenStream {
    let constant = |operation: usize| names::constant(&provider.operations[operation].id);
    let (single, many) = (constant(join.single), constant(join.many));
    let (root, many_root) = (names::number(join.root), names::number(join.many_root));
    let (path, many_path) = (parts(&join.path), parts(&join.many_path));
    let (fields, rows, in_order) = (&join.fields, &join.rows, join.in_order);
    let body = call::json(&quote! { json }, &join.body);
    let max = names::number(join.max);
    let row_id = join
        .row_id
        .as_ref()
        .map_or_else(|| quote! { None }, |path| quote! { Some(&[#(#path),*]) });
    quote! {
        Join {
            single: &#single,
            root: #root,
            path: #path,
            fields: #fields,
            record_id: FORM.record_id,
            many: &#many,
            many_root: #many_root,
            many_path: #many_path,
            body: |json, ids, fields| { #body },
            max: #max,
            rows: &[#(#rows),*],
            row_id: #row_id,
            in_order: #in_order,
        }
    }
}

fn parts(parts: &[PlanJoinPart]) -> TokenStream {
    let parts = parts.iter().map(|part| match part {
        PlanJoinPart::Text(text) => quote! { JoinPart::Text(#text) },
        PlanJoinPart::Id => quote! { JoinPart::Id },
        PlanJoinPart::Same(name) => quote! { JoinPart::Same(#name) },
    });
    quote! { &[#(#parts),*] }
}
