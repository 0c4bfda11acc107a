//! What a created record gets by itself.

use super::{
    natives::{Native, Natives},
    unified::UnifiedEntity,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::MappingEntity,
    plan::PlanDefault,
    source::yaml::{Node, NodeKind},
    spec::SpecKind,
};

/// What a created record gets unless it has it.
pub(super) fn check(
    mapping: &MappingEntity,
    unified: &UnifiedEntity,
    natives: Natives<'_>,
    sink: &Sink,
) -> Vec<(String, PlanDefault)> {
    let mut defaults = Vec::new();
    for (path, node) in &mapping.defaults {
        let native = natives.own(path);
        let Some((native, target)) = native.and_then(|native| {
            let target = natives.initial(&native)?;
            Some((native, target))
        }) else {
            continue;
        };
        defaults.extend(default(node, &native, unified, sink).map(|value| (target, value)));
    }
    defaults
}

fn default(
    node: &Node,
    native: &Native,
    unified: &UnifiedEntity,
    sink: &Sink,
) -> Option<PlanDefault> {
    let NodeKind::Scalar { text, .. } = &node.kind else {
        crate::mapping::wrong_kind(node, "a constant, `$now` or `$title_of.<field>`", sink);
        return None;
    };
    let mismatch = |what: &str| {
        let dotted = native.dotted();
        let message = format!("{what}, and `{dotted}` is {}", native.described());
        sink.push(
            Diagnostic::new("type-mismatch", message, node.span)
                .other(native.schema.span, "it is said here"),
        );
    };
    let format = native.text().and_then(|text| text.format.as_deref());
    let Some(slot) = text.strip_prefix('$') else {
        let json = node.to_json();
        check_constant(&json, native, node, &mismatch, sink);
        return Some(PlanDefault::Constant(json.to_string()));
    };
    if slot == "now" {
        if format != Some("date-time") {
            mismatch("`$now` is an instant");
        }
        return Some(PlanDefault::Now);
    }
    let field = slot.strip_prefix("title_of.");
    let is_text = |name: &str| {
        let input = unified
            .input
            .as_deref()
            .and_then(|input| input.member(name));
        input.is_some_and(|schema| matches!(schema.kind, SpecKind::Text(_)))
    };
    let Some(field) = field.filter(|field| is_text(field)) else {
        let message = format!("there is no slot `{slot}` here");
        let help = "there is `$now`, and `$title_of.<field>` for a text of the unified input";
        sink.push(Diagnostic::new("unknown-slot", message, node.span).help(help));
        return None;
    };
    if native.text().is_none() || format.is_some() || !native.known_values().is_empty() {
        mismatch("a title is any text");
    }
    Some(PlanDefault::TitleOf(field.to_owned()))
}

/// A constant must be a value that the native field can have.
fn check_constant(
    json: &serde_json::Value,
    native: &Native,
    node: &Node,
    mismatch: &impl Fn(&str),
    sink: &Sink,
) {
    use serde_json::Value;
    match (&native.schema.kind, json) {
        (SpecKind::Number { .. }, Value::Number(_)) | (SpecKind::Boolean, Value::Bool(_)) => {}
        (SpecKind::Text(_), Value::String(value)) => {
            let known = native.known_values();
            if !known.is_empty() && !known.contains(value) {
                let message = format!("`{}` has no value `{value}`", native.dotted());
                sink.push(
                    Diagnostic::new("unknown-enum-value", message, node.span)
                        .other(native.schema.span, "its values")
                        .nearest(value, known.iter().map(String::as_str)),
                );
            }
        }
        _ => mismatch(&format!("this is `{json}`")),
    }
}
