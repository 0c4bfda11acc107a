//! `cargo xtask layout`: finds out which functions of the proxy run, and writes where the linker is to put them.

use std::{path::PathBuf, process::Command};

use crate::{
    Failure, Outcome,
    bench::{BENCH, build, released},
    ci,
    project::Project,
};

/// What the linker reads.
const SCRIPT: &str = "proxy/layout.ld";
/// A build of its own: the binary for release has no symbols.
const TARGET: &str = "target/layout";

/// What is looked at.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Look at this binary instead of building one. It must have its symbols, and the linker's map beside it: FILE.map.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<Outcome, Failure> {
    let root = std::path::absolute(project.root())?;
    let binary = if let Some(binary) = &arguments.binary {
        std::path::absolute(binary)?
    } else {
        let target = root.join(TARGET);
        eprintln!("== cargo build --release --package crosswalk --bin crosswalk, with symbols");
        let binary = target.join("release/crosswalk");
        let mut symbols = ci::cargo();
        symbols
            .args(["rustc", "--release", "--locked"])
            .args(["--package", "crosswalk", "--bin", "crosswalk", "--"])
            .arg(format!("-Clink-arg=-Wl,-Map={}.map", binary.display()))
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_PROFILE_RELEASE_STRIP", "none");
        if ci::end(&mut symbols, project)? == Outcome::Wrong {
            return Ok(Outcome::Wrong);
        }
        binary
    };
    if build(project, BENCH, "--bins")? == Outcome::Wrong {
        return Ok(Outcome::Wrong);
    }
    let mut bench = Command::new(released(&root, BENCH));
    bench.arg("--binary").arg(binary);
    bench.arg("--layout").arg(root.join(SCRIPT));
    ci::end(&mut bench, project)
}
