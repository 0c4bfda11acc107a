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
    source::MAX_FILE_BYTES,
};

use crate::support;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Covers: mapping-odd-yaml, spec-odd
#[test]
fn each_fault_is_told() {
    let mut wrong = Vec::new();
    for id in support::names(&folder()) {
        let folder = folder().join(&id);
        for case in support::names(&folder)
            .iter()
            .filter_map(|name| name.strip_suffix(".change"))
        {
            let change = fs::read_to_string(folder.join(format!("{case}.change")))
                .expect("the change can be read");
            let mut files = support::invented();
            support::apply(&mut files, &change);
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
    assert_eq!(support::names(&folder()), known);
}

/// Covers: spec-odd
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
