//! What callers may ask of a provider's own API.

/// Which paths and headers pass, all in small letters.
#[derive(Debug, Clone, Default)]
pub struct PlanNativeDoor {
    /// What paths begin with; empty: every path may be asked for.
    pub open: Vec<String>,
    /// What the paths of those begin with that may not.
    pub closed: Vec<String>,
    pub request_headers: Vec<String>,
    pub answer_headers: Vec<String>,
}
