//! One stream of a sync: an entity of the source into its table.
//!
//! An attempt begins where the destination says that the stream is, so that after any failure, known or not, the next
//! attempt is right. While a page is written the next one is read, and no further one: memory does not grow with the
//! source, nor with a slow destination.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    mark::{self, Mark, Reason, Situation, Walk},
    progress::{Fault, Progress},
    source::{Source, SourcePage, is_about_the_cursor},
};
use crate::{
    destination::{Destination, DestinationError, Page, Prepared, StreamKey, Table, WalkEnd},
    error::{Code, Error},
    store::SyncRequest,
};

/// Attempts in a row that get no page further.
const MOST_ATTEMPTS: u32 = 4;
/// The pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A provider that wants a longer pause is asked again by the next sync.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// A stream that is synced.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub(super) source: Source<'a>,
    pub(super) destination: &'a Destination,
    pub(super) table: Table,
    pub(super) key: StreamKey,
    pub(super) customer_id: &'a str,
    pub(super) fence: i64,
    pub(super) request: Option<&'a SyncRequest>,
    pub(super) walk_interval: Duration,
    pub(super) progress: &'a Progress,
    /// Which of the sync's streams.
    pub(super) at: usize,
}

/// Why a stream did not come to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Trying again may help.
    Passing {
        fault: Fault,
        after: Option<Duration>,
        /// Whether the other streams would meet the same.
        is_destination: bool,
    },
    Lasting {
        fault: Fault,
        is_destination: bool,
    },
    /// The cursor was refused.
    Cursor(Fault),
    /// Another runner has the pipeline.
    Fenced,
}

/// What a stream that ended early means for the sync.
#[derive(Debug)]
pub(super) enum Ended {
    /// The stream alone has failed.
    Stream(Fault),
    /// The others would fail as well.
    Sync(Fault),
    Fenced,
}

impl From<DestinationError> for Stop {
    fn from(error: DestinationError) -> Self {
        use DestinationError as E;
        let fault = Fault::from(&error);
        let is_destination = !matches!(
            error,
            E::TableInTheWay { .. } | E::Busy { .. } | E::Other { .. }
        );
        if error == E::Fenced {
            Self::Fenced
        } else if error.may_pass() {
            Self::Passing {
                fault,
                after: None,
                is_destination,
            }
        } else {
            Self::Lasting {
                fault,
                is_destination,
            }
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        let fault = Fault::from(&error);
        if is_about_the_cursor(&error) {
            return Self::Cursor(fault);
        }
        match error.code {
            Code::TooManyRequests
            | Code::ServiceUnavailable
            | Code::BadGateway
            | Code::Timeout
            | Code::InternalServerError => Self::Passing {
                fault,
                after: error.retry_after,
                is_destination: false,
            },
            _ => Self::Lasting {
                fault,
                is_destination: false,
            },
        }
    }
}

impl Stream<'_> {
    /// Brings the table up to date with the source.
    pub(super) async fn run(&self) -> Result<(), Ended> {
        let mut failures = 0;
        // A cursor that was just given and is refused will not become better.
        let mut refused = false;
        loop {
            let pages = self.progress.pages(self.at);
            let stop = match self.attempt(refused).await {
                Ok(()) => return Ok(()),
                Err(stop) => stop,
            };
            if self.progress.pages(self.at) > pages {
                failures = 0;
                refused = false;
            }
            failures += 1;
            match stop {
                Stop::Fenced => return Err(Ended::Fenced),
                Stop::Cursor(fault) if refused => return Err(Ended::Stream(fault)),
                Stop::Cursor(_) => refused = true,
                Stop::Lasting {
                    fault,
                    is_destination,
                } => return Err(Ended::of(fault, is_destination)),
                Stop::Passing {
                    fault,
                    after,
                    is_destination,
                } => {
                    let pause = after.unwrap_or_else(|| pause(failures));
                    if failures >= MOST_ATTEMPTS || pause > LONGEST_PAUSE {
                        return Err(Ended::of(fault, is_destination));
                    }
                    tracing::warn!(
                        pipeline = self.key.pipeline,
                        stream = self.key.stream,
                        reason = fault.message,
                        pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                        "the stream is tried again"
                    );
                    self.progress.stream_waits(self.at, fault);
                    sleep(pause).await;
                }
            }
        }
    }

    async fn attempt(&self, refused: bool) -> Result<(), Stop> {
        let prepared = self.destination.prepare(&self.table).await?;
        self.progress.table(self.at, &self.table, &prepared.added);
        if self.request.is_some_and(|request| request.meta_only) {
            return Ok(());
        }
        let mut mark = self.take_over(&prepared, refused).await?;
        loop {
            self.read(&mut mark).await?;
            match mark.walk {
                Walk::Reading => {}
                Walk::Over => return Ok(()),
                Walk::Ending => {
                    self.finish_walk(&mut mark).await?;
                    if !self.source.list.incremental {
                        return Ok(());
                    }
                    // What has changed since the walk began, so that the sync ends with the present.
                }
            }
        }
    }

