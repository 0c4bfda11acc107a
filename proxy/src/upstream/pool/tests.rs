use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    task::Wake,
    thread,
};

use http_body_util::BodyExt as _;
use hyper_rustls::HttpsConnectorBuilder;
use rustls::crypto::ring;

use super::*;
use crate::upstream::reach::Reach;

mod shared;

const WITH_BODY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A server whose every connection is served by `serve`, and the number of its connections so far.
fn server(serve: fn(TcpStream)) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&accepted);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counts.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || serve(stream));
        }
    });
    (address, accepted)
}

/// Reads one request without a body; its text, empty at the end of the connection.
fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => read.push(byte[0]),
            _ => return String::new(),
        }
    }
    String::from_utf8(read).unwrap()
}

fn answer_all(stream: &mut TcpStream, answer: &str) {
    while !read_request(stream).is_empty() {
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

fn pool() -> Pool {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(Reach::Loopback));
    tcp.enforce_http(false);
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(ring::default_provider())
        .unwrap();
    Pool::new(tls.https_or_http().enable_http1().wrap_connector(tcp))
}

fn request(address: SocketAddr) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = format!("http://{address}/a?b=c").parse().unwrap();
    request
}

async fn body(pool: &Pool, address: SocketAddr) -> Bytes {
    let response = pool.exchange(&mut request(address), || {}).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn exchanges_follow_each_other_on_one_connection() {
    let (address, accepted) = server(|mut stream| answer_all(&mut stream, WITH_BODY));
    let pool = pool();
    for _ in 0..5 {
        assert_eq!(body(&pool, address).await, "hello");
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}

/// Counts how often a call is woken.
struct Woken(Waker, AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.wake_by_ref();
    }
}

#[tokio::test]
async fn a_call_is_woken_by_its_answer_alone() {
    let (address, _) = server(|mut stream| answer_all(&mut stream, WITH_BODY));
    let pool = pool();
    assert_eq!(body(&pool, address).await, "hello");
    let mut call = pin!(body(&pool, address));
    let task = std::future::poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let woken = Arc::new(Woken(task, AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    let answered =
        std::future::poll_fn(|_| call.as_mut().poll(&mut Context::from_waker(&waker))).await;
    assert_eq!(answered, "hello");
    assert_eq!(woken.1.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn exchanges_at_one_time_have_a_connection_each() {
    let (address, accepted) = server(|mut stream| answer_all(&mut stream, WITH_BODY));
    let pool = pool();
    let first = pool.exchange(&mut request(address), || {}).await.unwrap();
    assert_eq!(body(&pool, address).await, "hello");
    drop(first);
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
    // The first was dropped with its body unread; the second is there again.
    assert_eq!(body(&pool, address).await, "hello");
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_response_without_a_body_gives_its_connection_back() {
    let (address, accepted) = server(|mut stream| {
        answer_all(&mut stream, "HTTP/1.1 204 No Content\r\n\r\n");
    });
    let pool = pool();
    for _ in 0..3 {
        // As those do who see that there is none.
        drop(pool.exchange(&mut request(address), || {}).await.unwrap());
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let (address, accepted) = server(|mut stream| {
        read_request(&mut stream);
        stream.write_all(WITH_BODY.as_bytes()).unwrap();
    });
    let pool = pool();
    for expected in 1..4 {
        assert_eq!(body(&pool, address).await, "hello");
        assert_eq!(accepted.load(Ordering::SeqCst), expected);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_path_and_the_host_are_sent_as_servers_expect_them() {
    let (address, _) = server(|mut stream| {
        let request = read_request(&mut stream);
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{request}",
            request.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let sent = body(&pool(), address).await;
    let sent = std::str::from_utf8(&sent).unwrap();
    assert!(sent.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains(&format!("host: {address}\r\n")), "{sent}");
}

#[test]
fn the_usual_port_is_not_in_the_host() {
    for (scheme, authority, host) in [
        (Scheme::HTTPS, "api.example.com", "api.example.com"),
        (Scheme::HTTPS, "api.example.com:443", "api.example.com"),
        (Scheme::HTTP, "api.example.com:443", "api.example.com:443"),
        (Scheme::HTTP, "127.0.0.1:80", "127.0.0.1"),
        (Scheme::HTTP, "[::1]:8080", "[::1]:8080"),
    ] {
        let authority = Authority::from_static(authority);
        assert_eq!(host_header(&scheme, &authority).unwrap(), host);
    }
}

#[tokio::test]
async fn nothing_was_sent_where_nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let connected = AtomicU32::new(0);
    let failed = pool()
        .exchange(&mut request(address), || {
            connected.fetch_add(1, Ordering::SeqCst);
        })
        .await;
    assert!(matches!(failed, Err(Broken::NotConnected(_))));
    assert_eq!(connected.into_inner(), 0);
}

/// Nobody had looked whether it is open: it may end at the very moment.
#[tokio::test]
async fn a_connection_that_has_ended_gives_the_request_back_at_once() {
    let (address, _) = server(|mut stream| {
        read_request(&mut stream);
        stream.write_all(WITH_BODY.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(200));
    });
    let pool = pool();
    assert_eq!(body(&pool, address).await, "hello");
    let mut request = request(address);
    let origin = origin(&request).unwrap();
    let kept = pool.idle.lines().by_origin.remove(&origin).unwrap();
    let (mut line, _) = kept.lines.into_iter().next().unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let asked = tokio::time::timeout(Duration::from_secs(5), line.ask(&mut request));
    let failed = asked.await.expect("it is told").unwrap_err();
    assert!(failed.unwrap().take_message().is_some(), "it was not sent");
}

#[tokio::test]
async fn a_thread_takes_the_connections_that_it_has_opened() {
    let (address, accepted) = server(|mut stream| answer_all(&mut stream, WITH_BODY));
    let pool = pool();
    assert_eq!(body(&pool, address).await, "hello");
    let others = pool.clone();
    let other = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for _ in 0..2 {
                assert_eq!(body(&others, address).await, "hello");
            }
        });
    });
    tokio::task::spawn_blocking(move || other.join().unwrap())
        .await
        .unwrap();
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
    assert_eq!(body(&pool, address).await, "hello");
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_lost() {
    let (address, _) = server(|mut stream| {
        read_request(&mut stream);
    });
    let failed = pool().exchange(&mut request(address), || {}).await;
    assert!(matches!(failed, Err(Broken::Lost(_))));
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_an_error() {
    let (address, accepted) = server(|mut stream| {
        read_request(&mut stream);
        let cut = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello";
        stream.write_all(cut.as_bytes()).unwrap();
    });
    let pool = pool();
    for expected in 1..3 {
        let response = pool.exchange(&mut request(address), || {}).await.unwrap();
        assert!(response.into_body().collect().await.is_err());
        assert_eq!(accepted.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn informational_responses_without_end_are_given_up() {
    let (address, _) = server(|mut stream| {
        read_request(&mut stream);
        while stream
            .write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            .is_ok()
        {}
    });
    let failed = pool().exchange(&mut request(address), || {}).await;
    assert!(matches!(failed, Err(Broken::Flooded)));
}

#[tokio::test]
async fn those_that_stay_idle_are_closed() {
    let (address, accepted) = server(|mut stream| answer_all(&mut stream, WITH_BODY));
    let pool = pool();
    body(&pool, address).await;
    let age = |pool: &Pool, by: Duration| {
        let mut lines = pool.idle.lines();
        let kept = lines.by_origin.values_mut().flat_map(|it| &mut it.lines);
        kept.for_each(|(_, since)| *since -= by);
    };
    age(&pool, IDLE / 2);
    assert!(pool.idle.sweep());
    assert_eq!(body(&pool, address).await, "hello");
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
    // Too old to be taken, even before it is swept.
    age(&pool, IDLE);
    assert_eq!(body(&pool, address).await, "hello");
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
    age(&pool, IDLE);
    assert!(!pool.idle.sweep());
    assert!(pool.idle.lines().by_origin.is_empty());
}

#[tokio::test]
async fn no_more_than_some_are_kept_for_a_host() {
    let (address, _) = server(|mut stream| answer_all(&mut stream, WITH_BODY));
    let pool = pool();
    let mut open = Vec::new();
    for _ in 0..PER_HOST + 3 {
        open.push(pool.exchange(&mut request(address), || {}).await.unwrap());
    }
    for response in open {
        response.into_body().collect().await.unwrap();
    }
    let lines = pool.idle.lines();
    let kept: usize = lines.by_origin.values().map(|it| it.lines.len()).sum();
    assert_eq!(kept, PER_HOST);
}
