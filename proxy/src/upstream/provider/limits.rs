//! Limits on the calls of an account, as data.

/// One limit.
#[derive(Debug)]
pub struct Limit {
    /// As in `burst`.
    pub name: &'static str,
}
