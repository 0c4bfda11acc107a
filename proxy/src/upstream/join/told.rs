//! What one who waits is told.

use std::sync::Arc;

use crate::{error::Error, translate::NativeResponse, upstream::native_log::Exchange};

/// What one who waits is told. Where nobody tells him anything, he goes on by himself.
#[derive(Debug)]
pub(super) enum Told {
    /// Make the call: you lead it now.
    Lead,
    Answer {
        result: Result<NativeResponse, Error>,
        from: From,
    },
    /// Ask once more: the one whose call it was had less time than you.
    Again(From),
    /// Make the single call: your record was not among the answers.
    Single(From),
}

/// Where an answer came from, for the log of the one who gets it.
#[derive(Debug, Clone, Default)]
pub(super) struct From {
    /// The native calls that count as his.
    pub(super) calls: u32,
    /// What was sent and answered, where that is kept.
    pub(super) exchanges: Option<Arc<[Exchange]>>,
}

impl From {
    pub(super) fn exchanges(&self) -> &[Exchange] {
        self.exchanges.as_deref().unwrap_or_default()
    }
}
