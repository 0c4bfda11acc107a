//! `cargo xtask`: the one door to the generator.
//!
//! Arguments, paths and exit codes; what a command does is in its own file, over the library.

// What a command has to say goes to its user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod check;
mod ci;
mod codegen;
mod coverage;
mod faults;
mod fuzz;
mod layout;
mod package;
mod project;
mod schema;
mod spec_diff;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use crosswalk_codegen::diagnostic::Format;

use project::Project;

const EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  1  something is wrong: a fault in specs or mappings, a generated file that differs, a change that breaks a mapping
  2  the command could not do its work: wrong arguments, a file that cannot be read";

/// Specs and mappings in, translators out.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The project to work on, instead of the one that this command belongs to.
    #[arg(long, global = true, value_name = "FOLDER")]
    root: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the generated code from the specs and the mappings.
    ///
    /// Nothing is written while the specs or the mappings have a fault, and files that are right are not touched.
    #[command(after_help = "\
Examples:
  cargo xtask codegen            after a change of a spec or a mapping
  cargo xtask codegen --check    in CI: name the files that are stale, missing or orphaned")]
    Codegen(Output),
    /// Check the specs and the mappings, and write nothing.
    ///
    /// Every fault is told, with its file, line and column. JSON is a list, empty when all is well.
    #[command(after_help = "\
Examples:
  cargo xtask check
  cargo xtask check --json | jq -r '.[] | \"\\(.at.path):\\(.at.line): \\(.message)\"'")]
    Check {
        #[command(flatten)]
        json: Json,
    },
    /// Write the tables of what is covered: operations into README.md, fields into mappings/COVERAGE.md.
    #[command(after_help = "\
Examples:
  cargo xtask coverage            after a change of a mapping
  cargo xtask coverage --check    in CI: say where the tables differ")]
    Coverage(Output),
    /// Write the table of bad inputs and faults, with the tests that cover each, into tests/FAULTS.md.
    ///
    /// The rows are in tests/faults.yaml. A test says in its documentation what it covers: `/// Covers: row-id, row-id`.
    #[command(after_help = "\
Examples:
  cargo xtask faults            after a change of a row or a test; tells which rows have no test yet
  cargo xtask faults --check    in CI: fail where the table differs, or a row has no test")]
    Faults(Output),
    /// Write the JSON Schemas of mappings, so that editors complete and check them: mappings/*.schema.json.
    #[command(after_help = "\
Examples:
  cargo xtask schema            after a change of the mapping language
  cargo xtask schema --check    in CI: say where the schemas differ")]
    Schema(Output),
    /// Hold our subset of a provider's spec against the provider's own newer document.
    ///
    /// Tells what the mappings use and the document does not have any more, or has with another type, read-only,
    /// required or with fewer values, and which lines of the mappings each change breaks. OpenAPI 3.0 and 3.1 are read,
    /// JSON and YAML. `document` in the provider's provider.yaml says where their names differ from ours.
    #[command(after_help = "\
Examples:
  cargo xtask spec-diff examplecrm openapi.json
  cargo xtask spec-diff examplecrm companies.yaml people.yaml    when they publish several
  cargo xtask spec-diff examplecrm openapi.json --json | jq '.changes[] | select(.breaks)'

