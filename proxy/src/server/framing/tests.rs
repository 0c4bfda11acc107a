use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// The verdicts on a stream that comes in pieces.
fn verdicts(stream: &[u8], piece: usize) -> Vec<Result<(), Fault>> {
    let mut watch = Watch::default();
    for piece in stream.chunks(piece) {
        if watch.see(piece).is_err() {
            break;
        }
    }
    watch.verdicts.into()
}

fn verdict(fields: &str) -> Result<(), Fault> {
    let stream = format!("POST / HTTP/1.1\r\n{fields}\r\n");
    let at_once = verdicts(stream.as_bytes(), stream.len());
    let bit_by_bit = verdicts(stream.as_bytes(), 1);
    assert_eq!(at_once, bit_by_bit, "{fields:?}");
    assert_eq!(at_once.len(), 1, "{fields:?}");
    at_once[0]
}

#[test]
fn one_length_or_one_plain_encoding_is_fine() {
    for fields in [
        "",
        "content-length: 5\r\n",
        "Content-Length:\t5 \r\n",
        "content-length: 0\r\n",
        "transfer-encoding: chunked\r\n",
        "TRANSFER-ENCODING:CHUNKED\r\n",
        "x-content-length: a\r\nx: content-length: 5\r\n",
    ] {
        assert_eq!(verdict(fields), Ok(()), "{fields:?}");
    }
}

#[test]
fn a_head_that_says_its_length_twice_is_refused() {
    let long = format!("content-length:{}5\r\n", " ".repeat(200));
    for (fields, fault) in [
        (
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            Fault::LengthAndEncoding,
        ),
        (
            "transfer-encoding: chunked\r\na: b\r\ncontent-length: 5\r\n",
            Fault::LengthAndEncoding,
        ),
        ("content-length: 5\r\ncontent-length: 5\r\n", Fault::Lengths),
        ("content-length: 5, 5\r\n", Fault::Lengths),
        ("content-length: +5\r\n", Fault::Lengths),
        ("content-length:\r\n", Fault::Lengths),
        ("content-length: 99999999999999999999\r\n", Fault::Lengths),
        (&long, Fault::Lengths),
        (
            "content-length : 5\r\ncontent-length: 6\r\n",
            Fault::Lengths,
        ),
        ("transfer-encoding: gzip, chunked\r\n", Fault::Encoding),
        ("transfer-encoding: chunked, chunked\r\n", Fault::Encoding),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            Fault::Encoding,
        ),
        ("transfer-encoding: \"chunked\"\r\n", Fault::Encoding),
        ("transfer-encoding: \x0bchunked\r\n", Fault::Encoding),
        ("a: b\nc: d\r\n", Fault::LineEnd),
    ] {
        assert_eq!(verdict(fields), Err(fault), "{fields:?}");
    }
}

#[test]
fn the_next_head_is_found_behind_any_body() {
    for body in [
        "content-length: 7\r\n\r\n\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n5;a=\"b\"\r\n\r\n\r\nx\r\n000\r\nx: y\r\n\r\n",
        "\r\n",
        "content-length: 0\r\n\r\n\r\n\r\n",
    ] {
        let stream = format!(
            "POST / HTTP/1.1\r\n{body}GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n"
        );
        for piece in [1, 2, 3, stream.len()] {
            let found = verdicts(stream.as_bytes(), piece);
            assert_eq!(found, [Ok(()), Err(Fault::Lengths)], "{body:?}");
        }
    }
}

#[test]
fn what_no_chunk_should_have_is_an_error() {
    let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    for body in [
        "1;a\0b\r\n",
        "1;a\x7f\r\n",
        "0\r\nContent-Length: 5\r\n",
        "0\r\na: b\r\nhost: x\r\n",
    ] {
        let mut watch = Watch::default();
        assert!(watch.see(format!("{head}{body}").as_bytes()).is_err());
    }
}

/// The bodies that hyper has read to their ends in a stream, and how many heads it took, next to the verdicts.
async fn read_by_hyper(stream: Vec<u8>, piece: usize) -> (Vec<Result<(), Fault>>, usize) {
    let (ours, theirs) = tokio::io::duplex(piece);
    let verdicts = Verdicts::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn({
        let (verdicts, told) = (verdicts.clone(), Arc::clone(&told));
        move |request: Request<Incoming>| {
            let popped = verdicts
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .verdicts
                .pop_front();
            told.lock().unwrap().push(popped);
            async move {
                let _ = request.into_body().collect().await;
                let mut response = Response::new(Full::<Bytes>::default());
                if popped.is_none_or(|verdict| verdict.is_err()) {
                    let close = http::HeaderValue::from_static("close");
                    response.headers_mut().insert("connection", close);
                }
                Ok::<_, Infallible>(response)
            }
        }
    });
    let (mut reading, mut writing) = tokio::io::split(theirs);
    let serve =
        http1::Builder::new().serve_connection(TokioIo::new(Watched::new(ours, verdicts)), service);
    let write = async {
        let _ = writing.write_all(&stream).await;
        let _ = writing.shutdown().await;
    };
    let read = async {
        let _ = reading.read_to_end(&mut Vec::new()).await;
    };
    let _ = tokio::join!(serve, write, read);
    let told = std::mem::take(&mut *told.lock().unwrap());
    let taken = told.len();
    let known: Vec<_> = told.into_iter().flatten().collect();
    (known, taken)
}

/// Pieces that streams of requests are made of, good and bad.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a HTTP/1.1\r\n",
        "POST /a HTTP/1.0\r\nconnection: keep-alive\r\n",
        "host: a\r\n",
        "content-length: 3\r\n",
        "content-length: 10\r\n",
        "content-length: 0\r\n",
        "transfer-encoding: chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "expect: 100-continue\r\n",
        "a: b\n",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "abc",
        "3\r\n",
        "3;a=b\r\n",
        "3 \r\n",
        "abc\r\n",
        "0\r\n",
        "00\r\n\r\n",
        "0\r\na: b\r\n\r\n",
        "content-length: 3\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn hyper_takes_no_head_without_a_verdict(
        pieces in prop::collection::vec(piece(), 1..16),
        cut in 1_usize..200,
    ) {
        let stream = pieces.concat().into_bytes();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (known, taken) = runtime.block_on(read_by_hyper(stream, cut));
        prop_assert_eq!(known.len(), taken);
    }

    #[test]
    fn how_the_stream_is_cut_changes_nothing(
        pieces in prop::collection::vec(piece(), 1..16),
        cut in 1_usize..20,
    ) {
        let stream = pieces.concat().into_bytes();
        prop_assert_eq!(verdicts(&stream, cut), verdicts(&stream, stream.len()));
    }
}
