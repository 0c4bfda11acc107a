//! HTTP to the outside: one pool for all connections, TLS, size and time limits.
//!
//! Follows no redirect, so that credentials go only where the caller of this file says. Knows no provider.

use std::{
    error::Error as StdError,
    fmt,
    io::Read,
    pin::pin,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::Instant;

use super::{
    flow::{FLOWS_FROM, Flow},
    pool::{Arriving, Broken, Pool},
    reach::{Reach, Resolver},
    reading::{Reading, is_gzip},
    trust::Trust,
};
use crate::{
    config::Limits,
    whole::{Unread, whole},
};

/// Above this, inflating leaves the thread that serves sockets.
const INFLATE_INLINE: usize = 64 * 1024;
/// What is read of a body that nobody wants, and for how long.
const LARGEST_UNREAD: usize = 64 * 1024;
const LONGEST_UNREAD: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Client {
    pool: Pool,
    response_body_bytes: usize,
}

/// A response, read to its end and inflated.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no response. The texts are for the log; they hold addresses at most.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing was sent.
    #[error("no connection: {0}")]
    NotConnected(String),
    #[error("no answer in time, {0}")]
    TimedOut(Reached),
    #[error("the connection broke: {0}")]
    Lost(String),
    #[error("the response is larger than {0} bytes (limits.response_body_bytes)")]
    TooLarge(usize),
    #[error("the response is not gzip, though its header says so: {0}")]
    Garbled(String),
}

/// How far a call had come when its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// There was no connection yet: nothing was sent.
    Nothing = 0,
    /// It may have been sent.
    Sent = 1,
    /// The answer had begun.
    Answering = 2,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "while connecting",
            Self::Sent => "after the call was sent",
            Self::Answering => "while the answer was read",
        })
    }
}

/// What of an exchange is known when its time is up.
#[derive(Debug, Default)]
struct Progress(AtomicU8);

impl Progress {
    fn is(&self, reached: Reached) {
        self.0.store(reached as u8, Ordering::Relaxed);
    }

    fn reached(&self) -> Reached {
        match self.0.load(Ordering::Relaxed) {
            0 => Reached::Nothing,
            1 => Reached::Sent,
            _ => Reached::Answering,
        }
    }
}

