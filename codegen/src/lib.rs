//! Reads `OpenAPI` specs and declarative mappings, checks them against each other, and writes translator modules.
//!
//! load → check → plan → emit. Nothing here knows a provider, a vertical or a field: those are in `specs/` and `mappings/`.

pub mod check;
pub mod coverage;
pub mod diagnostic;
pub mod emit;
pub mod faults;
pub mod load;
pub mod mapping;
mod names;
pub mod offer;
pub mod origins;
pub mod output;
pub mod plan;
pub mod schema;
pub mod source;
pub mod spec;
pub mod spec_diff;
