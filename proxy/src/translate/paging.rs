//! How lists go on.
//!
//! A *full* list is read page by page, by the provider's own token or by the last id. An *incremental* list is a full
//! list once, and from then on windows of changes: in a window that is fixed in time, records are read in the order of
//! their ids, so that any number of equal time stamps neither hides a record nor holds the list up. A window reaches
//! back into the one before it, since providers show some changes late; a record may so be seen twice, and is never missed.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{
    Context,
    cursor::{self, Position},
    decode::{ListRequest, SyncMode},
    scalar::{Rows, Text},
};
use crate::error::Error;

/// What a mapping says of the sizes of pages.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    pub default: u32,
    pub max: u32,
    /// How far a window of changes reaches back.
    pub overlap_seconds: u32,
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
pub enum Phase<'p> {
    Full(Page<'p>),
    Changes(Page<'p>, Window),
}

/// Where a list stands and how it goes on.
#[derive(Debug)]
pub struct Paging {
    position: Position,
    limits: PageLimits,
    size: u32,
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
    /// The provider tells the next page by a token.
    pub fn token(token: Option<Text<'_>>) -> Self {
        let token = token
            .map(|token| token.0.into_owned())
            .filter(|token| !token.is_empty());
        Self {
            token,
            ..Self::default()
        }
    }

    /// The provider tells whether there are more.
    pub fn more(more: bool) -> Self {
        Self {
            more,
            ..Self::default()
        }
    }

    /// Completes it with the id of the last record and the provider's clock.
    #[must_use]
    pub fn at(mut self, last: Option<&str>, date: Option<Timestamp>) -> Self {
        self.after = last.filter(|_| self.more).map(str::to_owned);
        self.date = date;
        self
    }
}

/// The rows that belong to a page of `size`; one beyond it says that there are more.
pub fn cut(rows: Rows<'_>, size: u32, mut end: PageEnd) -> (Vec<&RawValue>, PageEnd) {
    let mut rows: Vec<&RawValue> = rows.0.into_iter().flatten().collect();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if rows.len() > size {
        rows.truncate(size);
        end.more = true;
    }
    (rows, end)
}

/// What the answer says about the next page.
#[derive(Debug, PartialEq, Eq)]
pub struct Next {
    pub cursor: Option<String>,
    pub has_next_page: bool,
}

impl Paging {
    /// Opens a list where its cursor says, or at the beginning.
    pub fn open(
        cx: &Context,
        request: &ListRequest,
        limits: PageLimits,
        has_changes: bool,
    ) -> Result<Self, Error> {
        let size = request.page_size.unwrap_or(limits.default);
        if size > limits.max {
            return Err(Error::issue(
                "query.page_size",
                format!("expected at most {}, found {size}", limits.max),
            ));
        }
        let since =
            |mode| (mode != Some(SyncMode::Full) && has_changes).then(|| cx.now.as_millisecond());
        if request.sync_mode == Some(SyncMode::Incremental) && !has_changes {
            let message = format!(
                "expected `full`: {} cannot tell what has changed",
                cx.provider.title
            );
            return Err(Error::issue("query.sync_mode", message));
        }
        let position = match &request.cursor {
            None => Position::Full {
                token: None,
                after: None,
                since: since(request.sync_mode),
            },
            Some(cursor) => {
                let position = cursor::decode(cx, cursor)?;
                let mode = match position {
                    Position::Full { since: None, .. } => SyncMode::Full,
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
        let mut paging = Self {
            position,
            limits,
            size,
        };
        paging.open_window(cx.now);
        Ok(paging)
    }

    /// What to read now.
    pub fn phase(&self) -> Phase<'_> {
        match &self.position {
            Position::Full { token, after, .. } => Phase::Full(Page {
                size: self.size,
                token: token.as_deref(),
                after: after.as_deref(),
            }),
            Position::Changes { from, to, after } => {
                let page = Page {
                    size: self.size,
                    token: None,
                    after: after.as_deref(),
                };
                let to = to.unwrap_or(*from).max(*from);
                Phase::Changes(
                    page,
                    Window {
                        from: instant(*from),
                        to: instant(to),
                    },
                )
            }
        }
    }

    /// What follows the page that was read.
    pub fn next(&self, cx: &Context, end: PageEnd) -> Next {
        let more = end.token.is_some() || end.after.is_some();
        let overlap = i64::from(self.limits.overlap_seconds) * 1000;
        // The provider's clock may be behind ours: what it has not reached yet has not been read.
        let date = end.date.map(Timestamp::as_millisecond);
        let position = match &self.position {
            Position::Full { since, .. } if more => Some(Position::Full {
                token: end.token,
                after: end.after,
                since: earliest(*since, date),
            }),
            Position::Full { since, .. } => earliest(*since, date).map(|since| Position::Changes {
                from: since - overlap,
                to: None,
                after: None,
            }),
            Position::Changes { from, to, .. } if more => Some(Position::Changes {
                from: *from,
                to: *to,
                after: end.after,
            }),
            Position::Changes { from, to, .. } => {
                let reached = earliest(*to, date).unwrap_or(*from);
                Some(Position::Changes {
                    from: (reached - overlap).max(*from),
                    to: None,
                    after: None,
                })
            }
        };
        Next {
            cursor: position.map(|position| cursor::encode(cx, &position)),
            has_next_page: more,
        }
    }

    fn open_window(&mut self, now: Timestamp) {
        if let Position::Changes { to: to @ None, .. } = &mut self.position {
            *to = Some(now.as_millisecond());
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
