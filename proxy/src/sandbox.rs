//! The sandbox: the providers, played by ourselves.
pub mod http;
