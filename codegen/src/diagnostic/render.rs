//! Diagnostics as people and as programs read them.

use std::fmt::Write as _;

use serde_json::json;

use super::{Diagnostic, Label};
use crate::source::Sources;

/// For whom diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    /// One JSON list.
    Json,
}

/// All diagnostics as one text.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, format: Format) -> String {
    match format {
        Format::Human => {
            let each: Vec<String> = diagnostics
                .iter()
                .map(|diagnostic| human(diagnostic, sources))
                .collect();
            each.join("\n")
        }
        Format::Json => {
            let each: Vec<_> = diagnostics
                .iter()
                .map(|diagnostic| json(diagnostic, sources))
                .collect();
            format!("{:#}\n", serde_json::Value::Array(each))
        }
    }
}

fn human(diagnostic: &Diagnostic, sources: &Sources) -> String {
    headed("error", diagnostic, sources)
}

/// A diagnostic for people, under a word that says how bad it is.
pub(crate) fn headed(heading: &str, diagnostic: &Diagnostic, sources: &Sources) -> String {
    let mut text = format!("{heading}[{}]: {}\n", diagnostic.id, diagnostic.message);
    let labels = || std::iter::once(&diagnostic.primary).chain(&diagnostic.others);
    let width = labels()
        .map(|label| sources.place(label.span).line.to_string().len())
        .max()
        .unwrap_or(1);
    snippet(&mut text, &diagnostic.primary, sources, width, '^', "-->");
    for other in &diagnostic.others {
        snippet(&mut text, other, sources, width, '-', ":::");
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(text, " {:width$} = help: {help}", "");
    }
    text
}

/// One place: where it is, the line, the marks under it. A file without text has no line to show.
fn snippet(
    text: &mut String,
    label: &Label,
    sources: &Sources,
    width: usize,
    mark: char,
    arrow: &str,
) {
    let file = sources.file(label.span.file);
    let place = sources.place(label.span);
    if file.text.is_empty() {
        let _ = writeln!(text, " {:width$}{arrow} {}", "", file.path);
        if !label.text.is_empty() {
            let _ = writeln!(text, " {:width$} = {}", "", label.text);
        }
        return;
    }
    let _ = writeln!(
        text,
        " {:width$}{arrow} {}:{}:{}",
        "", file.path, place.line, place.column
    );
    let (line, marked) = sources.line(label.span);
    let marks = mark.to_string().repeat(marked.len().max(1));
    let marks = format!("{marks} {}", label.text);
    let _ = writeln!(text, " {:>width$} | {line}", place.line);
    let _ = writeln!(
        text,
        " {:width$} | {:indent$}{}",
        "",
        "",
        marks.trim_end(),
        indent = marked.start
    );
}

/// A place as programs read it.
pub(crate) fn place(label: &Label, sources: &Sources) -> serde_json::Value {
    let place = sources.place(label.span);
    json!({
        "path": sources.file(label.span.file).path,
        "line": place.line,
        "column": place.column,
        "length": sources.line(label.span).1.len(),
        "label": label.text,
    })
}

fn json(diagnostic: &Diagnostic, sources: &Sources) -> serde_json::Value {
    let label = |label: &Label| place(label, sources);
    json!({
        "id": diagnostic.id,
        "message": diagnostic.message,
        "at": label(&diagnostic.primary),
        "others": diagnostic.others.iter().map(label).collect::<Vec<_>>(),
        "help": diagnostic.help,
    })
}
