//! `cargo xtask faults`.

use std::{collections::BTreeMap, fs, io, path::Path};

use crosswalk_codegen::{
    diagnostic::{Format, Sink},
    faults::{self, Fault},
    output::Texts,
    source::Sources,
};

use crate::{
    Failure, Outcome,
    project::{self, Project, Wanted},
};

const ROWS: &str = "tests/faults.yaml";
const TABLE: &str = "tests/FAULTS.md";
/// The folder of both.
const FOLDER: &str = "tests/";
/// Where tests are.
const TESTS: [&str; 5] = [
    "tests/e2e",
    "tests/src",
    "proxy/tests",
    "proxy/src",
    "codegen",
];
/// What the compiler writes, and crates of their own below these folders.
const LEFT_OUT: [&str; 1] = ["target"];

pub(crate) fn run(project: &Project, check: bool, format: Format) -> Result<Outcome, Failure> {
    let text = fs::read_to_string(project.root().join(ROWS))
        .map_err(|error| format!("{ROWS} cannot be read: {error}"))?;
    let mut sources = Sources::default();
    let sink = Sink::default();
    let file = sources.add(ROWS, text);
    let Some(groups) = faults::rows_of(&sources, file, &sink) else {
        project::show(&sink.into_sorted(&sources), &sources, format);
        return Ok(Outcome::Wrong);
    };
    let mut files = BTreeMap::new();
    for folder in TESTS {
        read(project.root(), folder, &mut files)?;
    }
    let covered = faults::covered(&groups, &files);
    // A table with wrong tests in it is not written.
    if !covered.faults.is_empty() {
        tell(&covered.faults, format);
        return Ok(Outcome::Wrong);
    }
    let uncovered = faults::uncovered(&groups, &covered, ROWS);
    if check && !uncovered.is_empty() {
        tell(&uncovered, format);
        return Ok(Outcome::Wrong);
    }
    let table = faults::render(&groups, &covered, FOLDER);
    let outcome = project.write_or_compare(
        &Wanted {
            texts: Texts::from([(TABLE.to_owned(), table)]),
            folder: None,
            command: "faults",
            next: None,
        },
        check,
        format,
    )?;
    if format == Format::Human {
        tell(&uncovered, format);
    }
    Ok(outcome)
}

/// All Rust below a folder that is there.
fn read(root: &Path, folder: &str, files: &mut BTreeMap<String, String>) -> Result<(), Failure> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{folder} cannot be read: {error}").into()),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type()?.is_dir() {
            if !LEFT_OUT.contains(&name.as_str()) {
                read(root, &path, files)?;
            }
        } else if entry.path().extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(entry.path())
                .map_err(|error| format!("{path} cannot be read: {error}"))?;
            files.insert(path, text);
        }
    }
    Ok(())
}

fn tell(faults: &[Fault], format: Format) {
    if format == Format::Json {
        let each: Vec<_> = faults.iter().map(json).collect();
        println!("{:#}", serde_json::Value::Array(each));
        return;
    }
    for fault in faults {
        eprintln!("error[{}]: {}", fault.id, fault.message);
        eprintln!("  --> {}:{}", fault.path, fault.line);
        if let Some(help) = &fault.help {
            eprintln!("  = help: {help}");
        }
    }
    if !faults.is_empty() {
        eprintln!("\n{} found", project::count(faults.len(), "fault"));
    }
}

/// A fault as programs read it: in the shape of a diagnostic, so that they need to know only one.
fn json(fault: &Fault) -> serde_json::Value {
    serde_json::json!({
        "id": fault.id,
        "message": fault.message,
        "at": { "path": fault.path, "line": fault.line, "column": 1, "length": 0, "label": "" },
        "others": [],
        "help": fault.help,
    })
}
