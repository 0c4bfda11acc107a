//! The limits on an account's calls, and the refusals that say that one of them is spent.

use super::{calls, native_door::header_name};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{
        limits::{MappingLimit, MappingTold},
        provider::MappingErrorRule,
    },
    plan::{PlanLimit, PlanLimitKind, PlanLimitTold},
    source::{Span, Spanned, Text},
    spec::Spec,
};

/// The proxy keeps the time of every call in a window: what a longer one has left is told by the provider or by nobody.
const LONGEST_WINDOW: u32 = 60;
const MOST_CALLS: u32 = 10_000;

pub(super) fn check(limits: &[MappingLimit], spec: &Spec, sink: &Sink) -> Vec<PlanLimit> {
    limits
        .iter()
        .filter_map(|limit| {
            for id in &limit.operations {
                calls::operation(spec, id, sink);
            }
            name(&limit.name, sink);
            let told = match &limit.told {
                Some(said) => Some(told(said, sink)?),
                None => None,
            };
            Some(PlanLimit {
                name: limit.name.value.clone(),
                kind: kind(limit, sink)?,
                operations: limit.operations.iter().map(|id| id.value.clone()).collect(),
                told,
            })
        })
        .collect()
}

/// A rule's limit is one of those that there are.
pub(super) fn of_rule(rule: &MappingErrorRule, limits: &[MappingLimit], sink: &Sink) {
    let Some(limit) = &rule.limit else { return };
    let names = || limits.iter().map(|limit| limit.name.value.as_str());
    if !names().any(|name| name == limit.value) {
        let message = format!("`limits` has no limit `{}`", limit.value);
        sink.push(
            Diagnostic::new("unknown-limit", message, limit.span).nearest(&limit.value, names()),
        );
    }
    if rule.code.value != "TOO_MANY_REQUESTS" {
        let message = "a rule that says that a `limit` is spent is `as: TOO_MANY_REQUESTS`";
        sink.push(Diagnostic::new("bad-error-rule", message, rule.span));
    }
}

/// It stands in headers, in quotes.
fn name(name: &Text, sink: &Sink) {
    let is_legal = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    if name.value.is_empty() || !name.value.chars().all(is_legal) {
        let message = format!(
            "`{}` cannot name a limit: expected small letters, digits and `_`",
            name.value
        );
        sink.push(Diagnostic::new("bad-name", message, name.span));
    }
}

fn kind(limit: &MappingLimit, sink: &Sink) -> Option<PlanLimitKind> {
    let refuse = |message: &str, span: Span| {
        sink.push(
            Diagnostic::new("bad-limit", message, span)
                .help("a limit has `calls` and `window_seconds`, or `calls` and `lasting_seconds`, or `told` and `probe_after_seconds`"),
        );
    };
    let within = |number: &Spanned<u32>, most: u32| {
        let is_within = (1..=most).contains(&number.value);
        if !is_within {
            let message = format!("expected 1 to {most}, found {}", number.value);
            sink.push(Diagnostic::new("bad-limit", message, number.span));
        }
        is_within
    };
    if limit.soft && limit.probe_after_seconds.is_none() {
        refuse("only what the provider counts can be `soft`", limit.span);
        return None;
    }
    let (calls, window) = (&limit.calls, &limit.window_seconds);
    match (
        calls,
        window,
        &limit.lasting_seconds,
        &limit.probe_after_seconds,
    ) {
        (Some(calls), Some(window), None, None) => {
            let is_right = [within(calls, MOST_CALLS), within(window, LONGEST_WINDOW)];
            is_right
                .iter()
                .all(|it| *it)
                .then_some(PlanLimitKind::Counted {
                    calls: calls.value,
                    window_seconds: window.value,
                })
        }
        (Some(calls), None, Some(seconds), None) => {
            if let Some(told) = &limit.told {
                refuse("calls at one time are told by no header", told.span);
                return None;
            }
            let is_right = [within(calls, MOST_CALLS), within(seconds, 3600)];
            is_right
                .iter()
                .all(|it| *it)
                .then_some(PlanLimitKind::Lasting {
                    calls: calls.value,
                    seconds: seconds.value,
                })
        }
        (None, None, None, Some(probe)) if limit.told.is_some() => {
            within(probe, 3600).then_some(PlanLimitKind::Told {
                probe_after_seconds: probe.value,
                is_soft: limit.soft,
            })
        }
        _ => {
            refuse("it is not said what the limit is", limit.span);
            None
        }
    }
}

fn told(told: &MappingTold, sink: &Sink) -> Option<PlanLimitTold> {
    let name = |text: &Text| header_name(text, sink);
    match (&told.limit, &told.remaining, &told.header, &told.form) {
        (Some(limit), Some(remaining), None, None) => Some(PlanLimitTold::Headers {
            limit: name(limit),
            remaining: name(remaining),
        }),
        (None, None, Some(header), Some(form)) => {
            let parts = form.value.split_once("{used}");
            let between =
                parts.and_then(|(before, rest)| Some((before, rest.split_once("{limit}")?.0)));
            let Some((before, between)) = between.filter(|(_, between)| !between.is_empty()) else {
                let message = "a form has `{used}` and then `{limit}`, and something between";
                sink.push(
                    Diagnostic::new("bad-template", message, form.span)
                        .help("as in `calls={used}/{limit}`"),
                );
                return None;
            };
            Some(PlanLimitTold::Used {
                header: name(header),
                before: before.to_owned(),
                between: between.to_owned(),
            })
        }
        _ => {
            let message =
                "what is left is told by `limit` and `remaining`, or by `header` and `form`";
            sink.push(Diagnostic::new("missing-key", message, told.span));
            None
        }
    }
}
