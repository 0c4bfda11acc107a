//! Scopes: every operation that a provider has says what it needs, and what it needs is asked for.

use super::unified::Unified;
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{
        connect::{MappingAnyOf, MappingScopes},
        provider::MappingProvider,
    },
    plan::PlanOperationScopes,
};

/// What each of the provider's operations needs; nothing where its mapping does not speak of scopes. `operations` are
/// those that it has.
pub(super) fn check(
    mapping: &MappingProvider,
    unified: &Unified,
    operations: &[&str],
    sink: &Sink,
) -> Vec<PlanOperationScopes> {
    let Some(scopes) = &mapping.scopes else {
        return Vec::new();
    };
    check_names(scopes, unified, sink);
    check_asked(mapping, scopes, sink);
    let mut planned = Vec::new();
    for route in unified.routes.iter().filter(|route| !route.is_own) {
        let name = route.operation.as_str();
        if !operations.contains(&name) {
            continue;
        }
        let mut all_of = texts(&scopes.every);
        match own(scopes, name, route.writes) {
            Some(own) => {
                for any_of in own.into_iter().map(texts_of) {
                    if !all_of.contains(&any_of) {
                        all_of.push(any_of);
                    }
                }
            }
            None if scopes.every.is_empty() => {
                let message = format!("`scopes` does not say what `{name}` needs");
                sink.push(
                    Diagnostic::new("no-scope", message, mapping.name.span)
                        .help("an empty list says that it needs none"),
                );
            }
            None => {}
        }
        planned.push(PlanOperationScopes {
            operation: name.to_owned(),
            all_of,
        });
    }
    planned
}

/// What is said of the operation alone, or else of its entity.
fn own<'s>(scopes: &'s MappingScopes, name: &str, writes: bool) -> Option<Vec<&'s MappingAnyOf>> {
    let mut operations = scopes.operations.iter();
    if let Some((_, all_of)) = operations.find(|(known, _)| known.value == name) {
        return Some(all_of.iter().collect());
    }
    let (entity, _) = name.rsplit_once('.')?;
    let mut entities = scopes.entities.iter();
    let (_, entity) = entities.find(|(known, _)| known.value == entity)?;
    // What was written is read back.
    let writes = entity.writes.iter().filter(|_| writes);
    Some(entity.reads.iter().chain(writes).collect())
}

fn check_names(scopes: &MappingScopes, unified: &Unified, sink: &Sink) {
    for (name, _) in &scopes.entities {
        let known = || unified.entities.keys().chain(unified.free.keys());
        if !known().any(|entity| *entity == name.value) {
            let message = format!("the unified API has no `{}`", name.value);
            sink.push(
                Diagnostic::new("unknown-entity", message, name.span)
                    .nearest(&name.value, known().map(String::as_str)),
            );
        }
    }
    for (name, _) in &scopes.operations {
        let known = || unified.routes.iter().filter(|route| !route.is_own);
        if !known().any(|route| route.operation == name.value) {
            let message = format!("the unified API has no operation `{}`", name.value);
            sink.push(
                Diagnostic::new("unknown-operation", message, name.span)
                    .nearest(&name.value, known().map(|route| route.operation.as_str())),
            );
        }
    }
}

/// One of those that will do is asked for when an account is connected.
fn check_asked(mapping: &MappingProvider, scopes: &MappingScopes, sink: &Sink) {
    let Some(authorize) = &mapping.auth.authorize else {
        return;
    };
    let optional = authorize.optional.iter().flat_map(|it| &it.scopes);
    let asked: Vec<&str> = authorize
        .scopes
        .iter()
        .chain(optional)
        .map(|scope| scope.value.as_str())
        .collect();
    let entities = scopes.entities.iter();
    let of_entities = entities.flat_map(|(_, entity)| entity.reads.iter().chain(&entity.writes));
    let of_operations = scopes.operations.iter().flat_map(|(_, all_of)| all_of);
    for any_of in scopes.every.iter().chain(of_entities).chain(of_operations) {
        let Some(first) = any_of.first() else {
            continue;
        };
        if !any_of
            .iter()
            .any(|scope| asked.contains(&scope.value.as_str()))
        {
            let message = format!("`{}` is needed and never asked for", first.value);
            sink.push(
                Diagnostic::new("scope-not-asked-for", message, first.span)
                    .other(authorize.url.span, "consent is asked here")
                    .nearest(&first.value, asked.iter().copied()),
            );
        }
    }
}

fn texts(all_of: &[MappingAnyOf]) -> Vec<Vec<String>> {
    all_of.iter().map(texts_of).collect()
}

fn texts_of(any_of: &MappingAnyOf) -> Vec<String> {
    any_of.iter().map(|scope| scope.value.clone()).collect()
}
