//! The native door: a caller's own call to the API of a connection's provider, for what the unified API does not have.
//!
//! It is the life of any call: who calls, for which connection, within its deadline, under the provider's limits, logged
//! and counted. Only its words are the provider's own, there and back.

use std::{
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{Method, Response, request};
use http_body_util::Full;
use hyper::body::Body;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    NO_BODY, Pipeline, UNKNOWN_CONNECTION, body,
    deadline::{self, within},
    panicked,
};
use crate::{
    auth::Principal,
    error::{Code, Error},
    idempotency::{Answer, Idempotency, Key, Request},
    log::CallLog,
    upstream::{
        Behalf, Connection, Upstream, Urgency,
        door::{self, NativeCall, NativeReply},
        provider::{Effect, NativeOperation},
    },
};

mod reply;
mod target;

/// What a provider answered to a call of a caller's own.
#[derive(Debug)]
pub struct Native {
    reply: NativeReply,
    provider: &'static str,
    is_replayed: bool,
}

/// The surroundings of one call.
struct Surroundings {
    upstream: Arc<Upstream>,
    connection: Arc<Connection>,
    deadline: Instant,
    log: Arc<CallLog>,
    place: OwnedSemaphorePermit,
}

/// The path behind the door, with the slash that it begins with; none where a request is not for it.
pub(super) fn behind_the_door(path: &str) -> Option<&str> {
    let path = path.strip_prefix(door::PREFIX)?;
    path.starts_with('/').then_some(path)
}

impl Native {
    pub fn status(&self) -> http::StatusCode {
        self.reply.status
    }

    /// Whether it was told before, to an earlier call with the same key.
    pub fn is_replayed(&self) -> bool {
        self.is_replayed
    }

    pub fn body(&self) -> &Bytes {
        &self.reply.body
    }

    pub fn response(self) -> Response<Full<Bytes>> {
        reply::response(self.reply, self.provider, self.is_replayed)
    }
}

impl Pipeline {
    /// Answers a call to the provider's own API. The caller is known.
    pub(super) async fn native<B>(
        &self,
        path: &str,
        head: &request::Parts,
        body: Pin<&mut B>,
        deadline: Instant,
        caller: Principal,
        (log, place): (&Arc<CallLog>, OwnedSemaphorePermit),
    ) -> Result<Answer, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        caller.must_be_native()?;
        let operation = door::operation_of(&head.method)?;
        let _ = log.operation.set(operation.id);
        let target = target::target(path, head.uri.query())?;
        let behalf = Behalf::new(Arc::clone(&caller.id), Urgency::Interactive);
        log.native.is_for(behalf);
        let connection = self.auth.connection(&head.headers, &caller);
        let connection = within(deadline, UNKNOWN_CONNECTION, connection).await?;
        log.note(&connection);
        let provider = connection.provider;
        if !provider.native_door.is_open(path) {
            return Err(Error::new(Code::Forbidden, closed(&connection)));
        }
        let key = match operation.effect {
            Effect::Read => None,
            Effect::Write => Key::of(&head.headers)?,
        };
        if key.is_some() {
            self.idempotency.must_be_kept()?;
        }
        let limits = self.limits.held();
        let body = within(deadline, NO_BODY, body::read_any(head, body, &limits)).await?;
        if self.explain.is_some() {
            let _ = log.body.set(body.clone());
        }
        let call = NativeCall {
            operation,
            target,
            headers: door::passing(provider, &head.headers),
            body,
        };
        let surroundings = Surroundings {
            upstream: Arc::clone(&self.own.upstream),
            connection,
            deadline,
            log: Arc::clone(log),
            place,
        };
        match (operation.effect, key) {
            (Effect::Read, _) => {
                let reply = pin!(surroundings.make(&call));
                let reply = deadline::read_within(deadline, reply).await?;
                Ok(native(reply, provider.name, false))
            }
            (Effect::Write, None) => {
                // To its end, also when its caller hangs up.
                let task = tokio::spawn(async move {
                    let result = surroundings.make(&call).await;
                    let result = result.map(|reply| native(reply, provider.name, false));
                    surroundings.log.ends_as(&result);
                    drop(surroundings.place);
                    result
                });
                let ended = async { task.await.unwrap_or_else(|_| Err(panicked())) };
                deadline::write_within(deadline, ended).await
            }
            (Effect::Write, Some(key)) => {
                let (method, uri) = (head.method.clone(), head.uri.clone());
                let idempotency = Arc::clone(&self.idempotency);
                let task = tokio::spawn(async move {
                    let target = uri.path_and_query().map_or("/", |target| target.as_str());
                    let request = keyed(key, &surroundings.connection, &call, (&method, target));
                    let result = surroundings.make_once(&idempotency, &request, &call).await;
                    surroundings.log.ends_as(&result);
                    drop(surroundings.place);
                    result
                });
                let ended = async { task.await.unwrap_or_else(|_| Err(panicked())) };
                deadline::write_within(deadline, ended).await
            }
        }
    }

    /// What is said where the door is shut for all.
    pub(super) fn must_have_native_door(&self) -> Result<(), Error> {
        if self.native_door {
            return Ok(());
        }
        Err(Error::not_found(
            "the provider's own API is not reached through this proxy; `native_door: true` in its configuration opens the way",
        ))
    }
}

