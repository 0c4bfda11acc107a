//! The store: the same tests on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod budget;
mod callers;
mod connections;
mod deliveries;
mod grants;
mod idempotency;
mod keys;
mod leases;
mod place;
mod webhooks;
