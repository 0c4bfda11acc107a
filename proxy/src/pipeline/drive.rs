//! Drives a translator to its answer: makes the calls it wants, side by side, and gives it the responses.

use std::sync::Arc;

use tokio::{sync::OwnedSemaphorePermit, task::JoinSet, time::Instant};

use super::{keys::Keys, memory::Memory, panicked, to_the_end::ToTheEnd};
use crate::{
    config::LiveLimits,
    error::{Code, Error, Outcome, ProviderFault},
    idempotency::Running,
    log::CallLog,
    translate::{
        Answer, Freshness, NativeRequest, NativeResponse, Recent, Step, Translator,
        hidden::HiddenField,
    },
    upstream::{Connection, Flow, Upstream, provider::Effect},
};

/// More steps than any translator has; a greater number is a translator that never ends.
const MOST_ROUNDS: usize = 64;

/// What drives share.
#[derive(Debug)]
pub(super) struct Driver {
    upstream: Arc<Upstream>,
    keys: Keys,
    memory: Memory,
    limits: LiveLimits,
}

/// The surroundings of one drive.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) connection: Arc<Connection>,
    pub(super) deadline: Instant,
    pub(super) log: Arc<CallLog>,
    /// Is told before something is written, where the caller gave a key.
    pub(super) keyed: Option<Arc<Running>>,
    /// Given back at the end of the drive, which may be later than the end of the request.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// The responses of one step, and whether something was written.
struct Responses {
    responses: Vec<NativeResponse>,
    wrote: bool,
}

/// How a call ended whose answer could flow.
enum Called {
    /// It did; what is left of what the caller is to be told.
    Flowed(Answer),
    /// It did not.
    Responded(NativeResponse),
}

/// Whether the answer to a call may go to the caller while it is read.
fn may_flow(request: &NativeRequest, translator: &dyn Translator, call: &Call) -> bool {
    request.operation.effect == Effect::Read
        && request.freshness == Freshness::Asked
        && call.log.outlet.is_open()
        && translator.flows()
}

impl Driver {
    pub(super) fn new(upstream: Arc<Upstream>, limits: LiveLimits) -> Self {
        Self {
            upstream,
            // Half of the places are left to calls that need not wait.
            keys: Keys::new((limits.now().calls_in_flight / 2).max(1)),
            memory: Memory::new(limits.now().remembered_bytes),
            limits,
        }
    }

    /// Forgets what is remembered of a connection.
    pub(super) fn forget(&self, connection: &str) {
        self.memory.forget(connection);
        self.keys.forget(connection);
    }

    /// The native fields that are known to be hidden from a connection's user.
    pub(super) fn hidden(&self, connection: &str) -> Arc<[HiddenField]> {
        self.memory.hidden(connection)
    }

    /// The body of the answer. A call that writes is driven to its end although its caller hangs up and this future is
    /// dropped.
    pub(super) async fn drive(
        self: &Arc<Self>,
        effect: Effect,
        translator: Box<dyn Translator>,
        call: Call,
    ) -> Result<Vec<u8>, Error> {
        match effect {
            Effect::Read => self.run(translator, &call).await,
            Effect::Write => {
                let driver = Arc::clone(self);
                let result = ToTheEnd::new(async move {
                    let result = driver.run(translator, &call).await;
                    call.log.ended(&result);
                    drop(call.place);
                    result
                });
                result.await
            }
        }
    }

    async fn run(
        self: &Arc<Self>,
        mut translator: Box<dyn Translator>,
        call: &Call,
    ) -> Result<Vec<u8>, Error> {
        let connection = &call.connection.settings.id;
        let mut keys = translator.keys().to_vec();
        let matched = keys.len();
        keys.extend(translator.written_keys());
        let _held = self.keys.hold(connection, &keys, call.deadline).await?;
        let recent = if translator.looks_back() {
            self.keys.recent(connection, &keys[..matched])
        } else {
            Recent::default()
        };
        let result = self.rounds(translator.as_mut(), &recent, call).await;
        // An answer says itself what was written. Before the keys are let go, so that the next call knows.
        if result.as_ref().is_err_and(|error| error.outcome.is_some())
            && let Some(left_behind) = translator.left_behind()
        {
            self.keys.remember(connection, &left_behind);
        }
        result
    }

