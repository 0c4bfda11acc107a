//! Bodies that are read to their ends before anybody looks into them.

use std::pin::Pin;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unread<E> {
    /// It has more bytes than it may have.
    TooLarge,
    Broken(E),
}

/// A body of at most `limit` bytes. Nearly every one comes in one piece, which is what is handed back then.
pub(crate) async fn whole<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    limit: usize,
) -> Result<Bytes, Unread<B::Error>> {
    let mut first = Bytes::new();
    let mut others: Vec<Bytes> = Vec::new();
    let mut left = limit;
    // Whose length was told is known to be at its end when the last piece has come.
    while !body.is_end_stream()
        && let Some(frame) = body.frame().await
    {
        // The other kind is trailers.
        let Ok(piece) = frame.map_err(Unread::Broken)?.into_data() else {
            continue;
        };
        left = left.checked_sub(piece.len()).ok_or(Unread::TooLarge)?;
        if first.is_empty() {
            first = piece;
        } else if !piece.is_empty() {
            others.push(piece);
        }
    }
    if others.is_empty() {
        return Ok(first);
    }
    others.insert(0, first);
    Ok(others.concat().into())
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        convert::Infallible,
        pin::pin,
        task::{Context, Poll},
    };

    use http::HeaderMap;
    use http_body_util::Full;
    use hyper::body::Frame;

    use super::*;

    /// A body that comes in these frames.
    struct Coming(VecDeque<Frame<Bytes>>);

    impl Body for Coming {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    async fn read(pieces: &[&'static str], limit: usize) -> Result<String, Unread<Infallible>> {
        let pieces = pieces
            .iter()
            .map(|piece| Bytes::from_static(piece.as_bytes()));
        let trailers = [Frame::trailers(HeaderMap::new())];
        let frames = pieces.map(Frame::data).chain(trailers).collect();
        let body = pin!(Coming(frames));
        let body = whole(body, limit).await?;
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn pieces_of_any_number_are_one_body() {
        for pieces in [
            &[][..],
            &[""],
            &["one"],
            &["", "one", ""],
            &["one", "two"],
            &["", "one", "", "two", "three"],
        ] {
            let all = pieces.concat();
            assert_eq!(read(pieces, all.len()).await, Ok(all), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_too_large() {
        for pieces in [&["four"][..], &["tw", "o "], &["a", "b", "c", "d"]] {
            assert_eq!(read(pieces, 3).await, Err(Unread::TooLarge), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn the_only_piece_is_not_copied() {
        let piece = Bytes::from_static(b"one");
        let body = pin!(Full::new(piece.clone()));
        let read = whole(body, 3).await.unwrap();
        assert_eq!(read.as_ptr(), piece.as_ptr());
    }
}
