//! Makes one native call: token, request, retries, and what is to be said when nothing helps.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, header::RETRY_AFTER};
use tokio::time::Instant;

use super::{
    budget::{Budget, BudgetSnapshot, Budgets},
    circuit::{Circuits, Door, Health},
    client::{Client, Failure, Reached},
    fault,
    flow::Flow,
    join::Joins,
    native_log::{Attempt, NativeLog},
    provider::{Effect, ErrorRule, Provider},
    reach::Reach,
    retry::{self, Trouble},
    token::{Flights, Means, Newest, Token, Tokens},
    trust::Trust,
    wire::{http_request, native_response, pass_on, text},
};
use crate::{
    config::{self, Limits, ProviderLimits, Tls},
    error::{Code, Error},
    metrics::Metrics,
    store::Store,
    translate::{ConnectionSettings, HasSettings, NativeRequest, NativeResponse},
};

/// With less time left than this no call is worth its while: it would hardly be answered.
pub(super) const SHORTEST_USEFUL: Duration = Duration::from_millis(50);

/// API versions whose roots are shared. Providers have no more in use at one time; further ones would only not be shared.
const MOST_ROOTS: usize = 64;

/// The way to all providers. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(super) client: Arc<Client>,
    trust: Trust,
    pub(super) native_timeout: Duration,
    means: Means,
    budgets: Arc<Budgets>,
    /// Those of the connections' API versions: thousands of connections have a few.
    roots: Arc<Mutex<Vec<Arc<[String]>>>>,
    pub(super) join_reads: bool,
}

/// A connection with its token. What every call looks at comes first, side by side.
#[derive(Debug)]
#[repr(C)]
pub struct Connection {
    pub provider: &'static Provider,
    pub(super) tokens: Arc<Tokens>,
    /// That of the account, which other connections may share.
    pub(super) budget: Arc<Budget>,
    pub(super) joins: Arc<Joins>,
    pub settings: ConnectionSettings,
    /// The version of the provider's API that this connection uses.
    pub api_version: String,
}

impl HasSettings for Connection {
    fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }
}

impl Connection {
    /// Reads something at each place in memory that a call will need of the connection. With thousands of connections none
    /// of it is in a cache; whoever comes upon one place after the other waits for each, and places that are asked for at
    /// one time come at one time.
    pub(crate) fn fetch(&self) {
        // A count is beside what it counts.
        let counts = [
            Arc::strong_count(&self.tokens),
            Arc::strong_count(&self.budget),
            Arc::strong_count(&self.joins),
        ];
        std::hint::black_box((counts, self.settings.id.len()));
    }

    /// What is left of the limits of its account.
    pub(crate) fn left(&self) -> BudgetSnapshot {
        self.budget.snapshot()
    }
}

/// How one try ended.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every one ends with an answer, which a box would only move elsewhere"
)]
pub(super) enum Tried {
    Answered {
        response: NativeResponse,
        retry_after: Option<Duration>,
        /// Those that came with the answer.
        headers: HeaderMap,
        rule: Option<&'static ErrorRule>,
        /// A bundle was answered, and none of its writes was carried out: for this.
        part: Option<(u16, &'static ErrorRule)>,
    },
    Failed(Failure),
}

impl Tried {
    /// What may be cured by trying again; none where it is not that kind of fault.
    fn trouble(&self) -> Option<Trouble<'static>> {
        match self {
            Self::Answered {
                part: Some((status, rule)),
                ..
            } => Some(Trouble::Refused(*status, Some(rule))),
            Self::Answered { response, .. } if response.is_success() => None,
            Self::Answered { response, rule, .. } => Some(Trouble::Refused(response.status, *rule)),
            Self::Failed(Failure::NotConnected(_) | Failure::TimedOut(Reached::Nothing)) => {
                Some(Trouble::NotConnected)
            }
            Self::Failed(Failure::TimedOut(_) | Failure::Lost(_)) => Some(Trouble::Lost),
            Self::Failed(Failure::TooLarge(_) | Failure::Garbled(_)) => None,
        }
    }

