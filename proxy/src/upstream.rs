//! The only I/O with a provider: credentials, connections, deadlines, retries.
//!
//! Knows providers as data ([`provider`]) and no entity or field. A write is repeated only when it is certain that the
//! provider did not carry it out.

pub mod account;
mod behalf;
mod budget;
mod circuit;
pub(crate) mod client;
mod consent;
pub mod door;
mod engine;
pub mod fault;
mod flow;
mod join;
mod native_log;
mod pool;
pub mod provider;
pub(crate) mod reach;
mod reading;
mod retry;
mod token;
mod trust;
mod wire;

pub use behalf::{Behalf, Urgency};
pub use budget::{BudgetSnapshot, LimitLeft};
pub use consent::{CodeGrant, CodeRefusal, Consent};
pub use engine::{Connection, Upstream};
pub use flow::Flow;
pub use native_log::{Exchange, Heads, Keeps, NativeLog};
pub use token::{Kept, Newest};
pub use trust::Trust;
