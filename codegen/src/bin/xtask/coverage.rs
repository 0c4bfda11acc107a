//! `cargo xtask coverage`.

use std::fs;

use crosswalk_codegen::{coverage, diagnostic::Format, output::Texts};

use crate::{
    Failure, Outcome,
    project::{Project, Wanted},
};

const README: &str = "README.md";
const FIELDS: &str = "mappings/COVERAGE.md";

pub(crate) fn run(project: &Project, check: bool, format: Format) -> Result<Outcome, Failure> {
    let Some(plan) = project.plan(format)? else {
        return Ok(Outcome::Wrong);
    };
    let found = fs::read_to_string(project.root().join(README))
        .map_err(|error| format!("{README} cannot be read: {error}"))?;
    let readme = coverage::readme(&found, &plan).ok_or_else(|| {
        format!(
            "{README} has no `{}` and `{}` to put the table between",
            coverage::BEGIN,
            coverage::END
        )
    })?;
    let texts = Texts::from([
        (README.to_owned(), readme),
        (FIELDS.to_owned(), coverage::fields(&plan)),
    ]);
    project.write_or_compare(
        &Wanted {
            texts,
            folder: None,
            command: "coverage",
            next: None,
        },
        check,
        format,
    )
}
