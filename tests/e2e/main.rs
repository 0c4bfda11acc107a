//! End-to-end tests: the real binary, real sockets, the sandbox behind.
#![allow(
    clippy::unwrap_used,
    reason = "the exception for tests does not reach the helpers of a test crate"
)]

mod admin;
mod attack;
mod bounds;
mod browser;
mod capabilities;
mod changes;
mod circuits;
mod clients;
mod commands;
mod connect;
mod core;
mod counts;
mod cursors;
mod deadlines;
mod drain;
mod explorer;
mod flows;
mod grants;
mod guide;
mod guide_operate;
mod guides_real;
mod histories;
mod idempotency;
mod joined;
mod kept_secrets;
mod keys;
mod leads;
mod limits;
mod listening;
mod load;
mod logs;
mod lost;
mod manual;
mod mcp;
mod metadata;
mod mixed;
mod native;
mod natives;
mod network;
mod notes;
mod operations;
mod opportunities;
mod own;
mod peer;
mod pipelines;
mod readme;
mod reads;
mod refusals;
mod reload;
mod retries;
mod secrets;
mod seed;
mod sidecars;
mod store;
mod tokens;
mod upsert;
mod users;
mod visibility;
mod watching;
mod webhooks;
mod wide;
mod wide_custom;
mod writes;

use std::sync::LazyLock;

use crosswalk_tests::{Answer, Contract, Demo};
use serde_json::Value;

/// The connections of the demo: one for each provider.
const CONNECTIONS: [&str; 2] = ["hubspot-demo", "salesforce-demo"];

/// Read once: to read it takes longer than many a test.
static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::load);

/// Makes a call that must succeed, and holds the answer against the contract.
fn good(
    demo: &Demo,
    connection: &str,
    operation: &str,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Value {
    let Answer { status, body, .. } = demo.call(connection, method, target, body);
    assert_eq!(status, 200, "{connection} {operation}: {body:#}");
    let faults = CONTRACT.faults(operation, status, &body);
    assert!(
        faults.is_empty(),
        "{connection} {operation}: {faults:#?} in {body:#}"
    );
    body
}
