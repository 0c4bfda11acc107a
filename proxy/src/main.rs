//! The `crosswalk` binary: arguments, exit code. What it does is in the library and in `cli`.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::run(&crosswalk::generated::API)
}
