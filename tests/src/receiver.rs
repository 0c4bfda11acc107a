//! What webhooks are sent to: a server that notes what it is posted, and answers as it is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// How long a post is waited for.
const LONG: Duration = Duration::from_secs(40);

/// A running receiver; it ends with the process.
#[derive(Debug, Clone)]
pub struct Receiver {
    address: String,
    seen: Arc<Mutex<Vec<Received>>>,
}

/// What was posted.
#[derive(Debug, Clone)]
pub struct Received {
    /// The request line and the headers.
    pub head: String,
    pub body: String,
}

/// What is answered.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    pub status: u16,
    /// Whole lines with their ends.
    pub headers: &'static str,
    pub after: Duration,
}

impl Reply {
    /// An answer at once.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: "",
            after: Duration::ZERO,
        }
    }
}

impl Receiver {
    /// Answers the first post with `reply(0)`, and so on.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens").to_string();
        let receiver = Self {
            address,
            seen: Arc::default(),
        };
        let (seen, reply) = (Arc::clone(&receiver.seen), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, reply) = (Arc::clone(&seen), Arc::clone(&reply));
                std::thread::spawn(move || {
                    let Some(post) = receive(&stream) else {
                        return;
                    };
                    let number = {
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        seen.push(post);
                        seen.len() - 1
                    };
                    answer(&stream, reply(number));
                });
            }
        });
        receiver
    }

    /// `127.0.0.1:…`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it is posted to.
    pub fn url(&self) -> String {
        format!("http://{}/hook?key=canary-of-the-receiver", self.address)
    }

    /// Everything so far.
    pub fn seen(&self) -> Vec<Received> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for so many posts.
    ///
    /// # Panics
    ///
    /// When they do not come.
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let until = Instant::now() + LONG;
        loop {
            let seen = self.seen();
            if seen.len() >= count {
                return seen;
            }
            assert!(Instant::now() < until, "{count} posts come: {seen:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Received {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The id of the event, as the header tells it.
    pub fn id(&self) -> &str {
        self.header("webhook-id").unwrap_or_default()
    }

    /// Whether the signature is that of the secret, computed from the text of Standard Webhooks and not by its library.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let timestamp = self.header("webhook-timestamp").unwrap_or_default();
        let signed = format!("{}.{timestamp}.{}", self.id(), self.body);
        let Some(Ok(key)) = secret
            .strip_prefix("whsec_")
            .map(|key| BASE64_STANDARD.decode(key))
        else {
            return false;
        };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
            return false;
        };
        mac.update(signed.as_bytes());
        let expected = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        self.header("webhook-signature") == Some(&format!("v1,{expected}"))
    }
}

fn receive(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let received = Received {
        head,
        body: String::new(),
    };
    let length: usize = received.header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received {
        body: String::from_utf8(body).ok()?,
        ..received
    })
}

fn answer(mut stream: &TcpStream, reply: Reply) {
    std::thread::sleep(reply.after);
    let Reply {
        status, headers, ..
    } = reply;
    let text = format!(
        "HTTP/1.1 {status} Told\r\n{headers}content-length: 2\r\nconnection: close\r\n\r\nok"
    );
    // Who waited no longer is gone.
    let _ = stream.write_all(text.as_bytes());
}
