//! Joins reads: identical ones under way become one, and single reads of one kind become the provider's batch read.
//!
//! Each caller gets what he would have got alone, to the byte: what a batch does not answer in that way is asked for
//! alone. A call that finds nothing of its kind under way is made at once, on its caller's own task. Nothing of one
//! connection is ever joined with another's, and nobody is answered by a read that began before a write had ended of
//! which he may know.
//!
//! [`core`] decides, [`cell`] shares it, [`conduct`] makes the calls for many.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    client::{Failure, Reached},
    engine::{self, Connection, Upstream},
    flow::Flow,
    native_log::NativeLog,
    provider::Effect,
};
use crate::{
    error::{Code, Error},
    metrics::Joined,
    translate::{Freshness, NativeRequest, NativeResponse},
};

mod cell;
mod conduct;
mod core;
mod place;
mod rows;
mod told;

pub(super) use cell::Joins;
pub(super) use cell::Leading;
use cell::{Turn, Waits};
use core::Wanted;
use told::{From, Told};

/// Times that a read is told to ask once more before it goes alone. Each is an answer that failed for others.
const MOST_TURNS: usize = 4;

/// How the wait for somebody else's call ended.
enum Waited<'a> {
    Answered(Result<NativeResponse, Error>),
    Leads(Leading<'a>),
    /// Nothing came of it; the read may gather with others again, or it is to be made singly.
    Asks {
        gathers: bool,
    },
}

impl Upstream {
    /// Makes a native call and hands back whatever the provider finally answered. An error is a failure to get an
    /// answer, or a provider that wants fewer calls.
    pub async fn call(
        &self,
        connection: &Arc<Connection>,
        request: &NativeRequest,
        deadline: Instant,
        log: &NativeLog,
    ) -> Result<NativeResponse, Error> {
        if request.operation.effect == Effect::Write {
            let _writing = connection.joins.writing();
            return self.alone(connection, request, deadline, log, None).await;
        }
        self.read(connection, request, deadline, log, None).await
    }

