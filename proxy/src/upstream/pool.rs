//! Connections to other hosts, kept open between exchanges.
//!
//! Who makes an exchange drives its connection himself, within his own future: no task stands between a call and its
//! socket, so nothing has to be passed on, and nobody else has to be woken. A connection that is idle is driven by nobody;
//! whoever takes it looks first whether it is still open, and those that are not taken for [`IDLE`] are closed. Each thread
//! takes those that it has opened itself.
//!
//! Nor does a call wake itself: hyper's ends of a connection wake each other at every step, as if they were two tasks. What
//! may be here already is looked for without a waker ([`turn`]), and only who then has to wait for the other side
//! says whom to wake.
//!
//! That is HTTP/1.1, with one exchange at a time on a connection. Where the other side chooses HTTP/2, all exchanges share
//! one connection, which a task drives. Knows no limits, no provider and no credentials.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker, ready},
    thread::{self, ThreadId},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Uri, Version,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{Connection as _, HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{net::TcpStream, time::Instant};
use tower_service::Service as _;

use super::reach::Resolver;

mod counted;
#[cfg(test)]
mod tests;

use counted::{Count, Counted};

/// Shorter than what servers commonly allow, so that we seldom send on a connection that is being closed.
const IDLE: Duration = Duration::from_secs(30);
/// Connections kept open to one host while nobody uses them.
const PER_HOST: usize = 64;
/// The head of a response. Also so much is read at a time, so that no response keeps a thread for long, and every open
/// connection may have a buffer of so much.
const HEAD_BYTES: usize = 32 * 1024;
/// What is read before there is a response: its head, the beginning of its body that came with it, and any responses
/// that announce it. More than any server sends of these; they are read over one by one, and a flood of them keeps a
/// thread from all else.
const MOST_BEFORE_HEAD: usize = 4 * HEAD_BYTES;
/// What may be on its way of one response, over HTTP/2: a page, so that a reader need not say at every turn that he goes on.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same of all responses of a connection.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Over HTTP/2 a connection that died in silence would be used again and again.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

type Connector = HttpsConnector<HttpConnector<Resolver>>;
type Stream = TokioIo<Counted<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>>;

/// What reads a connection and writes to it.
type Driver = http1::Connection<Stream, Full<Bytes>>;

/// Why there is no response.
#[derive(Debug)]
pub(super) enum Broken {
    /// Nothing was sent.
    NotConnected(Box<dyn std::error::Error + Send + Sync>),
    /// Something of the request may have been sent.
    Lost(hyper::Error),
    /// More informational responses than there may be: [`MOST_BEFORE_HEAD`].
    Flooded,
}

/// The connections to all hosts. Cloning shares them.
#[derive(Clone)]
pub(super) struct Pool {
    connector: Connector,
    idle: Arc<Idle>,
}

/// A host, and how it is spoken to. Told apart by its letters as they are written: `http` looks at each of them in lower
/// case, and to whom a host is written in two ways, it may as well be two.
#[derive(Debug, Clone)]
struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.authority.as_str() == other.authority.as_str() && self.scheme == other.scheme
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.authority.as_str().hash(state);
    }
}

/// Those that nobody uses.
#[derive(Default)]
struct Idle {
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// Hosts are those of connections, which nobody chooses so that they collide.
    by_origin: HashMap<Origin, Kept, foldhash::fast::RandomState>,
    /// Somebody closes those that stay idle.
    is_swept: bool,
}

/// What is kept open to one host.
#[derive(Default)]
struct Kept {
    /// The one that was used last at the end.
    lines: Vec<(Line, Instant)>,
    shared: Option<(Shared, Instant)>,
}

/// A way to the other side.
enum Way {
    Line(Line),
    Shared(Shared),
}

/// One open connection that has one exchange at a time.
struct Line {
    /// The other side, as every request names it.
    host: HeaderValue,
    sender: http1::SendRequest<Full<Bytes>>,
    /// None once the connection has ended.
    driver: Option<Pin<Box<Driver>>>,
    /// What the driver has read.
    read: Count,
    /// That which opened it, whose runtime is told when something has come.
    thread: ThreadId,
}

