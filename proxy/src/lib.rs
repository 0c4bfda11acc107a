//! Crosswalk: a sidecar reverse proxy that turns unified API calls into native provider calls and back.

extern crate self as crosswalk;

pub mod config;
pub mod error;
pub mod route;
pub mod sandbox;
pub mod translate;
pub mod upstream;
