//! Operations that are not about records: their steps exist, and what their templates take is there.

use super::{
    answers,
    calls::{self, Calls},
    objects::About,
    script_bodies,
    slots::Scope,
    templates,
    unified::UnifiedFree,
    versions::Roots,
};
use crate::{
    diagnostic::{Diagnostic, Sink, listed},
    mapping::{
        MappingEntity,
        call::MappingCall,
        script::{MappingObjects, MappingScript, MappingScriptStep, MappingScripts},
    },
    plan::{
        PlanCondition, PlanFailedIf, PlanListed, PlanMemberTemplate, PlanObjectFields,
        PlanObjectPlace, PlanObjects, PlanPath, PlanPiece, PlanRoot, PlanScript,
        PlanScriptOperation, PlanScriptPart, PlanScriptStep, PlanTemplate, PlanValue,
    },
    source::{
        Span, Text,
        yaml::{Entry, Node, NodeKind},
    },
    spec::{SpecKind, SpecOperation, SpecParameterPlace, SpecSchema},
};

/// What scripts are checked against.
#[derive(Clone, Copy)]
pub(super) struct Scripts<'a> {
    pub(super) unified: &'a UnifiedFree,
    pub(super) calls: Calls<'a>,
    pub(super) roots: &'a Roots,
    pub(super) bind: &'a [(Text, Text)],
    pub(super) sink: &'a Sink,
}

/// What templates of one operation may take.
struct Known<'s> {
    /// The request's body.
    input: Option<&'s SpecSchema>,
    parameters: Vec<&'s str>,
    roles: Vec<&'s str>,
    /// The steps before, with what each answers; none where nothing is known of it.
    steps: Vec<(&'s str, Option<&'s SpecSchema>)>,
}

/// The elements of the lists around a template, the innermost last. None where nothing is known of one.
type Inside<'s> = Vec<Option<&'s SpecSchema>>;

pub(super) fn check(scripts: &MappingScripts, with: Scripts<'_>) -> Vec<PlanScriptOperation> {
    let mut planned = Vec::new();
    for (name, script) in &scripts.operations {
        let Some(unified) = with.unified.operations.get(&name.value) else {
            let message = format!(
                "`{}` has no operation `{}`",
                scripts.entity.value, name.value
            );
            let known = with.unified.operations.keys().map(String::as_str);
            let diagnostic = Diagnostic::new("unknown-operation", message, name.span);
            with.sink.push(diagnostic.nearest(&name.value, known));
            continue;
        };
        planned.extend(with.script(&scripts.entity, name, script, unified));
    }
    planned
}

/// How names of objects lead to native ones: as the provider says, and the file.
pub(super) fn objects(
    objects: &MappingObjects,
    provider: Option<&MappingObjects>,
    calls: Calls<'_>,
) -> Option<PlanObjects> {
    let listed = objects
        .listed
        .as_ref()
        .or_else(|| provider.and_then(|provider| provider.listed.as_ref()));
    let names = provider
        .into_iter()
        .flat_map(|provider| &provider.names)
        .chain(&objects.names);
    let listed = match listed {
        None => None,
        Some(listed) => {
            let scope = Scope {
                about: About::Anything,
                ..Scope::new("a list of objects", &[])
            };
            let (call, answer) = calls.reading(&listed.call, &scope)?;
            let at = listed.call.operation.span;
            Some(PlanListed {
                call,
                rows: answers::rows(answer, listed.rows.as_ref(), at, calls.sink)?,
                name: dotted(&listed.name),
                aliases: listed.aliases.iter().map(dotted).collect(),
                suffix: listed.suffix.as_ref().map(|suffix| suffix.value.clone()),
            })
        }
    };
    let fields = match &objects.fields {
        None => None,
        Some(fields) => {
            let scope = Scope {
                about: About::Anything,
                ..Scope::new("a list of fields", &["object.name"])
            };
            let (call, answer) = calls.reading(&fields.call, &scope)?;
            let at = fields.call.operation.span;
            Some(PlanObjectFields {
                call,
                rows: answers::rows(answer, fields.rows.as_ref(), at, calls.sink)?,
                name: dotted(&fields.name),
            })
        }
    };
    Some(PlanObjects {
        names: names
            .map(|(name, native)| (name.value.clone(), native.value.clone()))
            .collect(),
        listed,
        fields,
    })
}

