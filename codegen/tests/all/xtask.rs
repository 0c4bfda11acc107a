//! The commands, as they are run.

use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .expect("xtask can be started")
}

#[test]
fn check_finds_nothing_in_the_project() {
    let output = xtask(&["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[]\n");
}

#[test]
fn check_says_what_it_has_checked() {
    let output = xtask(&["check"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts: Vec<usize> = told
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(counts.len() == 4 && !counts.contains(&0), "{told}");
    assert!(told.ends_with("operations: no fault\n"), "{told}");
}

#[test]
fn a_command_that_does_not_exist_is_not_a_fault_of_the_mappings() {
    assert_eq!(xtask(&["cheque"]).status.code(), Some(2));
}
