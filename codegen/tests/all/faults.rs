//! The table of faults: what tests say that they cover, and what is told of those that say it in vain.

use std::{fs, path::Path};

use crate::xtask::{run, xtask};

const ROWS: &str = "\
Heads:
  head-folded: { fault: a folded header, expected: \"400 | closed\" }
  head-large: { fault: a large header, expected: \"431\" }
Elsewhere:
  no-socket: { fault: a stale socket, expected: taken over, not_applicable: there is none }
";

const TESTS: &str = r#"
//! A module.

mod inner {
    /// What it is about.
    ///
    /// Covers: head-folded,  head-large
    #[tokio::test(flavor = "current_thread")]
    #[expect(unused, reason = "an attribute in between")]
    pub(crate) async fn it_is_refused() {
        let _ = "/// Covers: nothing-in-a-text";
    }
}

proptest! {
    #![proptest_config(cases(8))]

    /// Covers: head-large
    #[test]
    fn any_is_refused(text: String) {}
}
"#;

/// A project with rows and one file of tests.
fn project(rows: &str, tests: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    write(root.path(), "tests/faults.yaml", rows);
    write(root.path(), "proxy/tests/all/heads.rs", tests);
    root
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a file is in a folder"))
        .expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

fn table(root: &Path) -> String {
    fs::read_to_string(root.join("tests/FAULTS.md")).expect("the table is there")
}

/// What `--check` tells programs: `id path:line message`, with the help behind it.
fn told(root: &Path) -> Vec<String> {
    let (code, text) = run(root, &["faults", "--check", "--json"]);
    let faults: serde_json::Value = serde_json::from_str(&text).expect("the output is JSON");
    let faults = faults.as_array().expect("a list");
    assert_eq!(code, Some(i32::from(!faults.is_empty())), "{text}");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let each = faults.iter().map(|fault| {
        let at = &fault["at"];
        let [id, path, message, help] =
            [&fault["id"], &at["path"], &fault["message"], &fault["help"]].map(text);
        format!("{id} {path}:{}: {message} ({help})", at["line"])
    });
    each.collect()
}

#[test]
fn a_table_is_made_of_rows_and_of_what_tests_say() {
    let root = project(ROWS, TESTS);
    // Beside the tests of the project itself.
    write(
        root.path(),
        "tests/e2e/main.rs",
        "/// Covers: head-large\n#[test]\nfn sent() {}\n",
    );
    assert_eq!(run(root.path(), &["faults"]).0, Some(0));
    insta::assert_snapshot!(table(root.path()));
    assert_eq!(told(root.path()), [""; 0]);
    // Made again it is the same, and so it is not touched.
    assert_eq!(run(root.path(), &["faults", "--check"]).0, Some(0));
}

#[test]
fn a_stale_table_is_told() {
    let root = project(ROWS, TESTS);
    run(root.path(), &["faults"]);
    write(
        root.path(),
        "tests/faults.yaml",
        &ROWS.replace("431", "413"),
    );
    let told = told(root.path());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("stale-file tests/FAULTS.md:"),
        "{told:?}"
    );
    assert!(told[0].contains("cargo xtask faults"), "{told:?}");
}

#[test]
fn a_row_without_a_test_is_told_and_the_table_shows_it() {
    let tests = TESTS.replace("head-folded,  ", "");
    let root = project(ROWS, &tests);
    assert_eq!(run(root.path(), &["faults"]).0, Some(0));
    assert!(table(root.path()).contains("**none yet**"));
    let told = told(root.path());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("row-without-test tests/faults.yaml:2: no test covers `head-folded`"),
        "{told:?}"
    );
}

#[test]
fn what_covers_nothing_is_told_with_its_place() {
    for (change, to, expected) in [
        (
            "head-folded,",
            "head-foldet,",
            "unknown-row proxy/tests/all/heads.rs:7: `it_is_refused` covers `head-foldet`, and there is no such row (did you mean `head-folded`?)",
        ),
        (
            "mod inner {",
            "/// Covers: head-large\nmod inner {",
            "covers-no-test proxy/tests/all/heads.rs:4: `/// Covers: head-large` stands on something that is no test (put it above a `#[test]` or a `#[tokio::test]`)",
        ),
        (
            "//! A module.",
            "//! Covers: head-large",
            "covers-no-test proxy/tests/all/heads.rs:2: `/// Covers: head-large` stands on something that is no test (put it above a `#[test]` or a `#[tokio::test]`)",
        ),
        (
            "proptest! {",
            "/// Covers: head-folded\nfn helper() {}\nproptest! {",
            "covers-no-test proxy/tests/all/heads.rs:7: `/// Covers: head-folded` stands on something that is no test (put it above a `#[test]` or a `#[tokio::test]`)",
        ),
        (
            "    /// Covers: head-large\n    #[test]",
            "    // Covers: head-large\n    #[test]",
            "covers-nothing proxy/tests/all/heads.rs:18: `// Covers: head-large` is a comment that nobody reads (write it as documentation, with `///`)",
        ),
        (
            "    /// Covers: head-large\n    #[test]",
            "    /// Covers:\n    #[test]",
            "covers-nothing",
        ),
    ] {
        let root = project(ROWS, &TESTS.replacen(change, to, 1));
        let (code, _) = run(root.path(), &["faults"]);
        assert_eq!(code, Some(1), "{to}");
        assert!(!root.path().join("tests/FAULTS.md").exists(), "{to}");
        let told = told(root.path());
        assert!(told[0].starts_with(expected), "{to}: {told:#?}");
    }
}

#[test]
fn a_test_of_what_nothing_can_test_is_told() {
    let root = project(
        ROWS,
        &TESTS.replace("head-folded,", "head-folded, no-socket,"),
    );
    run(root.path(), &["faults"]);
    let told = told(root.path());
    assert!(
        told[0].contains("`no-socket` is said to be not applicable, and `it_is_refused` covers it"),
        "{told:?}"
    );
}

#[test]
fn rows_with_faults_of_their_own_are_told_with_their_places() {
    for (change, to, expected) in [
        ("expected: \"431\"", "expectd: \"431\"", "unknown-key"),
        (", expected: \"431\"", "", "missing-key"),
        ("head-large:", "Head large:", "bad-name"),
        ("no-socket:", "head-large:", "duplicate-key"),
        ("fault: a large header", "fault: [a]", "wrong-kind"),
    ] {
        let root = project(&ROWS.replace(change, to), TESTS);
        let (code, text) = run(root.path(), &["faults", "--check", "--json"]);
        assert_eq!(code, Some(1), "{to}: {text}");
        let faults: serde_json::Value = serde_json::from_str(&text).expect("the output is JSON");
        let faults = faults.as_array().expect("a list");
        assert!(faults.iter().any(|fault| fault["id"] == expected), "{text}");
        assert!(
            faults
                .iter()
                .all(|fault| fault["at"]["path"] == "tests/faults.yaml")
        );
    }
}

#[test]
fn the_projects_own_lines_name_rows_that_there_are() {
    let output = xtask(&["faults", "--check", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    for fault in [
        "unknown-row",
        "covers-no-test",
        "covers-nothing",
        "unreadable-source",
    ] {
        assert!(!text.contains(fault), "{text}");
    }
}
