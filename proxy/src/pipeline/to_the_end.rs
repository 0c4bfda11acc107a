//! Work that goes on when nobody waits for it any more.
//!
//! A write must not be cut in half by a caller who hangs up. A task for each write would see to that, at the price of two
//! wake-ups for every call; this costs nothing until the future is dropped, which is when it becomes a task.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;

/// Runs where it is waited for, and to its end elsewhere if it is not.
pub(super) struct ToTheEnd<T: Send + 'static>(Option<Work<T>>);

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<T: Send + 'static> ToTheEnd<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for ToTheEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // What panics is not put back, and so not polled again.
        let mut work = self.0.take().expect("it is not polled after its end");
        let poll = work.as_mut().poll(cx);
        if poll.is_pending() {
            self.0 = Some(work);
        }
        poll
    }
}

impl<T: Send + 'static> Drop for ToTheEnd<T> {
    fn drop(&mut self) {
        // Without a runtime the process is at its end.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn work_that_is_waited_for_needs_no_task() {
        let metrics = Handle::current().metrics();
        let work = ToTheEnd::new(async {
            tokio::task::yield_now().await;
            7
        });
        assert_eq!(work.await, 7);
        assert_eq!(metrics.num_alive_tasks(), 0);
    }

    #[tokio::test]
    async fn work_that_was_begun_goes_on_when_nobody_waits() {
        let (go, going) = oneshot::channel::<()>();
        let (said, mut hears) = mpsc::channel(1);
        let work = ToTheEnd::new(async move {
            let _ = going.await;
            let _ = said.send("done").await;
        });
        let waited = tokio::time::timeout(Duration::from_millis(10), work).await;
        assert!(waited.is_err(), "nobody waits any more");
        go.send(()).unwrap();
        assert_eq!(hears.recv().await, Some("done"));
    }

    #[tokio::test]
    async fn work_that_panics_is_not_begun_again() {
        let task = tokio::spawn(ToTheEnd::new(async {
            tokio::task::yield_now().await;
            panic!("as the test wants it");
        }));
        assert!(task.await.unwrap_err().is_panic());
        tokio::task::yield_now().await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }
}
