//! The one lock of a budget, and the way by which a waiting call is told.
//!
//! Whatever changes the core tells those who wait before it lets go of the lock, so no news is lost. A call that goes
//! away gives back what it was told and has not read. No clock, no timer.

use std::{collections::HashMap, sync::Arc};

use super::{
    core::{Asked, Core, End, Mask, News, Refusal, Told},
    gauge::{Id, Moment},
};
use crate::{
    primitives::{Mutex, MutexGuard, PoisonError, oneshot},
    upstream::Urgency,
};

#[derive(Debug)]
pub(super) struct Cell {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
#[repr(C)]
struct Inner {
    core: Core,
    told: HashMap<Id, oneshot::Sender<Result<(), Refusal>>>,
}

/// What a call does that asked.
#[derive(Debug)]
pub(super) enum Ask {
    Goes(Id),
    Waits(Id, oneshot::Receiver<Result<(), Refusal>>),
    Refused(Refusal),
}

impl Cell {
    pub(super) fn new(core: Core) -> Self {
        Self {
            inner: Mutex::new(Inner {
                core,
                told: HashMap::new(),
            }),
        }
    }

    pub(super) fn ask(
        &self,
        mask: Mask,
        caller: &Arc<str>,
        urgency: Urgency,
        latest: Moment,
        now: Moment,
    ) -> Ask {
        let mut inner = self.lock();
        let (asked, news) = inner.core.ask(mask, caller, urgency, latest, now);
        inner.tell(news);
        match asked {
            Asked::Goes(id) => Ask::Goes(id),
            Asked::Refused(refusal) => Ask::Refused(refusal),
            Asked::Waits(id) => {
                let (tell, hear) = oneshot::channel();
                inner.told.insert(id, tell);
                Ask::Waits(id, hear)
            }
        }
    }

    /// The call waits no longer, or was let go and is not made.
    pub(super) fn leaves(&self, id: Id, now: Moment) -> usize {
        let mut inner = self.lock();
        inner.told.remove(&id);
        let news = inner.core.leaves(id, now);
        inner.tell(news);
        inner.core.waiting()
    }

    /// Says how many wait.
    pub(super) fn ends(&self, id: Id, end: End, told: &[Told], now: Moment) -> usize {
        self.with(|core| {
            let news = core.ends(id, end, told, now);
            (core.waiting(), news)
        })
    }

    /// Changes the core, and tells what follows from it.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Core) -> (T, Vec<News>)) -> T {
        let mut inner = self.lock();
        let (result, news) = change(&mut inner.core);
        inner.tell(news);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tell(&mut self, news: Vec<News>) {
        for News { id, refused } in news {
            // Whoever no longer listens gives the turn back himself.
            if let Some(tell) = self.told.remove(&id) {
                let _ = tell.send(refused.map_or(Ok(()), Err));
            }
        }
    }
}
