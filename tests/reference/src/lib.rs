//! The plain version of every mapping: a plan of the generator, carried out over `serde_json` without any thought of
//! speed. The generated translators are held against it, and both must agree to the byte (`tests/agreement`,
//! and the fuzz target `records`).
//!
//! It shares nothing with the translators but the plan, and the reading of HTML, which is the proxy's own function: that
//! one is no matter of scanning or copying, and has its tests where it is.
//!
//! What it holds to, native record to unified:
//!
//! 1. JSON by RFC 8259 in UTF-8 of any depth, with numbers of any size, is read; all else is refused.
//! 2. Of a member that is given twice the last one counts, at every level.
//! 3. A key may be written with escapes. One with half a surrogate pair is legal, and is nobody's.
//! 4. The record and every object on the way to a mapped field is an object, and so is every one that does not count
//!    since it is given once more. On the way, null counts as absent.
//! 5. What is odd in a field is null there, with a warning.
//! 6. A text that no conversion touches is written as it came, escapes included.
//! 7. `raw_data` is the record as it came.
//! 8. Members, warnings and refusals are those that `read` and `scalar` in the proxy describe.

pub mod agreement;
mod convert;
mod json;
pub mod page;
mod project;
pub mod random;
mod record;
mod source;
mod warnings;

pub use json::Refused;
pub use project::{Mapped, Reference};
pub use record::{Beside, Besides, Encoded, Told, encode};
pub use warnings::{Warning, Warnings};
