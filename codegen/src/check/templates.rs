//! Templates of query languages: `SELECT {fields} FROM Account[ WHERE Id > {page.after}]`.
//!
//! A slot in braces is written as a literal of the query language, quotes and all, so no value can leave its place; one
//! within quotes of the template's own would, and is refused. A part in brackets is left out unless every slot in it has
//! a value. Neither brackets nor braces nest, and a quoted text has neither in it.

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

    /// Text with slots, without brackets. A quoted text ends where it began: no slot and no bracket stands in it.
    fn slots(&self, from: usize, to: usize, optional: bool) -> Option<Vec<PlanTemplatePart>> {
        let mut parts = Vec::new();
        let quote = |from: usize, to: usize| {
            open_quote(&self.text.value[from..to]).map(|at| self.text.part(from + at, 1))
        };
        let mut at = from;
        while at < to {
            let rest = &self.text.value[at..to];
            let Some(open) = rest.find(['{', '}']) else {
                if let Some(quote) = quote(at, to) {
                    let message = "this quote is never closed";
                    let diagnostic = Diagnostic::new("bad-template", message, quote);
                    let bracket = self.text.part(to, 1);
                    self.sink
                        .push(if to < self.text.value.len() && bracket != quote {
                            diagnostic.other(bracket, "not before this bracket")
                        } else {
                            diagnostic
                        });
                    return None;
                }
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
            if let Some(quote) = quote(at, at + open) {
                let message = format!("`{name}` stands inside a quoted text");
                let help = "a slot writes quotes of its own: leave these out";
                self.sink.push(
                    Diagnostic::new("bad-template", message, span)
                        .other(quote, "the text begins here")
                        .help(help),
                );
                return None;
            }
            let is_word = |character: char| character.is_alphanumeric() || character == '_';
            let after = &self.text.value[at + open + length + 1..];
            if self.text.value[..at + open].ends_with(is_word) || after.starts_with(is_word) {
                let message = format!("`{name}` stands within a word");
                let help = "a slot is written as a word of its own";
                self.sink
                    .push(Diagnostic::new("bad-template", message, span).help(help));
                return None;
            }
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

/// Where a quoted text begins that does not end. A backslash takes the next character's meaning.
pub(super) fn open_quote(text: &str) -> Option<usize> {
    let mut open = None;
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match open {
            _ if is_escaped => is_escaped = false,
            Some(_) if character == '\\' => is_escaped = true,
            Some((_, quote)) if quote == character => open = None,
            None if matches!(character, '\'' | '"') => open = Some((at, character)),
            _ => {}
        }
    }
    open.map(|(at, _)| at)
}
