//! The plan of the limits on an account's calls.

/// One limit.
#[derive(Debug, Clone)]
pub struct PlanLimit {
    pub name: String,
    pub kind: PlanLimitKind,
    /// The ids of the operations that it is about; empty: all.
    pub operations: Vec<String>,
    pub told: Option<PlanLimitTold>,
}

#[derive(Debug, Clone)]
pub enum PlanLimitKind {
    /// So many calls in a window that moves.
    Counted { calls: u32, window_seconds: u32 },
    /// Known only from what the provider tells.
    Told {
        probe_after_seconds: u32,
        is_soft: bool,
    },
    /// So many calls at one time that have lasted so long.
    Lasting { calls: u32, seconds: u32 },
}

/// How headers tell what is left. Their names are in lower case.
#[derive(Debug, Clone)]
pub enum PlanLimitTold {
    Headers {
        limit: String,
        remaining: String,
    },
    /// One header, and what stands before the number of calls made, between it and the limit.
    Used {
        header: String,
        before: String,
        between: String,
    },
}
