//! Operations that are not about records: their steps exist, and what their templates take is there.

mod filling;
mod values;

use super::{
    answers,
    calls::{self, Calls},
    objects::About,
    script_bodies,
    slots::Scope,
    unified::UnifiedFree,
    versions::Roots,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{
        MappingEntity,
        call::MappingCall,
        script::{MappingObjects, MappingScript, MappingScriptStep, MappingScripts},
    },
    plan::{
        PlanFailedIf, PlanListed, PlanObjectFields, PlanObjectPlace, PlanObjects, PlanPath,
        PlanScript, PlanScriptOperation, PlanScriptPart, PlanScriptStep, PlanTemplate,
    },
    source::{
        Span, Text,
        yaml::{Node, NodeKind},
    },
    spec::{SpecOperation, SpecParameterPlace, SpecSchema},
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
