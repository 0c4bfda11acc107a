//! Our subset of a provider's spec, held against the provider's own newer document.
//!
//! Compared is what mappings use: operations by method and path, parameters of the path's query, bodies, answers, and
//! the native objects that entities are mapped to. A difference that no mapping line uses is not told. How their document
//! names what ours names otherwise is data, in `document` of `provider.yaml`. Not compared are headers, answers that
//! report errors, whether there may be null, and lengths.

mod compare;
mod document;
mod operations;
mod paths;
mod render;
mod subject;
mod theirs;
mod trial;
mod uses;
mod walk;

use std::collections::BTreeMap;

use crate::{
    load::{Input, InputProvider},
    source::{Sources, Span},
};
pub use document::{Document, DocumentError, MAX_DOCUMENT_BYTES};
pub use render::render;
use trial::Trial;

/// What the comparison has found.
#[derive(Debug)]
pub struct Report {
    pub provider: String,
    /// Those that break something first, then by their places in our spec.
    pub changes: Vec<Change>,
    /// Operations that are used, and how many of them are in the document.
    pub operations: Counted,
    /// Native objects, likewise.
    pub schemas: Counted,
    /// What is used and known to be missing from the document, and why.
    pub not_described: Vec<(String, String)>,
    /// What has changed by a statement of the document that is known to be wrong, and what is true.
    pub wrong: Vec<(String, String)>,
    /// Parts of the document that could not be followed.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub compared: usize,
    pub used: usize,
}

/// A change that concerns a mapping.
#[derive(Debug)]
pub struct Change {
    /// As in `field-vanished`.
    pub id: &'static str,
    /// What has changed, as in `Company.name`.
    pub subject: String,
    pub message: String,
    pub ours: Span,
    /// Where their document says so: its path, `#` and a JSON pointer.
    pub theirs: Option<String>,
    /// Whether the lines break; otherwise they use what has changed, and go on working.
    pub breaks: bool,
    pub lines: Vec<Line>,
}

/// A line of a mapping, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub span: Span,
    pub text: String,
}

impl Report {
    /// Whether anything breaks.
    pub fn breaks(&self) -> bool {
        self.changes.iter().any(|change| change.breaks)
    }
}

/// Holds a provider's spec and mappings, in which nothing is wrong, against documents of the provider. A provider that
/// is not there gives nothing.
pub fn compare(
    mut input: Input,
    provider: &str,
    documents: &[Document],
    sources: &Sources,
) -> Option<Report> {
    let wanted = |known: &InputProvider| known.mapping.name.value == provider;
    input.providers.retain(wanted);
    let said = input.providers.first_mut()?.mapping.document.take();
    let mut report = Report {
        provider: provider.to_owned(),
        changes: Vec::new(),
        operations: Counted::default(),
        schemas: Counted::default(),
        not_described: Vec::new(),
        wrong: Vec::new(),
        notes: Vec::new(),
    };
    let trial = Trial::new(input, sources);
    let changes = walk::walk(trial, said.as_ref(), documents, &mut report);
    let wrong = said.as_ref().map_or(&[][..], |said| &said.wrong);
    for change in merged(changes, sources) {
        let known = wrong
            .iter()
            .find(|(what, _)| what.value == format!("{} {}", change.id, change.subject));
        match known {
            Some((_, reason)) => report.wrong.push((change.message, reason.value.clone())),
            None => report.changes.push(change),
        }
    }
    report.notes = documents.iter().flat_map(Document::notes).collect();
    Some(report)
}

/// One change for each thing that has changed, however many operations it was seen in.
fn merged(changes: Vec<Change>, sources: &Sources) -> Vec<Change> {
    let mut by_thing: BTreeMap<(&'static str, String, String), Change> = BTreeMap::new();
    for mut change in changes {
        let key = (change.id, change.subject.clone(), change.message.clone());
        match by_thing.get_mut(&key) {
            None => {
                by_thing.insert(key, change);
            }
            // Lines that break count before lines that only use it.
            Some(known) if known.breaks && !change.breaks => {}
            Some(known) => {
                if change.breaks && !known.breaks {
                    known.lines.clear();
                    known.breaks = true;
                }
                known.lines.append(&mut change.lines);
            }
        }
    }
    let mut changes: Vec<Change> = by_thing.into_values().collect();
    let place = |span: Span| (&sources.file(span.file).path, span.start);
    for change in &mut changes {
        change
            .lines
            .sort_by(|a, b| place(a.span).cmp(&place(b.span)));
        change.lines.dedup_by_key(|line| line.span);
    }
    changes.sort_by_key(|change| (!change.breaks, change.ours.start));
    changes
}
