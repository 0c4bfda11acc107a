//! Callers: each keeps one connection open, and calls again as soon as it is answered. hyper is what they call with.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use crate::{Failure, stub::Native};

/// How long an answer may take before all is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much of an answer that says no is shown.
const SHOWN: usize = 300;

const NOBODY: &str = "nobody is there to call";

/// A call that is made again and again.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A caller's connection.
#[derive(Debug)]
pub(crate) struct Caller {
    sender: SendRequest<Full<Bytes>>,
}

impl Call {
    pub(crate) fn new(
        method: Method,
        target: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Self {
        let headers = headers.iter().filter_map(|(name, value)| {
            let value = HeaderValue::from_str(value).ok()?;
            Some((HeaderName::from_static(name), value))
        });
        let mut headers: HeaderMap = headers.collect();
        if !body.is_empty() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        Self {
            method,
            target: target.to_owned(),
            headers,
            body: Bytes::from(body.to_owned()),
        }
    }

    fn request(&self, host: &HeaderValue) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.parse()?;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(header::HOST, host.clone());
        Ok(request)
    }
}

impl From<&Native> for Call {
    /// What the proxy sent a provider, to be sent by others. What belongs to its connection is left out.
    fn from(native: &Native) -> Self {
        let mut headers = native.headers.clone();
        for name in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH] {
            headers.remove(name);
        }
        Self {
            method: native.method.clone(),
            target: native.target.clone(),
            headers,
            body: native.body.clone(),
        }
    }
}

impl Caller {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its errors come out at the call as well.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Calls once, and reads all of the answer.
    pub(crate) async fn call(&mut self, call: &Call, host: &HeaderValue) -> Result<(), Failure> {
        let answered = async { swallow(self.send(call, host).await?.into_body()).await };
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("{} {}: no answer", call.method, call.target).into()),
        }
    }

    /// Calls once. An answer that says no is an error.
    async fn send(
        &mut self,
        call: &Call,
        host: &HeaderValue,
    ) -> Result<Response<Incoming>, Failure> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(call.request(host)?).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.into_body().collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).into_owned();
        Err(format!("{} {}: {status}: {body}", call.method, call.target).into())
    }
}

async fn swallow(mut body: Incoming) -> Result<(), Failure> {
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

/// Several callers of one address.
#[derive(Debug)]
pub(crate) struct Crowd {
    address: SocketAddr,
    host: HeaderValue,
    callers: Vec<Caller>,
}

impl Crowd {
    pub(crate) async fn connect(address: SocketAddr, count: usize) -> Result<Self, Failure> {
        let mut crowd = Self {
            address,
            host: HeaderValue::from_str(&address.to_string())?,
            callers: Vec::new(),
        };
        crowd.grow(count).await?;
        Ok(crowd)
    }

    /// Lets others join, until there are so many.
    pub(crate) async fn grow(&mut self, count: usize) -> Result<(), Failure> {
        while self.callers.len() < count {
            self.callers.push(Caller::connect(self.address).await?);
        }
        Ok(())
    }

    /// Lets all of them call for so long, these calls in turn; how many were answered. Every call that was begun is
    /// waited for, and the first that is answered by an error ends it.
    pub(crate) async fn call_for(
        &mut self,
        long: Duration,
        calls: &Arc<[Call]>,
    ) -> Result<usize, Failure> {
        let until = Instant::now() + long;
        let turn = Arc::new(AtomicUsize::new(0));
        let mut calling = JoinSet::new();
        for mut caller in self.callers.drain(..) {
            let (calls, turn, host) = (Arc::clone(calls), Arc::clone(&turn), self.host.clone());
            calling.spawn(async move {
                let mut answered = 0;
                while Instant::now() < until {
                    let turn = turn.fetch_add(1, Ordering::Relaxed) % calls.len();
                    caller.call(&calls[turn], &host).await?;
                    answered += 1;
                }
                Ok::<_, Failure>((caller, answered))
            });
        }
        let mut answered = 0;
        while let Some(called) = calling.join_next().await {
            let (caller, count) = called??;
            self.callers.push(caller);
            answered += count;
        }
        Ok(answered)
    }

    /// Lets each of them make one call, its own, at the same time: how long each took, in milliseconds.
    pub(crate) async fn call_at_once(&mut self, calls: &[Call]) -> Result<Vec<f64>, Failure> {
        let mut calling = JoinSet::new();
        for (mut caller, call) in self.callers.drain(..).zip(calls.to_vec()) {
            let host = self.host.clone();
            calling.spawn(async move {
                let started = Instant::now();
                caller.call(&call, &host).await?;
                Ok::<_, Failure>((caller, started.elapsed().as_secs_f64() * 1e3))
            });
        }
        let mut took = Vec::new();
        while let Some(called) = calling.join_next().await {
            let (caller, milliseconds) = called??;
            self.callers.push(caller);
            took.push(milliseconds);
        }
        Ok(took)
    }

    /// Lets the first of them call once: how long it took, in microseconds.
    pub(crate) async fn time(&mut self, call: &Call) -> Result<f64, Failure> {
        let caller = self.callers.first_mut().ok_or(NOBODY)?;
        let started = Instant::now();
        caller.call(call, &self.host).await?;
        Ok(started.elapsed().as_secs_f64() * 1e6)
    }

    /// Lets each call be made once, by whoever is free; the answers in the order of the calls.
    pub(crate) async fn ask_all(&mut self, calls: &Arc<[Call]>) -> Result<Vec<Bytes>, Failure> {
        let turn = Arc::new(AtomicUsize::new(0));
        let mut asking = JoinSet::new();
        for mut caller in self.callers.drain(..) {
            let (calls, turn, host) = (Arc::clone(calls), Arc::clone(&turn), self.host.clone());
            asking.spawn(async move {
                let mut answers = Vec::new();
                loop {
                    let turn = turn.fetch_add(1, Ordering::Relaxed);
                    let Some(call) = calls.get(turn) else {
                        return Ok::<_, Failure>((caller, answers));
                    };
                    let answer = caller.send(call, &host).await?.into_body();
                    answers.push((turn, answer.collect().await?.to_bytes()));
                }
            });
        }
        let mut all = vec![Bytes::new(); calls.len()];
        while let Some(asked) = asking.join_next().await {
            let (caller, answers) = asked??;
            self.callers.push(caller);
            for (turn, answer) in answers {
                all[turn] = answer;
            }
        }
        Ok(all)
    }

    /// Lets the first of them call once, and keeps the answer.
    pub(crate) async fn ask(&mut self, call: &Call) -> Result<Bytes, Failure> {
        let caller = self.callers.first_mut().ok_or(NOBODY)?;
        let answer = caller.send(call, &self.host).await?;
        Ok(answer.into_body().collect().await?.to_bytes())
    }
}
