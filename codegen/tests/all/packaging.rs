//! What a version is handed out as, held against those who read it: Debian's own tools, systemd, Helm, the schemas of
//! Kubernetes and of CycloneDX.
//!
//! `tests/packaging/install` puts those that are Python packages into `target/packaging`. Where a tool is missing a test says
//! so and passes; but where `CI` is set it fails.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use serde_json::Value;

use crate::xtask::xtask;

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// `systemd-analyze security` gives 0 to a unit that may do nothing and 100 to one that may do all; ours has 12, for the
/// network that it is there for. A network daemon without a line of hardening has 92.
const MOST_EXPOSED: u32 = 13;
/// A program with the documents of the real one: the package takes from the binary what it can write.
const BINARY: &str = r##"
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [KNOWN, "--help"] | ["completions", "--help"] => {}
        [KNOWN, "--out", folder] => {
            std::fs::create_dir_all(folder).unwrap();
            let page = ".TH crosswalk 1\n.SH NAME\ncrosswalk \\- a program of a test\n.SH DESCRIPTION\nIt does nothing.\n";
            std::fs::write(format!("{folder}/crosswalk.1"), page).unwrap();
        }
        ["completions", shell] => println!("# for {shell}"),
        _ => std::process::exit(2),
    }
}
"##;

/// Whether a tool is there. Says so loudly where it is not, and where `.ci/run` should have installed it that is a fault.
#[expect(
    clippy::print_stderr,
    reason = "a test that was left out must not look like one that passed"
)]
fn there(tool: &Path, install: &str) -> bool {
    let found = Command::new(tool).arg("--version").output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let said = format!("{} is not here; {install} installs it", tool.display());
    assert!(env::var_os("CI").is_none(), "{said}");
    eprintln!("== LEFT OUT, THIS WAS NOT CHECKED: {said}");
    false
}

fn text(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// Runs a tool that must find nothing wrong; what it says.
fn clean(command: &mut Command) -> String {
    let output = command.output().expect("the tool can be run");
    assert!(output.status.success(), "{command:?}\n{}", text(&output));
    text(&output)
}

/// Holds something against `tests/packaging/check.py`.
fn check(arguments: &[&str]) {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(PROJECT).join("target"), PathBuf::from);
    let venv = target.join("packaging/venv");
    let (python, installed) = (venv.join("bin/python"), venv.join("requirements.txt"));
    let script = Path::new(PROJECT).join("tests/packaging/check.py");
    let pinned = fs::read(script.with_file_name("requirements.txt")).expect("it is pinned");
    let is_current = fs::read(installed).is_ok_and(|found| found == pinned);
    let tool = if is_current {
        python
    } else {
        PathBuf::from("what target/packaging should have")
    };
    if there(&tool, "`tests/packaging/install`") {
        clean(Command::new(tool).arg(script).args(arguments));
    }
}

/// A program whose man pages are written by this command of its own.
fn binary(folder: &Path, documents: &str) -> PathBuf {
    let source = folder.join("crosswalk.rs");
    let text = BINARY.replace("KNOWN", &format!("{documents:?}"));
    fs::write(&source, text).expect("it can be written");
    let binary = folder.join("crosswalk");
    clean(
        Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--edition=2024", "-Cstrip=symbols", "-o"])
            .args([&binary, &source]),
    );
    binary
}

/// Builds a package of it; the package and what was said.
fn packed(binary: &Path, out: &Path) -> (PathBuf, String) {
    let [binary, out] = [binary, out].map(|path| path.to_str().expect("UTF-8"));
    let output = xtask(&["package", "deb", "--binary", binary, "--out", out]);
    assert!(output.status.success(), "{}", text(&output));
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (path.into(), text(&output))
}

fn can_pack() -> bool {
    there(Path::new("dpkg-shlibdeps"), "`apt-get install dpkg-dev`")
}

#[test]
fn the_same_binary_makes_the_same_package() {
    if !can_pack() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let binary = binary(folder.path(), "man");
    let [first, second] = ["first", "second"].map(|name| {
        let (package, _) = packed(&binary, &folder.path().join(name));
        fs::read(package).expect("it was written")
    });
    assert!(first == second, "two packages of one binary differ");
}

