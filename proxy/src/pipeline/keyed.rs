//! Writes with an `Idempotency-Key`.

use std::sync::Arc;

use http::{Method, request};

use super::{Pipeline, to_the_end::ToTheEnd};
use crate::{
    error::Error,
    idempotency::{Answer, Key, Request},
    pipeline::UnifiedCall,
    route::{Route, UnifiedRequest},
    upstream::provider::Effect,
};

impl Pipeline {
    /// The key of a write, where its caller gave one that can be kept.
    pub(super) fn key(&self, route: &Route, head: &request::Parts) -> Result<Option<Key>, Error> {
        if route.effect == Effect::Read {
            return Ok(None);
        }
        let key = Key::of(&head.headers)?;
        if key.is_some() {
            self.idempotency.must_be_kept()?;
        }
        Ok(key)
    }

    /// Answers a write with a key. When its caller hangs up it is carried out and kept all the same, and holds its place until then, so that the process waits for it.
    pub(super) async fn keyed(
        &self,
        key: Key,
        head: &request::Parts,
        mut call: UnifiedCall,
        request: UnifiedRequest,
    ) -> Result<Answer, Error> {
        let (idempotency, unified) = (Arc::clone(&self.idempotency), Arc::clone(&self.unified));
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let answered = ToTheEnd::new(async move {
            let place = call.place.take();
            let log = Arc::clone(&call.log);
            let (deadline, connection) = (call.deadline, Arc::clone(&call.connection));
            let (operation, body) = (call.operation, request.body.clone());
            let keyed = Request {
                key,
                connection: &connection.settings.id,
                operation,
                // Values by id are the same ones afterwards, however often they are written. An upsert may make a
                // second record: a search that lags does not find the first, which may be on its way still.
                may_be_repeated: method == Method::PATCH,
                method: &method,
                path_and_query: uri.path_and_query().map_or("/", |target| target.as_str()),
                body: &body,
            };
            let work = move |running| async move {
                call.keyed = Some(running);
                unified.answer(call, &request).await
            };
            let result = idempotency
                .answer(&keyed, deadline, &log.request_id, work)
                .await;
            log.ends_as(&result);
            drop(place);
            result
        });
        answered.await
    }
}
