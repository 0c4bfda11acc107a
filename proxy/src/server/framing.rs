//! Watches the bytes of a connection for heads that two readers could take in two ways.
//!
//! Where a head says twice how long its body is, hyper takes one of the two and forgets the other, so that nobody behind
//! it can tell; somebody in front of us may have taken the other one, and then the rest of the body is a request that
//! only we see. So each head is judged on its way to hyper, by its lines alone. This is no parser: hyper reads the
//! requests, and whatever it refuses ends the connection. What is watched besides is only where the next head begins.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(test)]
mod tests;

/// So much of a line is looked at. Longer ones are not about lengths, or are written so that they seem not to be.
const LONGEST_LINE: usize = 128;

/// What is wrong with a head that hyper would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    LengthAndEncoding,
    Lengths,
    Encoding,
    LineEnd,
}

impl Fault {
    /// What was expected.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::LengthAndEncoding => {
                "expected content-length or transfer-encoding, found both of them"
            }
            Self::Lengths => "expected at most one content-length, in digits",
            Self::Encoding => "expected no transfer-encoding but a single `chunked`",
            Self::LineEnd => "expected every line of the head to end with CR LF",
        }
    }
}

/// Where in the stream the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Head,
    /// So many bytes of a body are left.
    Body(u64),
    /// In the line before a chunk; the size as far as it was read, and whether it was read to its end.
    Size(Option<u64>, bool),
    Chunk(u64),
    /// Behind a chunk.
    ChunkEnd,
    Trailers,
    /// Hyper, or who asks for the verdict, ends the connection here.
    End,
}

/// The state of one connection.
#[derive(Debug)]
struct Watch {
    at: At,
    /// The line under way, up to [`LONGEST_LINE`], and whether it was longer.
    line: Vec<u8>,
    is_long: bool,
    last: u8,
    head: Head,
    /// One for each head that is complete and was not asked for.
    verdicts: VecDeque<Result<(), Fault>>,
}

/// What the lines of a head have said.
#[derive(Debug, Default)]
struct Head {
    has_request_line: bool,
    length: Option<u64>,
    is_chunked: bool,
    fault: Option<Fault>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            at: At::Head,
            line: Vec::new(),
            is_long: false,
            last: 0,
            head: Head::default(),
            verdicts: VecDeque::new(),
        }
    }
}