/// One that has many. Dropping the last of its clones closes it.
type Shared = http2::SendRequest<Full<Bytes>>;

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool(…)")
    }
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            idle: Arc::default(),
        }
    }

    /// Sends a request, whose address is a whole one, and reads the head of its response. `connected` is called when
    /// there is a connection, so that something of the request may have been sent from then on. Nothing is left of it
    /// then.
    pub(super) async fn exchange(
        &self,
        request: &mut Request<Full<Bytes>>,
        connected: impl Fn(),
    ) -> Result<Response<Arriving>, Broken> {
        let origin = origin(request).map_err(Broken::NotConnected)?;
        loop {
            let kept = self.idle.take(&origin);
            let is_new = kept.is_none();
            let mut way = match kept {
                Some(way) => way,
                // Apart, as what is rare and large is: every call has room for all that it could become.
                None => Box::pin(self.connect(&origin)).await?,
            };
            direct(request, &origin, &way).map_err(Broken::NotConnected)?;
            connected();
            let answered = match &mut way {
                Way::Line(line) => line.ask(request).await,
                Way::Shared(shared) => {
                    let request = std::mem::take(request);
                    shared.try_send_request(request).await.map_err(Some)
                }
            };
            let mut failed = match answered {
                Ok(response) => {
                    let line = match way {
                        Way::Line(line) => Some(line),
                        Way::Shared(_) => None,
                    };
                    let idle = Arc::downgrade(&self.idle);
                    return Ok(response.map(|body| Arriving {
                        body,
                        line,
                        origin,
                        idle,
                    }));
                }
                Err(None) => return Err(Broken::Flooded),
                Err(Some(failed)) => failed,
            };
            match failed.take_message() {
                // It was closed while nobody used it.
                Some(unsent) if !is_new => {
                    self.idle.forget_shared(&origin);
                    *request = unsent;
                }
                Some(_) => return Err(Broken::NotConnected(failed.into_error().into())),
                None => return Err(Broken::Lost(failed.into_error())),
            }
        }
    }

    async fn connect(&self, origin: &Origin) -> Result<Way, Broken> {
        let target = origin
            .uri(PathAndQuery::from_static("/"))
            .map_err(|error| Broken::NotConnected(error.into()))?;
        let mut connector = self.connector.clone();
        std::future::poll_fn(|cx| connector.poll_ready(cx))
            .await
            .map_err(Broken::NotConnected)?;
        let stream = connector.call(target).await.map_err(Broken::NotConnected)?;
        let failed = |error: hyper::Error| Broken::NotConnected(error.into());
        if stream.connected().is_negotiated_h2() {
            let (shared, driver) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PONG_WITHIN)
                .handshake(stream)
                .await
                .map_err(failed)?;
            tokio::spawn(async move {
                if let Err(error) = driver.await {
                    tracing::debug!(%error, "a shared connection ended");
                }
            });
            return Ok(Way::Shared(self.idle.share(origin, shared)));
        }
        let stream = Counted::new(TokioIo::new(stream));
        let read = stream.count();
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        let host = host_header(&origin.scheme, &origin.authority);
        Ok(Way::Line(Line {
            host: host.map_err(|error| Broken::NotConnected(error.into()))?,
            sender,
            driver: Some(Box::pin(driver)),
            read,
            thread: thread::current().id(),
        }))
    }
}

impl Origin {
    fn uri(&self, path: PathAndQuery) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }
}

/// Where a request goes.
fn origin(
    request: &Request<Full<Bytes>>,
) -> Result<Origin, Box<dyn std::error::Error + Send + Sync>> {
    let uri = request.uri();
    let (Some(scheme), Some(authority), Some(_)) =
        (uri.scheme(), uri.authority(), uri.path_and_query())
    else {
        return Err("the address has no host".into());
    };
    Ok(Origin {
        scheme: scheme.clone(),
        authority: authority.clone(),
    })
}

