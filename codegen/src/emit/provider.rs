//! A provider as data, and the choice of the translator for an operation.

use proc_macro2::TokenStream;
use quote::quote;

use super::{operation, unified::Pruned};
use crate::{
    names,
    plan::{PlanBaseUrl, PlanClear, PlanProvider, PlanRecordId, PlanVersionMatch},
};

pub(super) fn module(provider: &PlanProvider) -> TokenStream {
    let data = data(provider);
    let operations = provider.operations.iter().map(|operation| {
        let (name, id) = (names::constant(&operation.id), &operation.id);
        let method = names::ident(&operation.method);
        let effect = names::ident(if operation.writes { "Write" } else { "Read" });
        let content = names::ident(if operation.is_xml { "Soap" } else { "Json" });
        quote! {
            pub(super) static #name: NativeOperation = NativeOperation { id: #id, method: Method::#method, effect: Effect::#effect, content: Content::#content };
        }
    });
    let form = form(provider);
    let bundle = bundle(provider);
    let verticals = super::provider_verticals(provider)
        .into_iter()
        .map(|vertical| {
            let module = names::field(&vertical);
            quote! {
                #[rustfmt::skip]
                pub mod #module;
            }
        });
    let arms = provider.entities.iter().flat_map(|entity| {
        let (vertical, module) = (names::field(&entity.vertical), names::field(&entity.name));
        entity.operations.iter().map(move |planned| {
            let (name, function) = (&planned.name, operation::function_name(&planned.name));
            let (vertical, module) = (vertical.clone(), module.clone());
            quote! { #name => #vertical::#module::#function(cx, request) }
        })
    });
    let script_arms = provider.scripts.iter().flat_map(|scripts| {
        let (vertical, module) = (names::field(&scripts.vertical), names::field(&scripts.name));
        scripts.operations.iter().map(move |planned| {
            let (name, function) = (&planned.name, operation::function_name(&planned.name));
            let (vertical, module) = (vertical.clone(), module.clone());
            quote! { #name => #vertical::#module::#function(cx, request) }
        })
    });
    let doc = format!(
        " {}: what the engine knows of it, and its translators.",
        provider.title
    );
    quote! {
        #![doc = #doc]
        use crosswalk::{
            error::{Code, Error},
            route::UnifiedRequest,
            translate::{
                Context, Translator, not_implemented,
                bundle::BundleForm,
                call::Root,
                record_id::RecordIdForm,
                write::{Clear, NativeForm},
            },
            upstream::provider::{
                Auth, BaseUrl, Content, Details, Effect, ErrorRule, Errors, NativeOperation, Partial, Provider, VersionFamily, VersionMatch, Versions,
            },
        };
        use http::Method;
        #[rustfmt::skip]
        pub mod capabilities;
        #(#verticals)*
        #data
        #form
        #bundle
        #(#operations)*

        /// The translator of a unified operation.
        pub(super) fn translator(operation: &'static str, cx: Context, request: &UnifiedRequest) -> Result<Box<dyn Translator>, Error> {
            match operation {
                #(#arms,)*
                #(#script_arms,)*
                _ => Err(not_implemented(operation, cx.provider)),
            }
        }
    }
    .pruned()
}

fn data(provider: &PlanProvider) -> TokenStream {
    let (name, title) = (&provider.name, &provider.title);
    let base_url = match &provider.base_url {
        PlanBaseUrl::Fixed(url) => quote! { BaseUrl::Fixed(#url) },
        PlanBaseUrl::PerConnection {
            setting,
            allowed_hosts,
        } => quote! {
            BaseUrl::PerConnection { setting: #setting, allowed_hosts: &[#(#allowed_hosts),*] }
        },
    };
    let default = &provider.versions.default;
    let families = provider.versions.families.iter().map(|family| {
        let matches = match &family.matches {
            PlanVersionMatch::OneOf(versions) => quote! { VersionMatch::OneOf(&[#(#versions),*]) },
            PlanVersionMatch::AtLeast(version) => quote! { VersionMatch::AtLeast(#version) },
        };
        let roots = &family.roots;
        quote! { VersionFamily { matches: #matches, roots: &[#(#roots),*] } }
    });
    let auth = auth(provider);
    let errors = errors(provider);
    quote! {
        /// The provider.
        pub static PROVIDER: Provider = Provider {
            name: #name,
            title: #title,
            base_url: #base_url,
            versions: Versions { default: #default, families: &[#(#families),*] },
            auth: #auth,
            errors: #errors,
        };
    }
}

fn auth(provider: &PlanProvider) -> TokenStream {
    let auth = &provider.auth;
    let token_url = &auth.token_url;
    let login_url = option(auth.login_url.as_ref());
    let lifetime = auth
        .lifetime_seconds
        .map_or_else(|| quote! { None }, |seconds| quote! { Some(#seconds) });
    let base_url_member = option(auth.base_url_member.as_ref());
    let revoked = auth
        .revoked
        .iter()
        .map(|(member, values)| quote! { (#member, &[#(#values),*]) });
    let incurable = &auth.incurable;
    quote! {
        Auth {
            token_url: #token_url,
            login_url: #login_url,
            lifetime_seconds: #lifetime,
            base_url_member: #base_url_member,
            revoked: &[#(#revoked),*],
            incurable: &[#(#incurable),*],
        }
    }
}

fn errors(provider: &PlanProvider) -> TokenStream {
    let errors = &provider.errors;
    let (list, code, message) = (errors.list, &errors.code, &errors.message);
    let correlation_id = option(errors.correlation_id.as_ref());
    let correlation_header = option(errors.correlation_header.as_ref());
    let details_list = option(errors.details_list.as_ref());
    let details_message = option(errors.details_message.as_ref());
    let details_code = option(errors.details_code.as_ref());
    let details_fields = option(errors.details_fields.as_ref());
    let existing = option(errors.existing_id_after.as_ref());
    let partial = errors.partial.as_ref().map_or_else(
        || quote! { None },
        |partial| {
            let (status, list, ignore) = (partial.status, &partial.list, &partial.ignore);
            quote! { Some(Partial { status: #status, list: #list, ignore: &[#(#ignore),*] }) }
        },
    );
    let rules = errors.classify.iter().map(|rule| {
        let status = rule
            .status
            .map_or_else(|| quote! { None }, |status| quote! { Some(#status) });
        let (codes, code) = (&rule.codes, names::ty(&rule.code.to_lowercase()));
        let (refresh, hidden_field) = (rule.refresh, rule.hidden_field);
        let not_carried_out = rule.not_carried_out;
        quote! {
            ErrorRule {
                status: #status,
                codes: &[#(#codes),*],
                code: Code::#code,
                refresh: #refresh,
                hidden_field: #hidden_field,
                not_carried_out: #not_carried_out,
            }
        }
    });
    quote! {
        Errors {
            list: #list,
            code: &[#(#code),*],
            message: #message,
            correlation_id: #correlation_id,
            correlation_header: #correlation_header,
            details: Details { list: #details_list, message: #details_message, code: #details_code, fields: #details_fields },
            existing_id_after: #existing,
            partial: #partial,
            classify: &[#(#rules),*],
        }
    }
}

fn form(provider: &PlanProvider) -> TokenStream {
    let clear = names::ident(match provider.clear {
        PlanClear::Null => "Null",
        PlanClear::EmptyText => "EmptyText",
    });
    let fields_in = option(provider.fields_in.as_ref());
    let reserved = provider
        .bundle
        .as_ref()
        .and_then(|bundle| bundle.reference.split("step").next());
    let reserved = reserved.map_or_else(|| quote! { None }, |reserved| quote! { Some(#reserved) });
    let record_id = names::ident(match provider.record_id {
        PlanRecordId::Text => "Text",
        PlanRecordId::Decimal => "Decimal",
        PlanRecordId::Base62Checked => "Base62Checked",
    });
    quote! {
        /// How records are written.
        pub(super) static FORM: NativeForm = NativeForm {
            clear: Clear::#clear,
            fields_in: #fields_in,
            record_id: RecordIdForm::#record_id,
            reserved: #reserved,
        };
    }
}

fn bundle(provider: &PlanProvider) -> Option<TokenStream> {
    let bundle = provider.bundle.as_ref()?;
    let operation = names::constant(&provider.operations[bundle.operation].id);
    let (root, path) = (bundle.root, &bundle.path);
    let members = bundle
        .members
        .iter()
        .map(|(name, json)| quote! { (#name, #json) });
    let atomic_members = bundle
        .atomic_members
        .iter()
        .map(|(name, json)| quote! { (#name, #json) });
    let halted = &bundle.halted;
    let (requests, method, target) = (
        &bundle.requests,
        &bundle.request_method,
        &bundle.request_target,
    );
    let (name, body) = (&bundle.request_name, &bundle.request_body);
    let (responses, status, response_body) = (
        &bundle.responses,
        &bundle.response_status,
        &bundle.response_body,
    );
    Some(quote! {
        /// Several calls in one round trip.
        pub(super) static BUNDLE: BundleForm = BundleForm {
            operation: &#operation,
            root: Root(#root),
            path: #path,
            members: &[#(#members),*],
            atomic_members: &[#(#atomic_members),*],
            halted: &[#(#halted),*],
            requests: #requests,
            request_method: #method,
            request_target: #target,
            request_name: #name,
            request_body: #body,
            responses: #responses,
            response_status: #status,
            response_body: #response_body,
        };
    })
}

fn option(text: Option<&String>) -> TokenStream {
    text.map_or_else(|| quote! { None }, |text| quote! { Some(#text) })
}