impl Client {
    /// What is written as an address and not as a name is for the caller to check.
    pub(crate) fn new(limits: &Limits, trust: &Trust, reach: Reach) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(reach));
        // HTTPS goes through this connector as well; the scheme was checked with the configuration.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits.connect_timeout));
        let builder = HttpsConnectorBuilder::new()
            .with_tls_config(trust.config())
            .https_or_http();
        let connector = if trust.http2 {
            builder.enable_all_versions().wrap_connector(tcp)
        } else {
            builder.enable_http1().wrap_connector(tcp)
        };
        Self {
            pool: Pool::new(connector),
            response_body_bytes: limits.response_body_bytes,
        }
    }

    /// Sends a request and reads the response to its end, before `deadline`.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        self.send_flowing(&mut request, deadline, None).await
    }

    /// The same; a large answer that is a success flows where it may, and is without body then. The request is large and
    /// goes through many hands, so it stays where it is until it is sent; something else is in its place then.
    pub(super) async fn send_flowing(
        &self,
        request: &mut Request<Full<Bytes>>,
        deadline: Instant,
        flow: Option<&mut Flow<'_>>,
    ) -> Result<Response, Failure> {
        let progress = Progress::default();
        tokio::time::timeout_at(deadline, self.exchange(request, &progress, flow))
            .await
            .unwrap_or_else(|_| Err(Failure::TimedOut(progress.reached())))
    }

    /// Sends a request whose answer is its head. The body is read for a moment, so that the connection can be used again.
    pub(crate) async fn send_for_head(
        &self,
        mut request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<(StatusCode, HeaderMap), Failure> {
        let progress = Progress::default();
        let response = tokio::time::timeout_at(deadline, self.begin(&mut request, &progress))
            .await
            .unwrap_or(Err(Failure::TimedOut(Reached::Sent)))?;
        let (head, body) = response.into_parts();
        let unread = Limited::new(body, LARGEST_UNREAD).collect();
        let _ =
            tokio::time::timeout_at(deadline.min(Instant::now() + LONGEST_UNREAD), unread).await;
        Ok((head.status, head.headers))
    }

    async fn begin(
        &self,
        request: &mut Request<Full<Bytes>>,
        progress: &Progress,
    ) -> Result<http::Response<Arriving>, Failure> {
        let connected = || progress.is(Reached::Sent);
        let response = self.pool.exchange(request, connected).await;
        response.map_err(|broken| match broken {
            Broken::NotConnected(error) => Failure::NotConnected(chain(error.as_ref())),
            Broken::Lost(error) => Failure::Lost(chain(&error)),
            Broken::Flooded => Failure::Lost("informational responses without end".to_owned()),
        })
    }

    async fn exchange(
        &self,
        request: &mut Request<Full<Bytes>>,
        progress: &Progress,
        flow: Option<&mut Flow<'_>>,
    ) -> Result<Response, Failure> {
        let response = self.begin(request, progress).await?;
        progress.is(Reached::Answering);
        let (head, body) = response.into_parts();
        if let Some(flow) = flow.filter(|_| head.status.is_success()) {
            // Apart, as what is rare and large is: every call has room for all that it could become.
            return Box::pin(self.flow(head, body, flow)).await;
        }
        let body = self.read(body).await?;
        let body = self.inflate(&head.headers, body).await?;
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// Reads the beginning of a body, and lets the rest of a large one flow.
    async fn flow(
        &self,
        head: http::response::Parts,
        body: Arriving,
        flow: &mut Flow<'_>,
    ) -> Result<Response, Failure> {
        let mut reading = Reading::new(&head.headers, body, self.response_body_bytes);
        let mut response = Response {
            status: head.status,
            headers: head.headers,
            body: Bytes::new(),
        };
        let (mut begun, mut length) = (Vec::new(), 0);
        while let Some(piece) = reading.next().await? {
            length += piece.len();
            begun.push(piece);
            if length < FLOWS_FROM {
                continue;
            }
            if flow.begin(&response) {
                let is_well = begun.drain(..).all(|piece| flow.feed(&piece));
                if is_well {
                    rest_flows(reading, flow).await?;
                }
            } else {
                let mut whole = begun.concat();
                while let Some(piece) = reading.next().await? {
                    whole.extend_from_slice(&piece);
                }
                response.body = whole.into();
            }
            return Ok(response);
        }
        response.body = match begun.as_slice() {
            [whole] => whole.clone(),
            pieces => pieces.concat().into(),
        };
        Ok(response)
    }

    async fn read(&self, body: Arriving) -> Result<Bytes, Failure> {
        let limit = self.response_body_bytes;
        let read = whole(pin!(body), limit).await;
        read.map_err(|unread| match unread {
            Unread::TooLarge => Failure::TooLarge(limit),
            Unread::Broken(error) => Failure::Lost(chain(&error)),
        })
    }

    async fn inflate(&self, headers: &HeaderMap, body: Bytes) -> Result<Bytes, Failure> {
        if !is_gzip(headers) || body.is_empty() {
            return Ok(body);
        }
        let limit = self.response_body_bytes;
        if body.len() <= INFLATE_INLINE {
            return inflate(&body, limit);
        }
        tokio::task::spawn_blocking(move || inflate(&body, limit))
            .await
            .unwrap_or_else(|error| Err(Failure::Garbled(error.to_string())))
    }
}

/// Reads on to the end, and tells the caller at one time what has come at one time.
async fn rest_flows(mut reading: Reading, flow: &mut Flow<'_>) -> Result<(), Failure> {
    loop {
        let piece = if let Some(piece) = reading.now().await {
            piece?
        } else {
            flow.tell().await;
            reading.next().await?
        };
        let Some(piece) = piece else {
            return Ok(());
        };
        if flow.is_full() {
            flow.tell().await;
        }
        if !flow.feed(&piece) {
            return Ok(());
        }
    }
}

/// Stops at the limit, however far a small body would unfold.
fn inflate(body: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut inflated = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut inflated)
        .map_err(|error| Failure::Garbled(error.to_string()))?;
    if inflated.len() > limit {
        return Err(Failure::TooLarge(limit));
    }
    Ok(inflated.into())
}

/// An error with its causes, which say what really happened.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Covers: answer-bomb
    #[test]
    fn inflating_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert!(matches!(
            inflate(&bomb, 1_000_000),
            Err(Failure::TooLarge(1_000_000))
        ));
        assert_eq!(inflate(&gzip(b"{}"), 2).unwrap(), "{}");
    }

    #[test]
    fn a_body_that_is_not_gzip_is_garbled() {
        assert!(matches!(inflate(b"{}", 100), Err(Failure::Garbled(_))));
    }
}
