//! `cargo xtask package`: what a version is handed out as. Files that go into packages are in `proxy/packaging`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::Timestamp;

use crate::{Failure, Outcome, project::Project};

mod deb;
mod notes;
mod sbom;

/// The version of the workspace, so of the binary.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Package {
    /// Build a Debian package around the binary: service, configuration, man pages, completions, SBOM.
    ///
    /// Needs dpkg-deb, and dpkg-shlibdeps of dpkg-dev. The same binary and time make the same bytes: the time is
    /// `SOURCE_DATE_EPOCH`, or that of the last commit.
    #[command(after_help = "\
Examples:
  cargo build --release --locked -p crosswalk --bin crosswalk && cargo xtask package deb
  cargo xtask package deb --binary target/debug/crosswalk --out packages")]
    Deb(deb::Arguments),
    /// Write what is in the binary, crate by crate, as CycloneDX JSON.
    #[command(after_help = "\
Examples:
  cargo xtask package sbom > crosswalk.cdx.json
  cargo xtask package sbom --target aarch64-unknown-linux-gnu --out crosswalk.cdx.json")]
    Sbom(sbom::Arguments),
    /// Print the section of a version in CHANGELOG.md, for the notes of its release.
    #[command(after_help = "\
Examples:
  cargo xtask package notes 0.1.0
  cargo xtask package notes Unreleased")]
    Notes {
        /// As its heading has it, with or without the `v` of its tag.
        version: String,
    },
}

pub(crate) fn run(project: &Project, package: &Package) -> Result<Outcome, Failure> {
    match package {
        Package::Deb(arguments) => deb::run(project, arguments),
        Package::Sbom(arguments) => sbom::run(project, arguments),
        Package::Notes { version } => notes::run(project, version),
    }
}

/// The time that is written into packages: of the last commit unless told, so that who builds later builds the same.
fn time(root: &Path) -> Result<Timestamp, Failure> {
    let text = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => {
            output(
                Command::new("git")
                    .arg("-C")
                    .arg(root)
                    .args(["log", "-1", "--format=%ct"]),
            )
            .map_err(|error| {
                format!("there is no time to write into it: set SOURCE_DATE_EPOCH ({error})")
            })?
        }
    };
    let seconds = text
        .trim()
        .parse()
        .map_err(|_| format!("SOURCE_DATE_EPOCH: expected seconds since 1970, found {text:?}"))?;
    Ok(Timestamp::from_second(seconds)?)
}

/// What a command prints; an error where it cannot be run or fails, with what it said.
fn output(command: &mut Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {}: {}", output.status, said.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where cargo puts what is built for release.
fn released(root: &Path, name: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("release").join(name)
}
