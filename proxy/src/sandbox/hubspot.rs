//! A stateful `HubSpot`: rows of standard and custom types, their links, definitions and pipelines, owners, OAuth.
//!
//! It assumes nothing about who calls: everything here follows from what is documented or recorded of the real API,
//! and what that rejects is rejected. Where sources differ or are silent, a comment says *unconfirmed*. Numbered
//! (`/crm/v3/objects/…`) and dated (`/crm/objects/2026-09/…`) paths work side by side. Object types are data
//! (`hubspot/data/*.json`); a further one is a further file. Commands of its own (`restore`) are in `commands.rs`. `propertiesWithHistory` is refused, not ignored.
//!
//! # Settings (`/_sandbox/settings`)
//!
//! | key | default | |
//! | --- | --- | --- |
//! | `clock_offset_ms` | 0 | how far this provider's clock is ahead of the machine's |
//! | `clock_stopped` | false | true: the time stands still, so that all that is written has one time stamp |
//! | `search_lag_ms` | 0 | a created or changed row is found by its new values only so much later |
//! | `search_lag_jitter_ms` | 0 | up to so much is added, by row: rows are found in another order than written |
//! | `search_answers_old_values` | false | true: a search shows rows as its index has them, not as they are (unconfirmed) |
//! | `granted_scopes` | null | the scopes of every token; null grants all |
//! | `revoked_scopes` | [] | scopes that every token has lost |
//! | `sensitive_properties` | {} | per type, properties that need `<scope>.sensitive.read.v2` and `.write.v2` |
//! | `rate_limits` | all null | `{"burst_per_10s","oauth_burst_per_10s","search_per_second","daily"}`; null is no limit and no headers. `"real"`: those of the real one, `"off"`: none |
//! | `required_on_create` | name, stage and pipeline of deals | per type, the properties that dated versions from 2026-09 ask for on create |
//! | `conditionally_required` | {} | per type, `[{"property","value","requires"}]`, asked for by the same versions |
//! | `forward_only_lifecycle` | true | an earlier lifecycle stage is silently not taken |
//! | `website_fills_domain` | true | `website` and `domain` fill each other on create |
//! | `associate_by_domain` | false | a contact is linked to the company that has its e-mail's domain |
//! | `merge_keeps_primary_id` | false | false: the merged row has a third id |
//! | `merged_ids_lead_on` | true | a merged id answers the winner for all types; false: for contacts only |
//! | `bare_custom_names` | false | paths take the bare name of a custom type, as the real ones do sometimes |
//! | `unknown_archive_status` | 204 | what `DELETE` of an unknown id answers; sources say 204 or 404 |
//! | `require_content_type` | true | a body without `application/json` is 415 |
//! | `refuse_duplicate_inputs` | true | the same id twice in a batch is 400 |
//! | `reverse_batch_results` | true | batch results come in another order than the inputs, as may happen |
//! | `cleared_as_empty_text` | false | a cleared property is answered as `""` instead of null |
//! | `access_token_seconds` | 1800 | the life of access tokens issued from now on |
//! | `revoke_refresh_tokens` | false | true: the app was uninstalled; every refresh is refused |
//! | `rotate_refresh_tokens` | false | true: each refresh answers a new refresh token, and using an old one ends the grant |
//! | `consent` | `"page"` | `"at_once"`: `/oauth/authorize` asks nobody and redirects |
//! | `deny_consent` | false | true: the user says no, at once |
//! | `redirect_uris` | null | those that the app has registered; null takes any that is https or on loopback |
//! | `app_scopes` | null | those that the app is configured with; null is all that there are |
//! | `unavailable_scopes` | [] | scopes that the account's tier lacks: as required ones they block the consent, as optional ones they are left out |
//! | `inline_associations` | 500 | links of a row to one type in its `associations`; further ones are a page away |
//! | `drop_zero_milliseconds` | false | times without milliseconds come as `…:30Z`, as the real ones may |
//! | `max_url_bytes` | 16384 | a longer path and query is 414 |

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::clock::Clock;
use super::http::{Call, Provider, Reply};

