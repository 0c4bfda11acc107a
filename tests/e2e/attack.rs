//! What hostile clients, web pages, providers and tenants try, against the real binary.

mod browser;
mod cost;
mod framing;
mod headers;
mod json;
mod paths;
mod provider;
mod tenants;

use std::time::Duration;

/// How long an answer may take that needs nothing but this machine.
const SOON: Duration = Duration::from_millis(1500);
