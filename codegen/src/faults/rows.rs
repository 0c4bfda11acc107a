//! The rows, as they are written by hand.

use super::line;
use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{
        FileId, Sources,
        yaml::{self, Entry, Node, NodeKind},
    },
};

/// Rows that belong together.
#[derive(Debug, Clone)]
pub struct Group {
    pub title: String,
    pub rows: Vec<Row>,
}

/// A bad input or a fault, and what is expected.
#[derive(Debug, Clone)]
pub struct Row {
    /// As in `framing-conflicting-lengths`; never changes.
    pub id: String,
    pub fault: String,
    pub expected: String,
    /// Why nothing can test it, where that is so.
    pub not_applicable: Option<String>,
    /// Where it is in its file.
    pub line: usize,
}

/// Reads a mapping of titles to mappings of ids to rows.
pub fn read(sources: &Sources, file: FileId, sink: &Sink) -> Option<Vec<Group>> {
    let root = yaml::parse(sources, file, sink)?;
    let groups = entries(&root, sink).iter().map(|group| Group {
        title: group.key.value.clone(),
        rows: entries(&group.value, sink)
            .iter()
            .filter_map(|entry| row(sources, entry, sink))
            .collect(),
    });
    let groups: Vec<Group> = groups.collect();
    twice(&groups, &root, sink);
    Some(groups)
}

fn entries<'n>(node: &'n Node, sink: &Sink) -> &'n [Entry] {
    if let NodeKind::Mapping(entries) = &node.kind {
        return entries;
    }
    wrong_kind(node, "a mapping", sink);
    &[]
}

fn row(sources: &Sources, entry: &Entry, sink: &Sink) -> Option<Row> {
    let mut fault = None;
    let mut expected = None;
    let mut not_applicable = None;
    for member in entries(&entry.value, sink) {
        let place = match member.key.as_str() {
            "fault" => &mut fault,
            "expected" => &mut expected,
            "not_applicable" => &mut not_applicable,
            key => {
                let message = format!("a row has no `{key}`");
                let diagnostic = Diagnostic::new("unknown-key", message, member.key.span);
                sink.push(diagnostic.nearest(key, ["fault", "expected", "not_applicable"]));
                continue;
            }
        };
        match &member.value.kind {
            NodeKind::Scalar { text, .. } if !text.trim().is_empty() => *place = Some(text.clone()),
            _ => wrong_kind(&member.value, "a text", sink),
        }
    }
    let id = &entry.key;
    if !id
        .value
        .bytes()
        .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
    {
        let message = format!("`{}` is no id of a row: lower case and hyphens", id.value);
        sink.push(Diagnostic::new("bad-name", message, id.span));
    }
    let must = |text: Option<String>, key: &str| {
        if text.is_none() {
            let message = format!("the row has no `{key}`");
            sink.push(Diagnostic::new("missing-key", message, id.span));
        }
        text
    };
    Some(Row {
        id: id.value.clone(),
        fault: must(fault, "fault")?,
        expected: must(expected, "expected")?,
        not_applicable,
        line: line(sources, id.span),
    })
}

fn wrong_kind(node: &Node, expected: &str, sink: &Sink) {
    let message = format!("expected {expected}, found {}", node.kind_name());
    sink.push(Diagnostic::new("wrong-kind", message, node.span));
}

/// An id is of one row, in whatever group.
fn twice(groups: &[Group], root: &Node, sink: &Sink) {
    let mut seen: Vec<&str> = Vec::new();
    for group in groups {
        for row in &group.rows {
            if seen.contains(&row.id.as_str()) {
                let place = root.get(&group.title).and_then(|group| group.get(&row.id));
                let span = place.map_or(root.span, |node| node.span);
                let message = format!("there is a row `{}` already", row.id);
                sink.push(Diagnostic::new("duplicate-key", message, span));
            }
            seen.push(&row.id);
        }
    }
}
