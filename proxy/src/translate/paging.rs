//! How lists go on.
//!
//! A *full* list is read page by page, by the provider's own token or by the last id. An *incremental* list is a full
//! list once, and from then on windows of changes: in a window that is fixed in time, records are read in the order of
//! their ids, so that any number of equal time stamps neither hides a record nor holds the list up. A window reaches
//! back into the one before it, since providers show some changes late; a record may so be seen twice, and is never missed.
//!
//! The clock that counts is the provider's, since it stamps the records. Its time comes with each answer: a window ends
//! where that clock stood when the window's first page was read, and how far it is ahead of ours is remembered for the
//! window after it.

use jiff::Timestamp;

use super::{
    Context,
    cursor::{self, Position, Span},
    decode::{ListRequest, SyncMode},
};
use crate::error::Error;

/// What a mapping says of the sizes of pages.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    pub default: u32,
    pub max: u32,
    /// How far a window of changes reaches back.
    pub overlap_seconds: u32,
    /// How many native lists make up the full list.
    pub full_lists: u8,
    /// How many make up a list of changes; 0 where the provider cannot tell what has changed.
    pub change_lists: u8,
}

/// What one call of a list is given.
#[derive(Debug, Clone, Copy)]
pub struct Page<'p> {
    /// The most records that it may answer.
    pub size: u32,
    /// The provider's token.
    pub token: Option<&'p str>,
    /// The id of the last record before it.
    pub after: Option<&'p str>,
}

impl Page<'_> {
    /// The same page, for a call that may ask for at most `max` records.
    #[must_use]
    pub fn at_most(self, max: u32) -> Self {
        Self {
            size: self.size.min(max),
            ..self
        }
    }
}

/// A window of changes, both ends within.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What to read next.
#[derive(Debug, Clone, Copy)]
pub struct Phase<'p> {
    /// Which of the native lists.
    pub list: usize,
    pub page: Page<'p>,
    /// The window, where changes are read.
    pub window: Option<Window>,
}

/// Where a list stands and how it goes on.
#[derive(Debug)]
pub struct Paging {
    /// None at the end of a full list.
    position: Option<Position>,
    limits: PageLimits,
    size: u32,
    /// Our clock when the call began.
    now: i64,
    /// Whether this call has heard the provider's time.
    has_heard_time: bool,
}

/// What follows a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// There are more records in the same native list.
    More,
    /// The native list has ended, and another one follows.
    NextList,
    /// All has been read.
    End,
}

/// What a page of the provider says about the one after it.
#[derive(Debug, Default)]
pub struct PageEnd {
    /// The provider's token of the next page.
    token: Option<String>,
    /// Whether there are more records after the last of this page.
    more: bool,
    /// The id of the last record of this page, where there are more.
    after: Option<String>,
    /// The provider's clock.
    date: Option<Timestamp>,
}

impl PageEnd {
    /// What the provider says: the token of the next page, or whether there are more.
    pub fn new(token: Option<String>, more: bool) -> Self {
        Self {
            token: token.filter(|token| !token.is_empty()),
            more,
            ..Self::default()
        }
    }

    /// Whether the provider says that there are more records.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Completes it with the id of the last record and the provider's clock.
    #[must_use]
    pub fn at(mut self, last: Option<&str>, date: Option<Timestamp>) -> Self {
        self.after = last.filter(|_| self.more).map(str::to_owned);
        self.date = date;
        self
    }
}

/// What the answer says about the next page.
#[derive(Debug, PartialEq, Eq)]
pub struct Next {
    pub cursor: Option<String>,
    pub has_next_page: bool,
}