#[test]
fn a_package_has_what_a_service_needs() {
    if !can_pack() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (package, _) = packed(&binary(folder.path(), "man"), folder.path());
    let list = clean(Command::new("dpkg-deb").arg("--contents").arg(&package));
    let entries: Vec<_> = list
        .lines()
        .map(|line| {
            let parts: Vec<_> = line.split_whitespace().collect();
            (parts[0], parts[1], parts[5])
        })
        .collect();
    assert!(entries.iter().all(|entry| entry.1 == "root/root"), "{list}");
    for (mode, path) in [
        ("-rwxr-xr-x", "./usr/bin/crosswalk"),
        ("-rw-r--r--", "./etc/crosswalk/crosswalk.yaml"),
        ("-rw-r--r--", "./lib/systemd/system/crosswalk.service"),
        ("-rw-r--r--", "./lib/systemd/system/crosswalk.socket"),
        ("-rw-r--r--", "./usr/share/man/man1/crosswalk.1.gz"),
        (
            "-rw-r--r--",
            "./usr/share/bash-completion/completions/crosswalk",
        ),
        (
            "-rw-r--r--",
            "./usr/share/zsh/vendor-completions/_crosswalk",
        ),
        (
            "-rw-r--r--",
            "./usr/share/fish/vendor_completions.d/crosswalk.fish",
        ),
        ("-rw-r--r--", "./usr/share/doc/crosswalk/changelog.gz"),
        (
            "-rw-r--r--",
            "./usr/share/doc/crosswalk/crosswalk.cdx.json.gz",
        ),
    ] {
        let found = entries
            .iter()
            .any(|entry| (entry.0, entry.2) == (mode, path));
        assert!(found, "no {mode} {path} in\n{list}");
    }
    let control = |file: &str| {
        let mut command = Command::new("dpkg-deb");
        clean(command.arg("--info").arg(&package).arg(file))
    };
    assert_eq!(control("conffiles"), "/etc/crosswalk/crosswalk.yaml\n");
    let fields = control("control");
    let depends = fields.lines().find(|line| line.starts_with("Depends: "));
    let depends = depends.expect("it depends on a C library");
    assert!(
        depends.contains("libc6 (>=") && depends.ends_with(", adduser"),
        "{depends}"
    );
    assert!(
        !fields.contains('{'),
        "a place was not filled in:\n{fields}"
    );
}

#[test]
fn a_binary_without_man_pages_is_packed_without_them_and_that_is_said() {
    if !can_pack() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (package, said) = packed(&binary(folder.path(), "nothing"), folder.path());
    assert!(said.contains("LEFT OUT: man pages"), "{said}");
    let list = clean(Command::new("dpkg-deb").arg("--contents").arg(&package));
    assert!(
        !list.contains("/man/") && list.contains("bash-completion"),
        "{list}"
    );
}

#[test]
fn what_is_no_program_is_not_packed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("crosswalk");
    fs::write(&script, "#!/bin/sh\necho of no architecture\n").expect("it can be written");
    let script = script.to_str().expect("UTF-8");
    let output = xtask(&["package", "deb", "--binary", script]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output).contains("expected a program for Linux"),
        "{}",
        text(&output)
    );
}

#[test]
fn lintian_finds_nothing() {
    if !can_pack() || !there(Path::new("lintian"), "`apt-get install lintian`") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (package, _) = packed(&binary(folder.path(), "man"), folder.path());
    let said = clean(
        Command::new("lintian")
            .args([
                "--allow-root",
                "--pedantic",
                "--fail-on=error,warning,info,pedantic",
            ])
            .arg(package),
    );
    assert_eq!(said, "");
}

#[test]
fn a_package_is_installed_upgraded_removed_and_purged() {
    if !can_pack() || !there(Path::new("adduser"), "`apt-get install adduser`") {
        return;
    }
    let may_mount = Command::new("unshare").args(["--mount", "true"]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        // A tool cannot be installed for this one.
        eprintln!(
            "== LEFT OUT, THIS WAS NOT CHECKED: installing needs root, for mounts of its own"
        );
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (package, _) = packed(&binary(folder.path(), "man"), folder.path());
    let script = Path::new(PROJECT).join("tests/packaging/lifecycle");
    clean(Command::new(script).arg(package));
}

/// The units as they are installed, but for the program, which need not be there.
fn units() -> &'static Path {
    static UNITS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = UNITS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let from = Path::new(PROJECT).join("proxy/packaging/systemd");
        for entry in fs::read_dir(from).expect("there are units") {
            let path = entry.expect("it can be read").path();
            let text = fs::read_to_string(&path).expect("it is text");
            let text = text.replace("=/usr/bin/crosswalk", "=/bin/true");
            let name = path.file_name().expect("a file has a name");
            fs::write(folder.path().join(name), text).expect("it can be written");
        }
        folder
    });
    folder.path()
}

