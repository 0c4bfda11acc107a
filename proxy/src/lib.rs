//! Crosswalk: a sidecar reverse proxy that turns unified API calls into native provider calls and back.

#[allow(unused_extern_crates)]
// Generated modules name this crate as others do, so that they can be compiled outside of it.
extern crate self as crosswalk;

pub mod auth;
pub mod config;
pub mod error;
#[rustfmt::skip]
pub mod generated;
pub mod log;
pub mod pipeline;
pub mod route;
pub mod sandbox;
pub mod server;
pub mod translate;
pub mod upstream;
