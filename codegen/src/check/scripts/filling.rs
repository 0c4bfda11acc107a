//! Templates: each form of them, and what is filled in.

use super::{super::templates, Inside, Known, Scripts, dotted};
use crate::{
    diagnostic::{Diagnostic, listed},
    plan::{PlanCondition, PlanMemberTemplate, PlanPiece, PlanTemplate},
    source::{
        Span,
        yaml::{Entry, Node, NodeKind},
    },
    spec::SpecKind,
};

impl Scripts<'_> {
    pub(super) fn template(
        &self,
        node: &Node,
        known: &Known<'_>,
        inside: &Inside<'_>,
    ) -> Option<PlanTemplate> {
        match &node.kind {
            NodeKind::Scalar { text, plain: _ } => {
                if let Some(slot) = text.strip_prefix('$') {
                    return self
                        .slot(slot, node.span, known, inside)
                        .map(PlanTemplate::Slot);
                }
                if text.contains('{') {
                    return self.pieces(node, text, known, inside, false);
                }
                Some(PlanTemplate::Json(node.to_json().to_string()))
            }
            NodeKind::List(elements) => {
                let elements: Vec<_> = elements
                    .iter()
                    .map(|element| self.template(element, known, inside))
                    .collect();
                Some(PlanTemplate::List(
                    elements.into_iter().collect::<Option<_>>()?,
                ))
            }
            NodeKind::Mapping(entries) => self.mapping(node, entries, known, inside),
        }
    }

    pub(super) fn mapping(
        &self,
        node: &Node,
        entries: &[Entry],
        known: &Known<'_>,
        inside: &Inside<'_>,
    ) -> Option<PlanTemplate> {
        let get = |key: &str| entries.iter().find(|entry| entry.key.value == key);
        let only_keys = |keys: &[&str]| {
            for entry in entries
                .iter()
                .filter(|entry| !keys.contains(&entry.key.as_str()))
            {
                let message = format!("`{}` is not a key here", entry.key.value);
                self.sink.push(
                    Diagnostic::new("unknown-key", message, entry.key.span)
                        .nearest(&entry.key.value, keys.iter().copied()),
                );
            }
        };
        if let Some(over) = get("$for") {
            only_keys(&["$for", "$where", "$except", "$do"]);
            let over_text = crate::mapping::text(&over.value, self.sink)?;
            let name = over_text
                .value
                .strip_prefix('$')
                .unwrap_or(&over_text.value);
            let (slot, schema) = self.slot_and_schema(name, over_text.span, known, inside)?;
            let element = schema.map(|schema| match &schema.kind {
                SpecKind::List(element) => element.as_ref(),
                _ => schema,
            });
            let mut deeper = inside.clone();
            deeper.push(element);
            let only = self.conditions(get("$where"), known, &deeper)?;
            let except = self.conditions(get("$except"), known, &deeper)?;
            let Some(item) = get("$do") else {
                self.missing("$do", node.span);
                return None;
            };
            return Some(PlanTemplate::For {
                over: slot,
                only,
                except,
                item: Box::new(self.template(&item.value, known, &deeper)?),
            });
        }
        if let Some(list) = get("$first") {
            only_keys(&["$first", "$else"]);
            let list = self.template(&list.value, known, inside)?;
            let otherwise = match get("$else") {
                Some(entry) => Some(Box::new(self.template(&entry.value, known, inside)?)),
                None => None,
            };
            return Some(PlanTemplate::First {
                list: Box::new(list),
                otherwise,
            });
        }
        if let Some(of) = get("$of") {
            only_keys(&["$of", "$without"]);
            let text = crate::mapping::text(&of.value, self.sink)?;
            let slot = self.slot(text.value.trim_start_matches('$'), text.span, known, inside)?;
            let Some(without) = get("$without") else {
                self.missing("$without", node.span);
                return None;
            };
            return Some(PlanTemplate::Without {
                slot,
                names: crate::mapping::texts(&without.value, self.sink)
                    .into_iter()
                    .map(|name| name.value)
                    .collect(),
            });
        }
        if let Some(by) = get("$by") {
            only_keys(&["$by", "$cases", "$else"]);
            return self.choice(
                &by.value,
                get("$cases"),
                get("$else"),
                node.span,
                known,
                inside,
            );
        }
        if let Some(why) = get("$refuse") {
            only_keys(&["$refuse"]);
            return Some(PlanTemplate::Refuse(
                crate::mapping::text(&why.value, self.sink)?.value,
            ));
        }
        if let Some(lists) = get("$join") {
            only_keys(&["$join"]);
            let PlanTemplate::List(lists) = self.template(&lists.value, known, inside)? else {
                crate::mapping::wrong_kind(&lists.value, "a list", self.sink);
                return None;
            };
            return Some(PlanTemplate::Join(lists));
        }
        if let Some(count) = get("$count") {
            only_keys(&["$count"]);
            let text = crate::mapping::text(&count.value, self.sink)?;
            let name = text.value.strip_prefix('$').unwrap_or(&text.value);
            return self
                .slot(name, text.span, known, inside)
                .map(PlanTemplate::Count);
        }
        let mut members = Vec::new();
        let mut complete = true;
        for entry in entries {
            let Some(template) = self.template(&entry.value, known, inside) else {
                complete = false;
                continue;
            };
            members.push(if entry.key.value == "$all" {
                PlanMemberTemplate::All(template)
            } else {
                if entry.key.value.starts_with('$') {
                    let message = format!("`{}` is not a key here", entry.key.value);
                    let known = [
                        "$for", "$first", "$by", "$refuse", "$join", "$count", "$of", "$all",
                    ];
                    self.sink.push(
                        Diagnostic::new("unknown-key", message, entry.key.span)
                            .nearest(&entry.key.value, known),
                    );
                }
                PlanMemberTemplate::Named(entry.key.value.clone(), template)
            });
        }
        complete.then_some(PlanTemplate::Object(members))
    }

    /// What elements must have, or must not: `{ member: value }`, or `{ member: $anything }`.
    pub(super) fn conditions(
        &self,
        entry: Option<&Entry>,
        known: &Known<'_>,
        inside: &Inside<'_>,
    ) -> Option<Vec<PlanCondition>> {
        let Some(entry) = entry else {
            return Some(Vec::new());
        };
        let NodeKind::Mapping(conditions) = &entry.value.kind else {
            crate::mapping::wrong_kind(&entry.value, "a mapping", self.sink);
            return None;
        };
        conditions
            .iter()
            .map(|condition| {
                let is_anything = matches!(&condition.value.kind, NodeKind::Scalar { text, .. } if text == "$anything");
                let equals = if is_anything {
                    None
                } else {
                    Some(self.template(&condition.value, known, inside)?)
                };
                let path = dotted(&condition.key);
                let element = inside.last().copied().flatten();
                self.walk(element, &path, &condition.key.value, condition.key.span)?;
                Some(PlanCondition { path, equals })
            })
            .collect()
    }

    pub(super) fn choice(
        &self,
        by: &Node,
        cases: Option<&Entry>,
        otherwise: Option<&Entry>,
        at: Span,
        known: &Known<'_>,
        inside: &Inside<'_>,
    ) -> Option<PlanTemplate> {
        let text = crate::mapping::text(by, self.sink)?;
        let name = text.value.strip_prefix('$').unwrap_or(&text.value);
        let (slot, schema) = self.slot_and_schema(name, text.span, known, inside)?;
        let Some(cases) = cases else {
            self.missing("$cases", at);
            return None;
        };
        let NodeKind::Mapping(cases) = &cases.value.kind else {
            crate::mapping::wrong_kind(&cases.value, "a mapping", self.sink);
            return None;
        };
        let values: &[String] = match schema.map(|schema| &schema.kind) {
            Some(SpecKind::Text(text)) => &text.values,
            _ => &[],
        };
        let mut planned = Vec::new();
        for case in cases {
            let value = &case.key.value;
            if !values.is_empty() && !values.contains(value) {
                let message = format!("`{name}` has no value `{value}`");
                self.sink.push(
                    Diagnostic::new("unknown-enum-value", message, case.key.span)
                        .nearest(value, values.iter().map(String::as_str)),
                );
            }
            planned.push((value.clone(), self.template(&case.value, known, inside)?));
        }
        let missing: Vec<&String> = values
            .iter()
            .filter(|value| cases.iter().all(|case| case.key.value != **value))
            .collect();
        if !missing.is_empty() && otherwise.is_none() {
            let message = format!(
                "`{name}` may be {}, and there is no case for it",
                listed(&missing)
            );
            self.sink.push(
                Diagnostic::new("enum-value-without-counterpart", message, by.span)
                    .help("add a case, `$else`, or say why not with `$refuse`"),
            );
        }
        let otherwise = match otherwise {
            Some(entry) => Some(Box::new(self.template(&entry.value, known, inside)?)),
            None => None,
        };
        Some(PlanTemplate::By {
            slot,
            cases: planned,
            otherwise,
        })
    }

    /// A text with slots in braces. In a query each is a literal of the query language, or a name: `{name:object.name}`.
    pub(super) fn pieces(
        &self,
        node: &Node,
        text: &str,
        known: &Known<'_>,
        inside: &Inside<'_>,
        is_query: bool,
    ) -> Option<PlanTemplate> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                pieces.push(PlanPiece::Literal(rest[..open].to_owned()));
            }
            let Some(length) = rest[open..].find('}') else {
                let message = "this brace is never closed".to_owned();
                self.sink
                    .push(Diagnostic::new("bad-template", message, node.span));
                return None;
            };
            let name = &rest[open + 1..open + length];
            rest = &rest[open + length + 1..];
            if let Some((name, suffix)) = name.split_once('+') {
                let slot = self.slot(name, node.span, known, inside)?;
                pieces.push(PlanPiece::Suffixed(slot, suffix.to_owned()));
                continue;
            }
            if let Some((name, suffix)) = name.split_once('-') {
                let slot = self.slot(name, node.span, known, inside)?;
                pieces.push(PlanPiece::Stripped(slot, suffix.to_owned()));
                continue;
            }
            if let Some(name) = name.strip_prefix("json:") {
                pieces.push(PlanPiece::Json(self.slot(name, node.span, known, inside)?));
                continue;
            }
            if let Some(name) = name.strip_prefix("name:") {
                pieces.push(PlanPiece::Name(self.slot(name, node.span, known, inside)?));
                continue;
            }
            let slot = self.slot(name, node.span, known, inside)?;
            pieces.push(if is_query {
                PlanPiece::Quoted(slot)
            } else {
                PlanPiece::Plain(slot)
            });
        }
        if !rest.is_empty() {
            pieces.push(PlanPiece::Literal(rest.to_owned()));
        }
        let is_open = |piece: &PlanPiece| match piece {
            PlanPiece::Literal(text) => templates::open_quote(text).is_some(),
            _ => false,
        };
        if is_query && pieces.iter().any(is_open) {
            let message = "a quoted text of a query has no slot in it, and ends where it began";
            let help = "a slot writes quotes of its own: leave these out";
            self.sink
                .push(Diagnostic::new("bad-template", message, node.span).help(help));
            return None;
        }
        Some(PlanTemplate::Text(pieces))
    }
}
