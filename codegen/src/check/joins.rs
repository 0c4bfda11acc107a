//! Single reads that one call carries out together: both calls are in the spec, and whatever the one is given the other
//! takes as well.

use super::{
    answers::{self, Answer, Wanted},
    bodies::Bodies,
    calls,
    slots::Scope,
    versions::Roots,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{
        joins::{MappingJoin, MappingMany, MappingSingle},
        provider::MappingProvider,
    },
    plan::{PlanJoin, PlanJoinPart, PlanJson, PlanSlot},
    source::Text,
    spec::{Spec, SpecKind, SpecOperation, SpecParameter, SpecParameterPlace},
};

/// What the joins of one provider are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joins<'a> {
    pub(super) mapping: &'a MappingProvider,
    pub(super) spec: &'a Spec,
    pub(super) roots: &'a Roots,
    pub(super) sink: &'a Sink,
}

impl<'a> Joins<'a> {
    pub(super) fn check(&self) -> Option<Vec<PlanJoin>> {
        let joins = &self.mapping.joins;
        for (at, join) in joins.iter().enumerate() {
            let call = &join.single.call;
            let mut before = joins[..at].iter().map(|it| &it.single.call);
            if let Some(first) = before.find(|it| it.value == call.value) {
                let message = format!("`{}` is joined twice", call.value);
                self.sink.push(
                    Diagnostic::new("duplicate-key", message, call.span).other(first.span, "here"),
                );
            }
        }
        joins.iter().map(|join| self.join(join)).collect()
    }

    fn join(&self, join: &MappingJoin) -> Option<PlanJoin> {
        let (single, many) = (&join.single, &join.many);
        let read = self.reading(&single.call);
        let read_many = self.reading(&many.call);
        let path = self.single(single, read?);
        let (body, many_path) = self.many(many, read_many?, single, read?);
        let rows = self.rows(many, read_many?);
        let max = calls::at_least_one(&many.max, self.sink);
        let number = |operation: &SpecOperation| self.spec.operations.get_index_of(&operation.id);
        let (rows, row_id) = rows?;
        Some(PlanJoin {
            single: number(read?)?,
            root: self.roots.split(&read?.path).0,
            path: path?,
            fields: single.fields.value.clone(),
            many: number(read_many?)?,
            many_root: self.roots.split(&read_many?.path).0,
            many_path,
            body: body?,
            max,
            rows,
            row_id,
            in_order: many.in_order,
        })
    }

