//! Crosswalk: a sidecar reverse proxy that turns unified API calls into native provider calls and back.

extern crate self as crosswalk;

pub mod auth;
pub mod config;
pub mod error;
pub mod log;
pub mod pipeline;
pub mod route;
pub mod sandbox;
pub mod server;
pub mod translate;
pub mod upstream;
