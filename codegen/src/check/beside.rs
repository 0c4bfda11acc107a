//! What is read beside records, what a created record gets by itself, and how hidden fields are found out.

use super::{
    answers::{self, Wanted},
    calls::Calls,
    fields::native_refs,
    natives::{BesideNative, Natives, selected},
    slots::Scope,
    unified::UnifiedEntity,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{
        MappingEntity,
        beside::{MappingBeside, MappingBesideKind},
        provider::MappingDescription,
    },
    plan::{
        PlanBeside, PlanBesideKind, PlanCall, PlanDefault, PlanDescription, PlanField, PlanJson,
        PlanPath, PlanQueryValue, PlanSlot, PlanSource,
    },
    source::yaml::{Node, NodeKind},
    spec::{Spec, SpecKind, SpecOperation, SpecSchema},
};

/// What fields may come from beside the record itself.
pub(super) fn natives<'a>(
    besides: &'a [MappingBeside],
    spec: &'a Spec,
    sink: &Sink,
) -> Vec<BesideNative<'a>> {
    let mut natives = Vec::new();
    for beside in besides {
        let name = beside.name.as_str();
        match &beside.kind {
            MappingBesideKind::Labels { .. } => {}
            MappingBesideKind::Text => natives.push(BesideNative { name, object: None }),
            MappingBesideKind::Records { native, .. } => {
                let schema = spec.schemas.get(&native.value);
                let Some(schema) = schema.filter(|schema| schema.object().is_some()) else {
                    let message = format!("there is no native object `{}`", native.value);
                    let objects = spec.schemas.iter();
                    let objects = objects.filter(|(_, schema)| schema.object().is_some());
                    let known = objects.map(|(name, _)| name.as_str());
                    let diagnostic = Diagnostic::new("unknown-native-schema", message, native.span);
                    sink.push(diagnostic.nearest(&native.value, known));
                    continue;
                };
                natives.push(BesideNative {
                    name,
                    object: Some((native.as_str(), schema)),
                });
            }
        }
    }
    natives
}

pub(super) fn check(
    besides: &[MappingBeside],
    fields: &[PlanField],
    natives: Natives<'_>,
    calls: Calls<'_>,
) -> Vec<PlanBeside> {
    besides
        .iter()
        .filter_map(|beside| one(beside, fields, natives, calls))
        .collect()
}

fn one(
    beside: &MappingBeside,
    fields: &[PlanField],
    natives: Natives<'_>,
    calls: Calls<'_>,
) -> Option<PlanBeside> {
    let key = natives.field(&beside.key)?;
    let name = &beside.name.value;
    let fed: Vec<&PlanField> = fields
        .iter()
        .filter(|field| comes_from(&field.source, name))
        .collect();
    if fed.is_empty() {
        let message = format!("no field comes from `{name}`, which would be read for nothing");
        calls
            .sink
            .push(Diagnostic::new("unused-beside", message, beside.name.span));
    }
    let slots: &[&'static str] = match &beside.kind {
        MappingBesideKind::Records { .. } => &["fields", "ids"],
        MappingBesideKind::Text => &["record.id"],
        MappingBesideKind::Labels { .. } => &[],
    };
    let scope = Scope::new("what is read beside a record", slots);
    let (mut call, operation) = calls.reading(&beside.call, &scope)?;
    let at = beside.call.operation.span;
    let sink = calls.sink;
    let kind = match &beside.kind {
        MappingBesideKind::Text => PlanBesideKind::Text,
        MappingBesideKind::Labels {
            rows,
            inner,
            value,
            label,
        } => {
            let list = answers::rows(operation, rows.as_ref(), at, sink)?;
            let mut element = element(operation, &list)?;
            let inner = match inner {
                Some(inner) => {
                    let path = answers::within(element, inner, Wanted::List, operation, sink)?;
                    element = answers::element_at(element, &path);
                    Some(path)
                }
                None => None,
            };
            PlanBesideKind::Labels {
                rows: list,
                inner,
                value: answers::within(element, value, Wanted::Text, operation, sink)?,
                label: answers::within(element, label, Wanted::Text, operation, sink)?,
            }
        }
        MappingBesideKind::Records {
            native,
            rows,
            id,
            max,
        } => {
            let selection = selection(fields, name, natives.fields_in);
            fill_fields(&mut call, &selection);
            if !scope.uses(&PlanSlot::Ids) && !scope.uses(&PlanSlot::IdsEach) {
                let message = "the call is given no `ids`: it would read the same records for all";
                sink.push(Diagnostic::new("unbound-parameter", message, at));
            }
            PlanBesideKind::Records {
                native: native.value.clone(),
                max: usize::try_from(max.value).unwrap_or(usize::MAX),
                rows: answers::rows(operation, rows.as_ref(), at, sink)?,
                id: id.value.split('.').map(str::to_owned).collect(),
            }
        }
    };
    Some(PlanBeside {
        name: name.clone(),
        key: key.reference(),
        fields: fed.iter().map(|field| field.name.clone()).collect(),
        call,
        kind,
    })
}

