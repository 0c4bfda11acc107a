//! The limits on an account's calls, as data.

use proc_macro2::TokenStream;
use quote::quote;

use super::headers;
use crate::plan::{PlanLimit, PlanLimitKind, PlanLimitTold};

/// The member of `Provider`.
pub(super) fn provider(limits: &[PlanLimit]) -> TokenStream {
    let limits = limits.iter().map(limit);
    quote! { limits: &[#(#limits),*], }
}

fn limit(limit: &PlanLimit) -> TokenStream {
    let (name, operations) = (&limit.name, &limit.operations);
    let kind = match limit.kind {
        PlanLimitKind::Counted {
            calls,
            window_seconds,
        } => quote! { Counted { calls: #calls, window_seconds: #window_seconds } },
        PlanLimitKind::Told {
            probe_after_seconds,
            is_soft,
        } => quote! { Told { probe_after_seconds: #probe_after_seconds, is_soft: #is_soft } },
        PlanLimitKind::Lasting { calls, seconds } => {
            quote! { Lasting { calls: #calls, seconds: #seconds } }
        }
    };
    let told = match &limit.told {
        None => quote! { None },
        Some(PlanLimitTold::Headers { limit, remaining }) => {
            let (limit, remaining) = (headers::header(limit), headers::header(remaining));
            quote! { Some(QuotaTold::Headers { limit: #limit, remaining: #remaining }) }
        }
        Some(PlanLimitTold::Used {
            header,
            before,
            between,
        }) => {
            let header = headers::header(header);
            quote! { Some(QuotaTold::Used { header: #header, before: #before, between: #between }) }
        }
    };
    quote! {
        Limit { name: #name, kind: LimitKind::#kind, operations: &[#(#operations),*], told: #told }
    }
}
