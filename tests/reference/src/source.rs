//! Where the value of a unified field comes from.

use std::slice;

use crosswalk_codegen::plan::{
    PlanConvert, PlanField, PlanGroupMember, PlanGroupRow, PlanLine, PlanNativeRef, PlanNativeType,
    PlanSource,
};

use crate::{
    Mapped, convert,
    json::{Refused, written},
    record::{Native, Text},
};

impl<'p> Mapped<'p> {
    /// All native values that are looked at, whatever the record has: those of its fields, and the keys of what is
    /// beside it.
    pub(crate) fn refs(&self) -> impl Iterator<Item = &'p PlanNativeRef> + use<'p> {
        let entity = self.entity;
        let keys = entity.beside.iter().map(|beside| &beside.key);
        keys.chain(entity.fields.iter().flat_map(|field| refs(&field.source)))
    }
}

/// The native values that a field comes from. Those that were merged into the record are no part of it.
pub(crate) fn refs(source: &PlanSource) -> Vec<&PlanNativeRef> {
    match source {
        PlanSource::Value { from, .. } | PlanSource::Join(from) => from.iter().collect(),
        PlanSource::FirstTrue { cases, .. } => cases.iter().map(|(_, from)| from).collect(),
        PlanSource::Constant(_) | PlanSource::Losers { .. } => Vec::new(),
        PlanSource::Group { rows, .. } => {
            let members = rows.iter().flat_map(|row| &row.members);
            members.map(|member| &member.from).collect()
        }
    }
}

/// The unified value as JSON; none is null.
pub(crate) fn value(native: &mut Native<'_>, field: &PlanField) -> Result<Option<String>, Refused> {
    let name = field.name.as_str();
    match &field.source {
        PlanSource::Constant(json) => Ok(Some(json.clone())),
        PlanSource::Losers { .. } => Ok(None),
        PlanSource::Join(from) => {
            let mut texts = Vec::new();
            for from in from {
                texts.extend(set(native, from, name)?.map(|text| text.text));
            }
            Ok((!texts.is_empty()).then(|| written(&texts.join(" "))))
        }
        PlanSource::FirstTrue {
            cases, otherwise, ..
        } => first_true(native, name, cases, otherwise),
        PlanSource::Group {
            entry, tag, rows, ..
        } => {
            let mut entries = Vec::new();
            for row in rows {
                entries.extend(self::entry(native, name, entry, tag, row)?);
            }
            Ok((!entries.is_empty()).then(|| format!("[{}]", entries.join(","))))
        }
        PlanSource::Value {
            from,
            label: Some(table),
            ..
        } => {
            let Some(text) = first(native, from, name)? else {
                return Ok(None);
            };
            let Some(labels) = native.labels(table) else {
                return Ok(None);
            };
            let label = labels.get(&text.text);
            if label.is_none() {
                let value = crate::warnings::shortened(&text.text);
                let detail = format!("{value:?} has no label at the provider; see raw_data");
                native.warnings.not_read(name, detail);
            }
            Ok(label.map(|label| written(label)))
        }
        PlanSource::Value { from, convert, .. } => converted(native, name, from, convert),
    }
}

/// The value of the first truth that holds; unknown where one before it is.
fn first_true(
    native: &mut Native<'_>,
    name: &str,
    cases: &[(String, PlanNativeRef)],
    otherwise: &str,
) -> Result<Option<String>, Refused> {
    let mut truths = Vec::new();
    for (value, from) in cases {
        truths.push((value, truth(native, from, name)?));
    }
    for (value, holds) in truths {
        match holds {
            None => return Ok(None),
            Some(true) => return Ok(Some(written(value))),
            Some(false) => {}
        }
    }
    Ok(Some(written(otherwise)))
}

fn truth(
    native: &mut Native<'_>,
    from: &PlanNativeRef,
    name: &str,
) -> Result<Option<bool>, Refused> {
    if from.ty == PlanNativeType::Boolean {
        return native.flag(from, name);
    }
    let Some(text) = set(native, from, name)? else {
        return Ok(None);
    };
    Ok(match text.text.as_str() {
        "true" => Some(true),
        "false" => Some(false),
        other => {
            native.warnings.unlike(name, "true or false", other);
            None
        }
    })
}

