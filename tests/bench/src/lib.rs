//! What the proxy costs, in figures: `cargo xtask bench` starts this.
//!
//! A stub provider with canned answers, nginx passing the same native calls through, and the release binary translating
//! them, under one load; a row for each thing that was promised. The layers: `stub` · `process` (and who they are:
//! `nginx`, `sidecar`, `relay`) · `load` → `rows` → `table`. Beside them `callgrind` looks on: `profile` tells
//! what each call runs, `layout` what of the binary runs at all.

mod arguments;
mod callgrind;
mod cores;
mod layout;
mod load;
mod machine;
mod nginx;
mod process;
mod profile;
mod relay;
mod rows;
mod sidecar;
mod stats;
mod stub;
mod table;

pub use arguments::Arguments;
pub use rows::run;

/// What kept a measurement from being made.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
