//! HTTP/1.1 as bytes: just enough to know where a message ends.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// A whole request or answer, as it came.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// With the empty line at its end.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The next message; none where the peer has ended the connection before it.
    ///
    /// Bodies have a length: neither the proxy nor the sandbox sends any other kind.
    pub(super) async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        let mut head = String::new();
        loop {
            let before = head.len();
            if reader.read_line(&mut head).await? == 0 {
                let is_between = head.is_empty();
                return if is_between {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            if head.len() - before <= 2 {
                break;
            }
        }
        let length = header(&head, "content-length").and_then(|value| value.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).await?;
        Ok(Some(Self { head, body }))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }

    /// `POST /path?query` of a request, `HTTP/1.1 200` of an answer.
    pub(super) fn first_two_words(&self) -> String {
        let line = self.head.lines().next().unwrap_or_default();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The same with another length in its head.
    pub(super) fn with_length(mut self, length: usize) -> Self {
        let lines = self.head.lines().map(|line| {
            if is_named(line, "content-length") {
                format!("content-length: {length}\r\n")
            } else {
                format!("{line}\r\n")
            }
        });
        self.head = lines.collect();
        self
    }

    /// The same with a byte that makes the body unreadable at so many hundredths of it.
    pub(super) fn corrupted(mut self, hundredths: u64) -> Self {
        // What gzip's head says of the file is of no meaning, and the checksum at the end does not cover it.
        let fixed = if self.header("content-encoding").is_some() {
            10
        } else {
            0
        };
        let Some(at) = part(self.body.len().saturating_sub(fixed), hundredths) else {
            return self;
        };
        let byte = &mut self.body[fixed + at];
        // 0xFF is in no UTF-8.
        *byte = if *byte == 0xff { 0xfe } else { 0xff };
        self
    }
}

/// A place in so many bytes; none in no bytes.
pub(super) fn part(of: usize, hundredths: u64) -> Option<usize> {
    let hundredths = usize::try_from(hundredths).unwrap_or_default();
    (of > 0).then(|| (of * hundredths / 100).min(of - 1))
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let line = head.lines().skip(1).find(|line| is_named(line, name))?;
    Some(line.split_once(':')?.1.trim())
}

fn is_named(line: &str, name: &str) -> bool {
    line.split_once(':')
        .is_some_and(|(known, _)| known.eq_ignore_ascii_case(name))
}