impl Surroundings {
    async fn make(&self, call: &NativeCall) -> Result<NativeReply, Error> {
        let (upstream, log) = (&self.upstream, &self.log.native);
        let made = upstream.native(&self.connection, call, self.deadline, log);
        made.await
    }

    /// The same with a key: an answer that is final is kept, and told again.
    async fn make_once(
        &self,
        idempotency: &Idempotency,
        request: &Request<'_>,
        call: &NativeCall,
    ) -> Result<Answer, Error> {
        let provider = self.connection.provider.name;
        // What the caller is told and the next one with the key is not.
        let passing: OnceLock<NativeReply> = OnceLock::new();
        let work = |running: Arc<crate::idempotency::Running>| {
            let passing = &passing;
            async move {
                running.writing().await?;
                let reply = self.make(call).await?;
                if reply.may_pass {
                    let _ = passing.set(reply);
                    // It gives the key back; nobody reads it.
                    return Err(Error::new(Code::ServiceUnavailable, "not carried out"));
                }
                Ok(reply::pack(&reply))
            }
        };
        let request_id = &self.log.request_id;
        let answered = idempotency
            .answer(request, self.deadline, request_id, work)
            .await;
        if let Some(reply) = passing.into_inner() {
            return Ok(native(reply, provider, false));
        }
        let unpacked = |bytes: &[u8], is_replayed| {
            let reply = reply::unpack(bytes).ok_or_else(|| {
                Error::new(
                    Code::InternalServerError,
                    "the answer that was kept cannot be read",
                )
            })?;
            Ok(native(reply, provider, is_replayed))
        };
        match answered? {
            Answer::Now(bytes) => unpacked(&bytes, false),
            Answer::Replayed(kept) if kept.status().is_success() => unpacked(kept.body(), true),
            other => Ok(other),
        }
    }
}

fn native(reply: NativeReply, provider: &'static str, is_replayed: bool) -> Answer {
    Answer::Native(Box::new(Native {
        reply,
        provider,
        is_replayed,
    }))
}

fn keyed<'a>(
    key: Key,
    connection: &'a Connection,
    call: &'a NativeCall,
    (method, path_and_query): (&'a Method, &'a str),
) -> Request<'a> {
    let NativeOperation { id, .. } = call.operation;
    Request {
        key,
        connection: &connection.settings.id,
        operation: id,
        method,
        path_and_query,
        body: &call.body,
        // RFC 9110 §9.2.2.
        may_be_repeated: matches!(*method, Method::PUT | Method::DELETE),
    }
}

fn closed(connection: &Connection) -> String {
    let (title, door) = (connection.provider.title, &connection.provider.native_door);
    if door.open.is_empty() {
        format!(
            "of {title}'s API all may be called but {}, which is about credentials",
            door.closed.join(", ")
        )
    } else {
        format!("of {title} only {} may be called", door.open.join(", "))
    }
}
