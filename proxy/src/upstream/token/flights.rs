//! Counts the refreshes that are under way, so that a process that ends can let them land first: what the provider has
//! answered to one is nowhere else.

use tokio::sync::watch;

#[derive(Debug, Clone, Default)]
pub(in crate::upstream) struct Flights(watch::Sender<usize>);

/// One that is under way until it is dropped.
pub(super) struct Flying(watch::Sender<usize>);

impl Flights {
    pub(super) fn begin(&self) -> Flying {
        self.0.send_modify(|count| *count += 1);
        Flying(self.0.clone())
    }

    /// Waits until none is under way.
    pub(in crate::upstream) async fn landed(&self) {
        // The sender is here, so it does not end before.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Flying {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
