//! The bodies of responses: whole ones, and those that flow.
//!
//! One that flows owns the life of its request. It goes on with it whenever hyper wants more, so nothing is made faster
//! than it is taken, and ends it when it is dropped. What goes wrong from then on can only break the answer off: hyper
//! closes the connection without the end of the body, which no caller takes for a whole one.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use super::json;
use crate::{error::Error, idempotency::Answer, log::CallLog, outlet::Outlet};

/// What makes an answer.
pub(super) type Life = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

/// What comes of a request first.
pub(super) enum First {
    Ended(Result<Answer, Error>),
    /// A piece of its answer.
    Flows(Bytes),
}

/// The body of a response.
#[derive(Debug)]
pub enum AnswerBody {
    Whole(Full<Bytes>),
    Flows(Flowing),
}

/// A body that is made while it is told.
pub struct Flowing {
    log: Arc<CallLog>,
    /// None when it has ended.
    life: Option<Life>,
    first: Option<Bytes>,
    last: Option<Bytes>,
    is_cut: bool,
}

/// The answer broke off; why is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
pub struct Cut;

impl std::fmt::Debug for Flowing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flowing(…)")
    }
}

/// Waits for what can be told first.
pub(super) async fn first(life: &mut Life, outlet: &Outlet) -> First {
    poll_fn(|cx| match life.as_mut().poll(cx) {
        // Of what has not been told yet, nobody needs to know that it was made in pieces.
        Poll::Ready(Ok(Answer::Now(body))) => {
            let body = match outlet.take() {
                Some(piece) => [&piece[..], &body].concat(),
                None => body,
            };
            Poll::Ready(First::Ended(Ok(Answer::Now(body))))
        }
        Poll::Ready(ended) => Poll::Ready(First::Ended(ended)),
        Poll::Pending => match outlet.take() {
            Some(piece) => Poll::Ready(First::Flows(piece)),
            None => Poll::Pending,
        },
    })
    .await
}

/// The response whose body goes on with `life`.
pub(super) fn response(first: Bytes, life: Life, log: &Arc<CallLog>) -> Response<AnswerBody> {
    json(StatusCode::OK, Vec::new()).map(|_| {
        AnswerBody::Flows(Flowing {
            log: Arc::clone(log),
            life: Some(life),
            first: Some(first),
            last: None,
            is_cut: false,
        })
    })
}

impl Flowing {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if let Some(life) = &mut self.life {
            let polled = life.as_mut().poll(cx);
            if let Poll::Ready(ended) = polled {
                self.life = None;
                match ended {
                    Ok(Answer::Now(last)) => self.last = Some(last.into()),
                    // A write is never told in pieces.
                    Ok(Answer::Replayed(_) | Answer::Native(_)) | Err(_) => self.is_cut = true,
                }
            }
        }
        if self.is_cut {
            return Poll::Ready(Some(Err(Cut)));
        }
        if let Some(piece) = self.log.outlet.take().or_else(|| self.last.take()) {
            return Poll::Ready(Some(Ok(piece)));
        }
        if self.life.is_some() {
            return Poll::Pending;
        }
        Poll::Ready(None)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never: Infallible| match never {})))
            }
            Self::Flows(flowing) => flowing
                .poll(cx)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Flows(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Flows(_) => SizeHint::default(),
        }
    }
}
