//! Arguments and exit code.

use std::process::ExitCode;

use clap::Parser as _;
use crosswalk_bench::{Arguments, run};

// What there is to say goes to the user.
#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}
