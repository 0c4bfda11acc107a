//! The sandbox: the providers, played by ourselves, stateful and on loopback.
//!
//! It is for trying, developing and testing without an account or a network. It is written from what is documented
//! of the providers, rejects what they reject, and never looks at translators, so that it can prove them wrong.
//! `http` serves any [`http::Provider`] on a socket; `control` is the door for tests (`/_sandbox/…`).

mod bulk;
pub mod clock;
mod consent;
mod control;
mod grants;
pub mod http;
pub mod hubspot;
pub mod salesforce;
