//! `cargo xtask check`.

use crosswalk_codegen::diagnostic::{self, Format};

use crate::{
    Failure, Outcome,
    project::{self, Project},
};

pub(crate) fn run(project: &Project, format: Format) -> Result<Outcome, Failure> {
    let checked = project.check()?;
    print!(
        "{}",
        diagnostic::render(&checked.diagnostics, &checked.sources, format)
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
