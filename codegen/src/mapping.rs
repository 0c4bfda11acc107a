//! Mappings as typed syntax, every value with its place.
//!
//! What is here has the right shape and no unknown key; whether its names exist is for the checks. What a native call is
//! given stays a [`Node`], since its form follows from the call. The operations of an entity stay nodes as well, until
//! the unified spec has said which form each has.

pub mod beside;
pub mod call;
pub mod connect;
pub mod document;
pub mod gone;
pub mod joins;
pub mod limits;
pub mod native_door;
pub mod operation;
pub mod provider;
pub mod script;
mod table;

use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{
        FileId, Span, Spanned, Text,
        yaml::{Node, NodeKind},
    },
};

pub(crate) use table::Table;

/// One entity file.
#[derive(Debug)]
pub struct MappingEntity {
    pub file: FileId,
    pub entity: Text,
    pub native: Text,
    /// Whether its fields are its own members, even where the provider's other records hold theirs in one member.
    pub flat: bool,
    /// Path parameters that every call of the entity is given.
    pub bind: Vec<(Text, Text)>,
    pub record_id_prefix: Option<Text>,
    pub fields: Vec<MappingField>,
    /// Where the fields are said.
    pub fields_span: Span,
    /// Unified fields without counterpart, and why.
    pub not_mapped: Vec<(Text, Text)>,
    /// What is read beside the records.
    pub beside: Vec<(Text, Node)>,
    /// Native fields that a created record gets unless it has them.
    pub defaults: Vec<(Text, Node)>,
    /// How the object is found that a call names, where the entity is not of one object.
    pub objects: Option<script::MappingObjects>,
    pub operations: Vec<(Text, Node)>,
    /// What incremental lists tell of records that are gone; none where it is not said or has a fault.
    pub gone: Option<gone::MappingGone>,
    pub gone_is_said: bool,
}

/// One unified field.
#[derive(Debug)]
pub struct MappingField {
    pub name: Text,
    /// None where it has a fault, which has been reported.
    pub source: Option<MappingSource>,
    pub write: Option<MappingWrite>,
}

#[derive(Debug)]
pub enum MappingSource {
    /// The first of these that is present.
    From {
        from: Vec<Text>,
        convert: Option<Text>,
        values: Option<Vec<(Text, Text)>>,
        /// Where `others: null` stands: native values that are not among `values` are read as null.
        others: Option<Span>,
        /// The table beside the records that has a label for the value.
        label: Option<Text>,
    },
    /// The value of the first native truth that holds, or else the last one.
    FirstTrue {
        cases: Vec<(Text, Text)>,
        otherwise: Text,
    },
    /// The native list of records that were merged into this one, each of which is told with this record's id in the
    /// field, and with `flag` set.
    Losers {
        from: Text,
        flag: Option<Text>,
    },
    Join(Vec<Text>),
    Constant(Node),
    Group(Vec<MappingRow>),
}

#[derive(Debug)]
pub enum MappingWrite {
    Never(Span),
    To(Text),
}

/// One entry of a group.
#[derive(Debug)]
pub struct MappingRow {
    pub span: Span,
    pub members: Vec<MappingMember>,
}

#[derive(Debug)]
pub struct MappingMember {
    pub name: Text,
    /// A native path; of the member that tells entries apart: its value.
    pub from: Text,
    pub line: Option<Text>,
    pub never: bool,
}

/// Reads an entity's file.
pub fn entity(file: FileId, node: &Node, sink: &Sink) -> Option<MappingEntity> {
    let mut table = Table::new(node, sink)?;
    let entity = table.text("entity");
    let native = table.text("native");
    let flat = table.flag("flat");
    let bind = table.texts_by_name("bind");
    let record_id_prefix = table.optional_text("record_id_prefix");
    let fields_node = table.required("fields");
    let not_mapped = table.texts_by_name("not_mapped");
    let beside = table
        .optional("beside")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let defaults = table
        .optional("defaults")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let objects = table
        .optional("objects")
        .and_then(|node| script::objects(node, sink));
    let operations = table
        .optional("operations")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let gone = table.optional("gone");
    table.finish();
    let fields_node = fields_node?;
    let fields = entries(fields_node, sink)
        .into_iter()
        .map(|(name, node)| field(name, &node, sink))
        .collect();
    Some(MappingEntity {
        file,
        entity: entity?,
        native: native?,
        flat,
        bind,
        record_id_prefix,
        fields,
        fields_span: fields_node.span,
        not_mapped,
        beside,
        defaults,
        objects,
        operations,
        gone: gone.and_then(|node| gone::gone(node, sink)),
        gone_is_said: gone.is_some(),
    })
}

/// The lines of a mapping whose keys are names.
fn entries(node: &Node, sink: &Sink) -> Vec<(Text, Node)> {
    if let NodeKind::Mapping(entries) = &node.kind {
        entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.value.clone()))
            .collect()
    } else {
        wrong_kind(node, "a mapping", sink);
        Vec::new()
    }
}

fn field(name: Text, node: &Node, sink: &Sink) -> MappingField {
    let Some(mut table) = Table::new(node, sink) else {
        return MappingField {
            name,
            source: None,
            write: None,
        };
    };
    let write = table
        .optional_text("write")
        .map(|text| match text.as_str() {
            "never" => MappingWrite::Never(text.span),
            _ => MappingWrite::To(text),
        });
    let source = source(&name, &mut table, sink);
    table.finish();
    MappingField {
        name,
        source,
        write,
    }
}