    /// Makes a read whose answer may go to the caller while it is read: then [`Flow::has_begun`], and what is handed
    /// back has no body.
    pub async fn call_flowing<'c>(
        &self,
        connection: &'c Arc<Connection>,
        request: &NativeRequest,
        deadline: Instant,
        log: &NativeLog,
        flow: &mut Flow<'c>,
    ) -> Result<NativeResponse, Error> {
        debug_assert!(
            request.operation.effect == Effect::Read,
            "a write is told whole"
        );
        self.read(connection, request, deadline, log, Some(flow))
            .await
    }

    async fn read<'c>(
        &self,
        connection: &'c Arc<Connection>,
        request: &NativeRequest,
        deadline: Instant,
        log: &NativeLog,
        flow: Option<&mut Flow<'c>>,
    ) -> Result<NativeResponse, Error> {
        // A call with the credential in its body is no read of data.
        if !self.join_reads || request.credential_at.is_some() {
            return self.alone(connection, request, deadline, log, flow).await;
        }
        self.joined(connection, request, deadline, log, flow).await
    }

    async fn joined<'c>(
        &self,
        connection: &'c Arc<Connection>,
        request: &NativeRequest,
        deadline: Instant,
        log: &NativeLog,
        flow: Option<&mut Flow<'c>>,
    ) -> Result<NativeResponse, Error> {
        let mut wanted = Wanted {
            operation: request.operation,
            target: &request.target,
            body: request.body.as_ref(),
            place: place::place(connection.provider, &connection.settings.roots, request),
            deadline,
            behalf: log.behalf(),
            renewed: request.freshness == Freshness::Renewed,
        };
        for _ in 0..MOST_TURNS {
            let waits = match connection.joins.ask(&wanted) {
                Turn::Alone => break,
                Turn::Lead(leading) => {
                    return self
                        .lead(leading, connection, request, deadline, log, flow)
                        .await;
                }
                Turn::Wait(waits) => waits,
                Turn::Conduct(waits, conducting, leaves) => {
                    tokio::spawn(conduct::conduct(
                        self.clone(),
                        Arc::clone(connection),
                        conducting,
                        leaves,
                        (log.keeps(), log.trace().cloned()),
                    ));
                    waits
                }
            };
            match self.wait(waits, connection, deadline, log).await {
                Waited::Answered(result) => return result,
                Waited::Leads(leading) => {
                    return self
                        .lead(leading, connection, request, deadline, log, flow)
                        .await;
                }
                Waited::Asks { gathers } => {
                    if let Some(place) = &mut wanted.place {
                        place.gathers &= gathers;
                    }
                }
            }
        }
        self.alone(connection, request, deadline, log, flow).await
    }

    /// Makes the call for oneself and all who follow. One whose answer begins to flow is followed by nobody.
    async fn lead<'c>(
        &self,
        leading: Leading<'c>,
        connection: &Connection,
        request: &NativeRequest,
        deadline: Instant,
        log: &NativeLog,
        flow: Option<&mut Flow<'c>>,
    ) -> Result<NativeResponse, Error> {
        let (leading, result) = if let Some(flow) = flow {
            flow.leading = Some(leading);
            let call = self.alone(connection, request, deadline, log, Some(&mut *flow));
            let result = call.await;
            (flow.leading.take(), result)
        } else {
            let call = self.alone(connection, request, deadline, log, None);
            (Some(leading), call.await)
        };
        let Some(leading) = leading else {
            return result;
        };
        let waiting = leading.ended(result.is_ok());
        if waiting.is_empty() {
            return result;
        }
        let from = From {
            calls: 0,
            exchanges: log.last_exchange().map(|last| Arc::from([last])),
        };
        let is_short_of_time = is_short_of_time(&result);
        let now = Instant::now();
        let mut saved = 0;
        for follower in waiting {
            // One who has no time left either would only be refused a little later.
            let told = if is_short_of_time
                && follower.deadline > deadline.max(now) + engine::SHORTEST_USEFUL
            {
                Told::Again(from.clone())
            } else {
                saved += 1;
                Told::Answer {
                    result: result.clone(),
                    from: from.clone(),
                }
            };
            let _ = follower.told.send(told);
        }
        let metrics = self.metrics();
        metrics.joined(connection.provider.name, Joined::Same, saved);
        result
    }

    /// Waits for what somebody else's call is answered, as long as one's own deadline allows.
    async fn wait<'a>(
        &self,
        mut waits: Waits<'a>,
        connection: &Connection,
        deadline: Instant,
        log: &NativeLog,
    ) -> Waited<'a> {
        let Ok(told) = tokio::time::timeout_at(deadline, &mut waits.told).await else {
            let (provider, failure) = (connection.provider, Failure::TimedOut(Reached::Sent));
            return Waited::Answered(Err(engine::unanswered(provider, Effect::Read, &failure)));
        };
        match told {
            Ok(Told::Lead) => Waited::Leads(waits.lead()),
            Ok(Told::Answer { result, from }) => {
                log.asks(&connection.budget);
                log.answered_by(from.exchanges(), from.calls);
                Waited::Answered(result)
            }
            Ok(Told::Again(from)) => {
                log.counts(from.exchanges(), from.calls);
                Waited::Asks { gathers: true }
            }
            Ok(Told::Single(from)) => {
                log.counts(from.exchanges(), from.calls);
                Waited::Asks { gathers: false }
            }
            // Whoever was to tell him is gone.
            Err(_) => Waited::Asks { gathers: false },
        }
    }
}

/// Whether a call failed for its own deadline: nobody but the clock, or the queue for a turn, has said no.
fn is_short_of_time(result: &Result<NativeResponse, Error>) -> bool {
    result.as_ref().is_err_and(|error| {
        error.provider.is_none() && matches!(error.code, Code::Timeout | Code::TooManyRequests)
    })
}
