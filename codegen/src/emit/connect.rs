//! Consent, calls about tokens, and the proof that a connection works.

use proc_macro2::TokenStream;
use quote::quote;

use super::provider::option;
use crate::{
    names,
    plan::{PlanAuth, PlanCheck, PlanFixedCall, PlanProvider, PlanTokenCall},
};

/// The members of `Auth` that are about connecting.
pub(super) fn auth(auth: &PlanAuth) -> TokenStream {
    let authorize = auth.authorize.as_ref().map(|authorize| {
        let (url, pkce, scopes) = (&authorize.url, authorize.pkce, &authorize.scopes);
        let optional = authorize.optional.as_ref().map(|(parameter, scopes)| {
            quote! { OptionalScopes { parameter: #parameter, scopes: &[#(#scopes),*] } }
        });
        let optional = maybe(optional);
        let parameters = pairs(&authorize.parameters);
        quote! {
            Authorize { url: #url, pkce: #pkce, scopes: &[#(#scopes),*], optional: #optional, parameters: #parameters }
        }
    });
    let logins = auth.logins.iter().map(|login| {
        let (title, url, hint) = (&login.title, &login.url, option(login.hint.as_ref()));
        quote! { Login { title: #title, url: #url, hint: #hint } }
    });
    let revoke = maybe(auth.revoke.as_ref().map(token_call));
    let granted = auth.granted.as_ref().map(|granted| {
        let scopes = &granted.scopes;
        let call = maybe(granted.call.as_ref().map(token_call));
        let account_name = option(granted.account_name.as_ref());
        quote! { Granted { scopes: #scopes, call: #call, account_name: #account_name } }
    });
    let (authorize, granted) = (maybe(authorize), maybe(granted));
    quote! {
        authorize: #authorize,
        logins: &[#(#logins),*],
        revoke: #revoke,
        granted: #granted,
    }
}

/// The members of `Provider`.
pub(super) fn provider(provider: &PlanProvider) -> TokenStream {
    let check = maybe(provider.check.as_ref().map(|it| check(provider, it)));
    let scopes = provider.scopes.iter().map(|needed| {
        let operation = &needed.operation;
        let all_of = needed
            .all_of
            .iter()
            .map(|any_of| quote! { &[#(#any_of),*] });
        quote! { OperationScopes { operation: #operation, all_of: &[#(#all_of),*] } }
    });
    quote! {
        check: #check,
        scopes: &[#(#scopes),*],
    }
}

fn check(provider: &PlanProvider, check: &PlanCheck) -> TokenStream {
    let call = fixed_call(provider, &check.call);
    let account = check.account.as_ref().map(|account| {
        let call = maybe(account.call.as_ref().map(|call| fixed_call(provider, call)));
        let id = &account.id;
        let name = maybe(account.name.as_ref().map(|name| quote! { &[#(#name),*] }));
        quote! { AccountPlace { call: #call, id: &[#(#id),*], name: #name } }
    });
    let account = maybe(account);
    quote! { Check { call: #call, account: #account } }
}

fn fixed_call(provider: &PlanProvider, call: &PlanFixedCall) -> TokenStream {
    let operation = names::constant(&provider.operations[call.operation].id);
    let (root, path, query) = (names::number(call.root), &call.path, pairs(&call.query));
    quote! { FixedCall { operation: &#operation, root: #root, path: #path, query: #query } }
}

fn token_call(call: &PlanTokenCall) -> TokenStream {
    let (method, url, form) = (names::ident(&call.method), &call.url, pairs(&call.form));
    quote! { TokenCall { method: Method::#method, url: #url, form: #form } }
}

fn pairs(pairs: &[(String, String)]) -> TokenStream {
    let pairs = pairs.iter().map(|(name, value)| quote! { (#name, #value) });
    quote! { &[#(#pairs),*] }
}

fn maybe(tokens: Option<TokenStream>) -> TokenStream {
    tokens.map_or_else(|| quote! { None }, |tokens| quote! { Some(#tokens) })
}
