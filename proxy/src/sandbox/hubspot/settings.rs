//! What a test or a demo can change about this `HubSpot`; the table is in the parent's documentation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access::Caller;
use crate::sandbox::consent::Mode;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
// Independent switches, each one documented; an enum for two values each would say no more.
#[expect(clippy::struct_excessive_bools)]
pub(super) struct Settings {
    pub(super) clock_offset_ms: i64,
    pub(super) clock_stopped: bool,
    pub(super) search_lag_ms: u32,
    pub(super) search_lag_jitter_ms: u32,
    pub(super) search_answers_old_values: bool,
    pub(super) granted_scopes: Option<Vec<String>>,
    pub(super) revoked_scopes: Vec<String>,
    pub(super) sensitive_properties: BTreeMap<String, Vec<String>>,
    pub(super) rate_limits: RateLimits,
    pub(super) required_on_create: BTreeMap<String, Vec<String>>,
    pub(super) conditionally_required: BTreeMap<String, Vec<Condition>>,
    pub(super) forward_only_lifecycle: bool,
    pub(super) website_fills_domain: bool,
    pub(super) associate_by_domain: bool,
    pub(super) merge_keeps_primary_id: bool,
    pub(super) merged_ids_lead_on: bool,
    pub(super) bare_custom_names: bool,
    pub(super) unknown_archive_status: u16,
    pub(super) require_content_type: bool,
    pub(super) refuse_duplicate_inputs: bool,
    pub(super) reverse_batch_results: bool,
    pub(super) cleared_as_empty_text: bool,
    pub(super) access_token_seconds: u32,
    pub(super) revoke_refresh_tokens: bool,
    pub(super) rotate_refresh_tokens: bool,
    pub(super) consent: Mode,
    pub(super) deny_consent: bool,
    pub(super) redirect_uris: Option<Vec<String>>,
    pub(super) app_scopes: Option<Vec<String>>,
    pub(super) unavailable_scopes: Vec<String>,
    pub(super) inline_associations: usize,
    pub(super) drop_zero_milliseconds: bool,
    pub(super) max_url_bytes: usize,
    /// Not a setting: the scopes of the grant that the call at hand is made with. It stands here because every check of
    /// a scope has the settings at hand.
    #[serde(skip)]
    pub(super) caller_scopes: Option<Vec<String>>,
}

/// Where `property` has `value`, these others are needed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) property: String,
    pub(super) value: String,
    pub(super) requires: Vec<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RateLimits {
    pub(super) burst_per_10s: Option<u32>,
    /// That of public apps, where it is another.
    pub(super) oauth_burst_per_10s: Option<u32>,
    pub(super) search_per_second: Option<u32>,
    pub(super) daily: Option<u32>,
}

impl RateLimits {
    /// The limits that have a name: none, or those of the real one (hubspot.md §3): a private app of the smallest tier,
    /// a public app, the search of an account.
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "off" => Ok(Self::default()),
            "real" => Ok(Self {
                burst_per_10s: Some(100),
                oauth_burst_per_10s: Some(110),
                search_per_second: Some(5),
                daily: Some(250_000),
            }),
            _ => Err(format!(
                "rate_limits: expected \"real\", \"off\" or single limits, found {name:?}"
            )),
        }
    }

    /// How many calls in ten seconds a caller may make.
    pub(super) fn burst(&self, caller: Caller) -> Option<u32> {
        match caller {
            Caller::PrivateApp => self.burst_per_10s,
            Caller::PublicApp => self.oauth_burst_per_10s.or(self.burst_per_10s),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock_offset_ms: 0,
            clock_stopped: false,
            search_lag_ms: 0,
            search_lag_jitter_ms: 0,
            search_answers_old_values: false,
            granted_scopes: None,
            revoked_scopes: Vec::new(),
            sensitive_properties: BTreeMap::new(),
            rate_limits: RateLimits::default(),
            required_on_create: BTreeMap::from([(
                "deals".to_owned(),
                ["dealname", "dealstage", "pipeline"]
                    .map(str::to_owned)
                    .to_vec(),
            )]),
            conditionally_required: BTreeMap::new(),
            forward_only_lifecycle: true,
            website_fills_domain: true,
            associate_by_domain: false,
            merge_keeps_primary_id: false,
            merged_ids_lead_on: true,
            bare_custom_names: false,
            unknown_archive_status: 204,
            require_content_type: true,
            refuse_duplicate_inputs: true,
            reverse_batch_results: true,
            cleared_as_empty_text: false,
            access_token_seconds: 1800,
            revoke_refresh_tokens: false,
            rotate_refresh_tokens: false,
            consent: Mode::Page,
            deny_consent: false,
            redirect_uris: None,
            app_scopes: None,
            unavailable_scopes: Vec::new(),
            inline_associations: 500,
            drop_zero_milliseconds: false,
            max_url_bytes: 16_384,
            caller_scopes: None,
        }
    }
}

impl Settings {
    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("settings have text keys only")
    }

    /// These settings with the keys of `patch` replaced; `rate_limits` is replaced key by key as well.
    pub(super) fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else {
            return Err("expected an object of settings".to_owned());
        };
        let mut all = self.to_json();
        for (name, value) in patch {
            match (all.get_mut(name), value) {
                (Some(limits), Value::String(text)) if name == "rate_limits" => {
                    *limits = serde_json::to_value(RateLimits::named(text)?)
                        .map_err(|e| e.to_string())?;
                }
                (Some(Value::Object(limits)), Value::Object(changes)) if name == "rate_limits" => {
                    limits.extend(changes.clone());
                }
                (Some(old), new) => *old = new.clone(),
                (None, _) => return Err(format!("no such setting: {name}")),
            }
        }
        let settings: Self = serde_json::from_value(all).map_err(|e| e.to_string())?;
        if settings.inline_associations == 0 {
            return Err("inline_associations: expected at least 1".to_owned());
        }
        if ![204, 404].contains(&settings.unknown_archive_status) {
            return Err("unknown_archive_status: expected 204 or 404".to_owned());
        }
        Ok(settings)
    }
}
