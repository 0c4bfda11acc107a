//! Lists, page by page.

use proc_macro2::TokenStream;
use quote::quote;

use super::{optional_path, path, with_ids};
use crate::{
    emit::call::{Calls, Parameter, parameters},
    names,
    plan::{PlanComplete, PlanList, PlanPager},
};

pub(super) fn value(list: &PlanList, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let (default, max) = (
        names::number(list.default_size),
        names::number(list.max_size),
    );
    let overlap = names::number(list.overlap_seconds);
    let full: Vec<_> = list
        .full
        .iter()
        .map(|planned| pager(planned, &format!("{purpose}_full"), calls))
        .collect();
    let changes: Vec<_> = list
        .changes
        .iter()
        .map(|planned| pager(planned, &format!("{purpose}_changes"), calls))
        .collect();
    let complete = list.complete.as_ref().map_or_else(
        || quote! { None },
        |planned| {
            let complete = complete(planned, &format!("{purpose}_complete"), calls);
            quote! { Some(#complete) }
        },
    );
    quote! {
        ListPlan {
            default: #default,
            max: #max,
            full: &[#(#full),*],
            changes: &[#(#changes),*],
            overlap_seconds: #overlap,
            complete: #complete,
        }
    }
}

fn pager(pager: &PlanPager, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let function = calls.function(&pager.call, purpose);
    let arguments = parameters(&pager.call)
        .into_iter()
        .map(|parameter| match parameter {
            Parameter::Page => quote! { call.page },
            Parameter::Window => quote! { call.window },
            _ => quote! { call.fields },
        });
    let max = pager.max.map_or_else(
        || quote! { None },
        |max| {
            let max = names::number(max);
            quote! { Some(#max) }
        },
    );
    let rows = path(&pager.rows);
    let (next, more, keep) = (
        optional_path(pager.next.as_ref()),
        optional_path(pager.more.as_ref()),
        optional_path(pager.keep.as_ref()),
    );
    quote! {
        PagerPlan {
            call: |call| #function(call.cx #(, #arguments)*),
            max: #max,
            rows: #rows,
            next: #next,
            more: #more,
            keep: #keep,
        }
    }
}

fn complete(complete: &PlanComplete, purpose: &str, calls: &mut Calls<'_>) -> TokenStream {
    let call = with_ids(&complete.call, purpose, calls);
    let (over, max) = (names::number(complete.over), names::number(complete.max));
    let (lean, rows) = (&complete.lean, path(&complete.rows));
    quote! {
        CompletePlan {
            over: #over,
            lean: &[#(#lean),*],
            call: #call,
            max: #max,
            rows: #rows,
        }
    }
}
