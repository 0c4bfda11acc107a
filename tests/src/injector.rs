//! A man in the middle between the proxy and a provider, who lets calls go wrong in all ways that networks and servers
//! know.
//!
//! What goes wrong follows from a [`Plan`], and for the same numbers it is the same. It knows HTTP and nothing of any
//! record. One injector is for one connection of the proxy and one history at a time: so it knows whose call is whose.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

mod canned;
mod fault;
mod wire;

pub use canned::Speaks;
pub use fault::{Fault, Weather, drawn};

use wire::Message;

/// How long a connection that was promised more is held open.
const HELD: Duration = Duration::from_millis(100);

/// Which call meets which fault.
#[derive(Debug, Clone)]
pub enum Plan {
    /// All goes well.
    Calm,
    /// Drawn from numbers.
    Drawn {
        weather: Weather,
        seed: u64,
        history: u64,
    },
    /// The first call whose method and target hold these words meets the first of these faults, and so on.
    Script(Vec<(&'static str, Fault)>),
}

/// A call that came by.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Instant,
    pub call: String,
    pub fault: Fault,
}

/// A running injector; stops when dropped.
#[derive(Debug)]
pub struct Injector {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    speaks: Speaks,
    provider: SocketAddr,
    state: Mutex<State>,
    /// How many connections to the provider have a call on them; told to whoever waits for none.
    under_way: watch::Sender<usize>,
    /// Rises with each order to be deaf, and tells until when.
    deaf: watch::Sender<Option<Instant>>,
    /// Rises when the door is closed, so that nobody goes on waiting.
    sealed: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    number: u64,
    seen: Vec<Seen>,
}

/// How a connection goes on after a call.
enum Next {
    Keep,
    Close,
    Reset,
}

impl Injector {
    /// Listens on a free port of this address, and passes on to the provider. All goes well until a plan says otherwise.
    ///
    /// An address of its own of 127.0.0.0/8 keeps other tests from getting the port while nothing listens there.
    ///
    /// # Panics
    ///
    /// When there is no port, or outside of a runtime.
    pub fn start(at: IpAddr, provider: SocketAddr, speaks: Speaks) -> Self {
        // Where 127.0.0.1 is all that there is of loopback, it has to do.
        let listener = listen(SocketAddr::new(at, 0))
            .or_else(|_| listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
            .expect("there is a port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            speaks,
            provider,
            state: Mutex::new(State {
                plan: Plan::Calm,
                number: 0,
                seen: Vec::new(),
            }),
            under_way: watch::Sender::new(0),
            deaf: watch::Sender::new(None),
            sealed: watch::Sender::new(false),
        });
        let serving = tokio::spawn(serve(listener, address, Arc::clone(&shared)));
        Self {
            address,
            shared,
            serving,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens the door, and lets the calls from now on meet what is planned.
    pub fn begin(&self, plan: Plan) {
        *self.shared.state() = State {
            plan,
            number: 0,
            seen: Vec::new(),
        };
        self.shared.sealed.send_replace(false);
    }

    /// Closes the door, waits until the provider is done with all that was passed on, and tells what came by: from now
    /// on nothing changes at the provider.
    pub async fn seal(&self) -> Vec<Seen> {
        self.shared.sealed.send_replace(true);
        let mut under_way = self.shared.under_way.subscribe();
        // The sender is in `self`.
        let _ = under_way.wait_for(|count| *count == 0).await;
        std::mem::take(&mut self.shared.state().seen)
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(256)
}

async fn serve(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let mut deaf = shared.deaf.subscribe();
    loop {
        while connections.try_join_next().is_some() {}
        let Some(open) = &listener else {
            // A port that cannot be had again yet is one that refuses a little longer.
            listener = listen(address).ok();
            if listener.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            continue;
        };
        tokio::select! {
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(converse(stream, Arc::clone(&shared)));
                }
            }
            _ = deaf.changed() => {
                let until = *deaf.borrow_and_update();
                listener = None;
                if let Some(until) = until {
                    tokio::time::sleep_until(until.into()).await;
                }
            }
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    let mut provider = None;
    while let Ok(Some(request)) = Message::read(&mut stream).await {
        let fault = shared.meet(&request);
        let next = shared
            .act(fault, &request, &mut stream, &mut provider)
            .await
            .unwrap_or(Next::Close);
        match next {
            Next::Keep => {}
            Next::Close => return,
            Next::Reset => {
                let _ = stream.get_ref().set_zero_linger();
                return;
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a call meets.
    fn meet(&self, request: &Message) -> Fault {
        let call = request.first_two_words();
        let mut state = self.state();
        let number = state.number;
        state.number += 1;
        let fault = match &mut state.plan {
            Plan::Calm => Fault::None,
            Plan::Drawn {
                weather,
                seed,
                history,
            } => drawn(*weather, *seed, *history, number),
            Plan::Script(faults) => match faults.first() {
                Some((words, _)) if call.contains(words) => faults.remove(0).1,
                _ => Fault::None,
            },
        };
        // What providers say of calls is not what their token endpoints say.
        let fault = match fault {
            Fault::Throttled(_) | Fault::Unauthorized if call.contains("/oauth") => {
                Fault::ErrorBefore(503)
            }
            other => other,
        };
        let at = Instant::now();
        state.seen.push(Seen { at, call, fault });
        fault
    }

    async fn act(
        &self,
        fault: Fault,
        request: &Message,
        stream: &mut BufReader<TcpStream>,
        provider: &mut Option<BufReader<TcpStream>>,
    ) -> io::Result<Next> {
        match fault {
            Fault::DelayBefore(by) => self.wait(by).await,
            Fault::ResetBefore => return Ok(Next::Reset),
            Fault::ResetDuring => {
                self.pass_on_a_part(request).await?;
                return Ok(Next::Reset);
            }
            Fault::Deaf(long) => {
                self.deaf.send_replace(Some(Instant::now() + long));
                return Ok(Next::Reset);
            }
            Fault::Throttled(after) => {
                stream.write_all(&self.speaks.throttled(after)).await?;
                return Ok(Next::Keep);
            }
            Fault::ErrorBefore(status) => {
                stream.write_all(&self.speaks.error(status)).await?;
                return Ok(Next::Keep);
            }
            Fault::Unauthorized => {
                stream.write_all(&self.speaks.unauthorized()).await?;
                return Ok(Next::Keep);
            }
            Fault::Gateway { carried_out: false } => {
                stream.write_all(&canned::page("502 Bad Gateway")).await?;
                return Ok(Next::Keep);
            }
            Fault::Expired => {
                let order = "POST /_sandbox/expire_tokens HTTP/1.1\r\nhost: sandbox\r\n\r\n";
                self.exchange(order.as_bytes(), provider).await?;
            }
            _ => {}
        }
        let Some(answer) = self.exchange(&request.bytes(), provider).await? else {
            return Ok(Next::Reset);
        };
        self.answer(fault, answer, stream).await
    }

    /// Gives the provider's answer back, or what has become of it.
    async fn answer(
        &self,
        fault: Fault,
        answer: Message,
        stream: &mut BufReader<TcpStream>,
    ) -> io::Result<Next> {
        let length = answer.body.len();
        let bytes = match fault {
            Fault::ResetAfter => return Ok(Next::Reset),
            Fault::CloseAfter => return Ok(Next::Close),
            Fault::ErrorAfter(status) => self.speaks.error(status),
            Fault::Gateway { .. } => canned::page("502 Bad Gateway"),
            Fault::Page => canned::page("200 OK"),
            Fault::Truncated(hundredths) if length > 0 => {
                let end = answer.head.len() + wire::part(length, hundredths).unwrap_or_default();
                stream.write_all(&answer.bytes()[..end]).await?;
                return Ok(Next::Close);
            }
            Fault::Corrupt(hundredths) => answer.corrupted(hundredths).bytes(),
            Fault::LengthShort if length > 0 => {
                let short = length - length.div_ceil(3);
                answer.with_length(short).bytes()
            }
            Fault::LengthLong if length > 0 => {
                let bytes = answer.with_length(length + 7).bytes();
                stream.write_all(&bytes).await?;
                self.wait(HELD).await;
                return Ok(Next::Close);
            }
            Fault::Drip(long) => {
                let bytes = answer.bytes();
                for part in bytes.chunks(bytes.len().div_ceil(8)) {
                    stream.write_all(part).await?;
                    self.wait(long / 8).await;
                }
                return Ok(Next::Keep);
            }
            Fault::DelayAfter(by) => {
                self.wait(by).await;
                answer.bytes()
            }
            Fault::HalfClosed => {
                stream.write_all(&answer.bytes()).await?;
                // Closed for writing, while what the proxy sends is still taken, and never answered.
                stream.get_mut().shutdown().await?;
                let unread = &mut [0; 1024];
                while tokio::time::timeout(HELD, stream.read(unread))
                    .await
                    .is_ok_and(|read| read.is_ok_and(|count| count > 0))
                {}
                return Ok(Next::Close);
            }
            _ => answer.bytes(),
        };
        stream.write_all(&bytes).await?;
        Ok(Next::Keep)
    }

    /// Carries a call out: all of it, whatever becomes of who asked for it. None once the door is closed.
    async fn exchange(
        &self,
        request: &[u8],
        provider: &mut Option<BufReader<TcpStream>>,
    ) -> io::Result<Option<Message>> {
        self.under_way.send_modify(|count| *count += 1);
        // Counted before it is looked at: who closes the door waits for whatever has not seen it closed.
        let answer = if *self.sealed.borrow() {
            Ok(None)
        } else {
            self.ask(request, provider).await
        };
        self.under_way.send_modify(|count| *count -= 1);
        answer
    }

    async fn ask(
        &self,
        request: &[u8],
        provider: &mut Option<BufReader<TcpStream>>,
    ) -> io::Result<Option<Message>> {
        // What is left open is used again: the sandbox closes none by itself.
        let mut open = match provider.take() {
            Some(open) => open,
            None => BufReader::new(TcpStream::connect(self.provider).await?),
        };
        open.get_ref().set_nodelay(true)?;
        open.write_all(request).await?;
        let answer = Message::read(&mut open).await?;
        *provider = Some(open);
        Ok(answer)
    }

    async fn pass_on_a_part(&self, request: &Message) -> io::Result<()> {
        let bytes = request.bytes();
        // Never all of it: the provider must not have a whole request.
        let part = bytes.len() - request.body.len().div_ceil(2).max(3);
        let mut open = TcpStream::connect(self.provider).await?;
        open.write_all(&bytes[..part]).await?;
        open.set_zero_linger()
    }

    /// Waits, but not beyond the end of the history.
    async fn wait(&self, long: Duration) {
        let mut sealed = self.sealed.subscribe();
        let _ = tokio::time::timeout(long, sealed.wait_for(|sealed| *sealed)).await;
    }
}

#[cfg(test)]
mod tests;
