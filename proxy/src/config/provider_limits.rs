//! What is assumed of providers' limits until they tell.

use std::collections::HashMap;

/// By the name of the provider.
#[derive(Debug, Clone, Default)]
pub struct ProviderLimits {
    /// For those that are not named.
    pub others: Assumed,
    pub named: HashMap<&'static str, Assumed>,
}

/// What is assumed of one provider's limits. What it tells by headers and refusals counts in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Assumed {
    /// What its `provider.yaml` says, unless the calls stay on this machine.
    #[default]
    Unsaid,
    /// What its `provider.yaml` says.
    On,
    /// Nothing.
    Off,
    /// These numbers of calls by the name of the limit, and for the rest what its `provider.yaml` says.
    Own(HashMap<&'static str, u32>),
}

impl ProviderLimits {
    pub fn of(&self, provider: &str) -> &Assumed {
        self.named.get(provider).unwrap_or(&self.others)
    }
}
