//! `cargo xtask codegen`.

use crosswalk_codegen::{diagnostic::Format, emit, output};

use crate::{
    Failure, Outcome,
    project::{Project, Wanted},
};

pub(crate) fn run(project: &Project, check: bool, format: Format) -> Result<Outcome, Failure> {
    let Some(plan) = project.plan(format)? else {
        return Ok(Outcome::Wrong);
    };
    project.write_or_compare(
        &Wanted {
            texts: output::generated(emit::emit(&plan)),
            folder: Some(output::GENERATED),
            command: "codegen",
        },
        check,
        format,
    )
}
