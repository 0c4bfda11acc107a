//! The harness of the end-to-end tests: the real binary, a small HTTP client, the unified contract.

mod contract;
mod demo;

pub use contract::Contract;
pub use demo::{Answer, Demo, binary};