fn analyze() -> Option<Command> {
    let tool = Path::new("systemd-analyze");
    there(tool, "`apt-get install systemd`").then(|| Command::new(tool))
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let Some(mut analyze) = analyze() else { return };
    let names = [
        "crosswalk.service",
        "crosswalk.socket",
        "crosswalk-admin.socket",
    ];
    let said = clean(
        analyze
            .args(["verify", "--man=no"])
            .args(names.map(|name| units().join(name))),
    );
    // Unknown keys are warned about, with success.
    assert_eq!(said, "");
}

#[test]
fn the_service_is_as_little_exposed_as_was_promised() {
    let Some(mut analyze) = analyze() else { return };
    clean(
        analyze
            .args(["security", "--offline=yes", "--no-pager"])
            .arg(format!("--threshold={MOST_EXPOSED}"))
            .arg(units().join("crosswalk.service")),
    );
}

#[test]
fn the_sbom_has_what_the_binary_is_linked_with_and_nothing_of_tests() {
    let output = xtask(&["package", "sbom"]);
    assert!(output.status.success(), "{}", text(&output));
    let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let components = document["components"].as_array().expect("a list");
    let find = |name: &str| components.iter().find(|one| one["name"] == name);
    let tokio = find("tokio").expect("the proxy runs on it");
    assert_eq!(tokio["licenses"][0]["expression"], "MIT");
    let hash = tokio["hashes"][0]["content"].as_str().expect("a hash");
    let lock = fs::read_to_string(format!("{PROJECT}/Cargo.lock")).expect("there is a lock file");
    assert!(lock.contains(&format!("checksum = \"{hash}\"")));
    for name in ["insta", "crosswalk-codegen", "crosswalk-tests", "cc"] {
        assert_eq!(find(name), None, "{name} is in no binary");
    }
    for component in components {
        assert!(
            !component["licenses"][0].is_null(),
            "no licence: {component}"
        );
    }
    let written = String::from_utf8_lossy(&output.stdout);
    let home = fs::canonicalize(PROJECT).expect("it is there");
    assert!(
        !written.contains(home.to_str().expect("UTF-8")),
        "it tells where it was made"
    );
}

#[test]
fn the_sbom_is_valid_and_made_again_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = ["first", "second"].map(|name| folder.path().join(name));
    for path in &paths {
        let path = path.to_str().expect("UTF-8");
        let output = xtask(&["package", "sbom", "--out", path]);
        assert!(output.status.success(), "{}", text(&output));
    }
    let [first, second] = paths
        .each_ref()
        .map(|path| fs::read(path).expect("it was written"));
    assert!(first == second, "two SBOMs of one lock file differ");
    check(&["sbom", paths[0].to_str().expect("UTF-8")]);
}

#[test]
fn notes_of_a_release_are_its_section_of_the_changelog() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let changelog = "# Changelog\n\n## Unreleased\n\n## 0.10.0 (2027-01-01)\n\n- Ten.\n\n### More\n\n- Of ten.\n\n## 0.1.0\n\n- One.\n";
    fs::write(folder.path().join("CHANGELOG.md"), changelog).expect("it can be written");
    let root = folder.path().to_str().expect("UTF-8");
    let notes = |version: &str| {
        let output = xtask(&["package", "notes", version, "--root", root]);
        (output.status.code(), text(&output))
    };
    assert_eq!(
        notes("v0.10.0"),
        (Some(0), "- Ten.\n\n### More\n\n- Of ten.\n".to_owned())
    );
    assert_eq!(notes("0.1.0"), (Some(0), "- One.\n".to_owned()));
    let (code, said) = notes("0.1");
    assert_eq!(code, Some(1));
    assert!(said.contains("it has Unreleased, 0.10.0, 0.1.0"), "{said}");
    let (code, said) = notes("Unreleased");
    assert_eq!(code, Some(1));
    assert!(said.contains("says nothing of Unreleased"), "{said}");
}

#[test]
fn the_containerfile_makes_an_image_without_root_and_without_a_shell() {
    check(&["containerfile"]);
}

#[test]
fn kubernetes_takes_the_sidecar_as_it_is() {
    check(&["kubernetes"]);
}

#[test]
fn the_chart_lints_and_what_it_makes_is_taken_by_kubernetes() {
    check(&["helm"]);
}

#[test]
fn chart_and_sidecar_are_of_the_version_of_the_workspace() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, line) in [
        (
            "helm/crosswalk/Chart.yaml",
            format!("appVersion: \"{version}\"\n"),
        ),
        (
            "kubernetes/sidecar.yaml",
            format!("image: crosswalk:{version}\n"),
        ),
    ] {
        let path = format!("{PROJECT}/proxy/packaging/{file}");
        let text = fs::read_to_string(path).expect("it is there");
        assert!(text.contains(&line), "{file} has not {line}");
    }
}
