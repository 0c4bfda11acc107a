//! What is read beside records, and how hidden fields are found out.

use super::{
    answers::{self, Answer, Wanted},
    calls::{self, Calls},
    fields::native_refs,
    natives::{BesideNative, BesideNativeKind, Native, Natives, selected},
    objects::{About, Object},
    slots::Scope,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{
        MappingEntity, MappingSource,
        beside::{MappingBeside, MappingBesideKind},
        provider::MappingDescription,
    },
    plan::{
        PlanBeside, PlanBesideKind, PlanCall, PlanDescription, PlanField, PlanJson, PlanPath,
        PlanQueryValue, PlanSlot, PlanSource,
    },
    source::Text,
    spec::{Spec, SpecSchema},
};

/// What fields may come from beside the record itself.
pub(super) fn natives<'a>(
    besides: &'a [MappingBeside],
    spec: &'a Spec,
    native: (&Text, &SpecSchema),
    sink: &Sink,
) -> Vec<BesideNative<'a>> {
    let (object, record) = native;
    let mut natives = Vec::new();
    for beside in besides {
        let name = beside.name.as_str();
        check_name(&beside.name, sink);
        if let Some(field) = record.member(name) {
            let message = format!("`{name}` is also a field of `{}`", object.value);
            let diagnostic = Diagnostic::new("ambiguous-name", message, beside.name.span);
            sink.push(
                diagnostic
                    .other(field.span, "the field")
                    .help("call it something else: no mapping could name the field"),
            );
        }
        let kind = match &beside.kind {
            MappingBesideKind::Labels { .. } => BesideNativeKind::Labels,
            MappingBesideKind::Text => BesideNativeKind::Text,
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
                BesideNativeKind::Record(native.as_str(), schema)
            }
        };
        natives.push(BesideNative { name, kind });
    }
    natives
}

/// The name becomes a part of names in the generated code, and of paths in the mapping.
fn check_name(name: &Text, sink: &Sink) {
    let legal = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
    };
    let first = name.value.chars().next();
    if !name.value.chars().all(legal) || !first.is_some_and(|first| first.is_ascii_lowercase()) {
        let message = format!(
            "`{}` cannot name what is beside a record: expected small letters, digits and `_`",
            name.value
        );
        sink.push(Diagnostic::new("bad-name", message, name.span));
    }
}

pub(super) fn check<'a>(
    besides: &'a [MappingBeside],
    mapping: &MappingEntity,
    fields: &[PlanField],
    natives: Natives<'a>,
    calls: Calls<'a>,
) -> Vec<PlanBeside> {
    besides
        .iter()
        .filter_map(|beside| {
            let checker = Checker {
                beside,
                mapping,
                fields,
                natives,
                calls,
            };
            if let MappingBesideKind::Labels { .. } = beside.kind {
                checker.check_labels();
            }
            checker.check()
        })
        .collect()
}

struct Checker<'a, 'f> {
    beside: &'a MappingBeside,
    mapping: &'f MappingEntity,
    fields: &'f [PlanField],
    natives: Natives<'a>,
    calls: Calls<'a>,
}

