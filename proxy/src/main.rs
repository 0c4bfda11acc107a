//! The `crosswalk` binary: arguments, exit code. What it does is in the library and in `cli`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

mod cli;

/// A page is some hundred kilobytes that come and go with each call, which the system's allocator gives back to the
/// kernel and asks for again; the one of musl, for static binaries, is slow throughout.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run(&crosswalk::generated::API)
}
