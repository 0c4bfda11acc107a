//! Single reads that a provider answers together, as data.

use super::NativeOperation;

/// A native call that reads one record, and the one that reads many.
#[derive(Debug)]
pub struct Join {
    pub single: &'static NativeOperation,
}
