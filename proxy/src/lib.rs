//! Crosswalk: a sidecar reverse proxy that turns unified API calls into native provider calls and back.
pub mod error;
pub mod sandbox;
pub mod translate;
pub mod upstream;
