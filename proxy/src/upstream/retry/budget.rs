//! How many calls to a host may be made again, so that one that fails is not called three times as often.
//!
//! A bucket of leaves: each call adds a part of one, each second a few, and each repetition takes one. Not `tower`'s
//! `TpsBudget`, which passes over every other slot of its window, and so allows twice the leaves that it is told to.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::uri::Authority;
use moka::sync::Cache;
use tokio::time::Instant;

/// So many a second are always allowed, or a sidecar that makes a call a minute would never repeat one.
const EACH_SECOND: f64 = 3.0;
/// The share of calls that may be repeated beyond these.
const SHARE: f64 = 0.2;
/// The most that is saved up: those of ten seconds, which a fault of a moment may use up at once.
const MOST: f64 = 10.0 * EACH_SECOND;
/// Hosts that are known at one time; one that was forgotten begins anew.
const MOST_HOSTS: u64 = 4096;
/// One that nobody calls for so long is forgotten: its bucket is full again by then.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// The retry budgets of all hosts.
#[derive(Debug)]
pub(in crate::upstream) struct RetryBudgets {
    hosts: Cache<Authority, Arc<Mutex<Bucket>>>,
}

impl Default for RetryBudgets {
    fn default() -> Self {
        Self {
            hosts: Cache::builder()
                .max_capacity(MOST_HOSTS)
                .time_to_idle(FORGOTTEN)
                .build(),
        }
    }
}

impl RetryBudgets {
    /// A call is made for the first time.
    pub(in crate::upstream) fn called(&self, host: &Authority) {
        self.with(host, Bucket::called);
    }

    /// Takes leave to make a call again, where there is any.
    pub(in crate::upstream) fn may_repeat(&self, host: &Authority) -> bool {
        self.with(host, Bucket::may_repeat)
    }

    fn with<T>(&self, host: &Authority, act: impl FnOnce(&mut Bucket, Instant) -> T) -> T {
        let now = Instant::now();
        let bucket = self.hosts.get(host).unwrap_or_else(|| {
            let new = || Arc::new(Mutex::new(Bucket::new(now)));
            self.hosts.get_with(host.clone(), new)
        });
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut bucket, now)
    }
}

/// That of one host. Knows no clock.
#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new(now: Instant) -> Self {
        Self {
            left: MOST,
            at: now,
        }
    }

    fn called(&mut self, now: Instant) {
        self.pass(now);
        self.left = (self.left + SHARE).min(MOST);
    }

    fn may_repeat(&mut self, now: Instant) -> bool {
        self.pass(now);
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }

    fn pass(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * EACH_SECOND).min(MOST);
        self.at = now.max(self.at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(name: &str) -> Authority {
        name.parse().unwrap()
    }

    fn repeats(budgets: &RetryBudgets, host: &Authority) -> usize {
        (0..1_000).take_while(|_| budgets.may_repeat(host)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn each_host_has_a_few_a_second_and_a_fifth_of_its_calls() {
        let budgets = RetryBudgets::default();
        let (busy, quiet) = (host("busy.example"), host("quiet.example"));
        assert_eq!(repeats(&budgets, &busy), 30);
        assert_eq!(repeats(&budgets, &quiet), 30, "another host's are its own");
        for _ in 0..101 {
            budgets.called(&busy);
        }
        assert_eq!(repeats(&budgets, &busy), 20);
        tokio::time::advance(Duration::from_millis(2_100)).await;
        assert_eq!(repeats(&budgets, &busy), 6);
        tokio::time::advance(Duration::from_mins(10)).await;
        assert_eq!(repeats(&budgets, &busy), 30, "no more is saved up");
    }

    proptest! {
        /// However calls, faults and pauses come: never more than the share, those of the time, and what was saved up.
        #[test]
        fn it_never_allows_more(acts in prop::collection::vec((any::<bool>(), 0..400_u64), 0..500)) {
            let start = Instant::now();
            let (mut bucket, mut now) = (Bucket::new(start), start);
            let (mut calls, mut repeated) = (0.0, 0.0);
            for (is_call, pause) in acts {
                now += Duration::from_millis(pause);
                if is_call {
                    bucket.called(now);
                    calls += 1.0;
                } else if bucket.may_repeat(now) {
                    repeated += 1.0;
                }
                let seconds = (now - start).as_secs_f64();
                prop_assert!(repeated <= SHARE * calls + EACH_SECOND * seconds + MOST + 1e-6);
            }
        }
    }
}
