//! How many calls to a host may be made again, so that one that fails is not called three times as often.

use std::{sync::Arc, time::Duration};

use http::uri::Authority;
use moka::sync::Cache;
use tower::retry::budget::{Budget, TpsBudget};

/// What is looked back on.
const LOOK_BACK: Duration = Duration::from_secs(10);
/// So many a second are always allowed, or a sidecar that makes a call a minute would never repeat one.
const FREE_EACH_SECOND: u32 = 3;
/// The share of calls that may be repeated beyond these.
const SHARE: f32 = 0.2;
/// Hosts that are known at one time; one that was forgotten begins anew.
const MOST_HOSTS: u64 = 4096;
/// One that nobody calls for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// The retry budgets of all hosts.
#[derive(Debug)]
pub(in crate::upstream) struct RetryBudgets {
    hosts: Cache<Authority, Arc<TpsBudget>>,
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
        self.host(host).deposit();
    }

    /// Takes leave to make a call again, where there is any.
    pub(in crate::upstream) fn may_repeat(&self, host: &Authority) -> bool {
        self.host(host).withdraw()
    }

    fn host(&self, host: &Authority) -> Arc<TpsBudget> {
        if let Some(known) = self.hosts.get(host) {
            return known;
        }
        self.hosts.get_with(host.clone(), || {
            Arc::new(TpsBudget::new(LOOK_BACK, FREE_EACH_SECOND, SHARE))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Authority {
        name.parse().unwrap()
    }

    fn repeats(budgets: &RetryBudgets, host: &Authority) -> usize {
        (0..10_000).take_while(|_| budgets.may_repeat(host)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_fifth_of_the_calls_and_a_few_a_second_may_be_repeated() {
        let budgets = RetryBudgets::default();
        let (busy, quiet) = (host("busy.example"), host("quiet.example"));
        for _ in 0..1000 {
            budgets.called(&busy);
        }
        assert_eq!(repeats(&budgets, &busy), 200 + 30);
        assert_eq!(repeats(&budgets, &quiet), 30, "another host's are its own");
        tokio::time::advance(Duration::from_secs(21)).await;
        assert_eq!(repeats(&budgets, &busy), 30);
    }
}
