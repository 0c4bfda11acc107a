//! Places in the provider's answers: rows, tokens, ids.

use crate::{
    diagnostic::{Diagnostic, Sink},
    plan::PlanPath,
    source::{Span, Text},
    spec::{SpecKind, SpecOperation, SpecSchema},
};

/// What is to be found at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    List,
    Text,
    Anything,
}

/// A dotted path into an answer.
pub(super) fn path(
    operation: &SpecOperation,
    path: &Text,
    wanted: Wanted,
    sink: &Sink,
) -> Option<PlanPath> {
    let parts: PlanPath = path.value.split('.').map(str::to_owned).collect();
    let Some(answer) = &operation.answer else {
        let message = format!(
            "the answer of `{}` has no body in which `{}` could be",
            operation.id, path.value
        );
        sink.push(
            Diagnostic::new("unknown-response-path", message, path.span)
                .other(operation.span, "the operation"),
        );
        return None;
    };
    within(answer, path, wanted, operation, sink).map(|_| parts)
}

/// A dotted path into a part of an answer.
pub(super) fn within(
    part_of_answer: &SpecSchema,
    path: &Text,
    wanted: Wanted,
    operation: &SpecOperation,
    sink: &Sink,
) -> Option<PlanPath> {
    let parts: PlanPath = path.value.split('.').map(str::to_owned).collect();
    let mut schema: &SpecSchema = part_of_answer;
    let mut offset = 0;
    for part in &parts {
        match schema.member(part) {
            Some(member) => schema = member,
            // Nothing is said of it: then it may be there.
            None if schema.is_open() => return Some(parts),
            None => {
                let message = format!("the answer of `{}` has no `{}`", operation.id, path.value);
                let known = schema
                    .object()
                    .into_iter()
                    .flat_map(|object| object.properties.keys());
                let at = path.part(offset, part.len());
                let diagnostic = Diagnostic::new("unknown-response-path", message, at)
                    .other(schema.span, "looked for here");
                sink.push(diagnostic.nearest(part, known.map(String::as_str)));
                return None;
            }
        }
        offset += part.len() + 1;
    }
    if !fits(schema, wanted) {
        let expected = if wanted == Wanted::List {
            "a list"
        } else {
            "text"
        };
        let message = format!(
            "`{}` of the answer is {}, and should be {expected}",
            path.value,
            schema.kind_name()
        );
        sink.push(
            Diagnostic::new("unknown-response-path", message, path.span)
                .other(schema.span, "it is said here"),
        );
        return None;
    }
    Some(parts)
}

/// The element of the list at a path; where the document does not say, what it last says.
pub(super) fn element_at<'s>(schema: &'s SpecSchema, path: &[String]) -> &'s SpecSchema {
    let mut schema = schema;
    for part in path {
        match schema.member(part) {
            Some(member) => schema = member,
            None => return schema,
        }
    }
    match &schema.kind {
        SpecKind::List(element) => element,
        _ => schema,
    }
}

fn fits(schema: &SpecSchema, wanted: Wanted) -> bool {
    match (wanted, &schema.kind) {
        (Wanted::Anything, _) | (_, SpecKind::Any) | (Wanted::List, SpecKind::List(_)) => true,
        (Wanted::Text, kind) => matches!(kind, SpecKind::Text(_)),
        (Wanted::List, _) => false,
    }
}

/// Where the rows are; without a path the body itself is the list.
pub(super) fn rows(
    operation: &SpecOperation,
    rows: Option<&Text>,
    call: Span,
    sink: &Sink,
) -> Option<PlanPath> {
    if let Some(rows) = rows {
        return path(operation, rows, Wanted::List, sink);
    }
    if operation
        .answer
        .as_ref()
        .is_some_and(|answer| fits(answer, Wanted::List))
    {
        return Some(PlanPath::new());
    }
    let message = format!(
        "the answer of `{}` is not a list: say in `rows` where in it the rows are",
        operation.id
    );
    sink.push(
        Diagnostic::new("unknown-response-path", message, call)
            .other(operation.span, "the operation"),
    );
    None
}

/// The answer must be a record.
pub(super) fn record(operation: &SpecOperation, call: Span, sink: &Sink) {
    let is_record =
        |answer: &SpecSchema| matches!(answer.kind, SpecKind::Object(_) | SpecKind::Any);
    if !operation
        .answer
        .as_ref()
        .is_some_and(|answer| is_record(answer))
    {
        let message = format!("the answer of `{}` is not a record", operation.id);
        sink.push(
            Diagnostic::new("unknown-response-path", message, call)
                .other(operation.span, "the operation"),
        );
    }
}
