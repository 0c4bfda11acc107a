//! All of Crosswalk but what is generated and the commands.
//!
//! [`config`] says what is wanted, [`server`] listens, [`pipeline`] is the life of one request: [`route`], [`auth`],
//! [`translate`], [`upstream`], or [`own`] for what the proxy answers by itself. [`capability`] tells what a connection
//! can do, [`metrics`] what it did. What codegen wrote is taken as a value of [`route::Api`], so that any API can be put in
//! its place; the real one is here for unit tests alone. [`sandbox`] plays the providers and knows nothing of the rest.

#[cfg(test)]
#[allow(unused_extern_crates)]
// Generated modules name the crate that they are a part of as others do.
extern crate self as crosswalk;

mod admin;
pub mod auth;
pub mod capability;
pub mod config;
pub mod connect;
pub mod connections;
pub mod core;
pub mod destination;
pub mod doctor;
pub mod error;
mod explorer;
#[cfg(test)]
#[rustfmt::skip]
pub mod generated;
pub mod idempotency;
pub mod log;
pub mod metrics;
pub mod model;
mod openapi;
pub mod outlet;
pub mod own;
pub mod pipeline;
mod primitives;
pub mod recorder;
pub mod reload;
pub mod route;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod translate;
pub mod upstream;
pub mod webhook;
mod whole;
