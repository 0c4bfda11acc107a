//! Sources that are only read: a value that follows from truths, records that were merged away, joined texts, constants.

use super::{super::natives::Native, Checker};
use crate::{
    diagnostic::Diagnostic,
    plan::{PlanNativeType, PlanSource},
    source::{
        Text,
        yaml::{Node, NodeKind},
    },
    spec::{SpecKind, SpecSchema},
};

impl Checker<'_> {
    pub(super) fn first_true(
        &self,
        name: &Text,
        schema: &SpecSchema,
        cases: &[(Text, Text)],
        otherwise: &Text,
    ) -> Option<PlanSource> {
        let values = match &schema.kind {
            SpecKind::Text(text) if !text.values.is_empty() => &text.values,
            _ => {
                let message = format!(
                    "`first_true` chooses a value of an enumeration, and `{}` is {}",
                    name.value,
                    schema.kind_name()
                );
                self.sink.push(
                    Diagnostic::new("type-mismatch", message, name.span)
                        .other(schema.span, "it is said here"),
                );
                return None;
            }
        };
        let mut planned = Vec::new();
        for value in cases.iter().map(|(value, _)| value).chain([otherwise]) {
            if !values.contains(&value.value) {
                let message = format!("`{}` has no value `{}`", name.value, value.value);
                let known = values.iter().map(String::as_str);
                self.sink.push(
                    Diagnostic::new("unknown-enum-value", message, value.span)
                        .nearest(&value.value, known),
                );
            }
        }
        for (value, path) in cases {
            let native = self.natives.field(path)?;
            let is_truth = match native.ty {
                PlanNativeType::Boolean => true,
                PlanNativeType::Text => {
                    let format = native.text().and_then(|text| text.format.as_deref());
                    format == Some("boolean")
                }
                PlanNativeType::Number => false,
            };
            if !is_truth {
                let message = format!("`{}` is not a truth value", path.value);
                self.sink.push(
                    Diagnostic::new("type-mismatch", message, path.span)
                        .other(native.schema.span, "it is said here"),
                );
            }
            planned.push((value.value.clone(), native.reference()));
        }
        let ty = schema.name.as_deref().map(|name| self.unified.short(name));
        Some(PlanSource::FirstTrue {
            ty: ty.unwrap_or_default().to_owned(),
            cases: planned,
            otherwise: otherwise.value.clone(),
        })
    }

    pub(super) fn losers(
        &self,
        name: &Text,
        schema: &SpecSchema,
        from: &Text,
        flag: Option<&Text>,
    ) -> Option<PlanSource> {
        let native = self.natives.own(from)?;
        let is_text = matches!(&schema.kind, SpecKind::Text(text) if text.values.is_empty());
        if !is_text || native.text().is_none() {
            let message = format!(
                "`losers` reads a list of ids in a text and tells an id; `{}` is {}, `{}` is {}",
                from.value,
                native.schema.kind_name(),
                name.value,
                schema.kind_name()
            );
            self.sink
                .push(Diagnostic::new("type-mismatch", message, from.span));
        }
        if let Some(flag) = flag {
            let known = self.unified.fields();
            let known: Vec<&str> = known
                .filter(|(_, schema)| matches!(schema.kind, SpecKind::Boolean))
                .map(|(name, _)| name.as_str())
                .collect();
            if !known.contains(&flag.as_str()) {
                let message = format!("`{}` is not a truth value of the record", flag.value);
                self.sink.push(
                    Diagnostic::new("unknown-unified-field", message, flag.span)
                        .nearest(&flag.value, known),
                );
            }
        }
        Some(PlanSource::Losers {
            from: native.reference(),
            flag: flag.map(|flag| flag.value.clone()),
        })
    }

    pub(super) fn join(
        &self,
        name: &Text,
        schema: &SpecSchema,
        parts: &[Text],
    ) -> Option<PlanSource> {
        let natives: Vec<Native> = parts
            .iter()
            .filter_map(|part| self.natives.field(part))
            .collect();
        let is_text = matches!(&schema.kind, SpecKind::Text(text) if text.values.is_empty() && text.format.is_none());
        if !is_text {
            let message = format!(
                "`join` makes text, and `{}` is {}",
                name.value,
                schema.kind_name()
            );
            self.sink.push(
                Diagnostic::new("type-mismatch", message, name.span)
                    .other(schema.span, "it is said here"),
            );
        }
        for native in natives.iter().filter(|native| native.text().is_none()) {
            let message = format!(
                "`join` takes texts, and `{}` is {}",
                native.dotted(),
                native.schema.kind_name()
            );
            self.sink
                .push(Diagnostic::new("type-mismatch", message, native.span));
        }
        (natives.len() == parts.len())
            .then(|| PlanSource::Join(natives.iter().map(Native::reference).collect()))
    }

    pub(super) fn constant(
        &self,
        name: &Text,
        schema: &SpecSchema,
        node: &Node,
    ) -> Option<PlanSource> {
        let json = node.to_json();
        let fits = match (&schema.kind, &json) {
            (SpecKind::Text(text), serde_json::Value::String(value)) => {
                text.values.is_empty() || text.values.contains(value)
            }
            (SpecKind::Number { .. }, serde_json::Value::Number(_))
            | (SpecKind::Boolean, serde_json::Value::Bool(_)) => true,
            (_, serde_json::Value::Null) => schema.nullable,
            _ => false,
        };
        if !fits || !matches!(node.kind, NodeKind::Scalar { .. }) {
            let message = format!(
                "`{}` is {}, which `{json}` is not",
                name.value,
                schema.kind_name()
            );
            self.sink.push(
                Diagnostic::new("type-mismatch", message, node.span)
                    .other(schema.span, "it is said here"),
            );
            return None;
        }
        Some(PlanSource::Constant(json.to_string()))
    }
}
