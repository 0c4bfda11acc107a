//! Steps: where each goes, what is known when it begins, and that every way ends with a record.

use std::collections::BTreeMap;

use super::{
    answers::{self, Wanted},
    calls::Calls,
    chosen,
    objects::About,
    slots::{Given, Scope},
};
use crate::{
    diagnostic::{Diagnostic, listed},
    mapping::operation::{MappingStep, MappingStepCall},
    plan::{PlanRouteTo, PlanStep, PlanStepCall, PlanStepKind},
    source::{Spanned, Text},
};

/// What steps are checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps<'a> {
    pub(super) calls: Calls<'a>,
    /// As in `a get`.
    pub(super) place: &'a str,
    /// The slots of every step, whatever came before it.
    pub(super) slots: &'a [&'static str],
    /// The most calls in one bundle, where the provider has bundles.
    pub(super) bundle: Option<u32>,
    /// Whether a conflict tells the id of the record that is in the way.
    pub(super) conflict_has_id: bool,
    /// Whether the provider can undo a bundle of which one part fails.
    pub(super) undoes: bool,
    /// Whether steps write; a get does not.
    pub(super) writes: bool,
    /// The fields of the unified input that the record does not have.
    pub(super) inputs: &'a [String],
}

/// What is known when a step begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) record_id: bool,
    pub(super) key_value: bool,
}

/// A step that the operation begins with, and what is known then.
pub(super) type Entry<'a> = (&'a str, Known);

/// Where a step may go, and what is known more when it gets there.
struct Edge<'a> {
    to: &'a Text,
    learns_id: bool,
}

/// The step after one, if no record has been read: as said, or the next in order.
fn next(steps: &[MappingStep], at: usize) -> Option<&Text> {
    let step = &steps[at];
    if reads_record(step) {
        return None;
    }
    step.then
        .as_ref()
        .or_else(|| steps.get(at + 1).map(|step| &step.name))
}

fn reads_record(step: &MappingStep) -> bool {
    step.calls.iter().any(|(_, call)| call.record)
}

pub(super) fn check(
    mapped: &[MappingStep],
    entries: &[Entry<'_>],
    steps: Steps<'_>,
) -> Option<Vec<PlanStep>> {
    let known = steps.walk(mapped, entries);
    steps.check_ends(mapped);
    steps.check_cycles(mapped);
    let planned: Vec<Option<PlanStep>> = mapped
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let Some(known) = known.get(step.name.as_str()) else {
                let message = format!("nothing leads to the step `{}`", step.name.value);
                steps
                    .calls
                    .sink
                    .push(Diagnostic::new("unreachable-step", message, step.name.span));
                return None;
            };
            let kind = steps.kind(step, *known)?;
            Some(PlanStep {
                name: step.name.value.clone(),
                kind,
                if_empty: step.if_empty.as_ref().map(|to| to.value.clone()),
                if_wide: step.if_wide.as_ref().map(|wide| {
                    let over = usize::try_from(wide.over.value).unwrap_or(usize::MAX);
                    (over, wide.step.value.clone())
                }),
                on: routes(&step.on),
                otherwise: step.otherwise.as_ref().map(|to| to.value.clone()),
                then: next(mapped, at).map(|to| to.value.clone()),
            })
        })
        .collect();
    planned.into_iter().collect()
}

/// The word that is no step: more than one record fits.
const CONFLICT: &str = "conflict";

fn routes(on: &[(Spanned<u16>, Text)]) -> Vec<(u16, PlanRouteTo)> {
    on.iter()
        .map(|(status, to)| {
            let to = if to.value == CONFLICT {
                PlanRouteTo::Conflict
            } else {
                PlanRouteTo::Step(to.value.clone())
            };
            (status.value, to)
        })
        .collect()
}

