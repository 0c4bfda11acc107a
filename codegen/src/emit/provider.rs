//! A provider as data, and the choice of the translator for an operation.

use proc_macro2::TokenStream;
use quote::quote;

use super::{connect, headers, joins, limits, operation};
use crate::{
    names,
    plan::{PlanBaseUrl, PlanBundle, PlanClear, PlanProvider, PlanRecordId, PlanVersionMatch},
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
    let headers = headers::names(provider);
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
    let scripts = provider.scripts.iter().flat_map(|scripts| {
        let (vertical, module) = (names::field(&scripts.vertical), names::field(&scripts.name));
        scripts.operations.iter().map(move |planned| {
            let (name, function) = (&planned.name, operation::function_name(&planned.name));
            let (vertical, module) = (vertical.clone(), module.clone());
            quote! { #name => #vertical::#module::#function(cx, request) }
        })
    });
    let arms: Vec<TokenStream> = arms.chain(scripts).collect();
    let entities = provider.entities.iter().map(|entity| {
        let (vertical, module) = (names::field(&entity.vertical), names::field(&entity.name));
        quote! { &#vertical::#module::ENTITY }
    });
    let is_long = |bundle: &PlanBundle| bundle.for_targets_over.is_some();
    let translator = if provider.bundle.as_ref().is_some_and(is_long) {
        quote! {
            /// The translator of a unified operation. Its long reads go in bundles.
            pub(super) fn translator(operation: &'static str, cx: Context, request: &UnifiedRequest) -> Result<Box<dyn Translator>, Error> {
                let outer = cx.clone();
                let translator = match operation {
                    #(#arms,)*
                    _ => Err(not_implemented(operation, cx.provider)),
                };
                Ok(Long::around(outer, &LONG, translator?))
            }
        }
    } else {
        quote! {
            /// The translator of a unified operation.
            pub(super) fn translator(operation: &'static str, cx: Context, request: &UnifiedRequest) -> Result<Box<dyn Translator>, Error> {
                match operation {
                    #(#arms,)*
                    _ => Err(not_implemented(operation, cx.provider)),
                }
            }
        }
    };
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
                entity::Entity,
                long::{Long, LongForm},
                record_id::RecordIdForm,
                write::{Clear, NativeForm},
            },
            upstream::provider::{
                AccountPlace, Auth, Authorize, BaseUrl, Check, Content, Details, Effect, ErrorRule, Errors, FixedCall, Granted, Join, JoinPart, Limit, LimitKind, Login, Named, NativeDoor, NativeOperation, OperationScopes, OptionalScopes, Partial, Provider, QuotaTold, TokenCall, VersionFamily, VersionMatch, Versions,
            },
        };
        use http::{HeaderName, Method};
        #[rustfmt::skip]
        pub mod capabilities;
        #(#verticals)*
        #data
        #headers
        #form
        #bundle
        /// Its entities, as far as they have records.
        pub static ENTITIES: &[&Entity] = &[#(#entities),*];

        #(#operations)*

        #translator
    }
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
    let connect = connect::provider(provider);
    let limits = limits::provider(&provider.limits);
    let retires = provider
        .versions
        .retires
        .iter()
        .map(|(version, day)| quote! { (#version, #day) });
    let errors = errors(provider);
    let joins = joins::joins(provider);
    let native_door = native_door(provider);
    quote! {
        /// The provider.
        pub static PROVIDER: Provider = Provider {
            name: #name,
            title: #title,
            base_url: #base_url,
            versions: Versions { default: #default, families: &[#(#families),*], retires: &[#(#retires),*] },
            auth: #auth,
            #connect
            #limits
            joins: #joins,
            native_door: #native_door,
            errors: #errors,
        };
    }
}

fn native_door(provider: &PlanProvider) -> TokenStream {
    let door = &provider.native_door;
    let (open, closed) = (&door.open, &door.closed);
    let (request, answer) = (&door.request_headers, &door.answer_headers);
    quote! {
        NativeDoor {
            open: &[#(#open),*],
            closed: &[#(#closed),*],
            request_headers: &[#(#request),*],
            answer_headers: &[#(#answer),*],
        }
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
    let connect = connect::auth(auth);
    quote! {
        Auth {
            token_url: #token_url,
            login_url: #login_url,
            lifetime_seconds: #lifetime,
            base_url_member: #base_url_member,
            revoked: &[#(#revoked),*],
            incurable: &[#(#incurable),*],
            #connect
        }
    }
}

fn errors(provider: &PlanProvider) -> TokenStream {
    let errors = &provider.errors;
    let (list, code, message) = (errors.list, &errors.code, &errors.message);
    let correlation_id = option(errors.correlation_id.as_ref());
    let correlation_header = errors.correlation_header.as_deref();
    let correlation_header = correlation_header.map(headers::header);
    let correlation_header =
        correlation_header.map_or_else(|| quote! { None }, |header| quote! { Some(#header) });
    let details_list = option(errors.details_list.as_ref());
    let details_message = option(errors.details_message.as_ref());
    let details_code = option(errors.details_code.as_ref());
    let details_fields = option(errors.details_fields.as_ref());
    let details_context = option(errors.details_context.as_ref());
    let existing = option(errors.existing_id_after.as_ref());
    let partial = errors.partial.as_ref().map_or_else(
        || quote! { None },
        |partial| {
            let (status, list, ignore) = (partial.status, &partial.list, &partial.ignore);
            quote! { Some(Partial { status: #status, list: #list, ignore: &[#(#ignore),*] }) }
        },
    );
    let rules = errors.classify.iter().map(|rule| {
        // What a rule does not say is left out, so that what it says is seen.
        let status = rule.status.map(|status| quote! { status: Some(#status), });
        let codes = (!rule.codes.is_empty()).then(|| {
            let codes = &rule.codes;
            quote! { codes: &[#(#codes),*], }
        });
        let with = (!rule.with.is_empty()).then(|| {
            let with = rule
                .with
                .iter()
                .map(|(member, values)| quote! { (#member, &[#(#values),*]) });
            quote! { with: &[#(#with),*], }
        });
        let message = rule
            .message
            .as_ref()
            .map(|words| quote! { message: Some(#words), });
        let flags = [
            (rule.refresh, "refresh"),
            (rule.hidden_field, "hidden_field"),
            (rule.not_carried_out, "not_carried_out"),
            (rule.never_again, "never_again"),
        ];
        let flags = flags.iter().filter(|(holds, _)| *holds).map(|(_, name)| {
            let name = names::ident(name);
            quote! { #name: true, }
        });
        let after = rule
            .retry_after_seconds
            .map(|seconds| quote! { retry_after_seconds: Some(#seconds), });
        let limit = (rule.limit.as_ref()).map(|name| quote! { limit: Some(#name), });
        let code = names::ty(&rule.code.to_lowercase());
        quote! {
            ErrorRule { #status #codes #with #message #(#flags)* #after #limit ..ErrorRule::new(Code::#code) }
        }
    });
    let named = errors.named.iter().map(|named| {
        let (what, help) = (&named.what, option(named.help.as_ref()));
        let at = named.at.iter().map(|path| quote! { &[#(#path),*] });
        quote! { Named { what: #what, at: &[#(#at),*], help: #help } }
    });
    quote! {
        Errors {
            list: #list,
            code: &[#(#code),*],
            message: #message,
            correlation_id: #correlation_id,
            correlation_header: #correlation_header,
            details: Details { list: #details_list, message: #details_message, code: #details_code, fields: #details_fields, context: #details_context },
            named: &[#(#named),*],
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
    let long = bundle.for_targets_over.map(|over| {
        let planned = &provider.operations[bundle.operation];
        let (id, method) = (&planned.id, names::ident(&planned.method));
        let over = names::number(over);
        quote! {
            /// How reads with long addresses are sent.
            static LONG: LongForm = LongForm {
                bundle: &BUNDLE,
                operation: &NativeOperation { id: #id, method: Method::#method, effect: Effect::Read, content: Content::Json },
                over: #over,
            };
        }
    });
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

        #long
    })
}

pub(super) fn option(text: Option<&String>) -> TokenStream {
    text.map_or_else(|| quote! { None }, |text| quote! { Some(#text) })
}
