//! `cargo xtask bench`: builds the proxy for release and starts what measures it, which is in `tests/bench`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Failure, Json, Outcome, ci, project::Project};

/// Where the table is written.
const TABLE: &str = "tests/BENCHMARKS.md";
/// The package that measures.
pub(crate) const BENCH: &str = "crosswalk-bench";

/// What is to be measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// These rows alone: get, write, upsert, page, latency, joins, memory, growth, start, tenants, generator, matrix.
    #[arg(long, value_delimiter = ',', value_name = "ROWS")]
    only: Vec<String>,
    /// Short runs: to see that it works, not to believe the figures.
    #[arg(long)]
    quick: bool,
    /// Measure this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// How long the proxy is loaded while its memory is watched.
    #[arg(long, default_value_t = 0.5, value_name = "MINUTES")]
    load_minutes: f64,
    /// Build the project from nothing as well, in a copy, and again after a change of a mapping: that takes minutes.
    #[arg(long)]
    builds: bool,
    /// Count what the processor does for each translator instead, by callgrind, which comes with valgrind.
    #[arg(long)]
    instructions: bool,
    #[command(flatten)]
    json: Json,
}

pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<Outcome, Failure> {
    if arguments.instructions {
        return instructions(project, arguments.json.json);
    }
    let binary = if let Some(binary) = &arguments.binary {
        std::path::absolute(binary)?
    } else {
        // Alone: built together with others it would get the features that they ask of its crates.
        if build(project, "crosswalk", "--bin=crosswalk")? == Outcome::Wrong {
            return Ok(Outcome::Wrong);
        }
        released(project.root(), "crosswalk")
    };
    if build(project, BENCH, "--bins")? == Outcome::Wrong {
        return Ok(Outcome::Wrong);
    }
    let root = std::path::absolute(project.root())?;
    let mut bench = Command::new(released(&root, BENCH));
    bench.arg("--binary").arg(binary);
    bench.arg("--root").arg(&root);
    bench.arg("--xtask").arg(env::current_exe()?);
    if arguments.binary.is_none() {
        bench.arg("--write").arg(root.join(TABLE));
    }
    bench.arg(format!("--load-minutes={}", arguments.load_minutes));
    if !arguments.only.is_empty() {
        bench.arg(format!("--only={}", arguments.only.join(",")));
    }
    for (is_given, flag) in [
        (arguments.quick, "--quick"),
        (arguments.builds, "--builds"),
        (arguments.json.json, "--json"),
    ] {
        if is_given {
            bench.arg(flag);
        }
    }
    ci::end(&mut bench, project)
}

fn instructions(project: &Project, json: bool) -> Result<Outcome, Failure> {
    for (package, what) in [("crosswalk", "--example=translate"), (BENCH, "--bins")] {
        if build(project, package, what)? == Outcome::Wrong {
            return Ok(Outcome::Wrong);
        }
    }
    let root = std::path::absolute(project.root())?;
    let mut bench = Command::new(released(&root, BENCH));
    bench.arg("--root").arg(&root);
    bench.arg("--instructions");
    bench.arg(released(&root, "examples/translate"));
    if json {
        bench.arg("--json");
    }
    ci::end(&mut bench, project)
}

pub(crate) fn build(project: &Project, package: &str, what: &str) -> Result<Outcome, Failure> {
    eprintln!("== cargo build --release --package {package} {what}");
    let mut build = ci::cargo();
    build.args(["build", "--release", "--locked", "--package", package, what]);
    ci::end(&mut build, project)
}

/// Where cargo puts a binary.
pub(crate) fn released(root: &Path, name: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("release").join(name)
}
