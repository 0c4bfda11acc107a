//! The README's commands, taken from the README and run.

use std::{path::Path, process::Command};

use crosswalk_tests::{Answer, Contract, Curl, Demo, Process};
use serde_json::{Value, json};

use crate::CONNECTIONS;

const README: &str = include_str!("../../README.md");
/// Where everything listens by default, as the README says.
const DEFAULT_ADDRESS: &str = "127.0.0.1:4040";

/// The indented paragraph that begins so, without its indentation.
fn paragraph(beginning: &str) -> String {
    let start = README
        .find(&format!("\n    {beginning}"))
        .unwrap_or_else(|| panic!("the README has a paragraph that begins with {beginning:?}"));
    let lines = README[start + 1..]
        .lines()
        .map_while(|line| line.strip_prefix("    "));
    lines.collect::<Vec<_>>().join("\n")
}

/// The arguments in a sentence: `target/release/crosswalk check-config` → `check-config`.
fn arguments(beginning: &str) -> Vec<&'static str> {
    let (_, rest) = README
        .split_once(&format!("`{beginning}"))
        .unwrap_or_else(|| panic!("the README has `{beginning}`"));
    let (command, _) = rest.split_once('`').expect("code ends");
    command.split_whitespace().collect()
}

/// The demo as the README starts it, but for the build and the port.
fn demo(further: &[&str]) -> Demo {
    let command = paragraph("cargo run");
    let (cargo, arguments) = command.split_once(" -- ").expect("arguments of the binary");
    assert_eq!(cargo, "cargo run");
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    Demo::start_with(&[&arguments, further].concat())
}

fn is_an_upserted_account(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let faults = Contract::load().faults("crm.account.upsert", 200, &answer.body);
    assert!(faults.is_empty(), "{faults:#?} in {:#}", answer.body);
}

#[test]
fn the_demo_prints_two_calls_that_upsert_when_they_are_pasted() {
    let demo = demo(&[]);
    let printed = demo.printed();
    let lines: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("curl ") && line.contains("/_upsert"))
        .collect();
    assert_eq!(lines.len(), CONNECTIONS.len(), "{printed}");
    for (line, connection) in lines.into_iter().zip(CONNECTIONS) {
        let call = Curl::read(line);
        assert!(
            call.headers
                .contains(&format!("x-connection-id: {connection}"))
        );
        let (first, second) = (call.run(), call.run());
        is_an_upserted_account(&first);
        is_an_upserted_account(&second);
        assert_eq!(
            first.body["record"]["id"], second.body["record"]["id"],
            "pasted twice it updates"
        );
        assert_eq!(first.body["warnings"], Value::Null, "nothing is left out");
        let asked: Value = serde_json::from_str(&call.body).unwrap();
        for (name, value) in asked["record"].as_object().unwrap() {
            if name != "passthrough_fields" {
                assert_eq!(&first.body["record"][name], value, "{connection} {name}");
            }
        }
    }
}

#[test]
fn the_call_in_the_readme_has_the_answer_in_the_readme() {
    let demo = demo(&[]);
    let command = paragraph("curl ");
    assert!(command.contains(DEFAULT_ADDRESS), "{command}");
    let command = command.replace(DEFAULT_ADDRESS, &demo.address);
    let answer = Curl::read(&command).run();
    is_an_upserted_account(&answer);
    // A shell and curl, where there are any, read it in the same way.
    if Command::new("curl").arg("--version").output().is_ok() {
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        let body: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(body["record"]["id"], answer.body["record"]["id"]);
    }
    // `{"record":{"id":"0015g…","updated_at":"…","raw_data":{…},"name":"Brightwater Analytics",…}}`
    let told = paragraph("{\"record\"");
    let (before_id, rest) = told.split_once('…').unwrap();
    assert!(answer.text.starts_with(before_id), "{}", answer.text);
    let told_names: Vec<&str> = ["updated_at", "raw_data", "name"]
        .into_iter()
        .filter(|name| rest.contains(&format!("\"{name}\":")))
        .collect();
    let names: Vec<&String> = answer.body["record"].as_object().unwrap().keys().collect();
    assert_eq!(names[1..=3], told_names);
    assert!(rest.contains("\"name\":\"Brightwater Analytics\""));
    assert_eq!(answer.body["record"]["name"], "Brightwater Analytics");
}

#[test]
fn the_command_in_the_readme_shows_the_native_calls() {
    let demo = demo(&[]);
    let command = paragraph("target/debug/crosswalk call");
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    let url = format!("http://{}", demo.address);
    let admin = format!("http://{}", crate::explorer::admin(&demo));
    let places = ["--url", &url, "--admin-url", &admin];
    let mut call = Process::start(&[&arguments[..], &places].concat(), Path::new("."), &[]);
    assert_eq!(call.exit_code(), 0);
    call.out.wait_for("/crm/objects/");
    call.out.wait_for("\"items\"");
}

