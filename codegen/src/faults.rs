//! The table of bad inputs and faults, and of the tests that cover each.
//!
//! The rows are written by hand (`rows`); which tests cover them is said by the tests themselves, in a line of their
//! documentation (`scan`): `/// Covers: framing-conflicting-lengths, head-obs-fold`. A row that nothing covers, and a
//! line that covers nothing, are told with their places. Knows no provider, and nothing of what a fault is.

use std::collections::BTreeMap;

use crate::{
    diagnostic::{Sink, nearest},
    source::{FileId, Sources, Span},
};

mod rows;
mod scan;
mod table;

pub use rows::{Group, Row, read};
pub use scan::COVERS;
pub use table::render;

/// Something that is not as it should be, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `unknown-row`, `row-without-test`, `covers-no-test`, `covers-nothing` or `unreadable-source`.
    pub id: &'static str,
    pub path: String,
    /// Counted from one.
    pub line: usize,
    pub message: String,
    pub help: Option<String>,
}

/// A test that covers a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// Relative to the project, with `/`.
    pub path: String,
    pub name: String,
}

/// What covers what.
#[derive(Debug, Default)]
pub struct Covered {
    /// By row.
    pub tests: BTreeMap<String, Vec<Test>>,
    pub faults: Vec<Fault>,
}

/// Finds the tests that cover rows, in sources by their paths.
pub fn covered(groups: &[Group], files: &BTreeMap<String, String>) -> Covered {
    let known: Vec<&str> = rows(groups).map(|row| row.id.as_str()).collect();
    let mut covered = Covered::default();
    for (path, text) in files {
        for claim in scan::claims(path, text, &mut covered.faults) {
            for id in &claim.rows {
                if known.contains(&id.as_str()) {
                    let tests = covered.tests.entry(id.clone()).or_default();
                    tests.push(Test {
                        path: path.clone(),
                        name: claim.test.clone(),
                    });
                    continue;
                }
                covered.faults.push(Fault {
                    id: "unknown-row",
                    path: path.clone(),
                    line: scan::line_of(text, id),
                    message: format!("`{}` covers `{id}`, and there is no such row", claim.test),
                    help: nearest(id, &known).map(|name| format!("did you mean `{name}`?")),
                });
            }
        }
    }
    for tests in covered.tests.values_mut() {
        tests.sort();
        tests.dedup();
    }
    covered
}

/// The rows that no test covers, and those that one covers although nothing could.
pub fn uncovered(groups: &[Group], covered: &Covered, path: &str) -> Vec<Fault> {
    let told = rows(groups).filter_map(|row| {
        let (message, help) = match (&row.not_applicable, covered.tests.get(&row.id)) {
            (None, None) => (
                format!("no test covers `{}`: {}", row.id, row.fault),
                Some(format!(
                    "put `/// {COVERS} {}` above the test that does, or say `not_applicable` with a reason",
                    row.id
                )),
            ),
            (Some(_), Some(tests)) => (
                format!(
                    "`{}` is said to be not applicable, and `{}` covers it",
                    row.id, tests[0].name
                ),
                None,
            ),
            _ => return None,
        };
        Some(Fault {
            id: "row-without-test",
            path: path.to_owned(),
            line: row.line,
            message,
            help,
        })
    });
    told.collect()
}

fn rows(groups: &[Group]) -> impl Iterator<Item = &Row> {
    groups.iter().flat_map(|group| &group.rows)
}

/// The rows of a file; none where it has faults, which the sink then has.
pub fn rows_of(sources: &Sources, file: FileId, sink: &Sink) -> Option<Vec<Group>> {
    let groups = read(sources, file, sink)?;
    sink.is_empty().then_some(groups)
}

fn line(sources: &Sources, span: Span) -> usize {
    sources.place(span).line
}