/// Addresses a request as the way has it: HTTP/1.1 has the path alone, and the host in a header. It may have been
/// addressed for another way before.
fn direct(
    request: &mut Request<Full<Bytes>>,
    origin: &Origin,
    way: &Way,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let path = std::mem::take(request.uri_mut())
        .into_parts()
        .path_and_query;
    let path = path.ok_or("the address has no path")?;
    match way {
        Way::Line(line) => {
            *request.version_mut() = Version::HTTP_11;
            *request.uri_mut() = Uri::from(path);
            request.headers_mut().insert(HOST, line.host.clone());
        }
        Way::Shared(_) => {
            *request.version_mut() = Version::HTTP_2;
            *request.uri_mut() = origin.uri(path)?;
            request.headers_mut().remove(HOST);
        }
    }
    Ok(())
}

/// RFC 9110 §7.2: a port that is the scheme's own is left out.
pub(super) fn host_header(
    scheme: &Scheme,
    authority: &Authority,
) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    if authority.port_u16().is_some_and(|port| port != usual) {
        HeaderValue::from_str(authority.as_str())
    } else {
        HeaderValue::from_str(authority.host())
    }
}

impl Idle {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Lines are taken and put one by one, so what is there is right.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that is still open, the most recent first: the others may then stay unused until they are closed.
    fn take(&self, origin: &Origin) -> Option<Way> {
        loop {
            let mut lines = self.lines();
            let kept = lines.by_origin.get_mut(origin)?;
            if let Some((shared, since)) = &mut kept.shared
                && !shared.is_closed()
            {
                *since = Instant::now();
                return Some(Way::Shared(shared.clone()));
            }
            kept.shared = None;
            // Another thread's would tell of its answers only when that thread has nothing else to do.
            let own = thread::current().id();
            let at = kept
                .lines
                .iter()
                .rposition(|(line, _)| line.thread == own)?;
            let (mut line, since) = kept.lines.remove(at);
            drop(lines);
            if since.elapsed() < IDLE && line.is_open() {
                return Some(Way::Line(line));
            }
        }
    }

    fn put(self: &Arc<Self>, origin: Origin, line: Line) {
        let mut lines = self.lines();
        let kept = lines.by_origin.entry(origin).or_default();
        if kept.lines.len() < PER_HOST {
            kept.lines.push((line, Instant::now()));
        }
        self.be_swept(lines);
    }

    /// Has all share a new connection, but for where there is one: then that is what is shared.
    fn share(self: &Arc<Self>, origin: &Origin, new: Shared) -> Shared {
        let mut lines = self.lines();
        let kept = lines.by_origin.entry(origin.clone()).or_default();
        if let Some((shared, _)) = &kept.shared
            && !shared.is_closed()
        {
            return shared.clone();
        }
        kept.shared = Some((new.clone(), Instant::now()));
        self.be_swept(lines);
        new
    }

    fn forget_shared(&self, origin: &Origin) {
        if let Some(kept) = self.lines().by_origin.get_mut(origin) {
            kept.shared = None;
        }
    }

    /// Something is kept, which somebody has to close if nobody uses it.
    fn be_swept(self: &Arc<Self>, mut lines: MutexGuard<'_, Lines>) {
        let is_first = !std::mem::replace(&mut lines.is_swept, true);
        drop(lines);
        if is_first {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes those that were idle for too long. Whether any is left.
    fn sweep(&self) -> bool {
        let mut lines = self.lines();
        lines.by_origin.retain(|_, kept| {
            kept.lines.retain(|(_, since)| since.elapsed() < IDLE);
            // Exchanges that are under way on it keep it open.
            let is_idle = |(_, since): &mut (Shared, Instant)| since.elapsed() >= IDLE;
            kept.shared.take_if(is_idle);
            !kept.lines.is_empty() || kept.shared.is_some()
        });
        lines.by_origin.shrink_to(PER_HOST);
        lines.is_swept = !lines.by_origin.is_empty();
        lines.is_swept
    }
}

/// Closes idle connections until there are none.
async fn sweep(idle: Weak<Idle>) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let Some(idle) = idle.upgrade() else {
            return;
        };
        if !idle.sweep() {
            return;
        }
    }
}

