//! The `crosswalk` binary.
fn main() {}
