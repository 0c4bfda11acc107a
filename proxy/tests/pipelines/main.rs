//! Pipelines as a user runs them: the binary with a store, the sandbox as the source, real databases as destinations.
//!
//! The tests make connections directly in the store, and look into it where a user could not.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the exceptions for tests do not reach their helpers"
)]

mod api;
mod basics;
mod crash;
mod failures;
#[cfg(target_os = "linux")]
mod large;
mod schedule;
mod stage;
