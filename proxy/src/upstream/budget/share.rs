//! A limit's calls that this process was given by the store, which several processes share. Pure.
//!
//! The store gives a few calls at a time, to be made within a short time; what is not made by then is given back.

use std::time::Duration;

use super::gauge::Moment;

/// How long a chunk is good for. The store counts all of it as made at its end, so it is short.
pub(super) const CHUNK_LIVES: Duration = Duration::from_millis(400);
/// After the store did not answer, for so long only what this process knows counts.
const DOWN_FOR: Duration = Duration::from_secs(5);
/// The part of a limit that is asked for at one time.
const CHUNK_PART: u32 = 20;

/// What was given, and what others have.
#[derive(Debug, Default)]
pub(super) struct Share {
    left: u32,
    /// Until when they may be made.
    good_until: Moment,
    /// Calls that other processes were given, and until when that is believed.
    others: (u32, Moment),
    /// Nothing is given before.
    not_before: Moment,
    /// Somebody is asking the store.
    is_asked: bool,
    down_until: Moment,
}

/// What the store answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) calls: u32,
    /// Calls in the window that other processes were given.
    pub(super) others: u32,
    /// When something will be given back, where nothing was given now.
    pub(super) again_after: Duration,
}

impl Share {
    pub(super) fn verdict(&self, now: Moment) -> super::gauge::Verdict {
        use super::gauge::Verdict;
        if now < self.down_until || (self.left > 0 && now < self.good_until) {
            Verdict::Now
        } else if now < self.not_before {
            Verdict::At(self.not_before)
        } else {
            Verdict::Later
        }
    }

    /// A call that was started with or without leave.
    pub(super) fn take(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// A call that was not made.
    pub(super) fn gives_back(&mut self) {
        self.left += 1;
    }

    /// Whether the store is to be asked for some of the limit's calls, of which so many may be used; whoever is told so
    /// asks.
    pub(super) fn wants(&mut self, calls: u32, usable: u32, now: Moment) -> Option<Ask> {
        let has_some = self.left > 0 && now < self.good_until;
        if self.is_asked || has_some || now < self.not_before || now < self.down_until {
            return None;
        }
        self.is_asked = true;
        let unused = std::mem::take(&mut self.left);
        Some(Ask {
            calls: (calls / CHUNK_PART).max(1),
            limit: usable,
            unused,
        })
    }

    pub(super) fn given(&mut self, given: Given, asked_at: Moment, length: Duration, now: Moment) {
        self.is_asked = false;
        self.left = given.calls;
        // Counted from before the store was asked, so that this end is never after the store's.
        self.good_until = asked_at + CHUNK_LIVES;
        self.others = (given.others, now + length);
        if given.calls == 0 {
            self.not_before = now + given.again_after;
        }
    }

    /// The store did not answer.
    pub(super) fn failed(&mut self, now: Moment) {
        self.is_asked = false;
        self.down_until = now + DOWN_FOR;
    }

    pub(super) fn others(&self, now: Moment) -> u32 {
        let (others, until) = self.others;
        if until > now { others } else { 0 }
    }
}

/// What the store is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) calls: u32,
    pub(super) limit: u32,
    /// Of what was given before, what was not made.
    pub(super) unused: u32,
}
