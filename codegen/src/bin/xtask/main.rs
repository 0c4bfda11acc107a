//! `cargo xtask`: the one door to the generator.
//!
//! Arguments, paths and exit codes; what a command does is in its own file, over the library. Exit codes: 0 all is well,
//! 1 something is wrong with the specs, the mappings or what was generated, 2 the command could not do its work.

// What a command has to say goes to its user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod check;
mod ci;
mod codegen;
mod coverage;
mod project;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Specs and mappings in, translators out.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the generated code from the specs and the mappings.
    Codegen {
        /// Write nothing; fail where what is there differs.
        #[arg(long)]
        check: bool,
    },
    /// Check the specs and the mappings, and write nothing.
    Check {
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Write the tables of what is covered: operations into README.md, fields into mappings/COVERAGE.md.
    Coverage {
        /// Write nothing; fail where what is there differs.
        #[arg(long)]
        check: bool,
    },
    /// All that CI runs, in its order.
    Ci,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// How a command ends, when nothing kept it from its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Well,
    Wrong,
}

/// What kept a command from its work.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Codegen { check } => codegen::run(check),
        Command::Check { format } => check::run(format),
        Command::Coverage { check } => coverage::run(check),
        Command::Ci => ci::run(),
    };
    match outcome {
        Ok(Outcome::Well) => ExitCode::SUCCESS,
        Ok(Outcome::Wrong) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("error: {failure}");
            let mut source = failure.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::from(2)
        }
    }
}
