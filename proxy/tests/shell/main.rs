//! The proxy without any generated code: an invented API, a scripted translator and a scripted provider on loopback.
//!
//! What is tried here is what every operation of every provider leans on: HTTP, credentials, retries, time.

#![allow(
    clippy::unwrap_used,
    reason = "the exception for tests does not reach the helpers of a test crate"
)]

mod capabilities;
mod directory;
mod http;
mod kept;
mod life;
#[path = "../store/place.rs"]
mod place;
mod retries;
mod stored;
mod support;
mod tokens;