    fn reading(&self, id: &Text) -> Option<&'a SpecOperation> {
        let operation = calls::operation(self.spec, id, self.sink)?;
        if calls::writes(operation, &self.mapping.reads_by_post) {
            let message = format!("`{}` is joined with others, and it writes", operation.id);
            let help = format!(
                "if `{} {}` changes nothing, say so in `reads_by_post`",
                operation.method, operation.path
            );
            self.sink.push(
                Diagnostic::new("write-in-a-read", message, id.span)
                    .other(operation.span, "the operation")
                    .help(help),
            );
            return None;
        }
        Some(operation)
    }

    fn single(&self, single: &MappingSingle, read: &SpecOperation) -> Option<Vec<PlanJoinPart>> {
        let answer = Answer {
            operation: read,
            object: None,
            is_faultless: true,
        };
        answers::record(answer, single.call.span, self.sink);
        let id = self.parameter(read, SpecParameterPlace::Path, &single.id)?;
        let fields = self.parameter(read, SpecParameterPlace::Query, &single.fields)?;
        let is_list = match &fields.schema.kind {
            SpecKind::List(items) => matches!(items.kind, SpecKind::Text(_) | SpecKind::Any),
            SpecKind::Any => true,
            _ => false,
        };
        if !is_list || fields.explode {
            let message = format!(
                "`{}` is no list of names with commas between them, in which the fields could be told",
                fields.name
            );
            self.sink.push(
                Diagnostic::new("slot-type-mismatch", message, single.fields.span)
                    .other(fields.schema.span, "it is said here"),
            );
            return None;
        }
        let known = [id.name.as_str(), fields.name.as_str()];
        self.nothing_else(read, &known, &single.call);
        if read.body.is_some() {
            let message = format!("`{}` takes a body, and a single read has none", read.id);
            self.sink.push(
                Diagnostic::new("unknown-body-member", message, single.call.span)
                    .other(read.span, "the operation"),
            );
            return None;
        }
        Some(self.path(read, Some(&single.id.value)))
    }

    fn parameter<'s>(
        &self,
        operation: &'s SpecOperation,
        place: SpecParameterPlace,
        name: &Text,
    ) -> Option<&'s SpecParameter> {
        let found = operation.parameter(place, &name.value);
        if found.is_none() {
            let place_name = if place == SpecParameterPlace::Path {
                "path"
            } else {
                "query"
            };
            let message = format!(
                "`{}` has no parameter `{}` in its {place_name}",
                operation.id, name.value
            );
            let known = operation.parameters.iter().filter(|it| it.place == place);
            self.sink.push(
                Diagnostic::new("unknown-parameter", message, name.span)
                    .other(operation.span, "the operation")
                    .nearest(&name.value, known.map(|it| it.name.as_str())),
            );
        }
        found
    }

    /// A call that must have more in its query could never be joined.
    fn nothing_else(&self, operation: &SpecOperation, known: &[&str], call: &Text) {
        for missing in operation.parameters.iter().filter(|it| {
            it.place == SpecParameterPlace::Query
                && it.required
                && !known.contains(&it.name.as_str())
        }) {
            let message = format!(
                "`{}` must have `{}` in its query, and joined reads have none",
                operation.id, missing.name
            );
            self.sink.push(
                Diagnostic::new("unbound-parameter", message, call.span)
                    .other(operation.span, "the operation"),
            );
        }
    }

    /// What follows the root.
    fn path(&self, operation: &SpecOperation, id: Option<&str>) -> Vec<PlanJoinPart> {
        let (_, mut rest) = self.roots.split(&operation.path);
        let mut parts = Vec::new();
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            if !text.is_empty() {
                parts.push(PlanJoinPart::Text(text.to_owned()));
            }
            parts.push(if id == Some(name) {
                PlanJoinPart::Id
            } else {
                PlanJoinPart::Same(name.to_owned())
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(PlanJoinPart::Text(rest.to_owned()));
        }
        parts
    }

    fn many(
        &self,
        many: &MappingMany,
        read: &SpecOperation,
        single: &MappingSingle,
        one: &SpecOperation,
    ) -> (Option<PlanJson>, Vec<PlanJoinPart>) {
        let path = self.path(read, None);
        for part in &path {
            let PlanJoinPart::Same(name) = part else {
                continue;
            };
            if *name == single.id.value || one.parameter(SpecParameterPlace::Path, name).is_none() {
                let message = format!(
                    "`{}` has `{name}` in its path, and `{}` has none that is the same for all ids",
                    read.id, one.id
                );
                self.sink.push(
                    Diagnostic::new("unbound-parameter", message, many.call.span)
                        .other(read.span, "the operation"),
                );
            }
        }
        self.nothing_else(read, &[], &many.call);
        let Some(schema) = &read.body else {
            let message = format!("`{}` takes no body", read.id);
            self.sink.push(
                Diagnostic::new("unknown-body-member", message, many.body.span)
                    .other(read.span, "the operation"),
            );
            return (None, path);
        };
        let scope = Scope::new("a join", &["ids", "fields"]);
        let bodies = Bodies {
            scope: &scope,
            objects: None,
            object: None,
            sink: self.sink,
        };
        let before = self.sink.len();
        let body = bodies.json(&many.body, Some(schema));
        let is_faultless = self.sink.len() == before;
        for (is_used, slot) in [
            (
                scope.uses(&PlanSlot::IdsEach) || scope.uses(&PlanSlot::Ids),
                "ids",
            ),
            (scope.uses(&PlanSlot::Fields), "fields"),
        ] {
            if is_faultless && !is_used {
                let message = format!("the body does not say where the {slot} stand");
                self.sink.push(
                    Diagnostic::new("missing-body-member", message, many.body.span)
                        .help("`$ids.each` stands for one id at a time, `$fields` for the names"),
                );
            }
        }
        (body, path)
    }

    /// Where the rows are, and where each has its id.
    fn rows(
        &self,
        many: &MappingMany,
        read: &SpecOperation,
    ) -> Option<(Vec<String>, Option<Vec<String>>)> {
        let answer = Answer {
            operation: read,
            object: None,
            is_faultless: true,
        };
        let rows = answers::rows(answer, many.rows.as_ref(), many.call.span, self.sink)?;
        let Some(id) = &many.id else {
            if !many.in_order {
                let message = "nothing says which row is for which id";
                let help = "`id` is where a row has it, `in_order: true` says that there is a row or null for each";
                self.sink
                    .push(Diagnostic::new("missing-key", message, many.span).help(help));
                return None;
            }
            return Some((rows, None));
        };
        let id = match answer.element(&rows) {
            Some(row) => answers::within(answer, row, id, Wanted::Text, self.sink)?,
            None => id.value.split('.').map(str::to_owned).collect(),
        };
        Some((rows, Some(id)))
    }
}
