//! Plan → Rust. One file here for each kind of output; no decisions are left to make.

mod beside;
mod call;
mod capabilities;
mod connect;
mod entity;
mod fields;
mod headers;
mod imports;
mod joins;
mod limits;
mod native;
mod operation;
mod provider;
mod script;
mod unified;

use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    load::UNIFIED_SPEC,
    names, origins,
    output::GENERATED,
    plan::{Plan, PlanProvider},
};

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// Relative to the folder of generated code, with `/`.
    pub path: String,
    /// Formatted, without the header.
    pub text: String,
    /// The files that it comes from, for the header.
    pub sources: Vec<String>,
}

/// Everything that a plan says, as formatted Rust.
pub fn emit(plan: &Plan) -> Vec<Emitted> {
    let mut files = vec![file("mod.rs", &root(plan), &all_sources(plan))];
    for vertical in &plan.verticals {
        let path = format!("unified/{}.rs", names::snake(&vertical.name));
        files.push(file(&path, &unified::module(vertical), &vertical.sources));
    }
    files.push(file(
        "unified.rs",
        &unified::root(plan),
        &all_unified_sources(plan),
    ));
    for provider in &plan.providers {
        let folder = names::snake(&provider.name);
        files.push(file(
            &format!("{folder}.rs"),
            &provider::module(provider),
            &provider.sources,
        ));
        files.push(file(
            &format!("{folder}/capabilities.rs"),
            &capabilities::module(plan, provider),
            &mapping_sources(provider),
        ));
        for vertical in provider_verticals(provider) {
            let entities: Vec<_> = provider
                .entities
                .iter()
                .filter(|entity| entity.vertical == vertical)
                .collect();
            let scripts: Vec<_> = provider
                .scripts
                .iter()
                .filter(|scripts| scripts.vertical == vertical)
                .collect();
            let mut module_names: Vec<&str> = entities
                .iter()
                .map(|entity| entity.name.as_str())
                .chain(scripts.iter().map(|scripts| scripts.name.as_str()))
                .collect();
            module_names.sort_unstable();
            let modules = module_names.iter().map(|name| {
                let module = names::field(name);
                quote! {
                    #[rustfmt::skip]
                    pub mod #module;
                }
            });
            let doc = format!(" {} of {}.", vertical, provider.title);
            let sources: Vec<String> = entities
                .iter()
                .flat_map(|entity| entity.sources.clone())
                .chain(scripts.iter().flat_map(|scripts| scripts.sources.clone()))
                .collect();
            let tokens = quote! { #![doc = #doc] #(#modules)* };
            files.push(file(
                &format!("{folder}/{}.rs", names::snake(&vertical)),
                &tokens,
                &unique(sources),
            ));
            let vertical_plan = plan
                .verticals
                .iter()
                .find(|planned| planned.name == vertical)
                .expect("the plan has the vertical of each of its entities");
            for scripts in scripts {
                let tokens = script::module(vertical_plan, provider, scripts);
                let path = format!(
                    "{folder}/{}/{}.rs",
                    names::snake(&vertical),
                    names::snake(&scripts.name)
                );
                files.push(file(&path, &tokens, &scripts.sources));
            }
            for entity in entities {
                let tokens = entity::module(vertical_plan, provider, entity);
                let path = format!(
                    "{folder}/{}/{}.rs",
                    names::snake(&vertical),
                    names::snake(&entity.name)
                );
                files.push(file(&path, &tokens, &entity.sources));
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// The files of a provider and of all that it has.
fn mapping_sources(provider: &PlanProvider) -> Vec<String> {
    let entities = provider.entities.iter();
    let scripts = provider.scripts.iter();
    let own = entities
        .flat_map(|entity| &entity.sources)
        .chain(scripts.flat_map(|scripts| &scripts.sources));
    unique(provider.sources.iter().chain(own).cloned().collect())
}

/// The verticals that a provider has entities in, each once, in order.
fn provider_verticals(provider: &PlanProvider) -> Vec<String> {
    unique(
        provider
            .entities
            .iter()
            .map(|entity| entity.vertical.clone())
            .chain(
                provider
                    .scripts
                    .iter()
                    .map(|scripts| scripts.vertical.clone()),
            )
            .collect(),
    )
}

fn root(plan: &Plan) -> TokenStream {
    let modules = plan.providers.iter().map(|provider| {
        let module = names::field(&provider.name);
        quote! {
            #[rustfmt::skip]
            pub mod #module;
        }
    });
    let providers = plan.providers.iter().map(|provider| {
        let module = names::field(&provider.name);
        quote! { &#module::PROVIDER }
    });
    let capabilities = plan.providers.iter().map(|provider| {
        let module = names::field(&provider.name);
        quote! { &#module::capabilities::CAPABILITIES }
    });
    let records = plan.providers.iter().map(|provider| {
        let module = names::field(&provider.name);
        quote! { #module::ENTITIES }
    });
    let arms = plan.providers.iter().map(|provider| {
        let (name, module) = (&provider.name, names::field(&provider.name));
        quote! { #name => #module::translator(operation, cx, request) }
    });
    let routes = plan.routes.iter().map(|route| {
        let (method, path, operation) = (names::ident(&route.method), &route.path, &route.operation);
        let effect = names::ident(if route.writes { "Write" } else { "Read" });
        let served_by = names::ident(if route.is_own { "Own" } else { "Provider" });
        quote! {
            Route { method: Method::#method, path: #path, operation: #operation, effect: Effect::#effect, served_by: ServedBy::#served_by }
        }
    });
    let document = from_generated(UNIFIED_SPEC);
    let origins = origins::FILE;
    quote! {
        //! The unified API and the providers behind it.
        use crosswalk::{
            error::Error,
            route::{Api, Route, ServedBy, UnifiedRequest},
            translate::{Context, Translator, not_implemented},
            upstream::provider::Effect,
        };
        use http::Method;
        #(#modules)*
        #[rustfmt::skip]
        pub mod unified;

        /// All that the proxy is built from.
        pub static API: Api = Api { document: include_str!(#document), origins: include_str!(#origins), routes: ROUTES, entities: unified::ENTITIES, providers: &[#(#providers),*], capabilities: &[#(#capabilities),*], records: &[#(#records),*], translator };

        static ROUTES: &[Route] = &[#(#routes),*];

        fn translator(operation: &'static str, cx: Context, request: &UnifiedRequest) -> Result<Box<dyn Translator>, Error> {
            match cx.provider.name {
                #(#arms,)*
                _ => Err(not_implemented(operation, cx.provider)),
            }
        }
    }
}

/// A file of the project, as what is generated has to name it.
fn from_generated(path: &str) -> String {
    "../".repeat(GENERATED.split('/').count()) + path
}

fn all_sources(plan: &Plan) -> Vec<String> {
    let mut sources = all_unified_sources(plan);
    sources.extend(
        plan.providers
            .iter()
            .flat_map(|provider| provider.sources.clone()),
    );
    unique(sources)
}

fn all_unified_sources(plan: &Plan) -> Vec<String> {
    unique(
        plan.verticals
            .iter()
            .flat_map(|vertical| vertical.sources.clone())
            .collect(),
    )
}

fn unique(names: Vec<String>) -> Vec<String> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

fn file(path: &str, tokens: &TokenStream, sources: &[String]) -> Emitted {
    Emitted {
        path: path.to_owned(),
        text: format(tokens),
        sources: unique(sources.to_vec()),
    }
}

/// Formats item by item, with a blank line between those that are not `use` or `mod` lines.
fn format(tokens: &TokenStream) -> String {
    let mut parsed: syn::File = syn::parse2(tokens.clone()).expect("the emitter writes legal Rust");
    imports::prune(&mut parsed, tokens);
    let items = std::mem::take(&mut parsed.items);
    let mut out = String::new();
    out.push_str(&prettyplease::unparse(&syn::File {
        items: Vec::new(),
        ..parsed.clone()
    }));
    let mut previous_is_line = true;
    for (index, item) in items.into_iter().enumerate() {
        let is_line = matches!(item, syn::Item::Use(_) | syn::Item::Mod(_));
        if (index == 0 || !(is_line && previous_is_line)) && !out.is_empty() {
            out.push('\n');
        }
        previous_is_line = is_line;
        out.push_str(&prettyplease::unparse(&syn::File {
            attrs: Vec::new(),
            items: vec![item],
            ..parsed.clone()
        }));
    }
    out
}
