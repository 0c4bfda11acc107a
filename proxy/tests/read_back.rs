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
#[path = "read_back/custom.rs"]
mod custom;
#[path = "read_back/definitions.rs"]
mod definitions;
#[path = "read_back/keys.rs"]
mod keys;
#[path = "read_back/note.rs"]
mod note;
#[path = "read_back/played.rs"]
mod played;
#[path = "read_back/read_only.rs"]
mod read_only;
#[path = "read_back/scenario.rs"]
mod scenario;
#[path = "read_back/structure.rs"]
mod structure;
#[path = "read_back/values.rs"]
mod values;
