//! The names of headers in which a provider tells something, each a static of its own: a name that is parsed already is
//! found in a fraction of the time.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::{
    names,
    plan::{PlanLimitTold, PlanProvider},
};

/// A reference to the name of a header, which is in lower case.
pub(super) fn header(name: &str) -> TokenStream {
    let name = constant(name);
    quote! { &#name }
}

/// Named for what it is: the module has other constants, too.
fn constant(name: &str) -> Ident {
    names::constant(&format!("header-{name}"))
}

/// All names that are referred to.
pub(super) fn names(provider: &PlanProvider) -> TokenStream {
    let mut all = BTreeSet::new();
    all.extend(provider.errors.correlation_header.as_ref());
    for told in provider
        .limits
        .iter()
        .filter_map(|limit| limit.told.as_ref())
    {
        match told {
            PlanLimitTold::Headers { limit, remaining } => all.extend([limit, remaining]),
            PlanLimitTold::Used { header, .. } => all.extend([header]),
        }
    }
    let all = all.into_iter().map(|text| {
        let name = constant(text);
        quote! { static #name: HeaderName = HeaderName::from_static(#text); }
    });
    quote! { #(#all)* }
}
