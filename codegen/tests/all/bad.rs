//! Each diagnostic, by one fault in the files of the invented provider.
//!
//! A folder of `tests/bad/` has the id's name. A file in it is one change: lines of paths, each followed by what is taken
//! out (`- `) and what is put in its place (`+ `). A path with `+ ` only is a new file, `! path` takes a file away.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crosswalk_codegen::{
    diagnostic::{Format, IDS, render},
    load::Files,
    source::MAX_FILE_BYTES,
};

use crate::support;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

fn names(folder: &Path) -> BTreeSet<String> {
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
fn apply(files: &mut Files, change: &str) {
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

#[test]
fn each_fault_is_told() {
    let mut wrong = Vec::new();
    for id in names(&folder()) {
        let folder = folder().join(&id);
        for case in names(&folder)
            .iter()
            .filter_map(|name| name.strip_suffix(".change"))
        {
            let change = fs::read_to_string(folder.join(format!("{case}.change")))
                .expect("the change can be read");
            let mut files = support::invented();
            apply(&mut files, &change);
            let checked = support::check(&files);
            let rendered = render(&checked.diagnostics, &checked.sources, Format::Human);
            // One fault, seen in one place or in several, and nothing that only follows from it.
            let found: Vec<&str> = checked
                .diagnostics
                .iter()
                .map(|diagnostic| diagnostic.id)
                .collect();
            if found.is_empty() || found.iter().any(|found| *found != id) {
                wrong.push(format!("{id}/{case}: {found:?}\n{rendered}"));
                continue;
            }
            insta::with_settings!({ snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(case, rendered);
            });
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_id_has_a_case() {
    // A file of a megabyte is made below.
    let made = ["too-large"];
    let ids = IDS.iter().filter(|id| !made.contains(id));
    let known: BTreeSet<String> = ids.map(ToString::to_string).collect();
    assert_eq!(names(&folder()), known);
}

#[test]
fn large_files_are_not_read() {
    let mut files = support::invented();
    files.insert(
        "specs/orgbook.yaml".to_owned(),
        "#".repeat(MAX_FILE_BYTES + 1),
    );
    let found: Vec<&str> = support::check(&files)
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.id)
        .collect();
    assert_eq!(found, ["too-large"]);
}

#[test]
fn ids_are_in_order() {
    assert!(IDS.is_sorted());
}

#[test]
fn every_fault_is_told_at_once() {
    let mut files = support::invented();
    let account = files
        .get_mut("mappings/orgbook/crm/account.yaml")
        .expect("the invented account");
    *account = account
        .replace("homepage }", "homepag }")
        .replace("call: listOrganizations", "call: listOrganisations")
        .replace("refused_keys:", "refused_key:");
    let found: Vec<&str> = support::check(&files)
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.id)
        .collect();
    // By their places in the file.
    assert_eq!(
        found,
        [
            "unknown-native-field",
            "unknown-native-operation",
            "unmapped-key",
            "unknown-key"
        ]
    );
}

#[test]
fn programs_read_diagnostics_as_json() {
    let mut files = support::invented();
    let account = files
        .get_mut("mappings/orgbook/crm/account.yaml")
        .expect("the invented account");
    *account = account.replace(
        "website:             { from: homepage }",
        "website:             { from: homepag }",
    );
    let checked = support::check(&files);
    insta::assert_snapshot!(render(&checked.diagnostics, &checked.sources, Format::Json));
}
