//! Native calls: the operation exists, and each of its parameters is bound to something that fits.

use std::fmt::Write as _;

use super::{
    answers::Answer,
    bodies::{Bodies, slot_text},
    objects::Objects,
    slots::{Scope, SlotType, check_optional, slot_type},
    templates,
    versions::Roots,
};
use crate::{
    diagnostic::{Diagnostic, Sink, listed},
    mapping::{MappingEntity, call::MappingCall},
    plan::{PlanCall, PlanPathPart, PlanQuery, PlanQueryValue, PlanSlot},
    source::{
        Spanned, Text,
        yaml::{Node, NodeKind},
    },
    spec::{Spec, SpecKind, SpecOperation, SpecParameter, SpecParameterPlace, SpecSchema},
};

/// What calls of one entity are checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls<'a> {
    pub(super) spec: &'a Spec,
    pub(super) roots: &'a Roots,
    /// The path parameter that has the version.
    pub(super) version: &'a str,
    pub(super) mapping: &'a MappingEntity,
    pub(super) objects: Objects<'a>,
    pub(super) reads_by_post: &'a [Text],
    pub(super) sink: &'a Sink,
}

/// An operation of the spec by its id.
pub(super) fn operation<'s>(spec: &'s Spec, id: &Text, sink: &Sink) -> Option<&'s SpecOperation> {
    let operation = spec.operations.get(&id.value);
    if operation.is_none() {
        let message = format!("there is no operation `{}`", id.value);
        let known = spec.operations.keys().map(String::as_str);
        sink.push(
            Diagnostic::new("unknown-native-operation", message, id.span)
                .label(format!("not in {}", spec.path))
                .nearest(&id.value, known),
        );
    }
    operation
}

/// Whether an operation changes anything.
pub(super) fn writes(operation: &SpecOperation, reads_by_post: &[Text]) -> bool {
    let by_post = reads_by_post.iter().any(|id| id.value == operation.id);
    !(by_post || matches!(operation.method.as_str(), "GET" | "HEAD"))
}

impl<'a> Calls<'a> {
    /// A call whose operation changes nothing.
    pub(super) fn reading(
        &self,
        call: &MappingCall,
        scope: &Scope<'a>,
    ) -> Option<(PlanCall, Answer<'a>)> {
        let (plan, answer) = self.check(call, scope)?;
        let operation = answer.operation;
        if writes(operation, self.reads_by_post) {
            let message = format!(
                "`{}` is called to read in {}, and it writes",
                operation.id, scope.place
            );
            let diagnostic = Diagnostic::new("write-in-a-read", message, call.operation.span);
            let help = format!(
                "if `{} {}` changes nothing, say so in `reads_by_post`",
                operation.method, operation.path
            );
            self.sink
                .push(diagnostic.other(operation.span, "the operation").help(help));
        }
        Some((plan, answer))
    }

    pub(super) fn check(
        &self,
        call: &MappingCall,
        scope: &Scope<'a>,
    ) -> Option<(PlanCall, Answer<'a>)> {
        if self.mapping.objects.is_some() {
            scope.has_object.set(true);
        }
        let operation = operation(self.spec, &call.operation, self.sink)?;
        let before = self.sink.len();
        let object = self.objects.of(call, operation, scope.about);
        let bodies = Bodies {
            scope,
            objects: Some(self.objects),
            object,
            sink: self.sink,
        };
        self.check_names(operation, &call.path, SpecParameterPlace::Path);
        self.check_names(operation, &call.query, SpecParameterPlace::Query);
        let (root, rest) = self.roots.split(&operation.path);
        let path = self.path(operation, rest, call, &bodies);
        let query = self.query(operation, call, &bodies);
        let body = self.body(operation, call, &bodies);
        let plan = PlanCall {
            operation: self.spec.operations.get_index_of(&operation.id)?,
            root,
            path: path?,
            query: query?,
            body: match body {
                Some(body) => Some(body?),
                None => None,
            },
        };
        let answer = Answer {
            operation,
            object,
            is_faultless: self.sink.len() == before,
        };
        Some((plan, answer))
    }

    fn check_names(
        &self,
        operation: &SpecOperation,
        given: &[(Text, Node)],
        place: SpecParameterPlace,
    ) {
        for (name, _) in given
            .iter()
            .filter(|(name, _)| operation.parameter(place, &name.value).is_none())
        {
            let place_name = if place == SpecParameterPlace::Path {
                "path"
            } else {
                "query"
            };
            let message = format!(
                "`{}` has no parameter `{}` in its {place_name}",
                operation.id, name.value
            );
            let known = operation
                .parameters
                .iter()
                .filter(|parameter| parameter.place == place);
            let known = known.map(|parameter| parameter.name.as_str());
            let diagnostic = Diagnostic::new("unknown-parameter", message, name.span);
            self.sink.push(
                diagnostic
                    .other(operation.span, "the operation")
                    .nearest(&name.value, known),
            );
        }
    }