impl Line {
    /// Sends a request, and reads until the head of the response. An error is none where there were too many
    /// informational responses.
    async fn ask(
        &mut self,
        request: &mut Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Option<TrySendError<Request<Full<Bytes>>>>> {
        let Self {
            sender,
            driver,
            read,
            ..
        } = self;
        let before = read.now();
        // It is looked at without a waker, so it must not be put off for somebody else's turn: nobody would be woken for it.
        let sent = tokio::task::unconstrained(sender.try_send_request(std::mem::take(request)));
        let mut sent = pin!(sent);
        // Nothing can be here before the request is sent.
        let mut may_be_here = false;
        std::future::poll_fn(|cx| {
            let is_here = std::mem::replace(&mut may_be_here, true);
            // An end of the connection reaches the exchange as well, in its own words.
            let answered = turn(driver, cx, is_here, |cx| sent.as_mut().poll(cx));
            if answered.is_pending() && read.since(before) > MOST_BEFORE_HEAD {
                return Poll::Ready(Err(None));
            }
            answered.map_err(Some)
        })
        .await
    }

    /// Whether a request can be sent on it, as far as can be known without waiting.
    fn is_open(&mut self) -> bool {
        drive(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// Drives a connection until something comes of it, which `look` sees. What does is done within this very call, so nobody
/// has to be woken for it; only before the other side is waited for it is said who. `is_here` says whether something may
/// have come already.
fn turn<T>(
    driver: &mut Option<Pin<Box<Driver>>>,
    cx: &mut Context<'_>,
    is_here: bool,
    mut look: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let mut nobody = Context::from_waker(Waker::noop());
    if is_here {
        drive(driver, &mut nobody);
        if let Poll::Ready(seen) = look(&mut nobody) {
            return Poll::Ready(seen);
        }
    }
    drive(driver, cx);
    look(&mut nobody)
}

/// Drives a connection that has not ended. With its end goes what drove it, and with that a request that it has not taken:
/// whoever waits for the answer is told, as of anything else that ends it.
fn drive(driver: &mut Option<Pin<Box<Driver>>>, cx: &mut Context<'_>) {
    if let Some(running) = driver
        && running.as_mut().poll(cx).is_ready()
    {
        *driver = None;
    }
}

/// The body of a response on its way. Read to its end, its connection can be used again; dropped before, it is closed.
pub(super) struct Arriving {
    body: Incoming,
    /// None once the body has come to an end, and where the connection is shared.
    line: Option<Line>,
    origin: Origin,
    idle: Weak<Idle>,
}

impl Arriving {
    /// The body is at its end.
    fn settle(&mut self) {
        // A sender is ready when the exchange is over and another may follow. Whoever takes the line looks again.
        if let Some(mut line) = self.line.take()
            && (line.sender.is_ready() || line.is_open())
            && let Some(idle) = self.idle.upgrade()
        {
            idle.put(self.origin.clone(), line);
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut body = Pin::new(&mut this.body);
        let frame = ready!(match &mut this.line {
            None => body.poll_frame(cx),
            // What is read goes to the body; where the connection ends, the body says how.
            Some(line) => {
                let mut nobody = Context::from_waker(Waker::noop());
                match body.as_mut().poll_frame(&mut nobody) {
                    frame @ Poll::Ready(_) => frame,
                    Poll::Pending => turn(&mut line.driver, cx, true, |cx| {
                        body.as_mut().poll_frame(cx)
                    }),
                }
            }
        });
        match &frame {
            None => this.settle(),
            Some(Err(_)) => this.line = None,
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    /// Who knows that nothing is left does not ask for more.
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.settle();
        }
    }
}
