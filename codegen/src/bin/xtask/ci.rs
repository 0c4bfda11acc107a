//! `cargo xtask ci`: all that CI runs, in its order, up to the first thing that is wrong.

use std::{
    env,
    process::{Command, Stdio},
};

use crosswalk_codegen::diagnostic::Format;

use crate::{Failure, Outcome, codegen, coverage, faults, fuzz, project::Project, schema};

/// For each fuzz target.
const FUZZ_SECONDS: u32 = 10;

/// One thing that CI does.
type Step<'a> = &'a dyn Fn() -> Result<Outcome, Failure>;

pub(crate) fn run(project: &Project) -> Result<Outcome, Failure> {
    let cargo = |arguments: &str| end(cargo().args(arguments.split(' ')), project);
    let steps: [(&str, Step<'_>); 10] = [
        ("cargo fmt --check", &|| cargo("fmt --all --check")),
        ("cargo clippy", &|| {
            cargo("clippy --workspace --all-targets --locked -- -D warnings")
        }),
        ("cargo xtask codegen --check", &|| {
            codegen::run(project, true, Format::Human)
        }),
        ("cargo xtask coverage --check", &|| {
            coverage::run(project, true, Format::Human)
        }),
        ("cargo xtask faults --check", &|| {
            faults::run(project, true, Format::Human)
        }),
        ("cargo xtask schema --check", &|| {
            schema::run(project, true, Format::Human)
        }),
        ("cargo test", &|| cargo("test --workspace --locked")),
        ("cargo doc", &|| docs(project)),
        ("cargo xtask fuzz", &|| fuzz(project)),
        ("cargo deny", &|| deny(project)),
    ];
    for (name, step) in steps {
        println!("== {name}");
        if step()? == Outcome::Wrong {
            eprintln!("== {name}: this is wrong");
            return Ok(Outcome::Wrong);
        }
    }
    Ok(Outcome::Well)
}

/// Every target for a moment: what it found once, it finds again.
fn fuzz(project: &Project) -> Result<Outcome, Failure> {
    if !fuzz::is_there() {
        eprintln!(
            "== cargo fuzz: LEFT OUT, for there is no cargo-fuzz here. The fuzz targets did NOT run."
        );
        eprintln!("== `cargo install --locked cargo-fuzz` brings it.");
        return Ok(Outcome::Well);
    }
    fuzz::run(project, None, FUZZ_SECONDS, false)
}

fn docs(project: &Project) -> Result<Outcome, Failure> {
    let mut doc = cargo();
    doc.args(["doc", "--no-deps", "--workspace", "--locked"]);
    end(doc.env("RUSTDOCFLAGS", "-D warnings"), project)
}

/// Licences, sources and duplicates. Advisories are not among it: they come over the network, and change without us.
fn deny(project: &Project) -> Result<Outcome, Failure> {
    let there = Command::new("cargo-deny")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        // To build it takes minutes, more than all the rest, so that nobody is made to.
        eprintln!(
            "== cargo deny: LEFT OUT, for there is no cargo-deny here. Licences, sources and duplicate crates"
        );
        eprintln!("== were NOT checked. `cargo install --locked cargo-deny` brings it.");
        return Ok(Outcome::Well);
    }
    let mut deny = cargo();
    deny.args(["deny", "--locked", "check", "bans", "licenses", "sources"]);
    end(&mut deny, project)
}

/// The cargo that runs this command, where there is one: it has the right toolchain. What that has told this command of
/// its own package is not passed on: build scripts that look at it would run again, and all that depends on them would
/// be built again, each time that somebody else starts cargo.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

pub(crate) fn end(command: &mut Command, project: &Project) -> Result<Outcome, Failure> {
    let status = command.current_dir(project.root()).status()?;
    Ok(if status.success() {
        Outcome::Well
    } else {
        Outcome::Wrong
    })
}
