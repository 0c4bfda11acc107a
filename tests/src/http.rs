//! A small HTTP client: one connection for each call, everything as text, nothing hidden.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// Longer than any deadline of the proxy.
const LONGEST: Duration = Duration::from_secs(90);

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The body as JSON; null where it is none.
    pub body: Value,
    /// The status line and the headers.
    pub head: String,
    /// The body byte for byte.
    pub text: String,
    /// The body came to its proper end.
    pub is_whole: bool,
}

impl Answer {
    /// A header of the answer, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A call. `headers` are whole lines with their ends; a `host` among them goes before the one of `address`.
///
/// # Panics
///
/// When nothing listens, or the answer is not HTTP or does not come in time.
pub fn exchange(
    address: &str,
    method: &str,
    target: &str,
    headers: &str,
    body: Option<&Value>,
) -> Answer {
    let body = body.map(Value::to_string).unwrap_or_default();
    let content = if body.is_empty() {
        ""
    } else {
        "content-type: application/json\r\n"
    };
    exchange_text(
        address,
        method,
        target,
        &format!("{headers}{content}"),
        &body,
    )
}

/// A call with a body of any kind.
///
/// # Panics
///
/// As [`exchange`].
pub fn exchange_text(
    address: &str,
    method: &str,
    target: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let mut stream = send(address, method, target, headers, body);
    receive(&mut stream)
}

/// Sends a call and leaves its answer for [`receive`].
///
/// # Panics
///
/// When nothing listens.
pub fn send(address: &str, method: &str, target: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(LONGEST))
        .expect("a timeout can be set");
    let has_host = headers.lines().any(|line| line.starts_with("host:"));
    let host = if has_host {
        String::new()
    } else {
        format!("host: {address}\r\n")
    };
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    let request = format!(
        "{method} {target} HTTP/1.1\r\n{host}{headers}{length}connection: close\r\n\r\n{body}"
    );
    // Who refuses a body unread may close before all of it is written; the answer is there all the same.
    let _ = stream.write_all(request.as_bytes());
    stream
}

/// The answer to what [`send`] sent.
///
/// # Panics
///
/// When it is not HTTP or does not come in time.
pub fn receive(stream: &mut TcpStream) -> Answer {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // A peer that leaves a body unread resets the connection after its answer.
    assert!(
        read.is_ok() || !answer.is_empty(),
        "it answers in time: {read:?}"
    );
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.expect("an answer has a head"));
    let head = str::from_utf8(head).expect("heads are text");
    let is_chunked = head.contains("transfer-encoding: chunked");
    let (body, is_whole) = if is_chunked {
        unchunked(&body[4..])
    } else {
        (body[4..].to_vec(), true)
    };
    let body = String::from_utf8(body).expect("answers are text");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status line");
    Answer {
        status,
        body: serde_json::from_str(&body)
            .ok()
            .filter(|_| is_whole)
            .unwrap_or_default(),
        head: head.to_owned(),
        text: body,
        is_whole,
    }
}

/// What stands in chunks, and whether the last of them came.
fn unchunked(mut chunks: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|two| two == b"\r\n");
        let size = line.and_then(|end| {
            let size = str::from_utf8(&chunks[..end]).ok()?;
            chunks = &chunks[end + 2..];
            usize::from_str_radix(size, 16).ok()
        });
        match size {
            Some(0) => return (body, chunks == b"\r\n"),
            Some(size) if chunks.len() >= size + 2 => {
                body.extend_from_slice(&chunks[..size]);
                chunks = &chunks[size + 2..];
            }
            _ => return (body, false),
        }
    }
}
