//! The generator from outside: files in, diagnostics or a plan out.

mod bad;
mod coverage;
mod faults;
mod golden;
mod good;
mod output;
mod packaging;
mod robust;
mod schema;
mod slips;
mod spec_diff;
mod support;
mod xtask;
