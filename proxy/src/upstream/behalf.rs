//! On whose behalf a native call is made.

use std::sync::Arc;

/// Who wants a call, and how urgent it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behalf {
    /// Tells callers apart, so that none takes the turns of all others. It is no secret and not for people.
    pub caller: Arc<str>,
    pub urgency: Urgency,
}

/// Which calls go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Somebody waits for the answer.
    Interactive,
    /// Nobody does: a pipeline.
    Background,
}

impl Behalf {
    pub fn new(caller: impl Into<Arc<str>>, urgency: Urgency) -> Self {
        Self {
            caller: caller.into(),
            urgency,
        }
    }

    /// The proxy itself, with something that somebody waits for.
    pub fn proxy() -> Self {
        Self::new("", Urgency::Interactive)
    }
}