impl Watch {
    /// Follows the stream. An error is a fault in a body, of whose head the verdict is out already.
    fn see(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while let Some(first) = bytes.first().copied() {
            let taken = match self.at {
                At::Head | At::Trailers => {
                    if let Some(end) = memchr(b'\n', bytes) {
                        self.keep(&bytes[..end]);
                        self.line_ends()?;
                        end + 1
                    } else {
                        self.keep(bytes);
                        bytes.len()
                    }
                }
                At::Body(left) => {
                    let (taken, left) = skip(bytes, left);
                    self.at = if left == 0 { At::Head } else { At::Body(left) };
                    taken
                }
                At::Chunk(left) => {
                    let (taken, left) = skip(bytes, left);
                    self.at = if left == 0 {
                        At::ChunkEnd
                    } else {
                        At::Chunk(left)
                    };
                    taken
                }
                At::Size(size, is_read) => {
                    self.at = size_goes_on(size, is_read, first)?;
                    1
                }
                At::ChunkEnd => {
                    self.at = match first {
                        b'\r' => At::ChunkEnd,
                        b'\n' => At::Size(None, false),
                        _ => At::End,
                    };
                    1
                }
                At::End => return Ok(()),
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE - self.line.len();
        self.is_long |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// A line feed has come.
    fn line_ends(&mut self) -> Result<(), &'static str> {
        let has_return = self.last == b'\r';
        let mut line = std::mem::take(&mut self.line);
        if has_return && !self.is_long {
            line.pop();
        }
        let result = if self.at == At::Trailers {
            self.trailer(&line)
        } else {
            self.head_line(&line, has_return);
            Ok(())
        };
        line.clear();
        self.line = line;
        self.is_long = false;
        self.last = 0;
        result
    }

    fn head_line(&mut self, line: &[u8], has_return: bool) {
        let head = &mut self.head;
        if !has_return {
            head.fault = head.fault.or(Some(Fault::LineEnd));
        }
        if line.is_empty() {
            // Such lines before a request are left over from clients of old.
            if head.has_request_line {
                self.head_ends();
            }
        } else if head.has_request_line {
            head.field(line, self.is_long);
        } else {
            head.has_request_line = true;
        }
    }

    fn head_ends(&mut self) {
        let head = std::mem::take(&mut self.head);
        let verdict = match head.fault {
            Some(fault) => Err(fault),
            None if head.is_chunked && head.length.is_some() => Err(Fault::LengthAndEncoding),
            None => Ok(()),
        };
        self.verdicts.push_back(verdict);
        self.at = match (verdict, head.length) {
            (Err(_), _) => At::End,
            (Ok(()), _) if head.is_chunked => At::Size(None, false),
            (Ok(()), None | Some(0)) => At::Head,
            (Ok(()), Some(length)) => At::Body(length),
        };
    }

    fn trailer(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if line.is_empty() {
            self.at = At::Head;
            return Ok(());
        }
        let name = name_of(line);
        let is_about_framing = ["content-length", "transfer-encoding", "host"]
            .iter()
            .any(|framing| name.eq_ignore_ascii_case(framing.as_bytes()));
        if is_about_framing {
            return Err("a trailer that belongs into the head");
        }
        Ok(())
    }
}

impl Head {
    fn field(&mut self, line: &[u8], is_long: bool) {
        let name = name_of(line);
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        let (is_length, is_encoding) = (is("content-length"), is("transfer-encoding"));
        if !is_length && !is_encoding {
            return;
        }
        let value = line.get(name_end(line) + 1..).unwrap_or_default();
        let value = value.trim_ascii();
        if is_length {
            let number = digits(value).filter(|_| !is_long && self.length.is_none());
            if number.is_none() {
                self.fault = self.fault.or(Some(Fault::Lengths));
            }
            self.length = number.or(Some(0));
        } else {
            if is_long || self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                self.fault = self.fault.or(Some(Fault::Encoding));
            }
            self.is_chunked = true;
        }
    }
}

fn name_end(line: &[u8]) -> usize {
    memchr(b':', line).unwrap_or(line.len())
}

/// Hyper refuses a space at either end of a name.
fn name_of(line: &[u8]) -> &[u8] {
    line[..name_end(line)].trim_ascii()
}

/// A number in digits and nothing else: no sign, which [`str::parse`] would take.
fn digits(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

fn skip(bytes: &[u8], left: u64) -> (usize, u64) {
    let taken = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    (taken, left - taken as u64)
}

/// One byte of the line before a chunk: its size in hexadecimal, then whatever extensions there are.
fn size_goes_on(size: Option<u64>, is_read: bool, byte: u8) -> Result<At, &'static str> {
    let digit = char::from(byte).to_digit(16).filter(|_| !is_read);
    Ok(match (digit, byte) {
        (Some(digit), _) => {
            let before = size.unwrap_or(0);
            let size = before.checked_mul(16).map(|size| size + u64::from(digit));
            size.map_or(At::End, |size| At::Size(Some(size), false))
        }
        (None, b'\n') => match size {
            None => At::End,
            Some(0) => At::Trailers,
            Some(size) => At::Chunk(size),
        },
        (None, b'\r' | b'\t' | b' '..=b'~' | 0x80..) => At::Size(size, true),
        (None, _) => return Err("a control character in the line of a chunk"),
    })
}

/// Tells the verdicts on the heads of a connection, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdicts(Arc<Mutex<Watch>>);

impl Verdicts {
    /// The verdict on the next head, which hyper has taken.
    pub(super) fn next(&self) -> Result<(), Fault> {
        let mut watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // None means that we lost the thread where hyper did not, so that nothing is known about this head.
        let verdict = watch.verdicts.pop_front();
        verdict.unwrap_or(Err(Fault::Lengths))
    }

    fn see(&self, bytes: &[u8]) -> io::Result<()> {
        let mut watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watch
            .see(bytes)
            .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))
    }
}

/// A stream whose reading is watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    verdicts: Verdicts,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, verdicts: Verdicts) -> Self {
        Self { stream, verdicts }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => Poll::Ready(self.verdicts.see(&buf.filled()[before..])),
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
