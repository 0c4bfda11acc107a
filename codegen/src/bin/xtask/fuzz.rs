//! `cargo xtask fuzz`: each fuzz target for a fixed time, beginning with the inputs that are kept in `tests/fuzz/corpus`.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::{Failure, Outcome, ci, project::Project};

const FOLDER: &str = "tests/fuzz";
/// An input that takes longer is a fault as well.
const LONGEST: &str = "-timeout=20";
const MOST_MEMORY: &str = "-rss_limit_mb=1024";

/// Runs the targets, or one of them, each for so many seconds. What is found stays out of the project's folder, but for
/// an input that shows a fault: the message says where it is, and how to run it again.
///
/// Unless it is `optimized` the code is built like that of the tests: it runs slower and is there in a third of the time.
pub(crate) fn run(
    project: &Project,
    target: Option<&str>,
    seconds: u32,
    optimized: bool,
) -> Result<Outcome, Failure> {
    if !is_there() {
        return Err(
            "there is no cargo-fuzz here; `cargo install --locked cargo-fuzz` brings it".into(),
        );
    }
    let known = targets(project)?;
    let targets: Vec<&str> = match target {
        None => known.iter().map(String::as_str).collect(),
        Some(one) if known.iter().any(|each| each == one) => vec![one],
        Some(one) => {
            return Err(
                format!("there is no target `{one}`; there are {}", known.join(", ")).into(),
            );
        }
    };
    let found = project.root().join("target/fuzz-corpus");
    for target in targets {
        println!("== {target}, {seconds} s");
        let found = found.join(target);
        fs::create_dir_all(&found)?;
        let kept = project.root().join(FOLDER).join("corpus").join(target);
        let mut fuzz = cargo_fuzz("run");
        // Without a sanitizer it needs no nightly toolchain. There is no unsafe code that one could watch.
        if !optimized {
            fuzz.arg("--dev");
        }
        fuzz.args(["--sanitizer", "none", target])
            .args([found, kept])
            .args(["--", LONGEST, MOST_MEMORY, "-print_final_stats=1"])
            .arg(format!("-max_total_time={seconds}"));
        if ci::end(&mut fuzz, project)? == Outcome::Wrong {
            return Ok(Outcome::Wrong);
        }
    }
    Ok(Outcome::Well)
}

/// Whether cargo-fuzz is installed.
pub(crate) fn is_there() -> bool {
    Command::new("cargo-fuzz")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn targets(project: &Project) -> Result<Vec<String>, Failure> {
    let list = cargo_fuzz("list").current_dir(project.root()).output()?;
    if !list.status.success() {
        return Err(String::from_utf8_lossy(&list.stderr).into_owned().into());
    }
    let list = String::from_utf8(list.stdout)?;
    Ok(list.lines().map(str::to_owned).collect())
}

fn cargo_fuzz(command: &str) -> Command {
    let mut fuzz = ci::cargo();
    fuzz.args(["fuzz", command, "--fuzz-dir", FOLDER]);
    fuzz
}
