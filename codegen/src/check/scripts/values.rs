//! What stands in a template for a value: where it comes from, and what is known of it.

use super::{Inside, Known, Scripts};
use crate::{
    diagnostic::Diagnostic,
    plan::{PlanPath, PlanRoot, PlanValue},
    source::Span,
    spec::{SpecKind, SpecSchema},
};

impl Scripts<'_> {
    pub(super) fn slot(
        &self,
        name: &str,
        span: Span,
        known: &Known<'_>,
        inside: &Inside<'_>,
    ) -> Option<PlanValue> {
        self.slot_and_schema(name, span, known, inside)
            .map(|(slot, _)| slot)
    }

    pub(super) fn slot_and_schema<'s>(
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
    pub(super) fn walk<'s>(
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
}
