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
    /// The whole of it, in two pieces.
    Halves(Bytes, Vec<u8>),
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
        Poll::Ready(Ok(Answer::Now(body))) => Poll::Ready(match outlet.take() {
            Some(piece) => First::Halves(piece, body),
            None => First::Ended(Ok(Answer::Now(body))),
        }),
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
    flows(Flowing {
        log: Arc::clone(log),
        life: Some(life),
        first: Some(first),
        last: None,
        is_cut: false,
    })
}

/// The response whose body is known: nobody needs to know that it was made in pieces.
pub(super) fn halves(first: Bytes, last: Vec<u8>, log: &Arc<CallLog>) -> Response<AnswerBody> {
    flows(Flowing {
        log: Arc::clone(log),
        life: None,
        first: Some(first),
        last: Some(last.into()),
        is_cut: false,
    })
}

fn flows(flowing: Flowing) -> Response<AnswerBody> {
    json(StatusCode::OK, Vec::new()).map(|_| AnswerBody::Flows(flowing))
}

impl Flowing {
    fn size_hint(&self) -> SizeHint {
        if self.life.is_some() || self.is_cut {
            return SizeHint::default();
        }
        let pieces = self.first.iter().chain(&self.last);
        SizeHint::with_exact(pieces.map(|piece| piece.len() as u64).sum())
    }

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
            Self::Flows(flowing) => flowing.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::upstream::NativeLog;

    fn log() -> Arc<CallLog> {
        Arc::new(CallLog::new("r".to_owned(), NativeLog::default()))
    }

    #[tokio::test]
    async fn a_body_that_is_known_has_a_length_although_it_is_in_two_pieces() {
        let body = halves("{\"items\":[1".into(), b",2]}".to_vec(), &log()).into_body();
        assert_eq!(body.size_hint().exact(), Some(15));
        let all = body.collect().await.unwrap().to_bytes();
        assert_eq!(all, "{\"items\":[1,2]}");
    }

    #[tokio::test]
    async fn a_body_that_goes_on_has_no_length() {
        let life: Life = Box::pin(async { Ok(Answer::Now(b",2]}".to_vec())) });
        let body = response("{\"items\":[1".into(), life, &log()).into_body();
        assert_eq!(body.size_hint().exact(), None);
        let all = body.collect().await.unwrap().to_bytes();
        assert_eq!(all, "{\"items\":[1,2]}");
    }

    #[tokio::test]
    async fn what_ends_after_it_was_put_in_the_outlet_is_told_in_two_pieces() {
        let log = log();
        log.outlet.open();
        let its_log = Arc::clone(&log);
        let mut life: Life = Box::pin(async move {
            its_log.outlet.put("[1".into()).await;
            Ok(Answer::Now(b",2]".to_vec()))
        });
        let First::Halves(first, last) = first(&mut life, &log.outlet).await else {
            panic!("it came to its end at once");
        };
        assert_eq!((&first[..], &last[..]), (&b"[1"[..], &b",2]"[..]));
        assert_eq!(log.outlet.sent(), 2);
    }
}
