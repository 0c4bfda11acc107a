//! The way of an answer to its caller while the provider still sends what it is made of.
//!
//! There is no task and no channel between the two: the body of the response owns the future that makes the answer, and
//! polls it when its own reader wants more ([`crate::pipeline`]). So nothing is read from the provider faster than the
//! caller takes it, and a caller who hangs up ends it all.

use std::{
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use bytes::Bytes;

/// Where the pieces of an answer are put, one at a time. Closed until somebody waits for them.
#[derive(Debug, Default)]
pub struct Outlet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_open: bool,
    piece: Option<Bytes>,
    /// Bytes of the answer that were taken.
    sent: u64,
    is_waiting: bool,
}

impl Outlet {
    /// From now on somebody takes pieces.
    pub fn open(&self) {
        self.state().is_open = true;
    }

    /// Whether an answer may be told in pieces.
    pub fn is_open(&self) -> bool {
        self.state().is_open
    }

    /// Bytes of the answer that are out; 0 until the first piece was taken.
    pub fn sent(&self) -> u64 {
        self.state().sent
    }

    /// Whether the answer waits for its caller, and not for the provider.
    pub fn waits_for_caller(&self) -> bool {
        self.state().is_waiting
    }

    /// Puts a piece where the caller takes it, once he has taken the one before it. To be polled by who takes the
    /// pieces alone: nobody is woken.
    pub async fn put(&self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        let mut piece = Some(piece);
        poll_fn(|_| {
            let mut state = self.state();
            state.is_waiting = state.piece.is_some();
            if state.is_waiting {
                return Poll::Pending;
            }
            state.piece = piece.take();
            Poll::Ready(())
        })
        .await;
    }

    /// The piece that was put last, unless it was taken.
    pub fn take(&self) -> Option<Bytes> {
        let mut state = self.state();
        let piece = state.piece.take()?;
        state.sent += piece.len() as u64;
        Some(piece)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

    #[test]
    fn a_second_piece_waits_until_the_first_was_taken() {
        let outlet = Outlet::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut puts = pin!(async {
            outlet.put("one".into()).await;
            outlet.put(Bytes::new()).await;
            outlet.put("two".into()).await;
        });
        assert!(puts.as_mut().poll(&mut cx).is_pending());
        assert!(outlet.waits_for_caller());
        assert_eq!(outlet.sent(), 0);
        assert_eq!((outlet.take().unwrap(), outlet.sent()), ("one".into(), 3));
        assert!(puts.as_mut().poll(&mut cx).is_ready());
        assert!(!outlet.waits_for_caller());
        assert_eq!((outlet.take().unwrap(), outlet.sent()), ("two".into(), 6));
        assert_eq!(outlet.take(), None);
    }
}