fn converted(
    native: &mut Native<'_>,
    name: &str,
    from: &[PlanNativeRef],
    convert: &PlanConvert,
) -> Result<Option<String>, Refused> {
    match (convert, from[0].ty) {
        (
            PlanConvert::Same | PlanConvert::Integer | PlanConvert::Number,
            PlanNativeType::Number,
        ) => {
            let number = native.number(&from[0], name)?;
            return Ok(number.map(|number| convert::number(&number).unwrap_or(number)));
        }
        (PlanConvert::Timestamp, PlanNativeType::Number) => {
            let Some(number) = native.number(&from[0], name)? else {
                return Ok(None);
            };
            let read = convert::timestamp(&number);
            if read.is_none() {
                native.warnings.unlike(name, "a date and time", &number);
            }
            return Ok(read.map(|instant| written(&instant)));
        }
        (PlanConvert::Same | PlanConvert::Boolean, PlanNativeType::Boolean) => {
            let flag = native.flag(&from[0], name)?;
            return Ok(flag.map(|flag| flag.to_string()));
        }
        (PlanConvert::Not, _) => {
            let flag = native.flag(&from[0], name)?;
            return Ok(flag.map(|flag| (!flag).to_string()));
        }
        _ => {}
    }
    let Some(Text { text, json }) = first(native, from, name)? else {
        return Ok(None);
    };
    let (expected, read) = match convert {
        PlanConvert::Same | PlanConvert::Option(_) => return Ok(Some(json)),
        PlanConvert::HtmlBase64 => {
            return Ok(Some(written(&crosswalk::translate::html::to_text(&text))));
        }
        PlanConvert::Integer | PlanConvert::Number => ("a number", convert::number(text.trim())),
        PlanConvert::Boolean | PlanConvert::Not => {
            let is_flag = matches!(text.as_str(), "true" | "false");
            ("true or false", is_flag.then(|| text.clone()))
        }
        PlanConvert::Timestamp => {
            let read = convert::timestamp(&text);
            ("a date and time", read.map(|read| written(&read)))
        }
        PlanConvert::DateAsTimestamp => {
            let read = convert::date_as_timestamp(&text);
            ("a date", read.map(|read| written(&read)))
        }
        PlanConvert::Date => ("a date", convert::date(&text).map(|read| written(&read))),
        PlanConvert::Values { pairs, .. } => {
            let pair = pairs.iter().find(|(_, native)| *native == text);
            (
                "a value that has a counterpart",
                pair.map(|(unified, _)| written(unified)),
            )
        }
    };
    if read.is_none() {
        native.warnings.unlike(name, expected, &text);
    }
    Ok(read)
}

/// A text; an empty one is unset.
fn set(native: &mut Native<'_>, from: &PlanNativeRef, name: &str) -> Result<Option<Text>, Refused> {
    first(native, slice::from_ref(from), name)
}

/// The first of several texts that is set. All are looked at, and what is odd in any of them is told.
fn first(
    native: &mut Native<'_>,
    from: &[PlanNativeRef],
    name: &str,
) -> Result<Option<Text>, Refused> {
    let mut first = None;
    for from in from {
        let text = native
            .text(from, name)?
            .filter(|text| !text.text.is_empty());
        first = first.or(text);
    }
    Ok(first)
}

/// An entry of a list that flat native fields make; none where it has nothing in it.
fn entry(
    native: &mut Native<'_>,
    name: &str,
    entry: &str,
    tag: &str,
    row: &PlanGroupRow,
) -> Result<Option<String>, Refused> {
    let members = native.mapped.members_of(entry);
    let is_needed = |name: &str| {
        let member = members.iter().find(|member| member.name == name);
        member.is_some_and(|member| member.required && !member.nullable)
    };
    let mapped = |name: &str| row.members.iter().find(|mapped| mapped.name == name);
    let mut values: Vec<(&str, Option<String>)> = Vec::new();
    // What an entry must have is looked at first: without it there is no entry, and nothing more is looked at.
    for member in members
        .iter()
        .filter(|it| it.name != tag && is_needed(&it.name))
    {
        let Some(mapped) = mapped(&member.name) else {
            continue;
        };
        let Some(value) = part(native, name, mapped)? else {
            return Ok(None);
        };
        values.push((&member.name, Some(value)));
    }
    for member in members
        .iter()
        .filter(|it| it.name != tag && !is_needed(&it.name))
    {
        if let Some(mapped) = mapped(&member.name) {
            values.push((&member.name, part(native, name, mapped)?));
        }
    }
    if values.iter().all(|(_, value)| value.is_none()) {
        return Ok(None);
    }
    let members = members.iter().map(|member| {
        let value = if member.name == tag {
            Some(written(&row.tag))
        } else {
            let known = values.iter().find(|(known, _)| *known == member.name);
            known.and_then(|(_, value)| value.clone())
        };
        let value = value.unwrap_or_else(|| "null".to_owned());
        format!("{}:{value}", written(&member.name))
    });
    Ok(Some(format!(
        "{{{}}}",
        members.collect::<Vec<_>>().join(",")
    )))
}

fn part(
    native: &mut Native<'_>,
    name: &str,
    mapped: &PlanGroupMember,
) -> Result<Option<String>, Refused> {
    let Some(text) = set(native, &mapped.from, name)? else {
        return Ok(None);
    };
    let line = match mapped.line {
        None => return Ok(Some(text.json)),
        Some(PlanLine::First) => convert::first_line(&text.text).to_owned(),
        Some(PlanLine::Rest) => convert::rest_lines(&text.text),
    };
    Ok((!line.is_empty()).then(|| written(&line)))
}
