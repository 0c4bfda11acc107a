//! The body of a response, read and inflated piece by piece.

use std::{
    future::poll_fn,
    io::{self, Write},
    pin::pin,
    task::Poll,
};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header::CONTENT_ENCODING};
use http_body_util::BodyExt;

use super::{
    client::{Failure, chain},
    pool::Arriving,
};

/// Compressed bytes that are inflated at a time: however far they unfold, it is bounded, and nobody waits long.
const STEP: usize = 1024;

/// Reads a body to its end, and no more than a limit.
pub(super) struct Reading {
    body: Arriving,
    inflater: Option<Inflater>,
    /// Compressed bytes that have come and are not inflated yet.
    waiting: Bytes,
    /// Bytes that may still come.
    left: usize,
    limit: usize,
}

#[derive(Debug)]
struct Inflater {
    /// None once it has come to its end.
    decoder: Option<MultiGzDecoder<Vec<u8>>>,
    has_begun: bool,
}

impl Reading {
    pub(super) fn new(headers: &HeaderMap, body: Arriving, limit: usize) -> Self {
        let inflater = is_gzip(headers).then(|| Inflater {
            decoder: Some(MultiGzDecoder::new(Vec::new())),
            has_begun: false,
        });
        Self {
            body,
            inflater,
            waiting: Bytes::new(),
            left: limit,
            limit,
        }
    }

    /// The next piece; none at the end, which is a proper one.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let piece = if self.waiting.is_empty() {
                match self.frame().await? {
                    None => match self.inflater.as_mut() {
                        None => return Ok(None),
                        Some(inflater) => match inflater.end()? {
                            None => return Ok(None),
                            Some(last) => last,
                        },
                    },
                    Some(bytes) if self.inflater.is_none() => bytes,
                    Some(bytes) => {
                        self.waiting = bytes;
                        continue;
                    }
                }
            } else {
                let step = self.waiting.len().min(STEP);
                let step = self.waiting.split_to(step);
                match self.inflater.as_mut() {
                    Some(inflater) => inflater.step(&step)?,
                    None => step,
                }
            };
            if piece.is_empty() {
                continue;
            }
            self.left = self
                .left
                .checked_sub(piece.len())
                .ok_or(Failure::TooLarge(self.limit))?;
            return Ok(Some(piece));
        }
    }

    /// The same, if it need not be waited for.
    pub(super) async fn now(&mut self) -> Option<Result<Option<Bytes>, Failure>> {
        let mut next = pin!(self.next());
        poll_fn(|cx| match next.as_mut().poll(cx) {
            Poll::Ready(piece) => Poll::Ready(Some(piece)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// The next bytes as they were sent, and none of the trailers.
    async fn frame(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| Failure::Lost(chain(&error)))?;
            if let Ok(bytes) = frame.into_data()
                && !bytes.is_empty()
            {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

impl Inflater {
    fn step(&mut self, bytes: &[u8]) -> Result<Bytes, Failure> {
        self.has_begun = true;
        let Some(decoder) = &mut self.decoder else {
            return Err(Failure::Garbled("bytes behind its end".to_owned()));
        };
        decoder.write_all(bytes).map_err(|error| garbled(&error))?;
        Ok(std::mem::take(decoder.get_mut()).into())
    }

    /// What was left, once; checks that the last member is whole.
    fn end(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(decoder) = self.decoder.take() else {
            return Ok(None);
        };
        // Without a body there is nothing to inflate, whatever the header says.
        if !self.has_begun {
            return Ok(None);
        }
        let rest = decoder.finish().map_err(|error| garbled(&error))?;
        Ok(Some(rest.into()))
    }
}

fn garbled(error: &io::Error) -> Failure {
    Failure::Garbled(error.to_string())
}

pub(super) fn is_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"))
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(bytes: &[u8], step: usize) -> Result<Vec<u8>, Failure> {
        let mut inflater = Inflater {
            decoder: Some(MultiGzDecoder::new(Vec::new())),
            has_begun: false,
        };
        let mut all = Vec::new();
        for step in bytes.chunks(step) {
            all.extend(inflater.step(step)?);
        }
        all.extend(inflater.end()?.unwrap_or_default());
        assert!(inflater.end()?.is_none());
        Ok(all)
    }

    #[test]
    fn pieces_of_any_size_inflate_to_the_whole_of_all_members() {
        let text = b"the same again and again ".repeat(100);
        let both = [gzip(&text), gzip(b"and more")].concat();
        for step in [1, 7, both.len()] {
            let all = inflate(&both, step).unwrap();
            assert_eq!(all, [&text[..], b"and more"].concat());
        }
    }

    #[test]
    fn a_body_that_is_cut_or_changed_is_garbled() {
        let whole = gzip(&b"the same again and again ".repeat(100));
        for end in [1, 12, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
            assert!(inflate(&whole[..end], 10).is_err(), "{end}");
        }
        for at in [0, whole.len() - 8, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(inflate(&changed, 10).is_err(), "{at}");
        }
        assert!(inflate(b"{}", 10).is_err());
    }
}
