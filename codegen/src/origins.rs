//! Where each field comes from: the line of the mapping behind it, and the native fields that the line names.
//!
//! For people who look at a call and ask why a field has its value. One line of JSON for each field, so that a diff shows
//! what a change of a mapping means.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::{
    load::{Input, InputProvider},
    mapping::{MappingEntity, MappingField, MappingRow, MappingSource, MappingWrite},
    output::GENERATED,
    source::{Sources, Span, Text},
};

/// The name of the table's file, beside what is generated.
pub(crate) const FILE: &str = "origins.json";

/// Where the table is, in the project.
pub fn path() -> String {
    format!("{GENERATED}/{FILE}")
}

/// The table, by provider and entity.
pub fn table(input: &Input, sources: &Sources) -> String {
    let mut text = String::from("{");
    for (at, provider) in input.providers.iter().enumerate() {
        let _ = write!(
            text,
            "{}\n  {}: {{",
            comma(at),
            Value::from(provider.mapping.name.as_str())
        );
        entities(&mut text, provider, sources);
        text.push_str("\n  }");
    }
    text.push_str("\n}\n");
    text
}

fn entities(text: &mut String, provider: &InputProvider, sources: &Sources) {
    for (at, entity) in provider.entities.iter().enumerate() {
        let head = json!(entity.entity.value);
        let file = json!(sources.file(entity.file).path);
        let native = json!(entity.native.value);
        let _ = write!(
            text,
            "{}\n    {head}: {{\"file\": {file}, \"native\": {native}, \"fields\": {{",
            comma(at)
        );
        for (at, (name, origin)) in fields(entity, sources).iter().enumerate() {
            let _ = write!(
                text,
                "{}\n      {}: {origin}",
                comma(at),
                Value::from(name.as_str())
            );
        }
        text.push_str("\n    }}");
    }
}

fn comma(at: usize) -> &'static str {
    if at == 0 { "" } else { "," }
}

/// Fields by their paths, as in `addresses.city`.
fn fields(entity: &MappingEntity, sources: &Sources) -> Map<String, Value> {
    let mut table = Map::new();
    for field in &entity.fields {
        let name = &field.name.value;
        table.insert(
            name.clone(),
            origin(sources, field.name.span, &natives(field)),
        );
        if let Some(MappingSource::Group(rows)) = &field.source {
            members(&mut table, name, rows, sources);
        }
    }
    for (field, reason) in &entity.not_mapped {
        // One that is read and cannot be written keeps its line.
        let known = table
            .entry(field.value.clone())
            .or_insert_with(|| origin(sources, field.span, &[]));
        known["reason"] = reason.value.clone().into();
    }
    table
}

/// The members of a group's entries. The line is that of the first entry; each has its native field.
fn members(table: &mut Map<String, Value>, name: &str, rows: &[MappingRow], sources: &Sources) {
    for member in rows.iter().flat_map(|row| &row.members) {
        let path = format!("{name}.{}", member.name.value);
        let known = table
            .entry(path)
            .or_insert_with(|| origin(sources, member.name.span, &[]));
        if let Some(natives) = known["native"].as_array_mut() {
            natives.push(member.from.value.clone().into());
        }
    }
}

fn natives(field: &MappingField) -> Vec<String> {
    let texts = |texts: &[Text]| texts.iter().map(|text| text.value.clone()).collect();
    let mut natives: Vec<String> = match &field.source {
        Some(MappingSource::From { from, .. } | MappingSource::Join(from)) => texts(from),
        Some(MappingSource::FirstTrue { cases, .. }) => cases
            .iter()
            .map(|(_, native)| native.value.clone())
            .collect(),
        Some(MappingSource::Losers { from, .. }) => vec![from.value.clone()],
        Some(MappingSource::Group(rows)) => rows
            .iter()
            .flat_map(|row| &row.members)
            .map(|member| member.from.value.clone())
            .collect(),
        Some(MappingSource::Constant(_)) | None => Vec::new(),
    };
    if let Some(MappingWrite::To(native)) = &field.write
        && !natives.contains(&native.value)
    {
        natives.push(native.value.clone());
    }
    natives
}

fn origin(sources: &Sources, span: Span, native: &[String]) -> Value {
    let (line, _) = sources.line(span);
    json!({
        "line": sources.place(span).line,
        "text": line.trim(),
        "native": native,
    })
}