    /// Whether the pause before the next try is that of all calls of the account, for which its budget sees to it.
    fn waits_in_the_queue(&self) -> bool {
        matches!(self, Self::Answered { rule: Some(rule), part: None, .. } if rule.limit.is_some())
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { retry_after, .. } => *retry_after,
            Self::Failed(_) => None,
        }
    }
}

impl Upstream {
    /// Fails where TLS cannot be set up.
    pub fn new(limits: &Limits, tls: impl Into<Tls>) -> Result<Self, String> {
        let trust = Trust::new(tls)?;
        Ok(Self {
            client: Arc::new(Client::new(limits, &trust, Reach::Providers)),
            trust,
            native_timeout: limits.native_timeout,
            means: Means {
                timeout: limits.token_timeout,
                flights: Flights::default(),
                circuits: Arc::default(),
                retries: Arc::default(),
                metrics: Arc::default(),
            },
            budgets: Arc::new(Budgets::new(limits)),
            roots: Arc::default(),
            join_reads: limits.join_reads,
        })
    }

    /// The same with what is assumed of providers' limits, and a store by which other processes may share them. For the
    /// start, before anything is connected.
    #[must_use]
    pub fn with_limits(mut self, assumed: ProviderLimits, store: Option<Store>) -> Self {
        self.budgets = Arc::new(self.budgets.with(assumed, store));
        self
    }

    /// How the limits of the accounts in use are used: provider, account, and what is left.
    pub fn budgets(&self) -> Vec<(&'static str, String, BudgetSnapshot)> {
        self.budgets.snapshots()
    }

