//! Types on both sides of a field, and the conversions between them.

use super::natives::{Native, described};
use crate::{
    diagnostic::{Diagnostic, Sink, listed},
    plan::{PlanConvert, PlanNativeType},
    source::Text,
    spec::{SpecKind, SpecSchema},
};

const CONVERSIONS: [&str; 9] = [
    "integer",
    "number",
    "boolean",
    "timestamp",
    "date_as_timestamp",
    "date",
    "not",
    "html_base64",
    "option",
];

/// The unified side of a type, as far as conversions see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnifiedKind {
    Text,
    Timestamp,
    Number,
    Boolean,
    Enumeration,
    Other,
}

fn unified_kind(schema: &SpecSchema) -> UnifiedKind {
    match &schema.kind {
        SpecKind::Text(text) if !text.values.is_empty() => UnifiedKind::Enumeration,
        SpecKind::Text(text) if text.format.as_deref() == Some("date-time") => {
            UnifiedKind::Timestamp
        }
        SpecKind::Text(_) => UnifiedKind::Text,
        SpecKind::Number { .. } => UnifiedKind::Number,
        SpecKind::Boolean => UnifiedKind::Boolean,
        SpecKind::List(_) | SpecKind::Object(_) | SpecKind::Any => UnifiedKind::Other,
    }
}

/// A unified field, for its conversions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) name: &'a Text,
    pub(super) schema: &'a SpecSchema,
    /// The name of its type, where it has one.
    pub(super) type_name: &'a str,
}

/// An enumeration's values: unified ones with their native counterparts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) pairs: &'a [(Text, Text)],
    /// Whether native values without counterpart are meant to be read as null.
    pub(super) others: bool,
}

/// The conversion between a unified field and each of the natives that it may come from.
pub(super) fn conversion(
    target: Target<'_>,
    natives: &[Native],
    convert: Option<&Text>,
    values: Option<Values<'_>>,
    sink: &Sink,
) -> Option<PlanConvert> {
    if let Some(values) = values {
        if let Some(convert) = convert {
            let message = "`convert` and `values` both say how to convert";
            sink.push(Diagnostic::new("several-sources", message, convert.span));
            return None;
        }
        return enumeration(target, natives, values, sink);
    }
    let plan = match convert.map(Text::as_str) {
        None => PlanConvert::Same,
        Some("integer") => PlanConvert::Integer,
        Some("number") => PlanConvert::Number,
        Some("boolean") => PlanConvert::Boolean,
        Some("timestamp") => PlanConvert::Timestamp,
        Some("date_as_timestamp") => PlanConvert::DateAsTimestamp,
        Some("date") => PlanConvert::Date,
        Some("not") => PlanConvert::Not,
        Some("html_base64") => PlanConvert::HtmlBase64,
        Some("option") => PlanConvert::Option(
            natives
                .first()
                .map(|native| native.known_values().to_vec())
                .unwrap_or_default(),
        ),
        Some(unknown) => {
            let message = format!("there is no conversion `{unknown}`");
            let span = convert.map_or(target.name.span, |convert| convert.span);
            sink.push(
                Diagnostic::new("unknown-conversion", message, span).nearest(unknown, CONVERSIONS),
            );
            return None;
        }
    };
    let mut fit = true;
    for native in natives {
        if !fits(&plan, unified_kind(target.schema), native) {
            sink.push(mismatch(target, native, convert));
            fit = false;
        }
    }
    fit.then_some(plan)
}