    async fn rounds(
        self: &Arc<Self>,
        translator: &mut dyn Translator,
        recent: &Recent,
        call: &Call,
    ) -> Result<Vec<u8>, Error> {
        let connection = &call.connection.settings.id;
        let mut step = translator.start(recent)?;
        let mut wrote = false;
        for _ in 0..MOST_ROUNDS {
            let requests = match step {
                Step::Answer(answer) => {
                    if let Some(written) = &answer.written {
                        self.keys.remember(connection, written);
                    }
                    if answer.changed_metadata {
                        self.memory.forget(connection);
                    }
                    self.memory.hide(connection, &answer.hidden);
                    return Ok(answer.body);
                }
                Step::Calls(requests) => requests,
            };
            let writes = requests
                .iter()
                .any(|request| request.operation.effect == Effect::Write);
            if writes && let Some(keyed) = &call.keyed {
                keyed.writing().await?;
            }
            let called = match requests.as_slice() {
                [request] if may_flow(request, translator, call) => {
                    match self.flowing(request, translator, call).await {
                        Ok(Called::Flowed(answer)) => {
                            step = Step::Answer(answer);
                            continue;
                        }
                        Ok(Called::Responded(response)) => Ok(Responses {
                            responses: vec![response],
                            wrote: false,
                        }),
                        Err(error) => Err(error),
                    }
                }
                _ => self.calls(requests, call).await,
            };
            let made = called.map_err(|error| {
                let mut error = translator.failed(error);
                // An earlier step wrote, and the translator went on since it was content with that.
                if wrote && error.outcome.is_none() {
                    error.outcome = Some(Outcome::Written);
                }
                error
            })?;
            wrote |= made.wrote;
            let only = match made.responses.as_slice() {
                [only] => Some((only.status, only.correlation_id.clone())),
                _ => None,
            };
            step = translator.resume(made.responses).map_err(|mut error| {
                // An answer that cannot be used: the provider's people can look it up.
                if let (Code::BadGateway, None, Some((status, id))) =
                    (error.code, &error.provider, only)
                {
                    error.provider = Some(Box::new(ProviderFault {
                        name: call.connection.provider.name,
                        status,
                        correlation_id: id.as_deref().map(str::to_owned),
                        ..ProviderFault::default()
                    }));
                }
                let server_fault = error.provider.as_ref().is_some_and(|it| it.status >= 500);
                if writes && server_fault && error.outcome.is_none() {
                    error = error.into_unknown();
                }
                error
            })?;
        }
        Err(Error::new(
            Code::InternalServerError,
            "the translator did not come to an end; please report it with the request id",
        ))
    }

    /// Makes a call whose answer may go to the caller while it is read.
    async fn flowing(
        &self,
        request: &NativeRequest,
        translator: &mut dyn Translator,
        call: &Call,
    ) -> Result<Called, Error> {
        let mut flow = Flow::new(call.connection.provider, &mut *translator, &call.log.outlet);
        let called = self.upstream.call_flowing(
            &call.connection,
            request,
            call.deadline,
            &call.log.native,
            &mut flow,
        );
        let response = called.await;
        match flow.end() {
            (false, _) => response.map(Called::Responded),
            (true, Some(failure)) => Err(failure),
            (true, None) => translator.flowed(&response?).map(Called::Flowed),
        }
    }

    /// One response for each request, in their order.
    async fn calls(
        self: &Arc<Self>,
        requests: Vec<NativeRequest>,
        call: &Call,
    ) -> Result<Responses, Error> {
        if let [request] = requests.as_slice() {
            let response = self
                .one(request, &call.connection, call.deadline, &call.log)
                .await?;
            return Ok(Responses {
                wrote: has_written(request.operation.effect, &response),
                responses: vec![response],
            });
        }
        self.calls_side_by_side(requests, call).await
    }

    /// The response to one request: from memory, where that will do, or from the provider.
    async fn one(
        &self,
        request: &NativeRequest,
        connection: &Arc<Connection>,
        deadline: Instant,
        log: &CallLog,
    ) -> Result<NativeResponse, Error> {
        let id = &connection.settings.id;
        if let Some(known) = self.memory.recall(id, request) {
            return Ok(known);
        }
        let response = self
            .upstream
            .call(connection, request, deadline, &log.native)
            .await?;
        self.memory.remember(id, request, &response);
        Ok(response)
    }

    async fn calls_side_by_side(
        self: &Arc<Self>,
        requests: Vec<NativeRequest>,
        call: &Call,
    ) -> Result<Responses, Error> {
        let mut responses: Vec<Option<NativeResponse>> = Vec::new();
        responses.resize_with(requests.len(), || None);
        let mut waiting = requests.into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut wrote = false;
        let mut failed: Option<Error> = None;
        let side_by_side = self.limits.now().native_calls_side_by_side;
        loop {
            while failed.is_none()
                && running.len() < side_by_side
                && let Some((index, request)) = waiting.next()
            {
                let driver = Arc::clone(self);
                let (connection, deadline) = (Arc::clone(&call.connection), call.deadline);
                let log = Arc::clone(&call.log);
                running.spawn(async move {
                    let result = driver.one(&request, &connection, deadline, &log).await;
                    (index, request.operation.effect, result)
                });
            }
            let Some(ended) = running.join_next().await else {
                break;
            };
            let (index, effect, result) = ended.map_err(|_| panicked())?;
            match result {
                Ok(response) => {
                    wrote |= has_written(effect, &response);
                    responses[index] = Some(response);
                }
                // Reads are given up, writes that have begun are seen to their end.
                Err(error) if effect == Effect::Read => return Err(error),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        match failed {
            Some(error) if wrote => Err(error.into_unknown()),
            Some(error) => Err(error),
            None => Ok(Responses {
                responses: responses.into_iter().flatten().collect(),
                wrote,
            }),
        }
    }
}

fn has_written(effect: Effect, response: &NativeResponse) -> bool {
    effect == Effect::Write && response.is_success()
}
