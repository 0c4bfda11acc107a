//! Crosswalk: a sidecar reverse proxy that turns unified API calls into native provider calls and back.
//!
//! [`generated`] is what codegen wrote. All else is `crosswalk-runtime`, whose modules are here under the same names: two
//! crates of one folder, of which a change of a mapping compiles the small one.

#[allow(unused_extern_crates)]
// Generated modules name this crate as others do, so that they can be compiled outside of it.
extern crate self as crosswalk;

#[rustfmt::skip]
pub mod generated;

pub use crosswalk_runtime::*;
