//! A provider that a test plays by hand: what sockets do, and no more.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Listens until the process ends.
pub(crate) struct Peer {
    pub(crate) address: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

/// One connection of the proxy's.
pub(crate) struct Line {
    pub(crate) stream: TcpStream,
    requests: Arc<AtomicUsize>,
}

impl Peer {
    /// Each connection is conversed with on a thread of its own.
    pub(crate) fn start(converse: impl Fn(Line) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Self {
            address: listener.local_addr().unwrap().to_string(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (Arc::clone(&peer.connections), Arc::clone(&peer.requests));
        let converse = Arc::new(converse);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let line = Line {
                    stream,
                    requests: Arc::clone(&requests),
                };
                let converse = Arc::clone(&converse);
                std::thread::spawn(move || converse(line));
            }
        });
        peer
    }

    /// Answers every request with a status and a body of JSON.
    pub(crate) fn answering(
        answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |mut line| {
            while let Some(request) = line.request() {
                let (status, body) = answer(&request);
                line.answer(status, &body);
            }
        })
    }

    /// The connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// A connection of the configuration to it, as HubSpot.
    pub(crate) fn connection(&self, name: &str) -> String {
        self.connection_by("http", name)
    }

    /// The same by any scheme.
    pub(crate) fn connection_by(&self, scheme: &str, name: &str) -> String {
        format!(
            "  {name}: {{ provider: hubspot, base_url: \"{scheme}://{}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }}\n",
            self.address
        )
    }
}

impl Line {
    /// The next request, head and body; none when the proxy is gone.
    pub(crate) fn request(&mut self) -> Option<String> {
        let mut reader = BufReader::new(&self.stream);
        let mut text = String::new();
        let mut length = 0;
        loop {
            let start = text.len();
            if reader.read_line(&mut text).ok()? == 0 {
                return None;
            }
            let line = text[start..].to_ascii_lowercase();
            if let Some(told) = line.strip_prefix("content-length:") {
                length = told.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        text.push_str(&String::from_utf8(body).ok()?);
        self.requests.fetch_add(1, Ordering::SeqCst);
        Some(text)
    }

    pub(crate) fn answer(&mut self, status: u16, body: &str) {
        let text = format!(
            "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        // Who waited no longer is gone.
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// Waits until the proxy closes the connection; how long that took.
    pub(crate) fn wait_for_end(&mut self) -> Duration {
        let began = Instant::now();
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
        began.elapsed()
    }
}