/// The keys of which a field has exactly one.
const SOURCES: [&str; 6] = ["from", "join", "constant", "group", "first_true", "losers"];

fn source(name: &Text, table: &mut Table<'_>, sink: &Sink) -> Option<MappingSource> {
    let [from, join, constant, group, first_true, losers] =
        SOURCES.map(|source| table.optional(source));
    let convert = table.optional_text("convert");
    let values = table.optional_texts_by_name("values");
    let others = table.optional("others").map(|node| null(node, sink));
    let label = table.optional_text("label");
    let otherwise = table.optional_text("otherwise");
    let flag = table.optional_text("flag");
    let sources = [from, join, constant, group, first_true, losers];
    let given = sources.iter().flatten().count();
    if given != 1 {
        let message = format!(
            "`{}` must have one of {}, and has {given}",
            name.value,
            crate::diagnostic::listed(&SOURCES)
        );
        let id = if given == 0 {
            "missing-key"
        } else {
            "several-sources"
        };
        sink.push(Diagnostic::new(id, message, name.span));
        return None;
    }
    let first_value = values
        .iter()
        .flatten()
        .next()
        .map(|(unified, _)| unified.span);
    // What says more of a source goes with that source only.
    for (said, key, belongs) in [
        (convert.as_ref().map(|text| text.span), "convert", "from"),
        (first_value, "values", "from"),
        (others, "others", "from"),
        (label.as_ref().map(|text| text.span), "label", "from"),
        (
            otherwise.as_ref().map(|text| text.span),
            "otherwise",
            "first_true",
        ),
        (flag.as_ref().map(|text| text.span), "flag", "losers"),
    ] {
        let there = SOURCES
            .iter()
            .zip(&sources)
            .any(|(source, node)| *source == belongs && node.is_some());
        if let (Some(span), false) = (said, there) {
            let message = format!("`{key}` goes with `{belongs}` only");
            sink.push(Diagnostic::new("several-sources", message, span));
        }
    }
    if let (Some(span), None) = (others, &values) {
        let message = "`others` goes with `values` only";
        sink.push(Diagnostic::new("several-sources", message, span));
    }
    Some(match (from, join, constant, first_true, losers) {
        (Some(from), ..) => MappingSource::From {
            from: texts(from, sink),
            convert,
            values,
            others,
            label,
        },
        (_, Some(join), ..) => MappingSource::Join(texts(join, sink)),
        (_, _, Some(constant), ..) => MappingSource::Constant(constant.clone()),
        (.., Some(cases), _) => {
            let Some(otherwise) = otherwise else {
                let message =
                    "the key `otherwise` is missing: the value when none of these is true";
                sink.push(Diagnostic::new("missing-key", message, name.span));
                return None;
            };
            let cases = entries(cases, sink)
                .into_iter()
                .filter_map(|(value, node)| Some((value, text(&node, sink)?)))
                .collect();
            MappingSource::FirstTrue { cases, otherwise }
        }
        (.., Some(losers)) => MappingSource::Losers {
            from: text(losers, sink)?,
            flag,
        },
        _ => MappingSource::Group(rows(group?, sink)),
    })
}

/// The place of a `null`; anything else is refused.
fn null(node: &Node, sink: &Sink) -> Span {
    if !matches!(&node.kind, NodeKind::Scalar { text, plain: true } if text == "null") {
        wrong_kind(node, "`null`", sink);
    }
    node.span
}

fn rows(node: &Node, sink: &Sink) -> Vec<MappingRow> {
    let NodeKind::List(rows) = &node.kind else {
        wrong_kind(node, "a list of entries", sink);
        return Vec::new();
    };
    rows.iter()
        .map(|row| MappingRow {
            span: row.span,
            members: entries(row, sink)
                .into_iter()
                .filter_map(|(name, node)| member(name, &node, sink))
                .collect(),
        })
        .collect()
}

fn member(name: Text, node: &Node, sink: &Sink) -> Option<MappingMember> {
    if let NodeKind::Scalar { .. } = node.kind {
        return Some(MappingMember {
            name,
            from: text(node, sink)?,
            line: None,
            never: false,
        });
    }
    let mut table = Table::new(node, sink)?;
    let from = table.text("from");
    let line = table.optional_text("line");
    let write = table.optional_choice("write", &["never"]);
    table.finish();
    Some(MappingMember {
        name,
        from: from?,
        line,
        never: write.is_some(),
    })
}

/// A text; anything else is refused.
pub(crate) fn text(node: &Node, sink: &Sink) -> Option<Text> {
    match &node.kind {
        NodeKind::Scalar { text, plain } if !(*plain && text.is_empty()) => Some(Spanned {
            value: text.clone(),
            span: node.span,
        }),
        _ => {
            wrong_kind(node, "text", sink);
            None
        }
    }
}

/// One text or a list of texts.
pub(crate) fn texts(node: &Node, sink: &Sink) -> Vec<Text> {
    match &node.kind {
        NodeKind::List(elements) => elements
            .iter()
            .filter_map(|element| text(element, sink))
            .collect(),
        _ => text(node, sink).into_iter().collect(),
    }
}

pub(crate) fn wrong_kind(node: &Node, expected: &str, sink: &Sink) {
    let message = format!("expected {expected}, found {}", node.kind_name());
    sink.push(Diagnostic::new("wrong-kind", message, node.span));
}
