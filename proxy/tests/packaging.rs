//! Configurations that are handed out with packages, images and charts: each is one that this binary takes.

use std::{fs, path::Path, process::Command};

/// What secrets of a cluster are, for the files that a configuration names.
const SECRETS: [(&str, &str); 3] = [
    ("store-url", "postgres://crosswalk@localhost/crosswalk"),
    ("store-key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("api-key", "0123456789abcdef0123456789abcdef"),
];

/// What `check-config` says of a text, with secrets where they would be mounted.
fn check(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    for (name, secret) in SECRETS {
        fs::write(path.join(name), secret).expect("it can be written");
    }
    let text = text.replace("/run/secrets/crosswalk", path.to_str().expect("UTF-8"));
    let config = path.join("crosswalk.yaml");
    fs::write(&config, &text).expect("it can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_crosswalk"))
        .args(["check-config", "--config"])
        .arg(config)
        .env_clear()
        .output()
        .expect("the binary can be started");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}\nof\n{text}");
    said
}

fn packaging(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(path);
    fs::read_to_string(path).expect("it is there")
}

/// The lines below one, without their indentation.
fn below(text: &str, line: &str) -> String {
    let lines = text.lines().skip_while(|found| *found != line).skip(1);
    let lines: Vec<_> = lines.collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let inner = depth(lines.first().expect("there is something below it"));
    let mut block = String::new();
    for line in lines {
        if !line.is_empty() && depth(line) < inner {
            break;
        }
        block += line.get(inner..).unwrap_or_default();
        block.push('\n');
    }
    block
}

#[test]
fn the_debian_package_has_a_configuration_that_serves() {
    let said = check(&packaging("debian/crosswalk.yaml"));
    assert!(said.contains("listens on 127.0.0.1:4040"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn the_connections_shown_in_the_debian_package_are_right() {
    let text = packaging("debian/crosswalk.yaml");
    let (head, connections) = text
        .split_once("# cursor_key:")
        .expect("it shows connections");
    let shown = format!("# cursor_key:{connections}").replace("\n# ", "\n");
    let shown = shown
        .trim_start_matches("# ")
        .replace("env:CURSOR_KEY", "file:/run/secrets/crosswalk/api-key");
    let shown = shown.replace(
        "env:ACME_HUBSPOT_TOKEN",
        "file:/run/secrets/crosswalk/api-key",
    );
    let said = check(&format!("{head}{shown}"));
    assert!(said.contains("1 connection,"), "{said}");
}

#[test]
fn the_image_has_a_configuration_that_serves() {
    let said = check(&packaging("container/crosswalk.yaml"));
    assert!(said.contains("listens on 0.0.0.0:4040"), "{said}");
}

#[test]
fn the_sidecar_for_kubernetes_has_a_configuration_that_serves() {
    let said = check(&below(
        &packaging("kubernetes/sidecar.yaml"),
        "  crosswalk.yaml: |",
    ));
    assert!(said.contains("listens on 127.0.0.1:4040"), "{said}");
}

#[test]
fn the_chart_has_a_configuration_that_serves() {
    check(&below(&packaging("helm/crosswalk/values.yaml"), "config:"));
}
