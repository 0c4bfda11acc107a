//! The proxy without any generated code: an invented API, a scripted translator and a scripted provider on loopback.
//!
//! What is tried here is what every operation of every provider leans on: HTTP, credentials, retries, time.

mod http;
mod life;
mod retries;
mod support;
mod tokens;
