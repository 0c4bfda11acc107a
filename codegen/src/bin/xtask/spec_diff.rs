//! `cargo xtask spec-diff`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crosswalk_codegen::{
    check,
    diagnostic::{Format, Sink},
    load,
    source::Sources,
    spec_diff::{self, Document},
};

use crate::{
    Failure, Outcome,
    project::{self, Project},
};

pub(crate) fn run(
    project: &Project,
    provider: &str,
    documents: &[PathBuf],
    format: Format,
) -> Result<Outcome, Failure> {
    let documents = documents
        .iter()
        .map(|path| read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let mut sources = Sources::default();
    let sink = Sink::default();
    let input = load::load(&project.files()?, &mut sources, &sink);
    let plan = input
        .as_ref()
        .and_then(|input| check::check(input, &sources, &sink));
    let (Some(input), Some(plan)) = (input, plan) else {
        // Against mappings with faults of their own, every change would seem to break them.
        project::show(&sink.into_sorted(&sources), &sources, format);
        return Ok(Outcome::Wrong);
    };
    let report = spec_diff::compare(input, provider, &documents, &sources).ok_or_else(|| {
        let known: Vec<&str> = plan
            .providers
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        format!(
            "there is no provider `{provider}`; there is {}",
            known.join(", ")
        )
    })?;
    print!("{}", spec_diff::render(&report, &sources, format));
    Ok(if report.breaks() {
        Outcome::Wrong
    } else {
        Outcome::Well
    })
}

fn read(path: &Path) -> Result<Document, Failure> {
    let name = path.display();
    let text =
        fs::read_to_string(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    Ok(Document::read(&name.to_string(), &text)?)
}
