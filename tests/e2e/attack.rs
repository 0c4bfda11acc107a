//! What hostile clients, web pages, providers and tenants try, against the real binary.

mod framing;
mod provider;

use std::time::Duration;

/// How long an answer may take that needs nothing but this machine.
const SOON: Duration = Duration::from_millis(1500);