impl<'a> Checker<'a, '_> {
    /// The object whose records are beside.
    fn object(&self) -> Option<Object<'a>> {
        let mut natives = self.natives.beside.iter();
        let native = natives.find(|native| native.name == self.beside.name.value)?;
        match native.kind {
            BesideNativeKind::Record(name, schema) => Some(Object {
                name: schema.called(name),
                schema,
            }),
            BesideNativeKind::Text | BesideNativeKind::Labels => None,
        }
    }

    /// A table is read for the values of its key, so a field that it labels comes from there.
    fn check_labels(&self) {
        let name = &self.beside.name.value;
        for field in &self.mapping.fields {
            let Some(MappingSource::From {
                from,
                label: Some(label),
                ..
            }) = &field.source
            else {
                continue;
            };
            let is_key = matches!(from.as_slice(), [only] if only.value == self.beside.key.value);
            if label.value == *name && !is_key {
                let message = format!(
                    "`{name}` has labels for the values of `{}`, and this does not come from there alone",
                    self.beside.key.value
                );
                self.calls.sink.push(
                    Diagnostic::new("wrong-label", message, label.span)
                        .other(self.beside.key.span, "the values that are looked up"),
                );
            }
        }
    }

    fn key(&self) -> Option<Native> {
        let key = self.natives.own(&self.beside.key)?;
        if key.text().is_none() {
            let message = format!(
                "a key is text, and `{}` is {}",
                self.beside.key.value,
                key.schema.kind_name()
            );
            self.calls.sink.push(
                Diagnostic::new("type-mismatch", message, key.span)
                    .other(key.schema.span, "it is said here"),
            );
        }
        Some(key)
    }

    fn check(&self) -> Option<PlanBeside> {
        let key = self.key();
        let name = &self.beside.name.value;
        let fed: Vec<&PlanField> = self
            .fields
            .iter()
            .filter(|field| comes_from(&field.source, name))
            .collect();
        // A field with a fault may have been meant to come from it.
        if fed.is_empty() && self.fields.len() == self.mapping.fields.len() {
            let message = format!("no field comes from `{name}`, which would be read for nothing");
            let diagnostic = Diagnostic::new("unused-beside", message, self.beside.name.span);
            self.calls.sink.push(diagnostic);
        }
        let (slots, about): (&[&'static str], _) = match &self.beside.kind {
            MappingBesideKind::Records { .. } => {
                (&["fields", "ids"], About::Object(self.object()?))
            }
            MappingBesideKind::Text => (&["record.id"], About::Anything),
            MappingBesideKind::Labels { .. } => (&[], About::Anything),
        };
        let scope = Scope {
            about,
            ..Scope::new("what is read beside a record", slots)
        };
        let (mut call, answer) = self.calls.reading(&self.beside.call, &scope)?;
        let kind = self.kind(&mut call, answer, &scope)?;
        Some(PlanBeside {
            name: name.clone(),
            key: key?.reference(),
            fields: fed.iter().map(|field| field.name.clone()).collect(),
            call,
            kind,
        })
    }

    fn kind(
        &self,
        call: &mut PlanCall,
        answer: Answer<'a>,
        scope: &Scope<'a>,
    ) -> Option<PlanBesideKind> {
        let at = self.beside.call.operation.span;
        let sink = self.calls.sink;
        match &self.beside.kind {
            MappingBesideKind::Text => {
                if !scope.uses(&PlanSlot::RecordId) {
                    let message =
                        "the call is given no `record.id`: it would read the same text for all";
                    sink.push(Diagnostic::new("unbound-parameter", message, at));
                }
                if let Some(body) = &answer.operation.answer {
                    let message = format!(
                        "the answer of `{}` is JSON, and no text",
                        answer.operation.id
                    );
                    let diagnostic = Diagnostic::new("type-mismatch", message, at);
                    sink.push(diagnostic.other(body.span, "it is said here"));
                }
                Some(PlanBesideKind::Text)
            }
            MappingBesideKind::Labels {
                rows,
                inner,
                value,
                label,
            } => {
                let list = answers::rows(answer, rows.as_ref(), at, sink)?;
                let mut element = answer.element(&list);
                let inner = match (inner, element) {
                    (Some(inner), Some(row)) => {
                        let path = answers::within(answer, row, inner, Wanted::List, sink)?;
                        element = answer.element_of(row, &path);
                        Some(path)
                    }
                    (inner, _) => inner.as_ref().map(path_of),
                };
                let place = |path: &Text| match element {
                    Some(row) => answers::within(answer, row, path, Wanted::Text, sink),
                    None => Some(path_of(path)),
                };
                Some(PlanBesideKind::Labels {
                    rows: list,
                    inner,
                    value: place(value)?,
                    label: place(label)?,
                })
            }
            MappingBesideKind::Records {
                native,
                rows,
                id,
                max,
            } => {
                let selection = selection(
                    self.fields,
                    &self.beside.name.value,
                    id,
                    self.natives.fields_in,
                );
                fill_fields(call, &selection);
                if !scope.uses(&PlanSlot::Ids) && !scope.uses(&PlanSlot::IdsEach) {
                    let message =
                        "the call is given no `ids`: it would read the same records for all";
                    sink.push(Diagnostic::new("unbound-parameter", message, at));
                }
                let rows = answers::rows(answer, rows.as_ref(), at, sink)?;
                let id = match answer.element(&rows) {
                    Some(row) => answers::within(answer, row, id, Wanted::Text, sink)?,
                    None => path_of(id),
                };
                Some(PlanBesideKind::Records {
                    native: native.value.clone(),
                    max: calls::at_least_one(max, sink),
                    rows,
                    id,
                })
            }
        }
    }
}

fn path_of(path: &Text) -> PlanPath {
    path.value.split('.').map(str::to_owned).collect()
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
fn selection(fields: &[PlanField], name: &str, id: &Text, fields_in: Option<&str>) -> Vec<String> {
    // By its id a record is found again.
    let mut selection: Vec<String> = selected(fields_in, &path_of(id)).into_iter().collect();
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

/// How the provider tells which fields the connected user has.
pub(super) fn description<'a>(
    described: &'a MappingDescription,
    calls: Calls<'a>,
) -> Option<PlanDescription> {
    let scope = Scope {
        about: About::Part,
        ..Scope::new("a description of an object", &[])
    };
    let (call, answer) = calls.reading(&described.call, &scope)?;
    let at = described.call.operation.span;
    let rows = answers::rows(answer, described.rows.as_ref(), at, calls.sink)?;
    let name = match answer.element(&rows) {
        Some(row) => answers::within(answer, row, &described.name, Wanted::Text, calls.sink)?,
        None => path_of(&described.name),
    };
    Some(PlanDescription { call, rows, name })
}
