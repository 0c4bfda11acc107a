//! Projects in memory: the real one, and the one that is invented.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crosswalk_codegen::{
    check,
    diagnostic::{Diagnostic, Sink},
    load::{self, Files},
    origins,
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

/// The project of the invented provider.
pub(crate) fn invented_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invented")
}

/// The invented provider, behind an invented contract: the real one may grow without it.
pub(crate) fn invented() -> Files {
    load::read_files(&invented_root()).expect("the invented provider's files can be read")
}

pub(crate) struct Checked {
    pub(crate) plan: Option<Plan>,
    /// Empty where the files could not be read.
    pub(crate) origins: String,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: Sources,
}

pub(crate) fn check(files: &Files) -> Checked {
    let mut sources = Sources::default();
    let sink = Sink::default();
    let input = load::load(files, &mut sources, &sink);
    let origins = input.as_ref().map(|input| origins::table(input, &sources));
    let plan = input.and_then(|input| check::check(&input, &sources, &sink));
    let diagnostics = sink.into_sorted(&sources);
    Checked {
        plan,
        origins: origins.unwrap_or_default(),
        diagnostics,
        sources,
    }
}

/// The names in a folder of cases.
pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect()
}

/// Applies a change, which must fit exactly once.
pub(crate) fn apply(files: &mut Files, change: &str) {
    let mut path = String::new();
    let (mut out, mut put) = (String::new(), String::new());
    for line in change.lines().chain([""]) {
        if let Some(line) = line.strip_prefix("- ") {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        if let Some(line) = line.strip_prefix("+ ") {
            put.push_str(line);
            put.push('\n');
            continue;
        }
        if !out.is_empty() || !put.is_empty() {
            replace(
                files,
                &path,
                &std::mem::take(&mut out),
                &std::mem::take(&mut put),
            );
        }
        if let Some(path) = line.strip_prefix("! ") {
            files.remove(path).expect("there is such a file");
        } else if !line.is_empty() {
            line.clone_into(&mut path);
        }
    }
}

fn replace(files: &mut Files, path: &str, out: &str, put: &str) {
    if out.is_empty() {
        files.insert(path.to_owned(), put.to_owned());
        return;
    }
    let text = files
        .get_mut(path)
        .unwrap_or_else(|| panic!("there is no {path}"));
    assert_eq!(
        text.matches(out).count(),
        1,
        "this must be in {path} once:\n{out}"
    );
    *text = text.replace(out, put);
}