impl<'a> Steps<'a> {
    fn edges<'m>(&self, steps: &'m [MappingStep], at: usize) -> Vec<Edge<'m>> {
        let step = &steps[at];
        let answers_id = step.calls.iter().any(|(_, call)| call.id.is_some());
        let mut edges: Vec<Edge<'_>> = Vec::new();
        edges.extend(next(steps, at).map(|to| Edge {
            to,
            learns_id: answers_id,
        }));
        edges.extend(step.otherwise.as_ref().map(|to| Edge {
            to,
            learns_id: answers_id,
        }));
        let instead = step.if_wide.as_ref().map(|wide| &wide.step);
        edges.extend(step.if_empty.iter().chain(instead).map(|to| Edge {
            to,
            learns_id: false,
        }));
        let on = step
            .calls
            .iter()
            .flat_map(|(_, call)| &call.on)
            .chain(&step.on);
        let on = on.filter(|(_, to)| to.value != CONFLICT);
        edges.extend(on.map(|(status, to)| Edge {
            to,
            learns_id: status.value == 409 && self.conflict_has_id,
        }));
        edges
    }

    /// What is known at each step that can be reached: only what is known on every way there.
    fn walk<'m>(
        &self,
        steps: &'m [MappingStep],
        entries: &[Entry<'m>],
    ) -> BTreeMap<&'m str, Known> {
        let mut known: BTreeMap<&str, Known> = BTreeMap::new();
        let mut open: Vec<Entry<'_>> = entries.to_vec();
        while let Some((name, arriving)) = open.pop() {
            let Some(at) = steps.iter().position(|step| step.name.value == name) else {
                continue;
            };
            let before = known.get(name).copied();
            let now = before.map_or(arriving, |before| Known {
                record_id: before.record_id && arriving.record_id,
                key_value: before.key_value && arriving.key_value,
            });
            // Knowledge only shrinks, so this ends even where steps go in a circle.
            if before == Some(now) {
                continue;
            }
            known.insert(steps[at].name.as_str(), now);
            for edge in self.edges(steps, at) {
                open.push((
                    edge.to.as_str(),
                    Known {
                        record_id: now.record_id || edge.learns_id,
                        ..now
                    },
                ));
            }
        }
        known
    }

    /// A way from one step to another must lead to a step.
    pub(super) fn check_target(&self, steps: &[MappingStep], to: &Text) {
        if !steps.iter().any(|step| step.name.value == to.value) {
            let message = format!("there is no step `{}`", to.value);
            let known = steps.iter().map(|step| step.name.as_str());
            self.calls
                .sink
                .push(Diagnostic::new("unknown-step", message, to.span).nearest(&to.value, known));
        }
    }

    fn check_ends(&self, steps: &[MappingStep]) {
        for (at, step) in steps.iter().enumerate() {
            for edge in self.edges(steps, at) {
                self.check_target(steps, edge.to);
            }
            if let (true, Some(then)) = (reads_record(step), &step.then) {
                let message = format!(
                    "`{}` reads the record and so is the last: nothing comes after it",
                    step.name.value
                );
                self.calls
                    .sink
                    .push(Diagnostic::new("step-after-record", message, then.span));
            }
            if !reads_record(step) && next(steps, at).is_none() {
                let message = format!(
                    "after `{}` there is no record to answer with",
                    step.name.value
                );
                let help = "say `record: true` where the answer is the record, or `then:` with a step that reads it";
                self.calls
                    .sink
                    .push(Diagnostic::new("no-record", message, step.name.span).help(help));
            }
            if let (Some(otherwise), false) =
                (&step.otherwise, step.bundle.is_some() && reads_record(step))
            {
                let message = "`otherwise` is for a bundle that reads the record too";
                self.calls.sink.push(Diagnostic::new(
                    "otherwise-without-bundle",
                    message,
                    otherwise.span,
                ));
            }
        }
    }

    /// Steps that go in a circle would call the provider for ever.
    fn check_cycles(&self, steps: &[MappingStep]) {
        let index = |to: &Text| steps.iter().position(|step| step.name.value == to.value);
        let mut done = vec![false; steps.len()];
        // A step is done when all it leads to is done; what never gets done is in a circle, or leads to one.
        for _ in 0..steps.len() {
            for at in 0..steps.len() {
                done[at] = self
                    .edges(steps, at)
                    .iter()
                    .all(|edge| index(edge.to).is_none_or(|to| done[to]));
            }
        }
        let Some(mut at) = done.iter().position(|done| !done) else {
            return;
        };
        // From any of these a way along the others ends in the circle; once around it gives its names.
        let onward = |at: usize| {
            let edges = self.edges(steps, at);
            edges
                .iter()
                .filter_map(|edge| index(edge.to))
                .find(|to| !done[*to])
        };
        for _ in 0..steps.len() {
            at = onward(at).unwrap_or(at);
        }
        let first = at;
        let mut names = vec![steps[first].name.as_str()];
        while let Some(to) = onward(at).filter(|to| *to != first) {
            names.push(steps[to].name.as_str());
            at = to;
        }
        let message = format!(
            "the steps go in a circle, from {} back to the first",
            listed(&names)
        );
        let span = steps[first].name.span;
        self.calls
            .sink
            .push(Diagnostic::new("step-cycle", message, span));
    }

    fn kind(&self, step: &'a MappingStep, known: Known) -> Option<PlanStepKind> {
        self.check_atomic(step);
        let Some(bundle) = step.bundle else {
            let (_, call) = step.calls.first()?;
            if let Some(input) = &call.only_if {
                let message = "`only_if` leaves a part of a bundle out, and this is no bundle";
                self.calls
                    .sink
                    .push(Diagnostic::new("bundle-not-available", message, input.span));
            }
            let scope = Scope {
                given: self.given(call),
                ..self.scope(known)
            };
            return self
                .call(call, scope)
                .map(|call| PlanStepKind::Call(Box::new(call)));
        };
        match self.bundle {
            None => {
                let message =
                    "this provider has no bundles: `provider.yaml` does not say how to make one";
                self.calls
                    .sink
                    .push(Diagnostic::new("bundle-not-available", message, bundle));
            }
            Some(max) if step.calls.len() > usize::try_from(max).unwrap_or(usize::MAX) => {
                let message = format!(
                    "{} calls in one bundle; the provider takes {max}",
                    step.calls.len()
                );
                self.calls
                    .sink
                    .push(Diagnostic::new("bundle-not-available", message, bundle));
            }
            Some(_) => {}
        }
        let mut parts = Vec::new();
        let mut ids = Vec::new();
        let mut complete = true;
        for (name, call) in &step.calls {
            let name = name.as_ref()?;
            let scope = Scope {
                parts: ids.clone(),
                given: self.given(call),
                ..self.scope(known)
            };
            // Where it is said, though it may be a fault: those after it have none from it.
            let id = call.id.as_ref();
            let id = id.map(|id| id.value.split('.').map(str::to_owned).collect());
            ids.push((name.value.clone(), id));
            if let Some(call) = self.call(call, scope) {
                parts.push((name.value.clone(), call));
            } else {
                complete = false;
            }
        }
        complete.then_some(PlanStepKind::Bundle {
            atomic: step.atomic.is_some(),
            parts,
        })
    }

    /// The input that is there whenever the call is made.
    fn given<'m>(&self, call: &'m MappingStepCall) -> Given<'m> {
        match &call.only_if {
            None => Given::Nothing,
            Some(input) if self.inputs.contains(&input.value) => Given::Input(&input.value),
            // Its fault is told where it stands.
            Some(_) => Given::Anything,
        }
    }

    fn check_atomic(&self, step: &MappingStep) {
        let Some(span) = step.atomic else { return };
        let message = match step.bundle {
            None => "`atomic` is for a bundle: one call is carried out or not",
            Some(_) if !self.undoes && self.bundle.is_some() => {
                "this provider undoes nothing: `bundle` of `provider.yaml` has no `atomic_members`"
            }
            Some(_) => return,
        };
        self.calls
            .sink
            .push(Diagnostic::new("bundle-not-available", message, span));
    }

    /// A part that may be left out has no answer that anything could need.
    fn check_only_if(&self, call: &MappingStepCall, input: &Text) {
        let sink = self.calls.sink;
        if !self.inputs.contains(&input.value) {
            let message = format!(
                "`{}` is not a field that the unified input has and the record has not",
                input.value
            );
            let known = self.inputs.iter().map(String::as_str);
            sink.push(
                Diagnostic::new("unknown-slot", message, input.span).nearest(&input.value, known),
            );
        }
        let needed = match &call.id {
            Some(id) => Some((id.span, "its answer has the record's id")),
            None if call.record => Some((call.call.operation.span, "its answer is the record")),
            None => None,
        };
        if let Some((span, why)) = needed {
            let message = "this part may be left out, and what it answers is needed";
            sink.push(Diagnostic::new("slot-may-be-absent", message, input.span).other(span, why));
        }
    }

    fn scope(&self, known: Known) -> Scope<'a> {
        let mut slots = self.slots.to_vec();
        if known.record_id {
            slots.push("record.id");
        }
        if known.key_value {
            slots.push("key.value");
        }
        Scope {
            inputs: self.inputs,
            ..Scope::new(self.place, &slots)
        }
    }

    fn call(&self, call: &MappingStepCall, scope: Scope<'a>) -> Option<PlanStepCall> {
        let sink = self.calls.sink;
        let scope = &Scope {
            about: if call.record {
                About::Entity
            } else {
                About::Part
            },
            ..scope
        };
        let checked = if self.writes {
            self.calls.check(&call.call, scope)
        } else {
            self.calls.reading(&call.call, scope)
        };
        let (plan, answer) = checked?;
        let rows = match &call.rows {
            Some(rows) if call.record => Some(answers::path(answer, rows, Wanted::List, sink)?),
            Some(rows) => {
                let message = "`rows` says where the record is: it needs `record: true`";
                sink.push(Diagnostic::new("unknown-key", message, rows.span));
                None
            }
            None => None,
        };
        if call.record && rows.is_none() {
            chosen::check_mapped(&call.call, answer, sink);
            if call.rows.is_none() {
                answers::record(answer, call.call.operation.span, sink);
            }
        }
        let id = match &call.id {
            Some(id) => Some(answers::path(answer, id, Wanted::Text, sink)?),
            None => None,
        };
        if let Some(input) = &call.only_if {
            self.check_only_if(call, input);
        }
        Some(PlanStepCall {
            call: plan,
            id,
            record: call.record,
            rows,
            on: routes(&call.on),
            only_if: call.only_if.as_ref().map(|input| input.value.clone()),
        })
    }
}
