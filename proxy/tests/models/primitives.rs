//! What the product takes from std and tokio, made of shuttle's locks, so that every step is one that shuttle can put
//! another task before. As far as the product uses it, and with the same names.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
};

pub(crate) use std::sync::{Arc, PoisonError};

pub(crate) use shuttle::sync::{Mutex, MutexGuard};

/// A value that comes once, for whoever waits.
#[derive(Debug)]
pub(crate) struct Landing<T>(Mutex<Landed<T>>);

#[derive(Debug)]
struct Landed<T> {
    value: Option<T>,
    waiting: Vec<Waker>,
}

impl<T: Clone> Landing<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Landed {
            value: None,
            waiting: Vec::new(),
        }))
    }

    pub(crate) fn land(&self, value: T) {
        let mut landed = self.0.lock().expect("no task panics with the lock");
        landed.value = Some(value);
        for waker in landed.waiting.drain(..) {
            waker.wake();
        }
    }

    pub(crate) async fn landed(&self) -> T {
        poll_fn(|cx| {
            let mut landed = self.0.lock().expect("no task panics with the lock");
            if let Some(value) = &landed.value {
                return Poll::Ready(value.clone());
            }
            landed.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// Waits for a future for so many polls at most: a caller that gives up.
pub(crate) async fn patiently<F: Future>(future: F, mut polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    poll_fn(
        move |cx: &mut Context<'_>| match Pin::new(&mut future).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => {
                polls -= 1;
                // Polled again without news, as by a timer.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        },
    )
    .await
}

/// As `tokio::sync::Notify`, for one who waits at a time.
#[derive(Debug, Default)]
pub(crate) struct Notify(Mutex<Notified>);

#[derive(Debug, Default)]
struct Notified {
    permit: bool,
    waiting: Option<Waker>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notify_one(&self) {
        let mut notified = self.0.lock().expect("no task panics with the lock");
        notified.permit = true;
        if let Some(waker) = notified.waiting.take() {
            waker.wake();
        }
    }

    pub(crate) async fn notified(&self) {
        poll_fn(|cx| {
            let mut notified = self.0.lock().expect("no task panics with the lock");
            if std::mem::take(&mut notified.permit) {
                return Poll::Ready(());
            }
            notified.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// As `tokio::sync::oneshot`.
pub(crate) mod oneshot {
    use std::{
        pin::Pin,
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use shuttle::sync::Mutex;

    #[derive(Debug)]
    struct Shared<T> {
        value: Option<T>,
        sender_gone: bool,
        receiver_gone: bool,
        waiting: Option<Waker>,
    }

    #[derive(Debug)]
    pub(crate) struct Sender<T>(Arc<Mutex<Shared<T>>>);

    #[derive(Debug)]
    pub(crate) struct Receiver<T>(Arc<Mutex<Shared<T>>>);

    /// The sender was dropped without a word.
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct RecvError;

    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let shared = Arc::new(Mutex::new(Shared {
            value: None,
            sender_gone: false,
            receiver_gone: false,
            waiting: None,
        }));
        (Sender(Arc::clone(&shared)), Receiver(shared))
    }

    impl<T> Sender<T> {
        pub(crate) fn send(self, value: T) -> Result<(), T> {
            let mut shared = self.0.lock().expect("no task panics with the lock");
            if shared.receiver_gone {
                return Err(value);
            }
            shared.value = Some(value);
            Ok(())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            let mut shared = self.0.lock().expect("no task panics with the lock");
            shared.sender_gone = true;
            if let Some(waker) = shared.waiting.take() {
                waker.wake();
            }
        }
    }

    impl<T> Future for Receiver<T> {
        type Output = Result<T, RecvError>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let mut shared = self.0.lock().expect("no task panics with the lock");
            if let Some(value) = shared.value.take() {
                return Poll::Ready(Ok(value));
            }
            if shared.sender_gone {
                return Poll::Ready(Err(RecvError));
            }
            shared.waiting = Some(cx.waker().clone());
            Poll::Pending
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            self.0
                .lock()
                .expect("no task panics with the lock")
                .receiver_gone = true;
        }
    }
}