mod access;
mod ask;
mod associations;
mod batch;
mod bulk;
mod calculated;
mod commands;
mod consent;
mod custom;
mod fault;
mod html;
mod links;
mod merge;
mod oauth;
mod objects;
mod owners;
mod path;
mod pipelines;
mod properties;
mod rates;
mod render;
mod required;
mod route;
mod sample;
mod schema;
mod search;
mod settings;
mod state;
mod values;
mod write;

use state::State;

/// The private app token that a default sandbox accepts.
pub const PRIVATE_APP_TOKEN: &str = "pat-na1-sandbox-demo";
/// The OAuth client that a default sandbox accepts.
pub const CLIENT_ID: &str = "sandbox-client";
/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "sandbox-secret";
/// The refresh token that a default sandbox accepts.
pub const REFRESH_TOKEN: &str = "sandbox-refresh";
/// An authorization code that a default sandbox accepts, once after each reset.
pub const AUTHORIZATION_CODE: &str = "sandbox-code";

/// The account that everything happens in.
const PORTAL_ID: u64 = 26_110_042;
/// What links in answers start with, whatever address the caller used.
const PUBLIC_BASE: &str = "https://api.hubapi.com";

/// Which credentials are accepted, and what is there at the start.
#[derive(Clone)]
pub struct Options {
    pub private_app_token: String,
    pub client_id: String,
    pub client_secret: String,
    pub refresh_token: String,
    /// Companies, contacts, deals, leads and notes to look at; without it only the owners exist.
    pub sample_data: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            private_app_token: PRIVATE_APP_TOKEN.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            refresh_token: REFRESH_TOKEN.to_owned(),
            sample_data: true,
        }
    }
}

impl fmt::Debug for Options {
    /// The credentials are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("sample_data", &self.sample_data)
            .finish_non_exhaustive()
    }
}

/// The provider; share it behind an `Arc`.
pub struct HubSpot {
    options: Options,
    clock: Clock,
    state: Mutex<State>,
}

impl fmt::Debug for HubSpot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSpot")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl HubSpot {
    /// A fresh account.
    pub fn new(options: Options) -> Self {
        let clock = Clock::default();
        let mut state = State::new(options.sample_data);
        oauth::restore_fixed(&options, &mut state, clock.now_ms());
        Self {
            options,
            clock,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a handler poisons the lock; the rows that others wrote are still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for HubSpot {
    fn handle(&self, call: &Call) -> Reply {
        route::answer(&self.options, &mut self.state(), call, self.clock.now_ms())
            .with_header("date", &self.clock.http_date())
    }

    fn settings(&self) -> Value {
        self.state().settings.to_json()
    }

    fn configure(&self, patch: &Value) -> Result<(), String> {
        let mut state = self.state();
        state.settings = state.settings.patched(patch)?;
        self.clock.set_offset_ms(state.settings.clock_offset_ms);
        self.clock.set_stopped(state.settings.clock_stopped);
        Ok(())
    }

    /// Settings and tokens outlive a reset; records, links and property definitions do not. The fixed tokens are good again.
    fn reset(&self, empty: bool) {
        let mut state = self.state();
        state.reset(!empty);
        oauth::restore_fixed(&self.options, &mut state, self.clock.now_ms());
    }

    fn clock_offset_ms(&self) -> i64 {
        self.clock.offset_ms()
    }

    fn command(&self, name: &str, body: &Value) -> Option<Result<Value, String>> {
        let now = self.clock.now_ms();
        commands::run(&mut self.state(), name, body, now)
    }

    fn expire_tokens(&self) {
        let now = self.clock.now_ms();
        self.state().grants.expire_all(now);
    }

    fn look(&self, name: &str, asked: &[(String, String)]) -> Option<Result<Value, String>> {
        let now = self.clock.now_ms();
        commands::look(&self.state(), name, asked, now)
    }
}

#[cfg(test)]
mod tests;
