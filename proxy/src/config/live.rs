//! Limits that may change while the proxy runs.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Limits;

/// The limits as they are now; cloning shares them. To look costs no lock and no allocation.
#[derive(Debug, Clone)]
pub struct LiveLimits(Arc<ArcSwap<Limits>>);

impl LiveLimits {
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(limits)))
    }

    /// For one look, not to be held while something is waited for.
    pub fn now(&self) -> Guard<Arc<Limits>> {
        self.0.load()
    }

    /// For a call, which keeps what it began with.
    pub fn held(&self) -> Arc<Limits> {
        self.0.load_full()
    }

    pub(crate) fn replace(&self, limits: Limits) {
        self.0.store(Arc::new(limits));
    }
}
