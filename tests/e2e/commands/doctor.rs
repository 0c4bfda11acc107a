//! `crosswalk doctor`

use super::*;

/// The findings, of which each has a state.
fn findings(stage: &Stage, arguments: &[&str]) -> (i32, Vec<Value>) {
    let ran = stage.home.run(&[&["doctor", "--json"], arguments].concat());
    assert!(
        !ran.out.contains("canary") && !ran.out.contains("sandbox-"),
        "no secret: {}",
        ran.out
    );
    let all: Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    (ran.code, all["checks"].as_array().unwrap().clone())
}

/// The state of what was looked at, and what is to be done.
fn of<'f>(findings: &'f [Value], subject: &str) -> (&'f str, &'f str) {
    let mut fitting = findings
        .iter()
        .filter(|each| each["subject"].as_str().unwrap().starts_with(subject));
    let found = fitting
        .next()
        .unwrap_or_else(|| panic!("{subject}: {findings:#?}"));
    (
        found["state"].as_str().unwrap(),
        found["help"].as_str().unwrap_or_default(),
    )
}

#[test]
fn a_well_installation_is_called_well() {
    let stage = Stage::new();
    let (code, before) = findings(&stage, &[]);
    assert_eq!(code, 0, "{before:#?}");
    assert!(
        !stage.home.state().join("crosswalk.db").exists(),
        "it makes nothing"
    );
    let _served = stage.serve();
    let id = stage.connect("acme");
    let (code, running) = findings(&stage, &[]);
    assert_eq!(code, 0, "{running:#?}");
    for subject in [
        "listen",
        "state_dir",
        "store_key",
        "clock",
        "127.0.0.1:",
        "hubspot",
        "salesforce",
        &id,
    ] {
        assert_eq!(of(&running, subject).0, "ok", "{subject}");
    }
    let listen = running
        .iter()
        .find(|each| each["subject"].as_str().unwrap().starts_with("listen"));
    assert!(
        listen.unwrap()["message"]
            .as_str()
            .unwrap()
            .contains("a proxy that runs")
    );
}

#[test]
fn faults_are_told_with_what_to_do_and_end_with_2() {
    let stage = Stage::new();
    std::fs::write(
        stage.home.path().join("hubspot.token"),
        "canary-wrong-token",
    )
    .unwrap();
    // Somebody else holds the port, and says nothing.
    let _other = std::net::TcpListener::bind(&stage.address).unwrap();
    let (code, found) = findings(&stage, &[]);
    assert_eq!(code, 2, "{found:#?}");
    let (how, help) = of(&found, "hubspot");
    assert!(
        how == "fail" && help.contains("connections.hubspot"),
        "{help}"
    );
    assert_eq!(of(&found, "salesforce").0, "ok");
    let (how, help) = of(&found, "listen");
    assert!(how == "fail" && help.contains("another port"), "{help}");

    let list = stage.home.run(&["doctor"]);
    assert_eq!(list.code, 2);
    for words in [
        "Connections\n",
        "  fail  hubspot: ",
        "→ give connections.hubspot other credentials",
        " to mend",
    ] {
        assert!(list.out.contains(words), "{words}: {}", list.out);
    }
    let (_, one) = findings(
        &stage,
        &["--connection", "salesforce", "--connection", "nobody"],
    );
    assert!(!one.iter().any(|each| each["subject"] == "hubspot"));
    assert_eq!(of(&one, "nobody").0, "fail");
}

#[test]
fn the_flags_that_serve_takes_go_before_the_file() {
    let stage = Stage::new();
    let place = stage.home.path().join("elsewhere");
    let set = format!("state_dir={}", place.display());
    let (_, found) = findings(&stage, &["--offline", "--set", &set]);
    assert_eq!(
        of(&found, &format!("state_dir {}", place.display())).0,
        "ok"
    );
    let (code, found) = findings(&stage, &["--offline", "--set", "limits.threads=none"]);
    assert_eq!(code, 2, "{found:#?}");
}

#[test]
fn offline_nothing_is_sent_to_a_provider() {
    let stage = Stage::new();
    let (code, found) = findings(&stage, &["--offline"]);
    assert_eq!(code, 0, "{found:#?}");
    assert_eq!(of(&found, "hubspot").0, "skipped");
    assert!(stage.sandbox.seen("hubspot").is_empty());
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_by_its_lines() {
    let home = Home::new("");
    std::fs::write(
        home.path().join("crosswalk.yaml"),
        "listen: nowhere\napi_keys: [\"env:CROSSWALK_NO_SUCH\"]\n",
    )
    .unwrap();
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, 2);
    for words in [
        "line 1, column 9: listen: ",
        "CROSSWALK_NO_SUCH is not set",
        "not looked at",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    let missing = home.run(&["doctor", "--config", "elsewhere.yaml"]);
    assert_eq!(missing.code, 2);
    assert!(missing.out.contains("CROSSWALK_CONFIG"), "{}", missing.out);
}
