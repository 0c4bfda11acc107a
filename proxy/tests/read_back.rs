//! What is written is what is read: any value of any field that can be written survives create, get, list, batch read,
//! upsert and update unchanged, or is refused with the reason, at both providers. No socket: the translators are driven
//! against the sandbox in this process.
#![allow(
    clippy::unwrap_used,
    reason = "the exception for tests does not reach the helpers of a test crate"
)]

#[path = "read_back/account.rs"]
mod account;
#[path = "read_back/contact.rs"]
mod contact;
#[path = "read_back/definitions.rs"]
mod definitions;
#[path = "read_back/keys.rs"]
mod keys;
#[path = "read_back/played.rs"]
mod played;
#[path = "read_back/scenario.rs"]
mod scenario;
#[path = "read_back/values.rs"]
mod values;