    fn unbound(&self, operation: &SpecOperation, name: &str, call: &MappingCall) {
        let message = format!(
            "`{}` needs the parameter `{name}`, and nothing is given for it",
            operation.id
        );
        let diagnostic = Diagnostic::new("unbound-parameter", message, call.operation.span);
        self.sink.push(diagnostic.other(
            operation.span,
            format!("`{} {}`", operation.method, operation.path),
        ));
    }

    fn path(
        &self,
        operation: &SpecOperation,
        rest: &str,
        call: &MappingCall,
        bodies: &Bodies<'_>,
    ) -> Option<Vec<PlanPathPart>> {
        let mut parts = Vec::new();
        let mut complete = true;
        for (index, piece) in rest.split('{').enumerate() {
            let (name, literal) = if index == 0 {
                ("", piece)
            } else {
                piece.split_once('}').unwrap_or(("", piece))
            };
            if !name.is_empty() {
                match self.path_parameter(operation, name, call, bodies) {
                    Some(part) => push_part(&mut parts, part),
                    None => complete = false,
                }
            }
            if !literal.is_empty() {
                push_part(&mut parts, PlanPathPart::Literal(literal.to_owned()));
            }
        }
        complete.then_some(parts)
    }

    fn path_parameter(
        &self,
        operation: &SpecOperation,
        name: &str,
        call: &MappingCall,
        bodies: &Bodies<'_>,
    ) -> Option<PlanPathPart> {
        let scope = bodies.scope;
        let parameter = operation.parameter(SpecParameterPlace::Path, name)?;
        if name == self.version {
            return self.unsupported_version(operation, call);
        }
        let Some((_, node)) = call.path.iter().find(|(given, _)| given.value == name) else {
            let Some((_, bound)) = self
                .mapping
                .bind
                .iter()
                .find(|(bound, _)| bound.value == name)
            else {
                self.unbound(operation, name, call);
                return None;
            };
            return Some(PlanPathPart::Literal(encoded(&bound.value)));
        };
        if let Some(text) = slot_text(node) {
            let slot = scope.slot(text, node.span, self.sink)?;
            let fits = scope.check_type(&slot, &parameter.schema, node.span, self.sink);
            if fits && slot_type(&slot) != SlotType::Text {
                let message = "a segment of a path is one text".to_owned();
                self.sink
                    .push(Diagnostic::new("slot-type-mismatch", message, node.span));
            }
            return Some(PlanPathPart::Slot(slot));
        }
        let text = crate::mapping::text(node, self.sink)?;
        literal(node, &parameter.schema, bodies);
        Some(PlanPathPart::Literal(encoded(&text.value)))
    }

    fn unsupported_version<T>(&self, operation: &SpecOperation, call: &MappingCall) -> Option<T> {
        let message = format!("the version stands twice in `{}`", operation.path);
        self.sink
            .push(Diagnostic::new("bad-version", message, call.operation.span));
        None
    }

    fn query(
        &self,
        operation: &SpecOperation,
        call: &MappingCall,
        bodies: &Bodies<'_>,
    ) -> Option<Vec<PlanQuery>> {
        let required = operation
            .parameters
            .iter()
            .filter(|parameter| parameter.required && parameter.place == SpecParameterPlace::Query);
        for parameter in required {
            let mut given = call.query.iter();
            match given.find(|(name, _)| name.value == parameter.name) {
                None => self.unbound(operation, &parameter.name, call),
                Some((_, node)) if slot_text(node).is_some_and(|slot| slot.ends_with('?')) => {
                    let message = format!(
                        "`{}` needs the parameter `{}`, and this slot is left out at times",
                        operation.id, parameter.name
                    );
                    let diagnostic = Diagnostic::new("slot-may-be-absent", message, node.span);
                    self.sink
                        .push(diagnostic.other(parameter.schema.span, "the parameter"));
                }
                Some(_) => {}
            }
        }
        let mut query = Vec::new();
        for (name, node) in &call.query {
            let parameter = operation.parameter(SpecParameterPlace::Query, &name.value)?;
            query.push(PlanQuery {
                name: name.value.clone(),
                value: self.query_value(parameter, node, bodies)?,
            });
        }
        Some(query)
    }

