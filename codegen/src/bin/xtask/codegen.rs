//! `cargo xtask codegen`.

use crosswalk_codegen::{emit, output};

use crate::{Failure, Outcome, project};

pub(crate) fn run(check: bool) -> Result<Outcome, Failure> {
    let Some(plan) = project::plan()? else {
        return Ok(Outcome::Wrong);
    };
    let texts = output::generated(emit::emit(&plan));
    project::write_or_compare(&texts, Some(output::GENERATED), check, "codegen")
}