    /// Whom TLS trusts, for others who send something as well.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn token_timeout(&self) -> Duration {
        self.means.timeout
    }

    /// What is counted, of calls to providers and of all else.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.means.metrics
    }

    /// Has the states that are no events told: which circuits of these providers are not closed, what is left of
    /// their limits, and who waits for more.
    pub fn measure(&self, providers: &[&'static Provider]) {
        let metrics = self.metrics();
        let budgets = self.budgets();
        for provider in providers {
            let not_closed = self.circuits().not_closed(provider);
            metrics.circuits(provider.name, not_closed.open, not_closed.half_open);
            let own = budgets.iter().filter(|(name, ..)| *name == provider.name);
            let waiting = own.map(|(.., budget)| budget.waiting).sum();
            metrics.budget_waiting(provider.name, waiting);
        }
        for (provider, _, budget) in &budgets {
            for left in &budget.limits {
                metrics.budget_left(provider, left.name, left.remaining);
            }
        }
    }

    fn circuits(&self) -> &Arc<Circuits> {
        &self.means.circuits
    }

    /// Prepares a connection; sends nothing yet.
    pub fn connect(&self, connection: &config::Connection) -> Result<Connection, Error> {
        Ok(Connection {
            provider: connection.provider,
            api_version: connection.api_version.clone(),
            settings: self.shared(&connection.settings),
            tokens: Arc::new(Tokens::new(connection, self.means.clone())?),
            budget: self.budgets.of(connection),
            joins: Arc::default(),
        })
    }

    /// Settings whose roots are those that other connections have as well, where there are any such.
    fn shared(&self, settings: &ConnectionSettings) -> ConnectionSettings {
        let mut known = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        let roots = match known.iter().find(|known| ***known == *settings.roots) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(&settings.roots),
        };
        if known.len() < MOST_ROOTS && !known.iter().any(|known| Arc::ptr_eq(known, &roots)) {
            known.push(Arc::clone(&roots));
        }
        ConnectionSettings {
            roots,
            ..settings.clone()
        }
    }

    /// Prepares a connection of a configuration that was read again. Where it was there `before` with the same account and
    /// credentials, its tokens go on, with any refresh that is under way, and so do its reads that are.
    pub(crate) fn connect_again(
        &self,
        connection: &config::Connection,
        before: Option<&Connection>,
    ) -> Result<Connection, Error> {
        let mut again = self.connect(connection)?;
        if let Some(before) = before {
            again.tokens = Arc::clone(&before.tokens);
            again.joins = Arc::clone(&before.joins);
        }
        Ok(again)
    }

    /// Prepares a connection that the store keeps, whose credentials were just found to be these. Sends nothing yet.
    /// Where it was prepared `before`, its tokens go on, with any refresh that is under way, and so do its reads and
    /// writes that are.
    pub fn connect_kept(
        &self,
        connection: &config::Connection,
        store: &Store,
        newest: &Newest,
        before: Option<&Connection>,
    ) -> Connection {
        let before = before.filter(|before| before.tokens.fit(connection));
        let (tokens, joins) = if let Some(before) = before {
            before.tokens.adopt(newest);
            (Arc::clone(&before.tokens), Arc::clone(&before.joins))
        } else {
            let means = self.means.clone();
            let tokens = Tokens::kept(connection, means, store, newest);
            (Arc::new(tokens), Arc::default())
        };
        Connection {
            provider: connection.provider,
            api_version: connection.api_version.clone(),
            settings: self.shared(&connection.settings),
            tokens,
            budget: self.budgets.of(connection),
            joins,
        }
    }

    /// Gets a new token, although the one at hand may be good: to prove the credentials, or because somebody knows
    /// better. Says whether there was anything to renew: an access token alone is what it is.
    pub async fn refresh(&self, connection: &Connection, deadline: Instant) -> Result<bool, Error> {
        if !connection.tokens.can_renew() {
            return Ok(false);
        }
        connection.tokens.force(&self.client, deadline).await?;
        Ok(true)
    }

    /// Waits until no refresh is under way: what a provider has answered to one is nowhere else until it is kept.
    pub async fn landed(&self) {
        self.means.flights.landed().await;
    }

    /// Makes a native call that is joined with no other.
    pub(super) async fn alone(
        &self,
        connection: &Connection,
        request: &NativeRequest,
        deadline: Instant,
        log: &NativeLog,
        flow: Option<&mut Flow<'_>>,
    ) -> Result<NativeResponse, Error> {
        let (provider, effect) = (connection.provider, request.operation.effect);
        let tried = self.tried(connection, request, None, deadline, log, flow);
        let (outcome, _) = tried.await?;
        end(provider, effect, outcome)
    }

    /// Makes a native call, more than once where that helps: its last try, and the token that it was made with. `passed`
    /// are the headers of a caller that go with it.
    pub(super) async fn tried(
        &self,
        connection: &Connection,
        request: &NativeRequest,
        passed: Option<&HeaderMap>,
        deadline: Instant,
        log: &NativeLog,
        mut flow: Option<&mut Flow<'_>>,
    ) -> Result<(Tried, Arc<Token>), Error> {
        let provider = connection.provider;
        let mut tries = 0;
        let mut may_replace = connection.tokens.can_renew();
        loop {
            let token = connection.tokens.get(&self.client, deadline).await?;
            // The clock is looked at when something may have taken time, and not each time that somebody wants to know.
            let asked = Instant::now();
            tries += 1;
            if tries == 1 {
                token.retries.called(asked);
            }
            let outcome = self
                .try_once(
                    connection,
                    &token,
                    (request, passed),
                    Attempt {
                        number: tries,
                        asked,
                        deadline,
                    },
                    log,
                    flow.as_deref_mut(),
                )
                .await?;
            let effect = request.operation.effect;
            // What is on its way to the caller cannot be taken back.
            if flow.as_ref().is_some_and(|flow| flow.has_begun()) {
                return Ok((outcome, token));
            }
            if may_replace && wants_new_token(provider, &outcome) {
                // It does not count as a try: the provider has not looked at the call yet.
                tries -= 1;
                let token = connection
                    .tokens
                    .replace(&self.client, token.generation, deadline)
                    .await?;
                // One that another sidecar got may be as dead as the last one; a new one is not.
                may_replace = token.is_second_hand;
                continue;
            }
            let again = self.again(provider, &token, effect, &outcome, tries, deadline);
            let Some(pause) = again else {
                return Ok((outcome, token));
            };
            if !outcome.waits_in_the_queue() {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// After how long to try again; none where that must not, or need not, be.
    fn again(
        &self,
        provider: &'static Provider,
        token: &Token,
        effect: Effect,
        outcome: &Tried,
        tries: u32,
        deadline: Instant,
    ) -> Option<Duration> {
        let trouble = outcome.trouble()?;
        let told = outcome.retry_after();
        let pause = retry::pause(trouble, effect, tries, told, rand::random())?;
        if Instant::now() + pause >= deadline {
            return None;
        }
        // What the provider has said tells its caller more than that its circuit is open.
        let host = token.host();
        self.circuits().check(provider, Door::Api, host).ok()?;
        if !token.retries.may_repeat() {
            self.metrics().retry_refused(provider.name);
            return None;
        }
        self.metrics().retry(provider.name, trouble.reason());
        Some(pause)
    }

    async fn try_once(
        &self,
        connection: &Connection,
        token: &Token,
        (request, passed): (&NativeRequest, Option<&HeaderMap>),
        attempt: Attempt,
        log: &NativeLog,
        mut flow: Option<&mut Flow<'_>>,
    ) -> Result<Tried, Error> {
        let provider = connection.provider;
        let Attempt {
            number,
            asked,
            deadline,
        } = attempt;
        let mut native = http_request(token, request)?;
        if let Some(passed) = passed {
            pass_on(native.headers_mut(), passed);
        }
        let host = token.host();
        must_be_in_time(asked, deadline)?;
        let counted = |error| {
            self.metrics().circuit_refused(provider.name);
            error
        };
        // Before the turn, which nobody should wait for in vain.
        let checked = self.circuits().check(provider, Door::Api, host);
        checked.map_err(counted)?;
        log.asks(&connection.budget);
        let turn = connection
            .budget
            .turn(request.operation, log.behalf(), asked, deadline)
            .await;
        let began = match &turn {
            Ok(turn) => turn.began,
            Err(refused) => refused.at,
        };
        self.metrics().waited(provider.name, began - asked);
        let turn = turn.map_err(|refused| {
            self.metrics().budget_refused(provider.name, refused.limit);
            refused.error
        })?;
        must_be_in_time(began, deadline)?;
        // After the turn, so that nobody who waits for one holds the only probe, or comes upon a host that has failed
        // meanwhile.
        let admitted = self.circuits().admit(provider, Door::Api, host, began);
        let pass = admitted.map_err(counted)?;
        let is_callers_deadline = deadline <= began + self.native_timeout;
        let deadline = deadline.min(began + self.native_timeout);
        let sending = log.sending(&native, token, (number, began));
        let sent = self
            .client
            .send_flowing(&mut native, deadline, flow.as_deref_mut());
        let answered = sent.await;
        let ended = Instant::now();
        let status = answered.as_ref().map(|answer| answer.status.as_u16()).ok();
        self.metrics()
            .native_call(provider.name, status, ended - began);
        log.ended(sending, request, token, answered.as_ref());
        Ok(match answered {
            Ok(answer) => {
                let retry_after = text(&answer.headers, RETRY_AFTER)
                    .and_then(|value| retry::parse_retry_after(value, SystemTime::now()));
                let mut response = native_response(provider, &answer);
                let rule = if response.is_success() {
                    None
                } else {
                    fault::without_secret(&mut response, token.secret());
                    fault::rule(provider, &response)
                };
                turn.answered(ended, response.status, &answer.headers, rule);
                // Behind a path of the caller's may be code of the customer's own, whose faults are not the host's.
                let is_of_the_path = passed.is_some() && response.status == 500;
                if !is_of_the_path {
                    pass.ended(Health::of_answer(response.status, rule));
                }
                let mut part = None;
                if let Some(parts) = &request.parts
                    && response.is_success()
                    && let Some(responses) = parts.responses(&response)
                {
                    part = parts.refusal(provider, &responses);
                    response.parts = responses;
                }
                Tried::Answered {
                    response,
                    retry_after,
                    headers: answer.headers,
                    rule,
                    part,
                }
            }
            Err(failure) => {
                // Without a word, the pass counts for nothing. A caller who takes his time is not the provider's fault.
                let is_callers =
                    is_callers_deadline || flow.is_some_and(|flow| flow.waits_for_caller());
                if let Some(health) = Health::of_failure(&failure, is_callers) {
                    pass.ended(health);
                }
                Tried::Failed(failure)
            }
        })
    }
}

/// A call that comes too late is not begun: a write would be cut in the middle.
fn must_be_in_time(now: Instant, deadline: Instant) -> Result<(), Error> {
    if now < deadline {
        return Ok(());
    }
    Err(Error::new(
        Code::Timeout,
        "the time of the call was up before its next call to the provider could be sent",
    ))
}

fn wants_new_token(provider: &'static Provider, tried: &Tried) -> bool {
    matches!(
        tried,
        Tried::Answered { response, rule: Some(rule), .. }
            if rule.refresh && !fault::is_incurable(provider, response)
    )
}

/// The last try's result, as the translator or the caller gets it.
fn end(provider: &'static Provider, effect: Effect, tried: Tried) -> Result<NativeResponse, Error> {
    let is_throttling = tried.trouble().is_some_and(Trouble::is_throttling);
    match tried {
        Tried::Answered {
            response,
            retry_after,
            rule,
            part: None,
            ..
        } if is_throttling => {
            let mut error = fault::fault(provider, &response);
            let told = rule.and_then(|rule| rule.retry_after_seconds);
            error.retry_after =
                retry_after.or_else(|| told.map(|seconds| Duration::from_secs(seconds.into())));
            if rule.is_none() {
                // Every provider means the same by 429.
                error.code = Code::TooManyRequests;
            }
            let not_carried_out = rule.is_some_and(|rule| rule.not_carried_out);
            if effect == Effect::Write && response.status >= 500 && !not_carried_out {
                error = error.into_unknown();
            }
            Err(error)
        }
        // Neither yes nor no: nobody who answers so says that nothing was carried out.
        Tried::Answered { response, .. } if effect == Effect::Write && is_neither(&response) => {
            Err(fault::fault(provider, &response).into_unknown())
        }
        // Of a bundle, the translator tells which part was refused.
        Tried::Answered { response, .. } => Ok(response),
        Tried::Failed(failure) => Err(unanswered(provider, effect, &failure)),
    }
}

/// Whether a response is no success and no refusal: a redirect, another protocol.
fn is_neither(response: &NativeResponse) -> bool {
    !response.is_success() && !(400..600).contains(&response.status)
}

pub(super) fn unanswered(provider: &'static Provider, effect: Effect, failure: &Failure) -> Error {
    let title = provider.title;
    let (code, message) = match failure {
        Failure::NotConnected(_) => (
            Code::BadGateway,
            format!("{title} could not be reached, nothing was sent; try again"),
        ),
        Failure::TimedOut(Reached::Nothing) => (
            Code::Timeout,
            format!("{title} could not be reached in time, nothing was sent; try again"),
        ),
        Failure::TimedOut(Reached::Sent) => {
            (Code::Timeout, format!("{title} did not answer in time"))
        }
        Failure::TimedOut(Reached::Answering) => (
            Code::Timeout,
            format!("{title} began to answer and did not come to an end in time"),
        ),
        Failure::Lost(_) => (
            Code::BadGateway,
            format!("the connection to {title} broke before its answer was complete"),
        ),
        Failure::TooLarge(_) | Failure::Garbled(_) => (
            Code::BadGateway,
            format!("{title}'s answer cannot be used: {failure}"),
        ),
    };
    let is_sent = !matches!(
        failure,
        Failure::NotConnected(_) | Failure::TimedOut(Reached::Nothing)
    );
    let mut error = Error::new(code, message).with_detail(failure.to_string());
    error.is_unusable_answer = matches!(failure, Failure::TooLarge(_) | Failure::Garbled(_));
    if effect == Effect::Write && is_sent {
        return error.into_unknown();
    }
    error
}
