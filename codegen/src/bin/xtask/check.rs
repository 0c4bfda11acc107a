//! `cargo xtask check`.

use crosswalk_codegen::diagnostic;

use crate::{Failure, Format, Outcome, project};

pub(crate) fn run(format: Format) -> Result<Outcome, Failure> {
    let checked = project::check()?;
    let rendered = match format {
        Format::Human => diagnostic::Format::Human,
        Format::Json => diagnostic::Format::Json,
    };
    print!(
        "{}",
        diagnostic::render(&checked.diagnostics, &checked.sources, rendered)
    );
    if format == Format::Human && !checked.diagnostics.is_empty() {
        println!(
            "\n{} found",
            project::count(checked.diagnostics.len(), "fault")
        );
    }
    Ok(if checked.plan.is_some() {
        Outcome::Well
    } else {
        Outcome::Wrong
    })
}
