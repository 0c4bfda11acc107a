//! Bytes to a socket as they are, for what no HTTP library would send.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::http::Answer;

/// What came back on a connection.
#[derive(Debug)]
pub struct Raw {
    pub bytes: Vec<u8>,
    /// The other side ended the connection.
    pub is_closed: bool,
    /// How long it took until the end, or until nothing more came.
    pub took: Duration,
}

impl Raw {
    /// The statuses of all answers, in their order.
    ///
    /// # Panics
    ///
    /// When what came back is not a row of answers.
    pub fn statuses(&self) -> Vec<u16> {
        self.answers().iter().map(|answer| answer.status).collect()
    }

    /// All answers, in their order, as their lengths divide them.
    ///
    /// # Panics
    ///
    /// When what came back is not a row of answers.
    pub fn answers(&self) -> Vec<Answer> {
        let text = String::from_utf8_lossy(&self.bytes);
        let mut rest = text.as_ref();
        let mut answers = Vec::new();
        while !rest.is_empty() {
            let (head, after) = rest.split_once("\r\n\r\n").expect("an answer has a head");
            let status = head
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .expect("a status line");
            let mut answer = Answer {
                status,
                body: Value::Null,
                head: head.to_owned(),
                text: String::new(),
                is_whole: true,
            };
            let length = answer.header("content-length").unwrap_or("0");
            let length: usize = length.parse().expect("a length");
            let (body, after) = after.split_at(length.min(after.len()));
            body.clone_into(&mut answer.text);
            answer.body = serde_json::from_str(body).unwrap_or_default();
            answers.push(answer);
            rest = after;
        }
        answers
    }
}

/// Sends bytes and reads what comes back, until the end or until nothing has come for `patience`.
///
/// # Panics
///
/// When nothing listens.
pub fn raw(address: &str, bytes: &[u8], patience: Duration) -> Raw {
    let mut stream = TcpStream::connect(address).expect("it listens");
    // Who refuses what is sent may close before all of it is written.
    let _ = stream.write_all(bytes);
    read_raw(&mut stream, patience)
}

/// What comes back on a connection, until its end or until nothing has come for `patience`.
///
/// # Panics
///
/// When no timeout can be set.
pub fn read_raw(stream: &mut TcpStream, patience: Duration) -> Raw {
    let started = Instant::now();
    stream
        .set_read_timeout(Some(patience))
        .expect("a timeout can be set");
    let mut raw = Raw {
        bytes: Vec::new(),
        is_closed: false,
        took: Duration::ZERO,
    };
    let mut piece = [0; 8192];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => raw.is_closed = true,
            Ok(read) => {
                raw.bytes.extend_from_slice(&piece[..read]);
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                raw.is_closed =
                    !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            }
        }
        raw.took = started.elapsed();
        return raw;
    }
}
