//! `cargo xtask codegen`.

use crosswalk_codegen::{diagnostic::Format, emit, origins, output};

use crate::{
    Failure, Outcome,
    project::{Project, Wanted},
};

pub(crate) fn run(project: &Project, check: bool, format: Format) -> Result<Outcome, Failure> {
    let Some((plan, origins)) = project.plan_and_origins(format)? else {
        return Ok(Outcome::Wrong);
    };
    let mut texts = output::generated(emit::emit(&plan));
    texts.insert(origins::path(), origins);
    project.write_or_compare(
        &Wanted {
            texts,
            folder: Some(output::GENERATED),
            command: "codegen",
            next: Some("next: `cargo xtask coverage` for the tables, and a new build of the proxy"),
        },
        check,
        format,
    )
}
