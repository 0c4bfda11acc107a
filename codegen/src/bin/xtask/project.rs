//! The project that the commands work on, and its plan.

use std::path::{Path, PathBuf};

use crosswalk_codegen::{
    check,
    diagnostic::{Diagnostic, Format, Sink, render},
    load,
    output::{self, Texts},
    plan::Plan,
    source::Sources,
};

use crate::{Failure, Outcome};

/// Where the workspace is: above this crate.
pub(crate) fn root() -> PathBuf {
    let krate = Path::new(env!("CARGO_MANIFEST_DIR"));
    krate.parent().unwrap_or(krate).to_owned()
}

/// What came of reading and checking everything.
pub(crate) struct Checked {
    pub(crate) plan: Option<Plan>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: Sources,
}

pub(crate) fn check() -> Result<Checked, Failure> {
    let files = load::read_files(&root())?;
    let mut sources = Sources::default();
    let sink = Sink::default();
    let input = load::load(&files, &mut sources, &sink);
    let plan = input.and_then(|input| check::check(&input, &sources, &sink));
    let diagnostics = sink.into_sorted(&sources);
    Ok(Checked {
        plan,
        diagnostics,
        sources,
    })
}

/// The plan; without one the diagnostics have been shown.
pub(crate) fn plan() -> Result<Option<Plan>, Failure> {
    let checked = check()?;
    if checked.plan.is_none() {
        eprint!(
            "{}",
            render(&checked.diagnostics, &checked.sources, Format::Human)
        );
        eprintln!(
            "\n{} found; nothing was written",
            count(checked.diagnostics.len(), "fault")
        );
    }
    Ok(checked.plan)
}

pub(crate) fn count(number: usize, what: &str) -> String {
    count_of(number, what, &format!("{what}s"))
}

pub(crate) fn count_of(number: usize, one: &str, many: &str) -> String {
    let what = if number == 1 { one } else { many };
    format!("{number} {what}")
}

/// Writes texts, or with `check` only says how the disk differs from them and which command repairs it.
pub(crate) fn write_or_compare(
    texts: &Texts,
    folder: Option<&str>,
    check: bool,
    command: &str,
) -> Result<Outcome, Failure> {
    let root = root();
    let differences = output::compare(&root, texts, folder)?;
    if !check {
        output::write(&root, texts, &differences)?;
        println!(
            "{} checked, {} changed",
            count(texts.len(), "file"),
            differences.len()
        );
        return Ok(Outcome::Well);
    }
    if differences.is_empty() {
        return Ok(Outcome::Well);
    }
    for difference in &differences {
        eprintln!("{difference}");
    }
    eprintln!("\nrun `cargo xtask {command}` and commit what it writes");
    Ok(Outcome::Wrong)
}