impl Paging {
    /// Opens a list where its cursor says, or at the beginning.
    pub fn open(cx: &Context, request: &ListRequest, limits: PageLimits) -> Result<Self, Error> {
        let has_changes = limits.change_lists > 0;
        let size = request.page_size.unwrap_or(limits.default);
        if size > limits.max {
            return Err(Error::issue(
                "query.page_size",
                format!("expected at most {}, found {size}", limits.max),
            ));
        }
        let since =
            |mode| (mode != Some(SyncMode::Full) && has_changes).then(|| cx.now.as_millisecond());
        let refuses_changes = |position: &Position| {
            let is_full = matches!(position.span, Span::Full { since: None });
            !has_changes && !is_full
        };
        if request.sync_mode == Some(SyncMode::Incremental) && !has_changes {
            let message = format!(
                "expected `full`: {} cannot tell what has changed",
                cx.provider.title
            );
            return Err(Error::issue("query.sync_mode", message));
        }
        let mut position = match &request.cursor {
            None => Position::start(Span::Full {
                since: since(request.sync_mode),
            }),
            Some(cursor) => {
                let position = cursor::decode(cx, cursor)?;
                if refuses_changes(&position) {
                    return Err(cursor::refused(cx));
                }
                let mode = match position.span {
                    Span::Full { since: None } => SyncMode::Full,
                    _ => SyncMode::Incremental,
                };
                if request.sync_mode.is_some_and(|asked| asked != mode) && has_changes {
                    let message =
                        format!("expected the mode that the cursor was made in, {mode:?}")
                            .to_lowercase();
                    return Err(Error::issue("query.sync_mode", message));
                }
                position
            }
        };
        let now = cx.now.as_millisecond();
        if let Span::Changes { to: to @ None, .. } = &mut position.span {
            // Behind a clock that is behind ours there is nothing to be read: such a window may end too late.
            let ahead = position.ahead.unwrap_or_default().max(0);
            *to = Some(now.saturating_add(ahead));
        }
        Ok(Self {
            position: Some(position),
            limits,
            size,
            now,
            has_heard_time: false,
        })
    }

    /// The records that a page may have.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// What to read now; none at the end.
    pub fn phase(&self) -> Option<Phase<'_>> {
        let position = self.position.as_ref()?;
        let window = match position.span {
            Span::Full { .. } => None,
            Span::Changes { from, to } => Some(Window {
                from: instant(from),
                to: instant(to.unwrap_or(from).max(from)),
            }),
        };
        Some(Phase {
            list: usize::from(position.list),
            page: Page {
                size: self.size,
                token: position.token.as_deref(),
                after: position.after.as_deref(),
            },
            window,
        })
    }

    /// Goes on to what follows the page that was read.
    pub fn advance(&mut self, end: PageEnd) -> After {
        let overlap = i64::from(self.limits.overlap_seconds) * 1000;
        let date = end.date.map(Timestamp::as_millisecond);
        let Some(position) = &mut self.position else {
            return After::End;
        };
        if let Some(date) = date
            && !self.has_heard_time
        {
            self.has_heard_time = true;
            // It tells whole seconds: its clock may have come to the end of the one that it tells. What is read beyond
            // its time costs nothing, as it is read again.
            position.ahead = Some(date + 999 - self.now);
        }
        let is_start = position.is_start();
        let lists = match &mut position.span {
            Span::Full { since } => {
                *since = match date {
                    // Until now it was our clock's word.
                    Some(date) if is_start => since.map(|_| date),
                    _ => earliest(*since, date),
                };
                self.limits.full_lists
            }
            // What the provider's clock has not reached yet has not been read.
            Span::Changes { to, from } => {
                *to = earliest(*to, date).map(|to| to.max(*from));
                self.limits.change_lists
            }
        };
        position.token = end.token;
        position.after = end.after;
        if position.token.is_some() || position.after.is_some() {
            return After::More;
        }
        if position.list + 1 < lists {
            position.list += 1;
            return After::NextList;
        }
        let from = match position.span {
            Span::Full { since } => since.map(|since| since - overlap),
            Span::Changes { from, to } => Some((to.unwrap_or(from) - overlap).max(from)),
        };
        self.position = from
            .map(|from| Position::start(Span::Changes { from, to: None }).ahead(position.ahead));
        After::End
    }

    /// Where the list stands, to come back to it.
    pub fn position(&self) -> Option<Position> {
        self.position.clone()
    }

    /// What the answer says: the list goes on at `position`.
    pub fn next(cx: &Context, position: Option<&Position>, has_next_page: bool) -> Next {
        Next {
            cursor: position.map(|position| cursor::encode(cx, position)),
            has_next_page,
        }
    }
}

/// The earlier of the two, where the first is there at all.
fn earliest(ours: Option<i64>, theirs: Option<i64>) -> Option<i64> {
    ours.map(|ours| theirs.map_or(ours, |theirs| ours.min(theirs)))
}

/// A signed cursor holds only instants that were read from a clock, less an overlap: all are within range.
fn instant(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
