//! The commands, as they are run: what they say and how they end.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::support;

pub(crate) fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .expect("xtask can be started")
}

/// The invented provider's project in a folder of its own.
pub(crate) fn project() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in support::invented() {
        let path = root.path().join(path);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
    fs::write(
        root.path().join("README.md"),
        "<!-- coverage:begin -->\n<!-- coverage:end -->\n",
    )
    .expect("a file can be written");
    root
}

/// Runs a command on a project: its exit code and its standard output.
pub(crate) fn run(project: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let root = project.to_str().expect("UTF-8");
    let output = xtask(&[arguments, &["--root", root]].concat());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), text)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the output is JSON")
}

fn break_mapping(project: &Path) {
    let path = project.join("mappings/orgbook/crm/account.yaml");
    let text = fs::read_to_string(&path).expect("the mapping can be read");
    fs::write(path, text.replace("homepage }", "homepag }")).expect("it can be written");
}

#[test]
fn check_finds_nothing_in_the_project() {
    let output = xtask(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[]\n");
}

#[test]
fn check_says_what_it_has_checked() {
    let project = project();
    let (code, told) = run(project.path(), &["check"]);
    assert_eq!(code, Some(0));
    let counts: Vec<usize> = told
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(counts.len() == 4 && !counts.contains(&0), "{told}");
    assert!(told.ends_with("operations: no fault\n"), "{told}");
}

#[test]
fn check_tells_programs_of_a_fault_and_ends_with_1() {
    let project = project();
    break_mapping(project.path());
    let (code, text) = run(project.path(), &["check", "--json"]);
    assert_eq!(code, Some(1));
    assert_eq!(json(&text)[0]["id"], "unknown-native-field");
    assert_eq!(json(&text)[0]["at"]["line"], 12);
}

#[test]
fn codegen_tells_programs_of_a_fault_and_writes_nothing() {
    let project = project();
    break_mapping(project.path());
    let (code, text) = run(project.path(), &["codegen", "--json"]);
    assert_eq!(code, Some(1));
    assert_eq!(json(&text)[0]["id"], "unknown-native-field");
    assert!(!project.path().join("proxy").exists());
}

#[test]
fn codegen_tells_programs_which_files_differ() {
    let project = project();
    let (code, text) = run(project.path(), &["codegen", "--json"]);
    assert_eq!((code, text.as_str()), (Some(0), "[]\n"));

    let folder = project.path().join("proxy/src/generated");
    fs::remove_file(folder.join("mod.rs")).expect("there is such a file");
    fs::write(folder.join("old.rs"), "").expect("a file can be written");
    let stale = folder.join("orgbook/crm/account.rs");
    let text = fs::read_to_string(&stale).expect("there is such a file");
    fs::write(&stale, format!("\n{text}")).expect("it can be written");

    let (code, text) = run(project.path(), &["codegen", "--check", "--json"]);
    assert_eq!(code, Some(1));
    let found = json(&text);
    let found: Vec<_> = found.as_array().expect("a list").iter().collect();
    let each: Vec<_> = found
        .iter()
        .map(|one| (one["id"].as_str(), one["at"]["path"].as_str()))
        .collect();
    assert_eq!(
        each,
        [
            (Some("missing-file"), Some("proxy/src/generated/mod.rs")),
            (Some("orphaned-file"), Some("proxy/src/generated/old.rs")),
            (
                Some("stale-file"),
                Some("proxy/src/generated/orgbook/crm/account.rs")
            ),
        ]
    );
    assert_eq!(found[2]["at"]["line"], 1);

    let (code, _) = run(project.path(), &["codegen"]);
    assert_eq!(code, Some(0));
    let (code, _) = run(project.path(), &["codegen", "--check"]);
    assert_eq!(code, Some(0));
}

#[test]
fn coverage_ends_with_1_where_the_tables_differ() {
    let project = project();
    let (code, text) = run(project.path(), &["coverage", "--check", "--json"]);
    assert_eq!(code, Some(1));
    assert_eq!(json(&text)[0]["at"]["path"], "README.md");
    assert_eq!(run(project.path(), &["coverage"]).0, Some(0));
    assert_eq!(run(project.path(), &["coverage", "--check"]).0, Some(0));
}

#[test]
fn a_command_that_does_not_exist_is_not_a_fault_of_the_mappings() {
    assert_eq!(xtask(&["cheque"]).status.code(), Some(2));
}

#[test]
fn a_project_that_cannot_be_read_is_not_a_fault_of_the_mappings() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(run(empty.path(), &["check"]).0, Some(2));
}

#[test]
fn help_says_what_a_command_does_with_an_example() {
    let help = |arguments: &[&str]| {
        let output = xtask(&[arguments, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let all = help(&[]);
    assert!(all.contains("Exit codes:"), "{all}");
    let commands = all.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        // What goes on from the line before stands further in.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|command| !command.is_empty())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.contains(&"check"), "{commands:?}");
    for command in commands {
        let text = help(&[command]);
        assert!(text.contains(&format!("  cargo xtask {command}")), "{text}");
    }
}
