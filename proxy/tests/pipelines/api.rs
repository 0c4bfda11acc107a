//! The operations on pipelines.
