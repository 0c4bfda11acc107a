//! The `crosswalk` binary: arguments, exit code. What it does is in the library and in `cli`.

use std::process::ExitCode;

mod cli;

/// So much of the heap may lie unused before it is given back to the kernel, twice over.
const KEPT_OF_THE_HEAP: usize = 1024 * 1024;

fn main() -> ExitCode {
    keep_the_heap();
    cli::run(&crosswalk::generated::API)
}

/// Lets glibc keep what is freed at the end of its heap. By default it gives back what exceeds 128 KiB, and a page's
/// buffers are as large: each page cost two calls of `brk` and six page faults, a tenth of its CPU time. A block that is
/// large enough to be mapped raises that threshold to twice its size when it is freed (mallopt(3), `M_MMAP_THRESHOLD`).
/// It is never touched, and other allocators take no notice.
fn keep_the_heap() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(
        KEPT_OF_THE_HEAP,
    )));
}
