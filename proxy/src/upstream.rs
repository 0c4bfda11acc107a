//! The only I/O with a provider. Knows providers as data, and no entity or field.
pub mod fault;
pub mod provider;
