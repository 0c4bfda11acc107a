//! Projects in memory: the real one, and the one that is invented.

use std::path::Path;

use crosswalk_codegen::{
    check,
    diagnostic::{Diagnostic, Sink},
    load::{self, Files},
    plan::Plan,
    source::Sources,
};

pub(crate) fn project_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is in the workspace")
}

/// The specs and mappings of the product.
pub(crate) fn real() -> Files {
    load::read_files(project_root()).expect("the project's files can be read")
}

/// The invented provider, behind an invented contract: the real one may grow without it.
pub(crate) fn invented() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invented");
    load::read_files(&root).expect("the invented provider's files can be read")
}

pub(crate) struct Checked {
    pub(crate) plan: Option<Plan>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: Sources,
}

pub(crate) fn check(files: &Files) -> Checked {
    let mut sources = Sources::default();
    let sink = Sink::default();
    let plan = load::load(files, &mut sources, &sink)
        .and_then(|input| check::check(&input, &sources, &sink));
    let diagnostics = sink.into_sorted(&sources);
    Checked {
        plan,
        diagnostics,
        sources,
    }
}
