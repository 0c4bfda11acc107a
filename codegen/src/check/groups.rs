//! Groups: flat native fields that make a list of typed entries.
//!
//! The member that tells entries apart is the one that is an enumeration; a row says its value, and for other members
//! where they are.

use super::{natives::Natives, unified::UnifiedEntity};
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{MappingMember, MappingRow},
    plan::{PlanGroupMember, PlanGroupRow, PlanLine, PlanSource},
    source::Text,
    spec::{SpecKind, SpecObject, SpecSchema},
};

pub(super) fn check(
    name: &Text,
    schema: &SpecSchema,
    rows: &[MappingRow],
    writes: bool,
    unified: &UnifiedEntity,
    natives: Natives<'_>,
    sink: &Sink,
) -> Option<PlanSource> {
    let entry = match &schema.kind {
        SpecKind::List(entry) => entry.object().map(|object| (entry, object)),
        _ => None,
    };
    let Some((entry, object)) = entry else {
        let message = format!(
            "`{}` is {}; a group makes a list of objects",
            name.value,
            schema.kind_name()
        );
        sink.push(
            Diagnostic::new("type-mismatch", message, name.span)
                .other(schema.span, "it is said here"),
        );
        return None;
    };
    let tags = object
        .properties
        .iter()
        .filter_map(|(name, schema)| match &schema.kind {
            SpecKind::Text(text) if !text.values.is_empty() => Some((name, schema, &text.values)),
            _ => None,
        });
    let (tag, tag_schema, tag_values) = if let [one] = tags.collect::<Vec<_>>().as_slice() {
        *one
    } else {
        let message = format!(
            "an entry of `{}` must have one enumeration, which tells entries apart",
            name.value
        );
        sink.push(
            Diagnostic::new("unknown-group-tag", message, name.span).other(entry.span, "the entry"),
        );
        return None;
    };
    let checker = Checker {
        entry: object,
        entry_name: entry.name.as_deref().unwrap_or(&name.value),
        tag,
        tag_values,
        writes,
        natives,
        sink,
    };
    let mut planned: Vec<PlanGroupRow> = Vec::new();
    for row in rows {
        let Some(row_plan) = checker.row(row) else {
            continue;
        };
        if planned.iter().any(|known| known.tag == row_plan.tag) {
            let message = format!("two entries of `{}` are `{}`", name.value, row_plan.tag);
            sink.push(Diagnostic::new("mapped-twice", message, row.span));
        }
        planned.push(row_plan);
    }
    let short = |name: &Option<String>| {
        name.as_deref()
            .map(|name| unified.short(name).to_owned())
            .unwrap_or_default()
    };
    Some(PlanSource::Group {
        entry: short(&entry.name),
        tag: tag.clone(),
        tag_type: short(&tag_schema.name),
        writes,
        rows: planned,
    })
}

struct Checker<'a> {
    entry: &'a SpecObject,
    entry_name: &'a str,
    tag: &'a str,
    tag_values: &'a [String],
    writes: bool,
    natives: Natives<'a>,
    sink: &'a Sink,
}

impl Checker<'_> {
    fn row(&self, row: &MappingRow) -> Option<PlanGroupRow> {
        for member in &row.members {
            if !self.entry.properties.contains_key(&member.name.value) {
                let message = format!(
                    "`{}` has no member `{}`",
                    self.entry_name, member.name.value
                );
                let known = self.entry.properties.keys().map(String::as_str);
                self.sink.push(
                    Diagnostic::new("unknown-unified-field", message, member.name.span)
                        .nearest(&member.name.value, known),
                );
            }
        }
        let tag = self.tag(row);
        let mut members = Vec::new();
        for (name, schema) in &self.entry.properties {
            let given = row.members.iter().find(|member| member.name.value == *name);
            if let (Some(given), true) = (given, name != self.tag) {
                members.extend(self.member(given, schema));
            }
        }
        Some(PlanGroupRow { tag: tag?, members })
    }

    fn tag(&self, row: &MappingRow) -> Option<String> {
        let Some(given) = row
            .members
            .iter()
            .find(|member| member.name.value == self.tag)
        else {
            let message = format!("the entry does not say its `{}`", self.tag);
            self.sink
                .push(Diagnostic::new("missing-key", message, row.span));
            return None;
        };
        if !self.tag_values.contains(&given.from.value) {
            let message = format!("`{}` has no value `{}`", self.tag, given.from.value);
            let known = self.tag_values.iter().map(String::as_str);
            self.sink.push(
                Diagnostic::new("unknown-group-tag", message, given.from.span)
                    .nearest(&given.from.value, known),
            );
            return None;
        }
        Some(given.from.value.clone())
    }

    fn member(&self, member: &MappingMember, schema: &SpecSchema) -> Option<PlanGroupMember> {
        let native = self.natives.field(&member.from)?;
        let both_text = native.text().is_some()
            && matches!(&schema.kind, SpecKind::Text(text) if text.format.is_none());
        if !both_text {
            let message = format!(
                "members of entries are text on both sides; `{}` is {}, `{}` is {}",
                member.name.value,
                schema.kind_name(),
                member.from.value,
                native.schema.kind_name()
            );
            self.sink
                .push(Diagnostic::new("type-mismatch", message, member.from.span));
            return None;
        }
        let line = match member.line.as_ref().map(Text::as_str) {
            None => None,
            Some("first") => Some(PlanLine::First),
            Some("rest") => Some(PlanLine::Rest),
            Some(unknown) => {
                let message = format!("expected `first` or `rest`, found `{unknown}`");
                let span = member
                    .line
                    .as_ref()
                    .map_or(member.name.span, |line| line.span);
                self.sink
                    .push(Diagnostic::new("unknown-choice", message, span));
                return None;
            }
        };
        let write = if self.writes && !member.never {
            Some(self.natives.target(&native)?)
        } else {
            None
        };
        Some(PlanGroupMember {
            name: member.name.value.clone(),
            from: native.reference(),
            line,
            write,
        })
    }
}