    /// Where to go on, in the destination's name: from here on an older runner is refused.
    async fn take_over(&self, prepared: &Prepared, refused: bool) -> Result<Mark, Stop> {
        let state = self.destination.claim(&self.key, self.fence).await?;
        let columns = mark::columns(&self.table);
        let situation = Situation {
            now: jiff::Timestamp::now().as_millisecond(),
            columns: &columns,
            has_new_columns: prepared.created || !prepared.added.is_empty(),
            full_resync: self
                .request
                .filter(|request| request.full_resync)
                .map(|request| request.event_id.as_str()),
            tells_changes: self.source.list.incremental,
            tells_deletions: self.source.list.deleted.told,
            walk_interval: i64::try_from(self.walk_interval.as_millis()).unwrap_or(i64::MAX),
        };
        let stored = state
            .cursor
            .as_deref()
            .map(|text| Mark::read(text).ok_or(Reason::Unknown));
        let reason = match &stored {
            None => Some(Reason::First),
            Some(Err(reason)) => Some(*reason),
            Some(Ok(_)) if refused => Some(Reason::Cursor),
            Some(Ok(mark)) => mark.must_walk(&situation),
        };
        match (stored, reason) {
            (Some(Ok(mark)), None) => {
                self.progress.place(self.at, &mark, &state);
                Ok(mark)
            }
            (_, reason) => {
                let reason = reason.unwrap_or(Reason::First);
                tracing::info!(
                    pipeline = self.key.pipeline,
                    stream = self.key.stream,
                    reason = reason.text(),
                    "all records are read"
                );
                self.progress.walk_reason(self.at, reason.text());
                let mark = Mark::start(&situation);
                let state = self
                    .destination
                    .begin_walk(&self.key, &self.table, self.fence, Some(&mark.text()))
                    .await?;
                self.progress.place(self.at, &mark, &state);
                Ok(mark)
            }
        }
    }

    /// Reads the list to its end, each page with the mark behind it.
    async fn read(&self, mark: &mut Mark) -> Result<(), Stop> {
        if mark.walk == Walk::Ending {
            return Ok(());
        }
        let mut page = self.source.page(mark.cursor.as_deref()).await?;
        loop {
            let after = Self::mark_after(mark, &page);
            if !page.has_next_page {
                self.write(&page, &after).await?;
                *mark = after;
                return Ok(());
            }
            let (written, next) = tokio::join!(
                self.write(&page, &after),
                self.source.page(after.cursor.as_deref())
            );
            written?;
            *mark = after;
            page = next?;
        }
    }

    fn mark_after(mark: &Mark, page: &SourcePage) -> Mark {
        let walk = match mark.walk {
            Walk::Reading if !page.has_next_page => Walk::Ending,
            walk => walk,
        };
        Mark {
            walk,
            cursor: page.next_cursor.clone(),
            ..mark.clone()
        }
    }

    async fn write(&self, page: &SourcePage, after: &Mark) -> Result<(), Stop> {
        let cursor = after.text();
        let applied = self
            .destination
            .apply(Page {
                key: &self.key,
                table: &self.table,
                customer_id: self.customer_id,
                fence: self.fence,
                rows: &page.rows,
                cursor: Some(&cursor),
            })
            .await?;
        for warning in &applied.warnings {
            tracing::debug!(
                pipeline = self.key.pipeline,
                stream = self.key.stream,
                column = warning.column,
                records = warning.records,
                problem = warning.problem.words(),
                "a value is not in the destination as it is at the provider"
            );
        }
        self.progress.page(self.at, page.rows.len(), &applied);
        self.progress.place(self.at, after, &applied.state);
        Ok(())
    }

    async fn finish_walk(&self, mark: &mut Mark) -> Result<(), Stop> {
        let over = Mark {
            walk: Walk::Over,
            ..mark.clone()
        };
        let finished = self
            .destination
            .finish_walk(WalkEnd {
                key: &self.key,
                table: &self.table,
                fence: self.fence,
                cursor: Some(&over.text()),
            })
            .await?;
        self.progress.deleted(self.at, finished.deleted);
        self.progress.place(self.at, &over, &finished.state);
        *mark = over;
        Ok(())
    }
}

impl Ended {
    fn of(fault: Fault, is_destination: bool) -> Self {
        if is_destination {
            Self::Sync(fault)
        } else {
            Self::Stream(fault)
        }
    }
}

/// Twice as long each time, and not the same for all.
fn pause(failures: u32) -> Duration {
    let full = FIRST_PAUSE * 2u32.saturating_pow(failures.saturating_sub(1));
    full.mul_f64(0.5 + rand::random::<f64>() / 2.0)
}
