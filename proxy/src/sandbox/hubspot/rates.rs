//! Limits on calls, as far as the settings set them: per ten seconds, per second for search, per day.
//!
//! A limit that is not set neither refuses nor sends headers, so that a demo never trips over one.

use std::collections::VecDeque;

use http::StatusCode;
use serde_json::json;

use super::PORTAL_ID;
use super::access::Caller;
use super::fault::Fault;
use super::settings::RateLimits;
use crate::sandbox::http::Reply;

const BURST_MS: i64 = 10_000;
const SEARCH_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Default)]
pub(super) struct Usage {
    /// Times of the calls in the window, of private and of public apps; never more than the limit.
    bursts: [VecDeque<i64>; 2],
    search: VecDeque<i64>,
    day: i64,
    today: u32,
}

impl Usage {
    /// Counts a call, or refuses it uncounted.
    pub(super) fn admit(
        &mut self,
        limits: &RateLimits,
        caller: Caller,
        is_search: bool,
        now: i64,
    ) -> Result<(), Fault> {
        // The real day ends at midnight in the account's time zone; here it is UTC's.
        let day = now.div_euclid(DAY_MS);
        if self.day != day {
            (self.day, self.today) = (day, 0);
        }
        let limit = limits.burst(caller);
        let burst = &mut self.bursts[caller as usize];
        slide(burst, now - BURST_MS);
        slide(&mut self.search, now - SEARCH_MS);
        // Public apps have no daily limit.
        if caller == Caller::PrivateApp && limits.daily.is_some_and(|limit| self.today >= limit) {
            return Err(refusal("daily", "DAILY"));
        }
        if full(burst, limit) {
            let fault = refusal("ten_secondly_rolling", "TEN_SECONDLY_ROLLING");
            return Err(match caller {
                Caller::PrivateApp => fault.with(
                    "groupName",
                    json!(format!(
                        "publicapi:private-app:api-calls-ten-secondly:456789-{PORTAL_ID}"
                    )),
                ),
                // What a public app's group is called is unconfirmed.
                Caller::PublicApp => fault,
            });
        }
        if is_search && full(&self.search, limits.search_per_second) {
            return Err(refusal("secondly", "SECONDLY"));
        }
        self.today = self.today.saturating_add(1);
        if limit.is_some() {
            burst.push_back(now);
        }
        if is_search && limits.search_per_second.is_some() {
            self.search.push_back(now);
        }
        Ok(())
    }

    /// The calls of this day so far.
    pub(super) fn today(&self) -> u32 {
        self.today
    }

    /// Search answers carry none of these.
    pub(super) fn headers(&self, limits: &RateLimits, caller: Caller, mut reply: Reply) -> Reply {
        if let Some(limit) = limits.burst(caller) {
            let used = self.bursts[caller as usize].len();
            let left = u64::from(limit).saturating_sub(used as u64);
            reply = reply
                .with_header(
                    "x-hubspot-ratelimit-interval-milliseconds",
                    &BURST_MS.to_string(),
                )
                .with_header("x-hubspot-ratelimit-max", &limit.to_string())
                .with_header("x-hubspot-ratelimit-remaining", &left.to_string());
        }
        if let Some(limit) = limits.daily.filter(|_| caller == Caller::PrivateApp) {
            reply = reply
                .with_header("x-hubspot-ratelimit-daily", &limit.to_string())
                .with_header(
                    "x-hubspot-ratelimit-daily-remaining",
                    &limit.saturating_sub(self.today).to_string(),
                );
        }
        reply
    }
}

fn slide(times: &mut VecDeque<i64>, until: i64) {
    while times.front().is_some_and(|time| *time <= until) {
        times.pop_front();
    }
}

fn full(times: &VecDeque<i64>, limit: Option<u32>) -> bool {
    limit.is_some_and(|limit| times.len() as u64 >= u64::from(limit))
}

/// The classic form: `errorType`, and no `category`.
fn refusal(name: &str, policy: &str) -> Fault {
    Fault::new(
        StatusCode::TOO_MANY_REQUESTS,
        format!("You have reached your {name} limit."),
    )
    .with("errorType", json!("RATE_LIMIT"))
    .with("policyName", json!(policy))
}