fn dotted(path: &Text) -> PlanPath {
    path.value.split('.').map(str::to_owned).collect()
}

impl Scripts<'_> {
    fn script(
        &self,
        entity: &Text,
        name: &Text,
        script: &MappingScript,
        unified: &SpecOperation,
    ) -> Option<PlanScriptOperation> {
        let mut places: Vec<(String, PlanObjectPlace)> = unified
            .parameters
            .iter()
            .filter(|parameter| parameter.names_object)
            .map(|parameter| {
                (
                    "name".to_owned(),
                    PlanObjectPlace::Parameter(parameter.name.clone()),
                )
            })
            .collect();
        for (role, member) in &script.objects {
            let has = unified
                .body
                .as_ref()
                .and_then(|body| body.member(&member.value));
            if has.is_none() {
                self.unknown(member, "the request has no member", std::iter::empty());
            }
            places.push((
                role.value.clone(),
                PlanObjectPlace::Body(member.value.clone()),
            ));
        }
        let mut known = Known {
            input: unified.body.as_deref(),
            parameters: unified
                .parameters
                .iter()
                .map(|it| it.name.as_str())
                .collect(),
            roles: Vec::new(),
            steps: Vec::new(),
        };
        if unified.parameters.iter().any(|it| it.names_object) {
            known.roles.push("name");
        }
        known
            .roles
            .extend(script.objects.iter().map(|(role, _)| role.as_str()));
        let mut steps = Vec::new();
        let mut complete = true;
        for step in &script.steps {
            if let Some((planned, answer)) = self.step(step, &known) {
                steps.push(planned);
                known.steps.push((step.name.as_str(), answer));
            } else {
                complete = false;
                // Its name is known, so that nothing follows from its fault.
                known.steps.push((step.name.as_str(), None));
            }
        }
        if let Some(schema) = unified.answer.as_deref() {
            let operation = script_bodies::For::Answer(&name.value);
            script_bodies::check(&script.answer, schema, operation, self.sink);
        }
        let answer = self.template(&script.answer, &known, &Vec::new());
        complete.then_some(())?;
        Some(PlanScriptOperation {
            name: format!("{}.{}", entity.value, name.value),
            objects: places,
            input: unified.body.as_ref().and_then(|body| body.name.clone()),
            script: PlanScript {
                steps,
                answer: answer?,
            },
        })
    }

    fn step<'s>(
        &'s self,
        step: &MappingScriptStep,
        known: &Known<'s>,
    ) -> Option<(PlanScriptStep, Option<&'s SpecSchema>)> {
        let operation = calls::operation(self.calls.spec, &step.call.operation, self.sink)?;
        let (root, rest) = self.roots.split(&operation.path);
        let path = self.path(operation, rest, &step.call, known)?;
        let mut query = Vec::new();
        for (name, node) in &step.call.query {
            if operation
                .parameter(SpecParameterPlace::Query, &name.value)
                .is_none()
            {
                let message = format!(
                    "`{}` has no parameter `{}` in its query",
                    operation.id, name.value
                );
                let known = operation
                    .parameters
                    .iter()
                    .filter(|parameter| parameter.place == SpecParameterPlace::Query)
                    .map(|parameter| parameter.name.as_str());
                self.sink.push(
                    Diagnostic::new("unknown-parameter", message, name.span)
                        .nearest(&name.value, known),
                );
                continue;
            }
            let template = match &node.kind {
                NodeKind::Scalar { text, .. } if !text.starts_with('$') && text.contains('{') => {
                    self.pieces(node, text, known, &Vec::new(), true)?
                }
                _ => self.template(node, known, &Vec::new())?,
            };
            query.push((name.value.clone(), template));
        }
        let body = match &step.call.body {
            None => None,
            Some(body) => {
                // XML comes from documents that say nothing of its members.
                if let (None, Some(schema)) = (&step.credential, operation.body.as_deref()) {
                    let operation = script_bodies::For::Body(&operation.id);
                    script_bodies::check(body, schema, operation, self.sink);
                }
                Some(self.template(body, known, &Vec::new())?)
            }
        };
        let answer = operation.answer.as_deref();
        let result = match (&step.pages, answer) {
            (Some(_), _) => None,
            (None, answer) => answer,
        };
        Some((
            PlanScriptStep {
                name: step.name.value.clone(),
                operation: self.calls.spec.operations.get_index_of(&operation.id)?,
                root,
                path,
                query,
                body,
                credential: step.credential.as_ref().map(dotted),
                only_if: self.condition(step.only_if.as_ref(), known)?,
                unless: self.condition(step.unless.as_ref(), known)?,
                object: step.object.as_ref().map(|object| object.value.clone()),
                not_object: step.not_object.as_ref().map(|object| object.value.clone()),
                remembered: step.remembered,
                pages: step.pages.as_ref().map(|(rows, next, parameter)| {
                    (dotted(rows), dotted(next), parameter.value.clone())
                }),
                ignore: step.ignore.iter().map(|status| status.value).collect(),
                failed_if: step.failed_if.as_ref().map(|failed| PlanFailedIf {
                    path: dotted(&failed.path),
                    equals: failed.equals.value.clone(),
                    code: dotted(&failed.code),
                    message: dotted(&failed.message),
                }),
            },
            result,
        ))
    }

    /// What decides whether a step is made; a constant would decide nothing.
    #[allow(clippy::option_option)] // No condition, or a wrong one: two things.
    fn condition(&self, node: Option<&Node>, known: &Known<'_>) -> Option<Option<PlanTemplate>> {
        let Some(node) = node else {
            return Some(None);
        };
        let template = self.template(node, known, &Vec::new())?;
        if matches!(template, PlanTemplate::Json(_)) {
            let message = "expected a slot or a choice, found a constant".to_owned();
            self.sink
                .push(Diagnostic::new("wrong-kind", message, node.span));
            return None;
        }
        Some(Some(template))
    }

    fn path(
        &self,
        operation: &SpecOperation,
        rest: &str,
        call: &MappingCall,
        known: &Known<'_>,
    ) -> Option<Vec<PlanScriptPart>> {
        let mut parts = Vec::new();
        for (index, piece) in rest.split('{').enumerate() {
            let (name, literal) = if index == 0 {
                ("", piece)
            } else {
                piece.split_once('}').unwrap_or(("", piece))
            };
            if !name.is_empty() {
                parts.push(self.segment(operation, name, call, known)?);
            }
            if !literal.is_empty() {
                parts.push(PlanScriptPart::Literal(literal.to_owned()));
            }
        }
        Some(parts)
    }

    fn segment(
        &self,
        operation: &SpecOperation,
        name: &str,
        call: &MappingCall,
        known: &Known<'_>,
    ) -> Option<PlanScriptPart> {
        let given = call.path.iter().find(|(given, _)| given.value == name);
        if let Some((_, node)) = given {
            let text = crate::mapping::text(node, self.sink)?;
            return match text.value.strip_prefix('$') {
                Some(slot) => self
                    .slot(slot, text.span, known, &Vec::new())
                    .map(PlanScriptPart::Segment),
                None => Some(PlanScriptPart::Literal(calls::encoded(&text.value))),
            };
        }
        if let Some((_, bound)) = self.bind.iter().find(|(bound, _)| bound.value == name) {
            return Some(PlanScriptPart::Literal(calls::encoded(&bound.value)));
        }
        let message = format!(
            "`{}` needs the parameter `{name}`, and nothing is given for it",
            operation.id
        );
        let diagnostic = Diagnostic::new("unbound-parameter", message, call.operation.span);
        self.sink
            .push(diagnostic.other(operation.span, "the operation"));
        None
    }

    fn template(
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

    fn mapping(
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
    fn conditions(
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

    fn choice(
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
    fn pieces(
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

    fn slot(
        &self,
        name: &str,
        span: Span,
        known: &Known<'_>,
        inside: &Inside<'_>,
    ) -> Option<PlanValue> {
        self.slot_and_schema(name, span, known, inside)
            .map(|(slot, _)| slot)
    }

    fn slot_and_schema<'s>(
        &self,
        name: &str,
        span: Span,
        known: &Known<'s>,
        inside: &Inside<'s>,
    ) -> Option<(PlanValue, Option<&'s SpecSchema>)> {
        let optional = name.ends_with('?');
        let name = name.trim_end_matches('?');
        let mut parts = name.split('.');
        let first = parts.next().unwrap_or_default();
        let path: PlanPath = parts.map(str::to_owned).collect();
        let no_such = |what: &str, names: Vec<&str>| {
            let message = format!("there is no slot `{name}`: {what}");
            let nearest = path.first().map_or(first, String::as_str);
            self.sink
                .push(Diagnostic::new("unknown-slot", message, span).nearest(nearest, names));
        };
        let (root, schema, path) = match first {
            "now" => (PlanRoot::Now, None, path),
            "index" => (PlanRoot::Index, None, path),
            "input" => (PlanRoot::Input, known.input, path),
            "each" | "outer" => {
                let depth = usize::from(first == "outer") + 1;
                let Some(at) = inside.len().checked_sub(depth) else {
                    no_such("it is not inside of a `$for`", Vec::new());
                    return None;
                };
                let root = if depth == 1 {
                    PlanRoot::Each
                } else {
                    PlanRoot::Outer
                };
                (root, inside[at], path)
            }
            "parameter" => {
                if !path
                    .first()
                    .is_some_and(|name| known.parameters.contains(&name.as_str()))
                {
                    no_such(
                        "the operation has no such parameter",
                        known.parameters.clone(),
                    );
                    return None;
                }
                (PlanRoot::Parameter, None, path)
            }
            "object" => {
                if !path
                    .first()
                    .is_some_and(|role| known.roles.contains(&role.as_str()))
                {
                    no_such(
                        "the operation is not about such an object",
                        known.roles.clone(),
                    );
                    return None;
                }
                (PlanRoot::Object, None, path)
            }
            step => {
                let Some((_, answer)) = known.steps.iter().find(|(known, _)| *known == step) else {
                    let mut names: Vec<&str> = known.steps.iter().map(|(name, _)| *name).collect();
                    names.extend([
                        "input",
                        "parameter",
                        "object",
                        "each",
                        "outer",
                        "index",
                        "now",
                    ]);
                    no_such("no step before this one is called so", names);
                    return None;
                };
                let mut whole = vec![step.to_owned()];
                whole.extend(path);
                let schema = self.walk(*answer, &whole[1..], name, span)?;
                return Some((
                    PlanValue {
                        root: PlanRoot::Step,
                        path: whole,
                        optional,
                    },
                    schema,
                ));
            }
        };
        let schema = self.walk(schema, &path, name, span)?;
        Some((
            PlanValue {
                root,
                path,
                optional,
            },
            schema,
        ))
    }

    /// What is known of a place. None of the outer option where the place cannot be.
    #[allow(clippy::option_option)] // Nothing known, or known to be wrong: two things.
    fn walk<'s>(
        &self,
        schema: Option<&'s SpecSchema>,
        path: &[String],
        name: &str,
        span: Span,
    ) -> Option<Option<&'s SpecSchema>> {
        let Some(mut schema) = schema else {
            return Some(None);
        };
        for part in path {
            schema = match &schema.kind {
                SpecKind::List(element) if part.bytes().all(|byte| byte.is_ascii_digit()) => {
                    element
                }
                _ => match schema.member(part) {
                    Some(member) => member,
                    None if schema.is_open() => return Some(None),
                    None => {
                        let message = format!("`{name}` leads to no `{part}`");
                        let known = schema
                            .object()
                            .into_iter()
                            .flat_map(|object| object.properties.keys());
                        self.sink.push(
                            Diagnostic::new("unknown-slot", message, span)
                                .other(schema.span, "looked for here")
                                .nearest(part, known.map(String::as_str)),
                        );
                        return None;
                    }
                },
            };
        }
        Some(Some(schema))
    }

    fn unknown<'k>(&self, text: &Text, what: &str, known: impl Iterator<Item = &'k str> + Clone) {
        let message = format!("{what} `{}`", text.value);
        self.sink
            .push(Diagnostic::new("unknown-slot", message, text.span).nearest(&text.value, known));
    }

    fn missing(&self, key: &str, span: Span) {
        let message = format!("the key `{key}` is missing");
        self.sink
            .push(Diagnostic::new("missing-key", message, span));
    }
}

/// The entity that scripts are bound like: only its path parameters count.
pub(super) fn as_entity(scripts: &MappingScripts) -> MappingEntity {
    MappingEntity {
        file: scripts.file,
        entity: scripts.entity.clone(),
        native: scripts.entity.clone(),
        flat: false,
        bind: scripts.bind.clone(),
        record_id_prefix: None,
        fields: Vec::new(),
        fields_span: scripts.entity.span,
        not_mapped: Vec::new(),
        beside: Vec::new(),
        defaults: Vec::new(),
        objects: None,
        operations: Vec::new(),
        gone: None,
        gone_is_said: false,
    }
}
