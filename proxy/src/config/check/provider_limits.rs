//! What is assumed of providers' limits.

use std::collections::HashMap;

use super::Check;
use crate::{
    config::{Assumed, ProviderLimits, tree::Value},
    upstream::provider::{LimitKind, Provider},
};

const EXPECTED: &str = "off or assumed";

impl Check<'_> {
    /// One word for all providers, or one for each of some.
    pub(super) fn provider_limits(&mut self, value: Option<Value>) -> ProviderLimits {
        let mut limits = ProviderLimits::default();
        let Some(value) = value else { return limits };
        if value.is_text() {
            let said = value.parse(&mut self.source, EXPECTED, word);
            limits.others = said.unwrap_or_default();
            return limits;
        }
        let Some(map) = value.map(&mut self.source) else {
            return limits;
        };
        for (name, value) in map.take_all() {
            let Some(provider) = self.api.provider(&name) else {
                let known: Vec<_> = self.api.providers.iter().map(|each| each.name).collect();
                let message = format!("expected {}, found `{name}`", known.join(" or "));
                value.wrong(&mut self.source, message);
                continue;
            };
            if let Some(assumed) = self.assumed(provider, value) {
                limits.named.insert(provider.name, assumed);
            }
        }
        limits
    }

    /// A word, or numbers of calls by limit.
    fn assumed(&mut self, provider: &'static Provider, value: Value) -> Option<Assumed> {
        if value.is_text() {
            return value.parse(&mut self.source, EXPECTED, word);
        }
        let map = value.map(&mut self.source)?;
        let mut own = HashMap::new();
        for (name, value) in map.take_all() {
            let counted = provider
                .limits
                .iter()
                .filter(|limit| !matches!(limit.kind, LimitKind::Told { .. }));
            let Some(limit) = counted.clone().find(|limit| limit.name == name) else {
                let known: Vec<_> = counted.map(|limit| limit.name).collect();
                let message = format!("expected {}, found `{name}`", known.join(" or "));
                value.wrong(&mut self.source, message);
                continue;
            };
            if let Some(calls) = value.count(&mut self.source, 1) {
                own.insert(limit.name, u32::try_from(calls).unwrap_or(u32::MAX));
            }
        }
        Some(Assumed::Own(own))
    }
}

fn word(text: &str) -> Option<Assumed> {
    match text {
        "off" => Some(Assumed::Off),
        "assumed" => Some(Assumed::On),
        _ => None,
    }
}