/// The scripts are run by `clients`, against a demo.
#[test]
fn the_clients_in_the_readme_are_those_that_are_tested() {
    for script in [
        include_str!("../clients/unified_client.ts"),
        include_str!("../clients/unified_client.py"),
    ] {
        let (_, rest) = script.split_once("guide:begin\n").expect("a beginning");
        let (lines, _) = rest.split_once("guide:end").expect("an end");
        for line in lines.lines().map(str::trim) {
            if line != "//" && line != "#" && !line.is_empty() {
                assert!(
                    README.contains(&format!("    {line}\n"))
                        || README.contains(&format!("  {line}\n")),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn the_demo_listens_where_the_readme_says() {
    let command = paragraph("cargo run");
    let (_, arguments) = command.split_once(" -- ").unwrap();
    let arguments: Vec<&str> = arguments.split_whitespace().chain(["--help"]).collect();
    let mut help = Process::start(&arguments, Path::new("."), &[]);
    assert_eq!(help.exit_code(), 0);
    help.out.wait_for("[default:");
    // Lines are broken to the width of a terminal.
    let text = help.out.text();
    let words: Vec<&str> = text.split_whitespace().collect();
    let said = format!("[default: {DEFAULT_ADDRESS}]");
    assert!(words.join(" ").contains(&said), "{text}");
}

#[test]
fn explain_shows_the_request_its_native_calls_and_the_answer() {
    let explain = arguments("demo --explain");
    assert!(explain.is_empty(), "nothing else is needed");
    let demo = demo(&["--explain"]);
    for (index, (connection, natives)) in CONNECTIONS
        .into_iter()
        .zip([
            &["searchObjects", "createObject", "getObject"][..],
            &["query", "composite"],
        ])
        .enumerate()
    {
        let body = json!({"upsert_on": {"key": "website", "values": ["told.example"]}, "record": {"name": format!("Told {index}")}});
        let answer = demo.call(
            connection,
            "POST",
            "/unified/crm/account/_upsert",
            Some(&body),
        );
        assert_eq!(answer.status, 200, "{}", answer.text);
        demo.wait_for("══ unified request", index + 1);
        demo.wait_for("── unified answer", index + 1);
        // Only unified records have it, behind their id. Native answers have the id as well.
        demo.wait_for("\"raw_data\": {", index + 1);
        let id = answer.body["record"]["id"].as_str().unwrap();
        let printed = demo.printed();
        let told = printed.rsplit("══ unified request").next().unwrap();
        let mut from = 0;
        let mut in_order = |words: &str| {
            let at = told[from..].find(words);
            let at = at.unwrap_or_else(|| panic!("{words:?} comes next in {told}"));
            from += at + words.len();
        };
        in_order(&format!(
            "POST /unified/crm/account/_upsert   (x-connection-id: {connection})"
        ));
        in_order(&format!("\"name\": \"Told {index}\""));
        for (number, native) in natives.iter().enumerate() {
            in_order(&format!("── native call {}: {native} ", number + 1));
            in_order("→ 20");
        }
        in_order("── unified answer");
        in_order("200");
        in_order(id);
    }
}

#[test]
fn the_configuration_in_the_readme_is_fine() {
    let text = paragraph("# crosswalk.yaml");
    let name = text.lines().next().unwrap().trim_start_matches("# ");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), &text).unwrap();
    let variables: Vec<&str> = text
        .split("env:")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect();
    assert_eq!(variables.len(), 5);
    let all: Vec<(&str, &str)> = variables
        .iter()
        .map(|name| (*name, "some-secret"))
        .collect();
    let arguments = arguments("target/release/crosswalk check-config");
    let arguments = [&["check-config"], arguments.as_slice()].concat();

    let mut fine = Process::start(&arguments, folder.path(), &all);
    assert_eq!(fine.exit_code(), 0, "{}", fine.err.text());
    let told = fine.out.wait_for("fine");
    assert!(told.contains("2 connections"), "{told}");
    assert!(told.contains(DEFAULT_ADDRESS), "{told}");
    assert_eq!(fine.out.text().lines().count(), 1, "no warning");

    // "tells every mistake with its line, an unset variable too"
    let mut unset = Process::start(&arguments, folder.path(), &all[1..]);
    assert_eq!(unset.exit_code(), 2);
    let told = unset.err.wait_for(variables[0]);
    assert!(told.contains(&format!("{name}:2:")), "{told}");
}

#[test]
fn the_readmes_test_command_is_what_ci_runs() {
    let command = paragraph("cargo test");
    let steps = include_str!("../../codegen/src/bin/xtask/ci.rs");
    let arguments = command.trim().strip_prefix("cargo ").unwrap();
    // CI adds that the lock file must be up to date.
    let step = format!("cargo(\"{arguments} --locked\")");
    assert!(steps.contains(&step), "{step}");
    assert!(include_str!("../../.ci/run").contains("\ncargo xtask ci\n"));
}
