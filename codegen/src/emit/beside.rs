//! What is read beside records: its plan, its structs, and how fields get at it.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{
    call::{Calls, Parameter, parameters},
    native::{self, Tree},
    operation::path,
};
use crate::{
    check::native_refs,
    names,
    plan::{PlanBeside, PlanBesideKind, PlanEntity, PlanNativeRef, PlanPath},
};

/// The plans, in the order of the constants that [`constant`] names.
pub(super) fn plans(entity: &PlanEntity, calls: &mut Calls<'_>) -> Vec<TokenStream> {
    entity
        .beside
        .iter()
        .map(|beside| {
            let (name, key, fields) = (&beside.name, path(&beside.key.path), &beside.fields);
            let kind = kind(entity, beside, calls);
            quote! { BesidePlan { name: #name, key: #key, fields: &[#(#fields),*], kind: #kind } }
        })
        .collect()
}

fn kind(entity: &PlanEntity, beside: &PlanBeside, calls: &mut Calls<'_>) -> TokenStream {
    let function = calls.function(&beside.call, &beside.name);
    let parameters = parameters(&beside.call);
    match &beside.kind {
        PlanBesideKind::Records { max, rows, id, .. } => {
            let (max, rows, id) = (names::number(*max), path(rows), path(id));
            let mut reads: Vec<&PlanPath> = Vec::new();
            for from in refs(entity, &beside.name) {
                if !reads.contains(&&from.path) {
                    reads.push(&from.path);
                }
            }
            let reads = reads.into_iter().map(path);
            quote! {
                BesideKind::Records { call: |cx, ids| #function(cx, ids), max: #max, rows: #rows, id: #id, reads: &[#(#reads),*] }
            }
        }
        PlanBesideKind::Text => {
            let takes_id = parameters.contains(&Parameter::RecordId);
            let call = if takes_id {
                quote! { |cx, record_id| #function(cx, record_id) }
            } else {
                quote! { |cx, _record_id| #function(cx) }
            };
            quote! { BesideKind::Text { call: #call } }
        }
        PlanBesideKind::Labels {
            rows,
            inner,
            value,
            label,
        } => {
            let inner = inner.as_ref().map_or_else(
                || quote! { None },
                |inner| {
                    let inner = path(inner);
                    quote! { Some(#inner) }
                },
            );
            let (rows, value, label) = (path(rows), path(value), path(label));
            quote! {
                BesideKind::Labels { call: #function, rows: #rows, inner: #inner, value: #value, label: #label }
            }
        }
    }
}

/// The number of something beside the records: `beside_at::CONTACT`.
pub(super) fn constant(name: &str) -> TokenStream {
    let constant = names::constant(name);
    quote! { beside_at::#constant }
}

/// The numbers, and the structs of records beside the records.
pub(super) fn structs(entity: &PlanEntity) -> TokenStream {
    if entity.beside.is_empty() {
        return TokenStream::new();
    }
    let constants = entity.beside.iter().enumerate().map(|(index, beside)| {
        let constant = names::constant(&beside.name);
        let index = proc_macro2::Literal::usize_unsuffixed(index);
        quote! { pub(super) const #constant: usize = #index; }
    });
    let structs = entity.beside.iter().filter_map(|beside| {
        let PlanBesideKind::Records { native, .. } = &beside.kind else {
            return None;
        };
        let mut tree = Tree::default();
        for from in refs(entity, &beside.name) {
            tree.add(&from.path);
        }
        let doc = format!(
            "The `{}` beside a record: a native `{native}`.",
            beside.name
        );
        Some(tree.emit(&struct_name(beside), &doc))
    });
    quote! {
        /// Where what is read beside the records stands.
        mod beside_at {
            #(#constants)*
        }

        #(#structs)*
    }
}

/// What is read beside a record, as variables that fields are read from.
pub(super) fn lets(entity: &PlanEntity) -> TokenStream {
    entity
        .beside
        .iter()
        .filter_map(|beside| {
            let variable = variable(&beside.name);
            let (at, name) = (constant(&beside.name), &beside.name);
            let key = value(&beside.key);
            let key = quote! { let key = #key.text(#name, &mut output.warnings); };
            match &beside.kind {
                PlanBesideKind::Records { .. } => {
                    let ty = struct_name(beside);
                    Some(quote! {
                        #key
                        let #variable: #ty<'_> = beside.record(#at, key.as_ref())?;
                    })
                }
                PlanBesideKind::Text => Some(quote! {
                    #key
                    let #variable = beside.text(#at, key.as_ref());
                }),
                PlanBesideKind::Labels { .. } => None,
            }
        })
        .collect()
}

fn refs<'e>(entity: &'e PlanEntity, name: &str) -> Vec<&'e PlanNativeRef> {
    let all = entity
        .fields
        .iter()
        .flat_map(|field| native_refs(&field.source));
    all.filter(|from| from.beside.as_deref() == Some(name))
        .collect()
}

fn struct_name(beside: &PlanBeside) -> Ident {
    format_ident!("Beside{}", names::pascal(&beside.name))
}

fn variable(name: &str) -> Ident {
    names::field(&format!("beside_{name}"))
}

/// A native field, wherever it stands.
pub(super) fn value(from: &PlanNativeRef) -> TokenStream {
    match &from.beside {
        None => native::place(&quote! { native }, &from.path),
        Some(name) => {
            let variable = variable(name);
            native::place(&quote! { #variable }, &from.path)
        }
    }
}