fn comes_from(source: &PlanSource, name: &str) -> bool {
    if let PlanSource::Value { label, .. } = source
        && label.as_deref() == Some(name)
    {
        return true;
    }
    let refs = native_refs(source);
    refs.iter().any(|from| from.beside.as_deref() == Some(name))
}

/// The native fields that are read of what is beside the records, each once.
fn selection(fields: &[PlanField], name: &str, fields_in: Option<&str>) -> Vec<String> {
    let mut selection: Vec<String> = Vec::new();
    for from in fields.iter().flat_map(|field| native_refs(&field.source)) {
        if from.beside.as_deref() == Some(name)
            && let Some(name) = selected(fields_in, &from.path)
            && !selection.contains(&name)
        {
            selection.push(name);
        }
    }
    selection
}

/// Which fields are read is known here: they stand in the call word for word.
fn fill_fields(call: &mut PlanCall, selection: &[String]) {
    let fill = |slot: &mut PlanSlot| {
        if *slot == PlanSlot::Fields {
            *slot = PlanSlot::LiteralList(selection.to_vec());
        }
    };
    for query in &mut call.query {
        if let PlanQueryValue::Slot { slot, .. } = &mut query.value {
            fill(slot);
        }
    }
    if let Some(body) = &mut call.body {
        fill_json(body, &fill);
    }
}

fn fill_json(json: &mut PlanJson, fill: &impl Fn(&mut PlanSlot)) {
    match json {
        PlanJson::Literal(_) => {}
        PlanJson::Object(members) => {
            for (_, json) in members {
                fill_json(json, fill);
            }
        }
        PlanJson::List(elements) => {
            for json in elements {
                fill_json(json, fill);
            }
        }
        PlanJson::Slot { slot, .. } => fill(slot),
        PlanJson::Each { element, .. } => fill_json(element, fill),
    }
}

/// The schema of an element of a list in an answer.
fn element<'s>(operation: &'s SpecOperation, list: &PlanPath) -> Option<&'s SpecSchema> {
    Some(answers::element_at(operation.answer.as_deref()?, list))
}

/// How the provider tells which fields the connected user has.
pub(super) fn description(
    described: &MappingDescription,
    calls: Calls<'_>,
) -> Option<PlanDescription> {
    let scope = Scope::new("a description of an object", &[]);
    let (call, operation) = calls.reading(&described.call, &scope)?;
    let at = described.call.operation.span;
    let rows = answers::rows(operation, described.rows.as_ref(), at, calls.sink)?;
    Some(PlanDescription {
        call,
        rows,
        name: described.name.value.split('.').map(str::to_owned).collect(),
    })
}

/// What a created record gets unless it has it.
pub(super) fn defaults(
    mapping: &MappingEntity,
    unified: &UnifiedEntity,
    natives: Natives<'_>,
    sink: &Sink,
) -> Vec<(String, PlanDefault)> {
    let mut defaults = Vec::new();
    for (path, node) in &mapping.defaults {
        let Some(native) = natives.field(path) else {
            continue;
        };
        let Some(target) = natives.target(&native) else {
            continue;
        };
        defaults.extend(default(node, unified, sink).map(|value| (target.name, value)));
    }
    defaults
}

fn default(node: &Node, unified: &UnifiedEntity, sink: &Sink) -> Option<PlanDefault> {
    let NodeKind::Scalar { text, .. } = &node.kind else {
        crate::mapping::wrong_kind(node, "a constant, `$now` or `$title_of.<field>`", sink);
        return None;
    };
    let Some(slot) = text.strip_prefix('$') else {
        return Some(PlanDefault::Constant(node.to_json().to_string()));
    };
    if slot == "now" {
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
    if let Some(field) = field.filter(|field| is_text(field)) {
        return Some(PlanDefault::TitleOf(field.to_owned()));
    }
    let message = format!("there is no slot `{slot}` here");
    let help = "there is `$now`, and `$title_of.<field>` for a text of the unified input";
    sink.push(Diagnostic::new("unknown-slot", message, node.span).help(help));
    None
}
