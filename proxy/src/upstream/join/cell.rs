//! The reads of one connection that are under way, shared: the only lock of joining.
//!
//! It is held for moments and never while something is waited for. Whoever leads or waits has a guard: dropped at
//! whatever point, it gives the place up, and nobody waits for nothing.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    core::{After, Asked, Core, Departed, Gathers, Waiting, Wanted},
    told::Told,
};
use crate::primitives::{Mutex, MutexGuard, Notify, PoisonError, oneshot};

/// How one who waits is told.
pub(super) type Tell = oneshot::Sender<Told>;

/// The reads of one connection that are under way.
#[derive(Debug, Default)]
pub(in crate::upstream) struct Joins {
    core: Mutex<Core<Tell, Arc<Notify>>>,
}

/// What a read is to do.
#[derive(Debug)]
pub(super) enum Turn<'a> {
    Alone,
    Lead(Leading<'a>),
    Wait(Waits<'a>),
    /// The same, and what has begun to gather with it is to be conducted.
    Conduct(Waits<'a>, Conducting, Instant),
}

/// Makes a call that others may follow.
#[derive(Debug)]
pub(in crate::upstream) struct Leading<'a> {
    joins: &'a Joins,
    flight: u64,
    has_ended: bool,
}

/// Waits for a call that somebody else makes.
#[derive(Debug)]
pub(super) struct Waits<'a> {
    joins: &'a Joins,
    flight: u64,
    waiter: u64,
    pub(super) told: oneshot::Receiver<Told>,
    /// The place has passed on to a [`Leading`].
    leads: bool,
}

/// Conducts what has gathered.
#[derive(Debug)]
pub(super) struct Conducting {
    joins: Arc<Joins>,
    flight: u64,
    woken: Arc<Notify>,
    /// The flight is somebody else's now, or at its end.
    has_ended: bool,
}

/// A write that is under way. Dropped, it has ended.
#[derive(Debug)]
pub(super) struct Writing<'a>(&'a Joins);

impl Joins {
    pub(super) fn writing(&self) -> Writing<'_> {
        Writing(self)
    }

    pub(super) fn ask(self: &Arc<Self>, wanted: &Wanted<'_>) -> Turn<'_> {
        let now = Instant::now();
        let mut core = self.core();
        match core.ask(wanted, now, oneshot::channel) {
            Asked::Alone => Turn::Alone,
            Asked::Lead(flight) => Turn::Lead(Leading {
                joins: self,
                flight,
                has_ended: false,
            }),
            Asked::Wait {
                flight,
                waiter,
                told,
                gathers,
            } => {
                let waits = Waits {
                    joins: self,
                    flight,
                    waiter,
                    told,
                    leads: false,
                };
                match gathers {
                    Gathers::Nothing => Turn::Wait(waits),
                    Gathers::Full(conductor) => {
                        if let Some(conductor) = conductor {
                            conductor.notify_one();
                        }
                        Turn::Wait(waits)
                    }
                    Gathers::Opened(leaves) => {
                        let woken = Arc::new(Notify::new());
                        core.conduct(flight, Arc::clone(&woken));
                        let conducting = Conducting {
                            joins: Arc::clone(self),
                            flight,
                            woken,
                            has_ended: false,
                        };
                        Turn::Conduct(waits, conducting, leaves)
                    }
                }
            }
        }
    }

    fn core(&self) -> MutexGuard<'_, Core<Tell, Arc<Notify>>> {
        // What the core holds is right after each of its steps.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.core().wrote();
    }
}

/// Tells who is concerned, but for those who are to be told how a flight ended.
fn tell(after: After<Tell, Arc<Notify>>) -> Vec<Waiting<Tell>> {
    for conductor in after.conductors {
        conductor.notify_one();
    }
    if let Some(leader) = after.leader {
        // One who has gone in this moment gives his place up by himself.
        let _ = leader.send(Told::Lead);
    }
    after.waiting
}

impl Leading<'_> {
    /// The answer will be nobody else's, unless somebody waits for it already.
    pub(in crate::upstream) fn leave(mut self) -> Result<(), Self> {
        let left = self.joins.core().leaves(self.flight, Instant::now());
        match left {
            Some(after) => {
                self.has_ended = true;
                tell(after);
                Ok(())
            }
            None => Err(self),
        }
    }

    /// The call has ended; those who are to be told.
    pub(super) fn ended(mut self, answered: bool) -> Vec<Waiting<Tell>> {
        self.has_ended = true;
        let after = self
            .joins
            .core()
            .ended(self.flight, Instant::now(), answered);
        tell(after)
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            let after = self.joins.core().abandoned(self.flight, Instant::now());
            tell(after);
        }
    }
}

impl<'a> Waits<'a> {
    /// He was told to make the call.
    pub(super) fn lead(mut self) -> Leading<'a> {
        self.leads = true;
        Leading {
            joins: self.joins,
            flight: self.flight,
            has_ended: false,
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if !self.leads {
            let mut core = self.joins.core();
            let after = core.left(self.flight, self.waiter, Instant::now());
            drop(core);
            tell(after);
        }
    }
}

impl Conducting {
    /// Waits until there is something to look at.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    pub(super) fn depart(&self) -> Departed<Tell> {
        self.joins.core().depart(self.flight, Instant::now())
    }

    /// Whether anybody still waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.joins.core().is_wanted(self.flight)
    }

    /// One of those who wait makes the call.
    pub(super) fn hand_over(&mut self) {
        self.has_ended = true;
    }

    /// The call has ended; those who are to be told.
    pub(super) fn ended(mut self, answered: bool) -> Vec<Waiting<Tell>> {
        self.end(answered)
    }

    fn end(&mut self, answered: bool) -> Vec<Waiting<Tell>> {
        self.has_ended = true;
        let after = self
            .joins
            .core()
            .ended(self.flight, Instant::now(), answered);
        tell(after)
    }
}

impl Drop for Conducting {
    fn drop(&mut self) {
        if !self.has_ended {
            // Those who still wait see that nobody will tell them, and go on by themselves.
            self.end(false);
        }
    }
}
