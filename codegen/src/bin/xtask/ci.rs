//! `cargo xtask ci`: all that CI runs, in its order, up to the first thing that is wrong.

use std::process::Command;

use crate::{Failure, Outcome, codegen, coverage, project};

/// One thing that CI does.
type Step<'a> = &'a dyn Fn() -> Result<Outcome, Failure>;

pub(crate) fn run() -> Result<Outcome, Failure> {
    let steps: [(&str, Step<'_>); 5] = [
        ("cargo fmt --check", &|| cargo(&["fmt", "--all", "--check"])),
        ("cargo clippy", &|| {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ])
        }),
        ("cargo xtask codegen --check", &|| codegen::run(true)),
        ("cargo xtask coverage --check", &|| coverage::run(true)),
        ("cargo test", &|| {
            cargo(&["test", "--workspace", "--locked"])
        }),
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

fn cargo(arguments: &[&str]) -> Result<Outcome, Failure> {
    // The cargo that runs this command, where there is one: it has the right toolchain.
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let status = Command::new(cargo)
        .args(arguments)
        .current_dir(project::root())
        .status()?;
    Ok(if status.success() {
        Outcome::Well
    } else {
        Outcome::Wrong
    })
}
