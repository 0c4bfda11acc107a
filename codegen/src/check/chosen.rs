//! Which fields a call reads of each record, where a call can choose them.
//!
//! The spec says where names of fields stand in a list (`x-takes: field-name`), or in a query before `FROM`. What a
//! record is read for must be among them: a field that was not read looks like one without a value.

use super::{answers::Answer, natives::Natives, select};
use crate::{
    diagnostic::{Diagnostic, Sink, listed},
    mapping::call::MappingCall,
    plan::PlanPath,
    source::yaml::{Node, NodeKind},
    spec::{SpecKind, SpecName, SpecOperation, SpecParameterPlace, SpecSchema},
};

/// What a call chooses.
enum Chosen {
    /// The operation has no place for it.
    NoChoice,
    /// `$fields`: those that are mapped, and those that a caller asks for.
    Mapped,
    /// These and no others; none where the provider's own choice is taken.
    Only(Vec<String>),
}

/// A call that reads whole records must be given `$fields`.
pub(super) fn check_mapped(call: &MappingCall, answer: Answer<'_>, sink: &Sink) {
    let operation = answer.operation;
    if let (true, Chosen::Only(_)) = (answer.is_faultless, chosen(call, operation)) {
        let message = format!(
            "`{}` can choose fields and is not given `$fields`: mapped ones may be missing",
            operation.id
        );
        let diagnostic = Diagnostic::new("field-not-read", message, call.operation.span);
        sink.push(diagnostic.other(operation.span, "the operation"));
    }
}

/// A call that reads records for a few of their fields must choose these.
pub(super) fn check_needed<'p>(
    call: &MappingCall,
    answer: Answer<'_>,
    needed: impl IntoIterator<Item = &'p PlanPath>,
    natives: Natives<'_>,
) {
    let operation = answer.operation;
    let (true, Chosen::Only(chosen)) = (answer.is_faultless, chosen(call, operation)) else {
        return;
    };
    let mut missing: Vec<String> = Vec::new();
    for name in needed.into_iter().filter_map(|path| natives.selected(path)) {
        if !chosen.contains(&name) && !missing.contains(&name) {
            missing.push(name);
        }
    }
    if missing.is_empty() {
        return;
    }
    let message = format!(
        "`{}` is not asked for {}: nothing would tell whether a row is the one",
        operation.id,
        listed(&missing)
    );
    let diagnostic = Diagnostic::new("field-not-read", message, call.operation.span);
    natives
        .sink
        .push(diagnostic.other(operation.span, "the operation"));
}

fn chosen(call: &MappingCall, operation: &SpecOperation) -> Chosen {
    let mut found = Chosen::NoChoice;
    let query = operation.parameters.iter();
    for parameter in query.filter(|parameter| parameter.place == SpecParameterPlace::Query) {
        let given = call.query.iter();
        let mut given = given.filter(|(name, _)| name.value == parameter.name);
        let node = given.next().map(|(_, node)| node);
        if parameter.schema.is_query() {
            if let Some(NodeKind::Scalar { text, .. }) = node.map(|node| &node.kind) {
                return match select::chosen(text) {
                    None => Chosen::Mapped,
                    Some(names) => Chosen::Only(names),
                };
            }
        } else if is_list_of_fields(&parameter.schema) {
            found = list(node);
        }
    }
    let members = operation.body.as_ref().and_then(|body| body.object());
    let members = members.into_iter().flat_map(|object| &object.properties);
    for (name, _) in members.filter(|(_, schema)| is_list_of_fields(schema)) {
        let given = match call.body.as_ref().map(|body| &body.kind) {
            Some(NodeKind::Mapping(entries)) => entries.as_slice(),
            _ => &[],
        };
        let mut given = given.iter().filter(|entry| entry.key.value == *name);
        found = list(given.next().map(|entry| &entry.value));
    }
    found
}

fn is_list_of_fields(schema: &SpecSchema) -> bool {
    matches!(&schema.kind, SpecKind::List(items) if items.takes() == Some(SpecName::Field))
}

fn list(node: Option<&Node>) -> Chosen {
    match node.map(|node| &node.kind) {
        Some(NodeKind::Scalar { text, .. }) if text.starts_with("$fields") => Chosen::Mapped,
        Some(NodeKind::List(elements)) => {
            let names = elements.iter().filter_map(|element| match &element.kind {
                NodeKind::Scalar { text, .. } => Some(text.clone()),
                _ => None,
            });
            Chosen::Only(names.collect())
        }
        _ => Chosen::Only(Vec::new()),
    }
}
