//! Templates of query languages: `SELECT {fields} FROM Account[ WHERE Id > {page.after}]`.
//!
//! A slot in braces is written as a literal of the query language, so no value can leave its place. A part in brackets
//! is left out unless every slot in it has a value. Neither brackets nor braces nest.

use super::slots::{Scope, SlotType, check_optional, is_each, slot_type};
use crate::{
    diagnostic::{Diagnostic, Sink},
    plan::PlanTemplatePart,
    source::Text,
};

/// Whether a text is a template.
pub(super) fn is_template(text: &str) -> bool {
    text.contains(['{', '}', '[', ']'])
}

pub(super) fn parse(text: &Text, scope: &Scope<'_>, sink: &Sink) -> Option<Vec<PlanTemplatePart>> {
    let parser = Parser { text, scope, sink };
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(open) = text.value[at..].find(['[', ']']) {
        let open = at + open;
        if text.value[open..].starts_with(']') {
            return parser.refuse(open, "this bracket closes none");
        }
        let Some(close) = text.value[open..].find(']').map(|close| open + close) else {
            return parser.refuse(open, "this bracket is never closed");
        };
        if let Some(nested) = text.value[open + 1..close].find('[') {
            return parser.refuse(open + 1 + nested, "brackets do not nest");
        }
        parts.extend(parser.slots(at, open, false)?);
        let inside = parser.slots(open + 1, close, true)?;
        if !inside
            .iter()
            .any(|part| matches!(part, PlanTemplatePart::Slot(_)))
        {
            return parser.refuse(
                open,
                "there is no slot in these brackets: nothing would leave them out",
            );
        }
        parts.push(PlanTemplatePart::Optional(inside));
        at = close + 1;
    }
    parts.extend(parser.slots(at, text.value.len(), false)?);
    Some(parts)
}

struct Parser<'a> {
    text: &'a Text,
    scope: &'a Scope<'a>,
    sink: &'a Sink,
}

impl Parser<'_> {
    fn refuse<T>(&self, at: usize, message: &str) -> Option<T> {
        self.sink.push(Diagnostic::new(
            "bad-template",
            message,
            self.text.part(at, 1),
        ));
        None
    }

    /// Text with slots, without brackets.
    fn slots(&self, from: usize, to: usize, optional: bool) -> Option<Vec<PlanTemplatePart>> {
        let mut parts = Vec::new();
        let mut at = from;
        while at < to {
            let rest = &self.text.value[at..to];
            let Some(open) = rest.find(['{', '}']) else {
                parts.push(PlanTemplatePart::Literal(rest.to_owned()));
                break;
            };
            if open > 0 {
                parts.push(PlanTemplatePart::Literal(rest[..open].to_owned()));
            }
            if rest[open..].starts_with('}') {
                return self.refuse(at + open, "this brace closes none");
            }
            let Some(length) = rest[open..].find('}') else {
                return self.refuse(at + open, "this brace is never closed");
            };
            let name = &rest[open + 1..open + length];
            let span = self.text.part(at + open + 1, name.len());
            let slot = self.scope.slot(name, span, self.sink)?;
            if slot_type(&slot) == SlotType::Record || is_each(&slot) {
                let message = format!("`{name}` has no form in a query");
                self.sink
                    .push(Diagnostic::new("slot-type-mismatch", message, span));
                return None;
            }
            check_optional(
                &slot,
                optional || self.scope.is_given(&slot),
                span,
                self.sink,
            );
            parts.push(PlanTemplatePart::Slot(slot));
            at += open + length + 1;
        }
        Some(parts)
    }
}