fn fits(convert: &PlanConvert, unified: UnifiedKind, native: &Native) -> bool {
    use PlanNativeType::{Boolean, Number, Text};
    let format = native.text().and_then(|text| text.format.as_deref());
    let is_text = matches!(unified, UnifiedKind::Text | UnifiedKind::Timestamp);
    let is_number = native.ty == Text && matches!(format, Some("number" | "integer"));
    match convert {
        PlanConvert::Same => matches!(
            (unified, native.ty),
            (UnifiedKind::Text, Text)
                | (UnifiedKind::Number, Number)
                | (UnifiedKind::Boolean, Boolean)
        ),
        PlanConvert::Integer => {
            unified == UnifiedKind::Number && (native.ty == Number || is_number)
        }
        PlanConvert::Number => unified == UnifiedKind::Number && is_number,
        PlanConvert::Boolean => {
            unified == UnifiedKind::Boolean && native.ty == Text && format == Some("boolean")
        }
        // A date without a time would be given one: that is another conversion. A number counts from 1970.
        PlanConvert::Timestamp => {
            is_text && (native.ty == Number || native.ty == Text && format == Some("date-time"))
        }
        PlanConvert::DateAsTimestamp => is_text && native.ty == Text && format == Some("date"),
        PlanConvert::Date => {
            unified == UnifiedKind::Text
                && native.ty == Text
                && matches!(format, Some("date" | "date-time"))
        }
        PlanConvert::HtmlBase64 => {
            unified == UnifiedKind::Text && native.ty == Text && is_plain(native)
        }
        PlanConvert::Not => unified == UnifiedKind::Boolean && native.ty == Boolean,
        PlanConvert::Option(_) => unified == UnifiedKind::Text && !native.known_values().is_empty(),
        PlanConvert::Values { .. } => true,
    }
}

/// Whether a text may be anything: neither an enumeration nor a date or number.
fn is_plain(native: &Native) -> bool {
    let format = native.text().and_then(|text| text.format.as_deref());
    native.known_values().is_empty() && matches!(format, None | Some("byte"))
}

fn mismatch(target: Target<'_>, native: &Native, convert: Option<&Text>) -> Diagnostic {
    let dotted = native.dotted();
    let unified = described(target.schema);
    let held = described(&native.schema);
    let name = &target.name.value;
    let (message, span) = match convert {
        Some(convert) => {
            let message = format!("`{}` does not make {unified} of {held}", convert.value);
            (message, convert.span)
        }
        None => (
            format!("`{name}` is {unified}, `{dotted}` is {held}, and no conversion is named"),
            native.span,
        ),
    };
    let diagnostic = Diagnostic::new("type-mismatch", message, span)
        .other(target.schema.span, format!("`{name}` is {unified}"))
        .other(native.schema.span, format!("`{dotted}` is {held}"));
    let kind = unified_kind(target.schema);
    if kind == UnifiedKind::Enumeration {
        return diagnostic.help("say `values:` with a native value for each unified one");
    }
    let mut fitting = Vec::new();
    for (name, plan) in CONVERSIONS.iter().zip([
        PlanConvert::Integer,
        PlanConvert::Number,
        PlanConvert::Boolean,
        PlanConvert::Timestamp,
        PlanConvert::DateAsTimestamp,
        PlanConvert::Date,
        PlanConvert::Not,
        PlanConvert::HtmlBase64,
        PlanConvert::Option(Vec::new()),
    ]) {
        if fits(&plan, kind, native) && likely(&plan, kind, native) {
            fitting.push(*name);
        }
    }
    if fits(&PlanConvert::Same, kind, native) {
        return diagnostic.help("it fits without a conversion");
    }
    match fitting.as_slice() {
        [] => diagnostic,
        fitting => diagnostic.help(format!(
            "what fits is {}",
            listed(fitting).replace(" and ", " or ")
        )),
    }
}

/// Whether a conversion that fits may be what was meant: nearly any text or number might be an instant.
fn likely(convert: &PlanConvert, unified: UnifiedKind, native: &Native) -> bool {
    let format = native.text().and_then(|text| text.format.as_deref());
    match convert {
        PlanConvert::Timestamp => unified == UnifiedKind::Timestamp || format == Some("date-time"),
        PlanConvert::DateAsTimestamp => format == Some("date"),
        PlanConvert::Date => matches!(format, Some("date" | "date-time")),
        // Told apart by meaning alone, which no type shows.
        PlanConvert::Not | PlanConvert::HtmlBase64 => false,
        _ => true,
    }
}

