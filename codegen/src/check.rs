//! Specs and mappings, held against each other: input → plan, or diagnostics that say why not.
//!
//! Each family of rules has a file. A family resolves the names that it is about, reports all that is wrong with them,
//! and gives back the part of the plan that follows; so nothing is looked up twice, and nothing unchecked can be
//! planned. Only when there is no diagnostic at all, the plan counts.

mod answers;
mod beside;
mod bodies;
mod calls;
mod chosen;
mod connect;
mod convert;
mod defaults;
mod document;
mod entities;
mod fields;
mod gone;
mod granted;
mod groups;
mod joins;
mod limits;
mod lists;
mod native_door;
mod natives;
mod objects;
mod operations;
mod provider;
mod script_bodies;
mod scripts;
mod select;
mod shapes;
mod slots;
mod steps;
mod targets;
mod templates;
mod unified;
mod upserts;
mod versions;

pub(crate) use fields::native_refs;

use crate::{
    diagnostic::Sink,
    load::Input,
    plan::{Plan, build},
    source::Sources,
};

/// Checks everything. There is a plan if there is no diagnostic.
pub fn check(input: &Input, sources: &Sources, sink: &Sink) -> Option<Plan> {
    let before = sink.len();
    let unified = unified::check(&input.unified, sink);
    if sink.len() != before {
        // Held against a contract with faults, every mapping would be full of faults that are none.
        return None;
    }
    let mut providers = Vec::new();
    for provider in &input.providers {
        if let Some(checked) = provider::check(provider, &unified, sources, sink) {
            providers.push(build::provider(checked, &provider.spec));
        }
    }
    let entities = unified.listed();
    sink.is_empty().then_some(Plan {
        entities,
        verticals: unified.verticals,
        providers,
        routes: unified.routes,
    })
}
