//! A circuit for each host: where calls fail again and again it opens, and calls are refused for a while, so that a
//! host in trouble is left alone and callers hear at once what they would hear after a timeout.
//!
//! A host that is well has no entry: one is made at the first bad call, and forgotten when all has been well for a
//! while. So the map holds hosts in trouble, and a customer's own host says nothing of another's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::uri::Authority;
use tokio::time::Instant;

use super::{
    client::Failure,
    provider::{ErrorRule, Provider},
};
use crate::error::{Code, Error};

mod breaker;

use breaker::{Breaker, Change, Refused, Shown, Ticket};

/// Hosts in trouble at one time. Where there are more, our own network is at fault, and further ones are called as
/// though all were well.
const MOST_HOSTS: usize = 4096;

/// The circuits of all hosts.
#[derive(Debug, Default)]
pub(super) struct Circuits {
    hosts: Mutex<HashMap<Host, Entry>>,
}

/// What is tried at a host. An API goes on with the tokens that there are while none is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Door {
    Api,
    Tokens,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Host {
    door: Door,
    authority: Authority,
}

#[derive(Debug)]
struct Entry {
    provider: &'static str,
    breaker: Breaker,
}

/// Leave to call a host. It is to be told how the call ended; dropped, it counts for nothing.
#[derive(Debug)]
pub(super) struct Pass {
    circuits: Arc<Circuits>,
    provider: &'static Provider,
    host: Host,
    ticket: Option<Ticket>,
}

/// What a call says of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Good,
    Bad,
}

/// So many circuits of a provider that are not closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct NotClosed {
    pub(super) open: u64,
    pub(super) half_open: u64,
}

impl Health {
    /// What an answer says. One that is about the request shows a host that is well, whatever its status.
    pub(super) fn of_answer(status: u16, rule: Option<&ErrorRule>) -> Self {
        let is_about_the_host = rule.is_none_or(|rule| {
            matches!(
                rule.code,
                Code::ServiceUnavailable
                    | Code::BadGateway
                    | Code::InternalServerError
                    | Code::Timeout
            )
        });
        if status >= 500 && is_about_the_host {
            Self::Bad
        } else {
            Self::Good
        }
    }

    /// What is said where there is no answer; nothing where the caller would not wait for it.
    pub(super) fn of_failure(failure: &Failure, is_callers_deadline: bool) -> Option<Self> {
        match failure {
            Failure::TimedOut(_) if is_callers_deadline => None,
            Failure::TimedOut(_) | Failure::NotConnected(_) | Failure::Lost(_) => Some(Self::Bad),
            // It answers, and what it answers is another matter.
            Failure::TooLarge(_) | Failure::Garbled(_) => Some(Self::Good),
        }
    }
}

impl Circuits {
    /// Refuses a call that [`Self::admit`] would refuse. For those who wait for something else in between.
    pub(super) fn check(
        &self,
        provider: &'static Provider,
        door: Door,
        authority: &Authority,
    ) -> Result<(), Error> {
        let hosts = self.hosts();
        if hosts.is_empty() {
            return Ok(());
        }
        let host = Host::new(door, authority);
        let checked = match hosts.get(&host) {
            Some(entry) => entry.breaker.check(Instant::now()),
            None => Ok(()),
        };
        drop(hosts);
        checked.map_err(|refused| refusal(provider, &host, refused))
    }

    pub(super) fn admit(
        self: &Arc<Self>,
        provider: &'static Provider,
        door: Door,
        authority: &Authority,
        now: Instant,
    ) -> Result<Pass, Error> {
        let host = Host::new(door, authority);
        let admitted = match self.hosts().get_mut(&host) {
            Some(entry) => entry.breaker.admit(now),
            None => Ok(Ticket::free(now)),
        };
        match admitted {
            Ok(ticket) => Ok(Pass {
                circuits: Arc::clone(self),
                provider,
                host,
                ticket: Some(ticket),
            }),
            Err(refused) => Err(refusal(provider, &host, refused)),
        }
    }

    /// The circuits of a provider that are not closed.
    pub(super) fn not_closed(&self, provider: &Provider) -> NotClosed {
        let hosts = self.hosts();
        let own = hosts.values().filter(|it| it.provider == provider.name);
        own.fold(NotClosed::default(), |mut sum, entry| {
            match entry.breaker.shown() {
                Shown::Closed => {}
                Shown::Open => sum.open += 1,
                Shown::HalfOpen => sum.half_open += 1,
            }
            sum
        })
    }

    fn ended(&self, provider: &'static Provider, host: &Host, ticket: Ticket, health: Health) {
        let change = {
            let mut hosts = self.hosts();
            let is_known = hosts.contains_key(host);
            if !is_known && health == Health::Good {
                return;
            }
            let now = Instant::now();
            if !is_known {
                if hosts.len() >= MOST_HOSTS {
                    hosts.retain(|_, entry| !entry.breaker.may_be_forgotten(now));
                }
                if hosts.len() >= MOST_HOSTS {
                    return;
                }
            }
            let entry = hosts.entry(host.clone()).or_insert_with(|| Entry {
                provider: provider.name,
                breaker: Breaker::new(now),
            });
            entry.breaker.ended(ticket, health, now, rand::random())
        };
        let provider = provider.name;
        let (host, door) = (host.authority.as_str(), host.door.name());
        match change {
            Change::None => {}
            Change::Opened { pause, told } => tracing::warn!(
                provider,
                host,
                door,
                failed = told.bad,
                calls = told.calls,
                pause_ms = millis(pause),
                "a host is in trouble: its circuit is open, and calls to it are refused"
            ),
            Change::OpenedAgain { pause } => tracing::debug!(
                provider,
                host,
                door,
                pause_ms = millis(pause),
                "a host is still in trouble: its circuit stays open"
            ),
            Change::Closed => tracing::info!(
                provider,
                host,
                door,
                "a host is well again: its circuit is closed"
            ),
        }
    }

    fn given_back(&self, host: &Host, ticket: Ticket) {
        if let Some(entry) = self.hosts().get_mut(host) {
            entry.breaker.given_back(ticket, Instant::now());
        }
    }

    /// A panic while the lock was held leaves a state that is still whole.
    fn hosts(&self) -> MutexGuard<'_, HashMap<Host, Entry>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    pub(super) fn ended(mut self, health: Health) {
        if let Some(ticket) = self.ticket.take() {
            self.circuits
                .ended(self.provider, &self.host, ticket, health);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.circuits.given_back(&self.host, ticket);
        }
    }
}

impl Host {
    fn new(door: Door, authority: &Authority) -> Self {
        Self {
            door,
            authority: authority.clone(),
        }
    }
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Tokens => "tokens",
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn refusal(provider: &Provider, host: &Host, refused: Refused) -> Error {
    let Refused { retry_after, told } = refused;
    let what = match host.door {
        Door::Api => "",
        Door::Tokens => " for tokens",
    };
    // Rounded up, as `Retry-After` is.
    let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    Error::new(
        Code::ServiceUnavailable,
        format!(
            "{} is in trouble: {} of the last {} calls to {}{what} failed, so it is left alone for a moment; nothing was sent, try again in {seconds} s",
            provider.title, told.bad, told.calls, host.authority
        ),
    )
    .with_retry_after(retry_after)
    .with_detail("the circuit is open")
}

#[cfg(test)]
#[path = "circuit/shell_tests.rs"]
mod tests;