/// An enumeration: each unified value with a native one, each native one of a closed list with a unified one.
fn enumeration(
    target: Target<'_>,
    natives: &[Native],
    said: Values<'_>,
    sink: &Sink,
) -> Option<PlanConvert> {
    let values = said.pairs;
    let before = values
        .first()
        .map_or(target.name.span, |(unified, _)| unified.span);
    let unified_values = match &target.schema.kind {
        SpecKind::Text(text) if !text.values.is_empty() => &text.values,
        _ => {
            let message = format!(
                "`{}` is {}, not an enumeration",
                target.name.value,
                target.schema.kind_name()
            );
            sink.push(
                Diagnostic::new("type-mismatch", message, before)
                    .other(target.schema.span, "it is said here"),
            );
            return None;
        }
    };
    for native in natives {
        native_values(native, said, target.name, sink);
    }
    let is_known = |unified: &Text| unified_values.contains(&unified.value);
    for (at, (unified, native)) in values.iter().enumerate() {
        let mut before = values[..at]
            .iter()
            .filter(|(first, _)| is_known(first) && is_known(unified));
        if let Some((first, place)) = before.find(|(_, before)| before.value == native.value) {
            let message = format!(
                "`{}` and `{}` are both written as `{}`: which of them is it when it is read?",
                first.value, unified.value, native.value
            );
            sink.push(
                Diagnostic::new("ambiguous-value", message, native.span)
                    .other(place.span, "the first one"),
            );
        }
    }
    for (unified, _) in values {
        if !unified_values.contains(&unified.value) {
            let message = format!("`{}` has no value `{}`", target.name.value, unified.value);
            let known = unified_values.iter().map(String::as_str);
            sink.push(
                Diagnostic::new("unknown-enum-value", message, unified.span)
                    .nearest(&unified.value, known),
            );
        }
    }
    for missing in unified_values
        .iter()
        .filter(|value| !values.iter().any(|(unified, _)| unified.value == **value))
    {
        let message = format!(
            "the value `{missing}` of `{}` has no native counterpart",
            target.name.value
        );
        sink.push(Diagnostic::new(
            "enum-value-without-counterpart",
            message,
            target.name.span,
        ));
    }
    let pairs = values
        .iter()
        .map(|(unified, native)| (unified.value.clone(), native.value.clone()))
        .collect();
    Some(PlanConvert::Values {
        ty: target.type_name.to_owned(),
        pairs,
    })
}

fn native_values(native: &Native, said: Values<'_>, name: &Text, sink: &Sink) {
    let values = said.pairs;
    let dotted = native.dotted();
    let Some(_) = native.text() else {
        let message = format!(
            "`{dotted}` is {}, and `values` are texts",
            native.schema.kind_name()
        );
        sink.push(
            Diagnostic::new("type-mismatch", message, native.span)
                .other(native.schema.span, "it is said here"),
        );
        return;
    };
    let known = native.known_values();
    for (_, value) in values
        .iter()
        .filter(|(_, value)| !known.is_empty() && !known.contains(&value.value))
    {
        let message = format!("`{dotted}` has no value `{}`", value.value);
        let diagnostic = Diagnostic::new("unknown-enum-value", message, value.span)
            .other(native.schema.span, "its values");
        sink.push(diagnostic.nearest(&value.value, known.iter().map(String::as_str)));
    }
    // A slip of the pen leaves its value without counterpart as well: one fault is enough.
    let slipped = values
        .iter()
        .any(|(_, value)| !known.contains(&value.value));
    if said.others || slipped {
        return;
    }
    for missing in known
        .iter()
        .filter(|value| !values.iter().any(|(_, native)| native.value == **value))
    {
        let message = format!(
            "the native value `{missing}` of `{dotted}` has no counterpart in `{}`",
            name.value
        );
        let help = "say `others: null` after `values`, if it is to be read as null, with a warning";
        let diagnostic = Diagnostic::new("enum-value-without-counterpart", message, name.span);
        sink.push(
            diagnostic
                .other(native.schema.span, "its values")
                .help(help),
        );
    }
}
