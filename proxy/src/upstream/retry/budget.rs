//! How many calls to a host may be made again, so that one that fails is not called three times as often.
//!
//! A bucket of leaves: each call adds a part of one, each second a few, and each repetition takes one. Not `tower`'s
//! `TpsBudget`, which passes over every other slot of its window, and so allows twice the leaves that it is told to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::uri::Authority;
use tokio::time::Instant;

/// So many a second are always allowed, or a sidecar that makes a call a minute would never repeat one.
const EACH_SECOND: f64 = 3.0;
/// The share of calls that may be repeated beyond these.
const SHARE: f64 = 0.2;
/// The most that is saved up: those of ten seconds, which a fault of a moment may use up at once.
const MOST: f64 = 10.0 * EACH_SECOND;

/// The retry budgets of all hosts.
#[derive(Debug, Default)]
pub(in crate::upstream) struct RetryBudgets {
    hosts: Mutex<HashMap<Authority, Arc<RetryBudget>>>,
}

/// That of one host, for whoever has it at hand.
#[derive(Debug)]
pub(in crate::upstream) struct RetryBudget {
    /// The same for all who call it, so that thousands of connections have it at one place in memory.
    pub(in crate::upstream) host: Authority,
    bucket: Mutex<Bucket>,
}

impl RetryBudgets {
    pub(in crate::upstream) fn of(&self, host: &Authority) -> Arc<RetryBudget> {
        let now = Instant::now();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.get(host) {
            return Arc::clone(known);
        }
        if hosts.len() == hosts.capacity() {
            // One that nobody has at hand and that is full is as good as a new one.
            hosts.retain(|_, budget| {
                Arc::strong_count(budget) > 1 || !budget.with(|bucket| bucket.is_full(now))
            });
        }
        let new = RetryBudget {
            host: host.clone(),
            bucket: Mutex::new(Bucket::new(now)),
        };
        Arc::clone(hosts.entry(host.clone()).or_insert(Arc::new(new)))
    }
}

impl RetryBudget {
    /// A call is made for the first time.
    pub(in crate::upstream) fn called(&self, now: Instant) {
        self.with(|bucket| bucket.called(now));
    }

    /// Takes leave to make a call again, where there is any.
    pub(in crate::upstream) fn may_repeat(&self) -> bool {
        let now = Instant::now();
        self.with(|bucket| bucket.may_repeat(now))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Bucket) -> T) -> T {
        act(&mut self.bucket.lock().unwrap_or_else(PoisonError::into_inner))
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

    fn is_full(&mut self, now: Instant) -> bool {
        self.pass(now);
        self.left >= MOST
    }

    fn pass(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * EACH_SECOND).min(MOST);
        self.at = now.max(self.at);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn host(name: &str) -> Authority {
        name.parse().unwrap()
    }

    fn repeats(budget: &RetryBudget) -> usize {
        (0..1_000).take_while(|_| budget.may_repeat()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn each_host_has_a_few_a_second_and_a_fifth_of_its_calls() {
        let budgets = RetryBudgets::default();
        let busy = budgets.of(&host("busy.example"));
        let quiet = budgets.of(&host("quiet.example"));
        assert_eq!(repeats(&busy), 30);
        assert_eq!(repeats(&quiet), 30, "another host's are its own");
        for _ in 0..101 {
            budgets.of(&host("busy.example")).called(Instant::now());
        }
        assert_eq!(repeats(&busy), 20);
        tokio::time::advance(Duration::from_millis(2_100)).await;
        assert_eq!(repeats(&busy), 6);
        tokio::time::advance(Duration::from_mins(10)).await;
        assert_eq!(repeats(&busy), 30, "no more is saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_that_nobody_calls_are_forgotten_and_what_they_used_is_not() {
        let budgets = RetryBudgets::default();
        let used = host("used.example");
        repeats(&budgets.of(&used));
        for number in 0..10_000 {
            budgets
                .of(&host(&format!("host-{number}.example")))
                .called(Instant::now());
        }
        assert!(budgets.hosts.lock().unwrap().len() < 100);
        assert_eq!(repeats(&budgets.of(&used)), 0, "it begins no new one");
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
