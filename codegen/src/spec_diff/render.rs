//! A report as people and as programs read it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Change, Line, Report};
use crate::{
    diagnostic::{Diagnostic, Format, Label, headed, place},
    source::Sources,
};

/// A report as one text.
pub fn render(report: &Report, sources: &Sources, format: Format) -> String {
    match format {
        Format::Human => human(report, sources),
        Format::Json => format!("{:#}\n", json(report, sources)),
    }
}

fn label(line: &Line) -> Label {
    Label {
        span: line.span,
        text: line.text.clone(),
    }
}

fn human(report: &Report, sources: &Sources) -> String {
    let mut text = String::new();
    for change in &report.changes {
        let heading = if change.breaks { "error" } else { "warning" };
        let diagnostic = Diagnostic {
            id: change.id,
            message: change.message.clone(),
            primary: Label {
                span: change.ours,
                text: "our spec".to_owned(),
            },
            others: change.lines.iter().map(label).collect(),
            help: None,
        };
        text += &headed(heading, &diagnostic, sources);
        if let Some(theirs) = &change.theirs {
            let _ = writeln!(text, " = theirs: {theirs}");
        }
        text.push('\n');
    }
    for (name, reason) in &report.not_described {
        let _ = writeln!(text, "note: `{name}` is not compared: {reason}");
    }
    for (message, reason) in &report.wrong {
        let _ = writeln!(text, "note: {message}; that is known to be wrong: {reason}");
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}; nothing is known of what it stands for");
    }
    if text.ends_with('\n') && !text.ends_with("\n\n") {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", summary(report));
    text
}

/// What was compared and what came of it.
fn summary(report: &Report) -> String {
    let broken = report.changes.iter().filter(|change| change.breaks);
    let lines: usize = broken.clone().map(|change| change.lines.len()).sum();
    let broken = broken.count();
    let harmless = report.changes.len() - broken;
    let verb = |number| if number == 1 { "breaks" } else { "break" };
    let mut found = Vec::new();
    if broken > 0 {
        let (changes, lines) = (counted(broken, "change"), counted(lines, "mapping line"));
        found.push(format!("{changes} {} {lines}", verb(broken)));
    }
    if harmless > 0 {
        let changes = counted(harmless, "change");
        found.push(format!("{changes} {} nothing", verb(harmless)));
    }
    if found.is_empty() {
        found.push("nothing that the mappings use has changed".to_owned());
    }
    let found = found.join(", ");
    let mut text = format!(
        "{}: {found}; compared {} of {} and {} of {}",
        report.provider,
        report.operations.compared,
        counted(report.operations.used, "operation"),
        report.schemas.compared,
        counted(report.schemas.used, "native object"),
    );
    if report.operations.used > 0 && report.operations.compared == 0 {
        text += "\nno operation was found: `document.paths` in provider.yaml says how their paths begin";
    }
    text
}

fn counted(number: usize, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}

fn json(report: &Report, sources: &Sources) -> Value {
    let changes = report.changes.iter();
    let counted =
        |counted: super::Counted| json!({ "compared": counted.compared, "used": counted.used });
    let reasons = |pairs: &[(String, String)], what: &str| -> Vec<Value> {
        let pairs = pairs.iter();
        pairs
            .map(|(one, reason)| json!({ what: one, "reason": reason }))
            .collect()
    };
    json!({
        "provider": report.provider,
        "breaks": report.breaks(),
        "changes": changes.map(|change| self::change(change, sources)).collect::<Vec<_>>(),
        "operations": counted(report.operations),
        "native_objects": counted(report.schemas),
        "not_described": reasons(&report.not_described, "name"),
        "wrong": reasons(&report.wrong, "message"),
        "notes": report.notes,
    })
}

fn change(change: &Change, sources: &Sources) -> Value {
    let ours = Label {
        span: change.ours,
        text: String::new(),
    };
    let lines = change.lines.iter();
    json!({
        "id": change.id,
        "subject": change.subject,
        "message": change.message,
        "breaks": change.breaks,
        "at": place(&ours, sources),
        "theirs": change.theirs,
        "lines": lines.map(|line| place(&label(line), sources)).collect::<Vec<_>>(),
    })
}