Exit codes:
  0  nothing breaks
  1  a change breaks a line of the mappings, or these have a fault already
  2  the command could not do its work: an unknown provider, a document that cannot be read")]
    SpecDiff {
        /// The provider's name: its folder in mappings/.
        provider: String,
        /// Their documents. What is in none of them has vanished.
        #[arg(required = true, value_name = "DOCUMENT")]
        documents: Vec<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Run the fuzz targets, each for a fixed time, beginning with the inputs that are kept.
    ///
    /// The targets are in tests/fuzz: requests, native answers, records, cursors, text in queries, mappings, OpenAPI
    /// documents.
    #[command(after_help = "\
Examples:
  cargo xtask fuzz                          every target, 15 seconds each
  cargo xtask fuzz response --seconds 600 --optimized   one of them, for ten minutes

Exit codes:
  0  nothing was found
  1  an input shows a fault; the message says where it is kept and how to run it again
  2  the command could not do its work: cargo-fuzz is not installed, an unknown target")]
    Fuzz {
        /// One of the targets; all of them without it.
        target: Option<String>,
        /// How long each of them runs.
        #[arg(long, default_value_t = 15)]
        seconds: u32,
        /// Build it optimized, which takes minutes longer: for runs that are long themselves.
        #[arg(long)]
        optimized: bool,
    },
    /// Measure what the proxy costs, beside nginx passing the same native calls through.
    ///
    /// Builds the proxy for release, and starts a stub provider and a load. A whole run takes about six minutes after the
    /// build, and writes its table into tests/BENCHMARKS.md. Where nginx is not installed its column stays empty.
    #[command(after_help = "\
Examples:
  cargo xtask bench
  cargo xtask bench --only get,page --binary target/release/crosswalk
  cargo xtask bench --only growth --load-minutes 60
  cargo xtask bench --quick            does it all work?

Exit codes:
  0  all was measured, whether or not a goal was met
  1  something does not build
  2  the command could not do its work")]
    Bench(bench::Arguments),
    /// Find out which functions of the proxy run, for the linker to put them side by side: proxy/layout.ld.
    ///
    /// Builds the proxy for release with its symbols, starts it under callgrind, which comes with valgrind, and makes the
    /// calls that `bench` measures. Ten minutes and more, for who is about to release or has changed much; what is not
    /// known to the file costs nothing but its place.
    #[command(after_help = "\
Examples:
  cargo xtask layout
  cargo xtask layout --binary target/layout/release/crosswalk

Exit codes:
  0  it was written
  1  something does not build
  2  the command could not do its work: valgrind is not installed, a binary without symbols")]
    Layout(layout::Arguments),
    /// Make what a version is handed out as: a Debian package, the list of its parts, the notes of its release.
    #[command(after_help = "\
Examples:
  cargo xtask package deb                  of the binary that is built for release
  cargo xtask package sbom > crosswalk.cdx.json
  cargo xtask package notes 0.1.0

Exit codes:
  0  it was made
  1  CHANGELOG.md has nothing of the version
  2  the command could not do its work: no binary, a tool of Debian's that is not installed")]
    Package {
        #[command(subcommand)]
        package: package::Package,
    },
    /// All that CI runs, in its order, up to the first thing that is wrong.
    ///
    /// Formatting, lints, drift of generated code and tables, tests, docs, fuzz targets, and what cargo-deny has to say.
    #[command(after_help = "\
Example:
  cargo xtask ci

cargo-deny and cargo-fuzz are not installed by this command; without them their steps are left out, which is said.
They come with `cargo install --locked cargo-deny cargo-fuzz`.")]
    Ci,
}

/// A command that writes files, or compares them.
#[derive(Debug, clap::Args)]
struct Output {
    /// Write nothing; fail where what is there differs.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Json {
    /// Write what is found as JSON, for programs.
    #[arg(long)]
    json: bool,
}

impl Json {
    fn format(self) -> Format {
        if self.json {
            Format::Json
        } else {
            Format::Human
        }
    }
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
    let arguments = Arguments::parse();
    let project = Project::new(arguments.root);
    let outcome = match arguments.command {
        Command::Codegen(output) => codegen::run(&project, output.check, output.json.format()),
        Command::Check { json } => check::run(&project, json.format()),
        Command::Coverage(output) => coverage::run(&project, output.check, output.json.format()),
        Command::Faults(output) => faults::run(&project, output.check, output.json.format()),
        Command::Schema(output) => schema::run(&project, output.check, output.json.format()),
        Command::SpecDiff {
            provider,
            documents,
            json,
        } => spec_diff::run(&project, &provider, &documents, json.format()),
        Command::Fuzz {
            target,
            seconds,
            optimized,
        } => fuzz::run(&project, target.as_deref(), seconds, optimized),
        Command::Bench(arguments) => bench::run(&project, &arguments),
        Command::Layout(arguments) => layout::run(&project, &arguments),
        Command::Package { package } => package::run(&project, &package),
        Command::Ci => ci::run(&project),
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
