//! What is written: no native field by two unified ones, of which the last would win.
//!
//! Lines of one native field are written together, each line once.

use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{MappingEntity, MappingField, MappingSource, MappingWrite},
    plan::{PlanField, PlanLine, PlanSource},
    source::Span,
};

/// A way to a native field.
struct Target<'a> {
    native: &'a str,
    span: Span,
    line: Option<PlanLine>,
    /// The entry whose lines belong together.
    entry: Option<(&'a str, &'a str)>,
}

pub(super) fn check(mapping: &MappingEntity, fields: &[PlanField], sink: &Sink) {
    let mut known: Vec<Target<'_>> = Vec::new();
    for field in fields {
        let said = mapping
            .fields
            .iter()
            .find(|said| said.name.value == field.name);
        let Some(said) = said else { continue };
        for target in targets(field, said) {
            let clash = known.iter().find(|known| {
                let are_lines = known.entry == target.entry
                    && known.line.is_some()
                    && target.line.is_some()
                    && known.line != target.line;
                known.native == target.native && !are_lines
            });
            if let Some(first) = clash {
                let message = format!(
                    "`{}` is written from two places: the last would win",
                    target.native
                );
                let diagnostic = Diagnostic::new("written-twice", message, target.span);
                let help = "say `write: never` for one of them, or in a group `line: first` and `line: rest`";
                sink.push(diagnostic.other(first.span, "the first one").help(help));
            }
            known.push(target);
        }
    }
}

fn targets<'a>(field: &'a PlanField, said: &'a MappingField) -> Vec<Target<'a>> {
    match (&field.source, &said.source) {
        (
            PlanSource::Value {
                write: Some(write), ..
            },
            Some(MappingSource::From { from, .. }),
        ) => {
            let span = match &said.write {
                Some(MappingWrite::To(to)) => to.span,
                _ => from.first().map_or(said.name.span, |from| from.span),
            };
            vec![Target {
                native: &write.name,
                span,
                line: None,
                entry: None,
            }]
        }
        (PlanSource::Group { rows, .. }, Some(MappingSource::Group(said_rows))) => {
            let mut targets = Vec::new();
            for row in rows {
                let says_tag = |value: &str| value == row.tag;
                let said_row = said_rows.iter().find(|said| {
                    said.members
                        .iter()
                        .any(|member| says_tag(&member.from.value))
                });
                for member in &row.members {
                    let said_member = said_row.and_then(|said| {
                        let mut members = said.members.iter();
                        members.find(|said| said.name.value == member.name)
                    });
                    targets.extend(member.write.as_ref().map(|write| Target {
                        native: &write.name,
                        span: said_member.map_or(said.name.span, |said| said.from.span),
                        line: member.line,
                        entry: Some((field.name.as_str(), row.tag.as_str())),
                    }));
                }
            }
            targets
        }
        _ => Vec::new(),
    }
}
