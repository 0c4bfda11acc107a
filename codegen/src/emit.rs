//! Plan → text of Rust.

use crate::plan::Plan;

/// `(path in the output folder, text without header, sources)` of each file.
pub fn emit(_plan: &Plan) -> Vec<(String, String, Vec<String>)> {
    Vec::new()
}
