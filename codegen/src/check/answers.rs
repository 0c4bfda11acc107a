//! Places in the provider's answers: rows, tokens, ids.

use super::objects::Object;
use crate::{
    diagnostic::{Diagnostic, Sink},
    plan::PlanPath,
    source::{Span, Text},
    spec::{SpecKind, SpecOperation, SpecSchema},
};

/// The operation that is answered, and the object that the records in its answer are of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) operation: &'a SpecOperation,
    pub(super) object: Option<Object<'a>>,
    /// Whether the call has no fault, so that what is missing in it is no slip of the pen.
    pub(super) is_faultless: bool,
}

impl<'a> Answer<'a> {
    /// A schema, or the object's own where it stands for a record of any object.
    fn seen(&self, schema: &'a SpecSchema) -> &'a SpecSchema {
        match self.object {
            Some(object) if schema.is_record => object.schema,
            _ => schema,
        }
    }

    /// What an element of the list at a path is; nothing where the document does not say.
    pub(super) fn element(&self, path: &[String]) -> Option<&'a SpecSchema> {
        self.element_of(self.operation.answer.as_deref()?, path)
    }

    /// The same within a part of the answer.
    pub(super) fn element_of(
        &self,
        schema: &'a SpecSchema,
        path: &[String],
    ) -> Option<&'a SpecSchema> {
        let mut schema = self.seen(schema);
        for part in path {
            schema = self.seen(schema.member(part)?);
        }
        match &schema.kind {
            SpecKind::List(element) => Some(self.seen(element)),
            _ => None,
        }
    }
}

/// What is to be found at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    List,
    Text,
    /// Text of an instant.
    Instant,
    Anything,
}

/// A dotted path into an answer.
pub(super) fn path(
    answered: Answer<'_>,
    path: &Text,
    wanted: Wanted,
    sink: &Sink,
) -> Option<PlanPath> {
    let operation = answered.operation;
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
    within(answered, answer, path, wanted, sink).map(|_| parts)
}

/// A dotted path into a part of an answer.
pub(super) fn within(
    answered: Answer<'_>,
    part_of_answer: &SpecSchema,
    path: &Text,
    wanted: Wanted,
    sink: &Sink,
) -> Option<PlanPath> {
    let operation = answered.operation;
    let parts: PlanPath = path.value.split('.').map(str::to_owned).collect();
    let mut schema: &SpecSchema = answered.seen(part_of_answer);
    let mut offset = 0;
    for part in &parts {
        match schema.member(part) {
            Some(member) => schema = answered.seen(member),
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
        let expected = match wanted {
            Wanted::List => "a list",
            Wanted::Instant => "an instant",
            Wanted::Text | Wanted::Anything => "text",
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

fn fits(schema: &SpecSchema, wanted: Wanted) -> bool {
    match (wanted, &schema.kind) {
        (Wanted::Anything, _) | (_, SpecKind::Any) | (Wanted::List, SpecKind::List(_)) => true,
        (Wanted::Text, kind) => matches!(kind, SpecKind::Text(_)),
        (Wanted::Instant, SpecKind::Text(text)) => text.format.as_deref() == Some("date-time"),
        (Wanted::List | Wanted::Instant, _) => false,
    }
}

/// Where the rows are; without a path the body itself is the list.
pub(super) fn rows(
    answered: Answer<'_>,
    rows: Option<&Text>,
    call: Span,
    sink: &Sink,
) -> Option<PlanPath> {
    if let Some(rows) = rows {
        return path(answered, rows, Wanted::List, sink);
    }
    let operation = answered.operation;
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
pub(super) fn record(answered: Answer<'_>, call: Span, sink: &Sink) {
    let operation = answered.operation;
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
