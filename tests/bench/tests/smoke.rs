//! A run so short that its figures mean nothing: they are there, and the command has not rotted.

use std::{path::Path, process::Command};

#[test]
fn a_short_run_fills_its_rows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_crosswalk-bench"))
        .arg("--binary")
        .arg(crosswalk_tests::binary())
        .arg("--root")
        .arg(root)
        .args(["--quick", "--only", "get,joins"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    for (row, unit) in [
        ("get a contact, HubSpot ", " µs CPU"),
        ("get a contact, Salesforce ", " µs CPU"),
        (
            "get a contact, HubSpot; by a bare relay of hyper's ",
            " µs CPU",
        ),
        ("256 gets at once, native calls ", " calls"),
        ("256 gets at once, p50 ", " ms"),
    ] {
        let lines = said.lines().filter(|line| line.starts_with(row));
        let told: Vec<_> = lines.collect();
        assert_eq!(told.len(), 1, "{row}: {said}");
        assert!(told.iter().all(|line| line.contains(unit)), "{row}: {said}");
        assert!(!said.contains("NaN"), "{said}");
    }
}

#[test]
fn rows_that_are_unknown_are_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_crosswalk-bench"))
        .args(["--root", ".", "--only", "nonsense"])
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nonsense"));
}
