//! `cargo xtask`: the one door to the generator.
fn main() {}
