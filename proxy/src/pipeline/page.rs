//! The life of a request for a page: the same as that of a call, answered as HTML.

use std::{
    pin::{Pin, pin},
    sync::Arc,
};

use bytes::Bytes;
use http::{Method, Request, Response, request};
use http_body_util::Full;
use hyper::body::Body;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Panicked, Pipeline, body, caught, head, name, panicked, request_id};
use crate::{
    config::Limits,
    connect::{self, LONGEST_FORM, PageCall, PageRoute},
    error::Error,
    log::CallLog,
    upstream::NativeLog,
};

impl Pipeline {
    /// Answers a request for a page. It is never explained: its address may hold what opens an account.
    pub(super) async fn page<B>(
        &self,
        route: PageRoute,
        request: Request<B>,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let request_id = request_id(request.headers());
        let log = Arc::new(
            CallLog::new(request_id, NativeLog::default()).counted_by(self.own.upstream.metrics()),
        );
        let _ = log.operation.set(route.operation());
        let (head, body) = request.into_parts();
        let mut body = pin!(body);
        let limits = self.limits.held();
        let result = caught(pin!(self.show(route, &head, body.as_mut(), &limits, &log)))
            .await
            .unwrap_or_else(|Panicked| Err(panicked()));
        log.ended(&result);
        body::drain_unless_read(&head, body, &limits).await;
        let mut response = match result {
            Ok(response) => response,
            Err(error) => connect::problem(&error, &log.request_id),
        };
        name(&mut response, &log.request_id);
        response
    }

    async fn show<B>(
        &self,
        route: PageRoute,
        head: &request::Parts,
        body: Pin<&mut B>,
        limits: &Limits,
        log: &Arc<CallLog>,
    ) -> Result<Response<Full<Bytes>>, Error>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let deadline = Instant::now() + limits.request_timeout;
        head::check(head, limits)?;
        self.origins.check_page(head)?;
        let place: OwnedSemaphorePermit = self.place()?;
        let values = if head.method == Method::POST {
            connect::values(&body::read_form(head, body, limits, LONGEST_FORM).await?)
        } else {
            connect::values(head.uri.query().unwrap_or_default().as_bytes())
        };
        let call = PageCall {
            route,
            method: head.method.clone(),
            headers: head.headers.clone(),
            values,
            deadline,
            request_id: log.request_id.clone(),
        };
        // A code is exchanged and kept to the end, though the browser has gone elsewhere.
        let own = Arc::clone(&self.own);
        let log = Arc::clone(log);
        let task = tokio::spawn(async move {
            let result = connect::show(&own, &call).await;
            log.ended(&result);
            drop(place);
            result
        });
        task.await.unwrap_or_else(|_| Err(panicked()))
    }
}
