//! The product's own files, with what they take from the rest of it.

pub(crate) use crosswalk::upstream::Urgency;

pub(crate) mod budget;
pub(crate) mod join;

pub(crate) mod behalf {
    pub(crate) use crosswalk::upstream::{Behalf, Urgency};
}

pub(crate) mod native_log {
    pub(crate) use crosswalk::upstream::Exchange;
}

pub(crate) mod provider {
    pub(crate) use crosswalk::upstream::provider::{Content, Effect, LimitKind, NativeOperation};
}