    fn query_value(
        &self,
        parameter: &SpecParameter,
        node: &Node,
        bodies: &Bodies<'_>,
    ) -> Option<PlanQueryValue> {
        let scope = bodies.scope;
        if let NodeKind::List(elements) = &node.kind {
            if let SpecKind::List(items) = &parameter.schema.kind {
                for element in elements {
                    literal(element, items, bodies);
                }
            }
            let texts = crate::mapping::texts(node, self.sink);
            let slot = PlanSlot::LiteralList(texts.into_iter().map(|text| text.value).collect());
            self.check_list(parameter, &slot, node, scope);
            return Some(PlanQueryValue::Slot {
                slot,
                optional: false,
            });
        }
        let text = crate::mapping::text(node, self.sink)?;
        if let Some(name) = text.value.strip_prefix('$') {
            let optional = name.ends_with('?');
            let slot = scope.slot(name.trim_end_matches('?'), text.span, self.sink)?;
            check_optional(
                &slot,
                optional || scope.is_given(&slot),
                text.span,
                self.sink,
            );
            self.check_list(parameter, &slot, node, scope);
            return Some(PlanQueryValue::Slot { slot, optional });
        }
        if templates::is_template(&text.value) || parameter.schema.is_query() {
            let template = templates::parse(&text, scope, self.sink)?;
            return self
                .check_template(&text, &parameter.schema)
                .then_some(PlanQueryValue::Template(template));
        }
        literal(node, &parameter.schema, bodies);
        Some(PlanQueryValue::Literal(text.value))
    }

    /// A template is a query, since its slots are written as literals of one.
    fn check_template(&self, text: &Text, takes: &SpecSchema) -> bool {
        let (id, message, help) = if !matches!(takes.kind, SpecKind::Text(_) | SpecKind::Any) {
            let kind = takes.kind_name();
            let message = format!("a template makes text, and what stands here takes {kind}");
            ("type-mismatch", message, None)
        } else if !takes.is_query() {
            let message =
                "a template makes a query, and the spec does not say that one stands here"
                    .to_owned();
            let help = "say `x-query: select` in the spec, if it is so";
            ("bad-template", message, Some(help))
        } else {
            return true;
        };
        let mut diagnostic = Diagnostic::new(id, message, text.span);
        diagnostic.help = help.map(str::to_owned);
        self.sink
            .push(diagnostic.other(takes.span, "it is said here"));
        false
    }

    /// A slot in the query. A list is written as one value, so the spec must say that it is.
    fn check_list(
        &self,
        parameter: &SpecParameter,
        slot: &PlanSlot,
        node: &Node,
        scope: &Scope<'_>,
    ) {
        let fits = scope.check_type(slot, &parameter.schema, node.span, self.sink);
        if fits && slot_type(slot) == SlotType::Texts && parameter.explode {
            let message = format!(
                "a list is written as one value with commas, and `{}` would be repeated for each",
                parameter.name
            );
            let diagnostic = Diagnostic::new("slot-type-mismatch", message, node.span);
            self.sink.push(
                diagnostic
                    .other(parameter.schema.span, "the parameter")
                    .help("say `explode: false` in the spec, if it is so"),
            );
        }
    }

    #[allow(clippy::option_option)] // No body, or one that is wrong: two things.
    fn body(
        &self,
        operation: &SpecOperation,
        call: &MappingCall,
        bodies: &Bodies<'_>,
    ) -> Option<Option<crate::plan::PlanJson>> {
        match (&call.body, &operation.body) {
            (None, None) => None,
            (Some(body), Some(schema)) => Some(bodies.json(body, Some(schema))),
            (Some(body), None) => {
                let message = format!("`{}` takes no body", operation.id);
                self.sink.push(
                    Diagnostic::new("unknown-body-member", message, body.span)
                        .other(operation.span, "the operation"),
                );
                Some(None)
            }
            (None, Some(schema)) => {
                let known: Vec<&String> = schema
                    .object()
                    .into_iter()
                    .flat_map(|object| object.properties.keys())
                    .collect();
                let message = format!("`{}` takes a body, and is given none", operation.id);
                let diagnostic =
                    Diagnostic::new("missing-body-member", message, call.operation.span);
                let diagnostic = diagnostic.other(operation.span, "the operation");
                self.sink.push(if known.len() > 12 {
                    diagnostic.help("`$record` is the native record to write")
                } else {
                    diagnostic.help(format!("its body has {}", listed(&known)))
                });
                Some(None)
            }
        }
    }
}

/// A literal in a path or a query must be a value of its parameter.
fn literal(node: &Node, schema: &SpecSchema, bodies: &Bodies<'_>) {
    let NodeKind::Scalar { text, .. } = &node.kind else {
        return;
    };
    let value = match &schema.kind {
        SpecKind::Text(_) => serde_json::Value::String(text.clone()),
        _ => node.to_json(),
    };
    bodies.literal(&value, node.span, Some(schema));
}

/// How many of something one call takes: a call that took none would never be made.
pub(super) fn at_least_one(number: &Spanned<u32>, sink: &Sink) -> usize {
    if number.value == 0 {
        let message = "expected at least 1, found 0";
        sink.push(Diagnostic::new("bad-page-size", message, number.span));
    }
    usize::try_from(number.value).unwrap_or(usize::MAX)
}

/// Literals side by side become one.
fn push_part(parts: &mut Vec<PlanPathPart>, part: PlanPathPart) {
    match (parts.last_mut(), part) {
        (Some(PlanPathPart::Literal(last)), PlanPathPart::Literal(next)) => last.push_str(&next),
        (_, part) => parts.push(part),
    }
}

/// A literal as a segment of a path: all but the unreserved characters percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
