//! A provider that lies, floods, drips and bursts: every call ends in time, in bounded memory, with an error that says so.

use std::{
    fmt::Write as _,
    io::Write,
    net::TcpStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crosswalk_tests::{API_KEY, Answer, Hostile, Sidecar};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

/// Twice the deadline of a call, since the machine has more to do.
const IN_TIME: Duration = Duration::from_secs(8);
const LIMITS: &str = "limits: { native_timeout: 500ms, request_timeout: 1500ms, token_timeout: 1500ms, response_body_bytes: 4MiB }\n";
/// All that a proxy under attack may use, in kB. An idle one has less than 40 MB, and no answer is above 4 MiB.
const MOST_MEMORY: u64 = 300_000;

type Attack = fn(&mut TcpStream);

/// What is answered to every call, and what a read and a write may come to.
struct Case {
    name: &'static str,
    attack: Attack,
    read: &'static [u16],
    write: &'static [u16],
}

const fn case(name: &'static str, attack: Attack) -> Case {
    Case {
        name,
        attack,
        read: &[502, 504],
        write: &[502, 504],
    }
}

/// A case in which the provider says no, or nothing wrong, in its own odd way.
const fn mild(name: &'static str, attack: Attack) -> Case {
    Case {
        read: &[200, 404, 502, 504],
        write: &[200, 404, 502, 504],
        ..case(name, attack)
    }
}

fn send(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    let _ = stream.write_all(bytes.as_ref());
}

/// The same bytes until nobody takes them any more.
fn flood(stream: &mut TcpStream, bytes: &[u8]) {
    let bytes = bytes.repeat(8192_usize.div_ceil(bytes.len()));
    while stream.write_all(&bytes).is_ok() {}
}

/// The same bytes, slowly.
fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    while stream.write_all(bytes).is_ok() {
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn body(stream: &mut TcpStream, headers: &str, body: impl AsRef<[u8]>) {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}connection: close\r\n\r\n",
        body.len()
    );
    send(stream, head);
    send(stream, body);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// 64 MB in 64 kB.
fn bomb() -> Vec<u8> {
    gzip(&vec![b' '; 64 << 20])
}

const GZIP: &str = "content-encoding: gzip\r\n";
const EMPTY: &str = "{\"results\":[]}";

fn deep(open: &str, close: &str) -> String {
    format!("{}1{}", open.repeat(200_000), close.repeat(200_000))
}

fn bodies() -> Vec<Case> {
    vec![
        case("HTML", |stream| body(stream, "", "<html>Sign in</html>")),
        case("nothing", |stream| body(stream, "", "")),
        case("null", |stream| body(stream, "", "null")),
        case("a number", |stream| body(stream, "", "42")),
        case("a list", |stream| body(stream, "", "[1,2]")),
        case("half of it", |stream| {
            body(stream, "", "{\"results\":[{\"id\":\"1\"")
        }),
        case("more than it", |stream| {
            body(stream, "", "{\"id\":\"1\",\"results\":[]}{\"id\":\"2\"}");
        }),
        case("not UTF-8", |stream| {
            body(stream, "", b"{\"results\":[{\"id\":\"1\",\"properties\":{\"name\":\"\xff\"}}],\"id\":\"\xff\"}");
        }),
        case("wrong types", |stream| {
            body(
                stream,
                "",
                "{\"results\":{\"a\":1},\"id\":[],\"properties\":7}",
            );
        }),
        case("records that are numbers", |stream| {
            body(stream, "", "{\"results\":[1],\"id\":{},\"properties\":[]}");
        }),
        case("no id", |stream| {
            body(
                stream,
                "",
                "{\"results\":[{\"properties\":{}}],\"properties\":{}}",
            );
        }),
        case("deep lists", |stream| body(stream, "", deep("[", "]"))),
        case("deep objects", |stream| {
            body(stream, "", deep("{\"a\":", "}"))
        }),
        case("deep records", |stream| {
            let deep = deep("[", "]");
            body(
                stream,
                "",
                format!(
                    "{{\"results\":[{{\"id\":\"1\",\"properties\":{deep}}}],\"id\":\"1\",\"properties\":{deep}}}"
                ),
            );
        }),
        mild("deep where nobody looks", |stream| {
            body(
                stream,
                "",
                format!("{{\"x\":{},\"results\":[]}}", deep("[", "]")),
            );
        }),
        mild("numbers without end", |stream| {
            let digits = "9".repeat(1_000_000);
            let properties = format!(
                "{{\"numberofemployees\":\"1e{digits}\",\"annualrevenue\":\"{digits}\",\"name\":{digits}}}"
            );
            body(
                stream,
                "",
                format!(
                    "{{\"results\":[{{\"id\":\"1\",\"properties\":{properties}}}],\"id\":\"1\",\"properties\":{properties}}}"
                ),
            );
        }),
        case("100,000 pages to come", |stream| {
            body(
                stream,
                "",
                format!("{{\"results\":\"{}\"}}", "x".repeat(3 << 20)),
            );
        }),
    ]
}

fn encodings() -> Vec<Case> {
    vec![
        case("a bomb", |stream| body(stream, GZIP, bomb())),
        case("a bomb in a bomb", |stream| {
            body(stream, GZIP, gzip(&bomb()))
        }),
        case("twice gzip", |stream| {
            body(
                stream,
                "content-encoding: gzip, gzip\r\n",
                gzip(&gzip(EMPTY.as_bytes())),
            );
        }),
        case("many small bombs in a row", |stream| {
            body(stream, GZIP, gzip(&vec![b' '; 1 << 20]).repeat(64));
        }),
        case("a cut gzip", |stream| {
            let whole = gzip(&vec![b' '; 10_000]);
            body(stream, GZIP, &whole[..whole.len() / 2]);
        }),
        case("no gzip", |stream| body(stream, GZIP, EMPTY)),
        case("deflate", |stream| {
            body(
                stream,
                "content-encoding: deflate\r\n",
                gzip(EMPTY.as_bytes()),
            )
        }),
        case("br", |stream| {
            body(
                stream,
                "content-encoding: br\r\n",
                b"\x0f\x05\x80{\"results\":[]}\x03",
            )
        }),
        case("a body without end", |stream| {
            send(stream, "HTTP/1.1 200 OK\r\n\r\n");
            flood(stream, b" ");
        }),
        case("chunks without end", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            );
            flood(stream, b"4\r\n    \r\n");
        }),
        case("a chunk's size that overflows", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
            );
        }),
        case("no last chunk", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
            );
        }),
        case("trailers without end", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
            );
            flood(stream, b"a: b\r\n");
        }),
        case("a body that is shorter than its length", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"results\":[]}",
            );
        }),
        case("a body that is longer than its length", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{\"results\":[]}",
            );
        }),
        case("two lengths", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 14\r\n\r\n{\"results\":[]}",
            );
        }),
        case("a negative length", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: -14\r\n\r\n{\"results\":[]}",
            );
        }),
        case("a length of all there is", |stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551613\r\n\r\n{\"results\":[]}",
            );
            drip(stream, b" ");
        }),
    ]
}

fn heads() -> Vec<Case> {
    vec![
        case("no answer", |stream| drip(stream, b"")),
        case("the end", |_| {}),
        case("something else", |stream| {
            send(stream, "SSH-2.0-OpenSSH_9.2\r\n")
        }),
        case("HTTP/2", |stream| {
            send(stream, b"\x00\x00\x12\x04\x00\x00\x00\x00\x00")
        }),
        case("noise without end", |stream| flood(stream, b"x")),
        case("a header without end", |stream| {
            send(stream, "HTTP/1.1 200 OK\r\na: ");
            flood(stream, b"b");
        }),
        case("headers without end", |stream| {
            send(stream, "HTTP/1.1 200 OK\r\n");
            flood(stream, b"a: b\r\n");
        }),
        case("10,000 headers", |stream| {
            let mut headers = String::new();
            for index in 0..10_000 {
                write!(headers, "a{index}: b\r\n").unwrap();
            }
            body(stream, &headers, EMPTY);
        }),
        case("empty lines without end", |stream| flood(stream, b"\r\n")),
        case("100 Continue without end", |stream| {
            flood(stream, b"HTTP/1.1 100 Continue\r\n\r\n");
        }),
        case("103 Early Hints without end", |stream| {
            flood(stream, b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
        }),
        case("another protocol", |stream| {
            send(
                stream,
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            );
            flood(stream, b"x");
        }),
        case("a slow head", |stream| drip(stream, b"H")),
        case("slow headers", |stream| {
            send(stream, "HTTP/1.1 200 OK\r\n");
            drip(stream, b"a: b\r\n");
        }),
        case("a slow body", |stream| {
            send(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
            drip(stream, b" ");
        }),
        mild("no content", |stream| {
            send(stream, "HTTP/1.1 204 No Content\r\n\r\n{\"results\":[]}")
        }),
        case("not modified", |stream| {
            send(stream, "HTTP/1.1 304 Not Modified\r\n\r\n")
        }),
        case("a status that there is not", |stream| {
            send(stream, "HTTP/1.1 999 Never\r\ncontent-length: 0\r\n\r\n");
        }),
        case("a status of four digits", |stream| {
            send(stream, "HTTP/1.1 2000 OK\r\n\r\n{}")
        }),
    ]
}

/// The most memory that a process has had, in kB.
fn most_memory(sidecar: &Sidecar) -> u64 {
    let path = format!("/proc/{}/status", sidecar.process.id());
    let Ok(status) = std::fs::read_to_string(path) else {
        // There is no other way to ask without a tool.
        return 0;
    };
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn check(name: &str, got: &Answer, expected: &[u16], began: Instant) {
    assert!(
        expected.contains(&got.status),
        "{name}: {} {}",
        got.status,
        got.text
    );
    let took = began.elapsed();
    assert!(took < IN_TIME, "{name}: {took:?}");
    if got.status >= 500 {
        let code = got.body["code"].as_str().unwrap_or_default();
        assert!(
            ["BAD_GATEWAY", "TIMEOUT"].contains(&code),
            "{name}: {}",
            got.text
        );
        assert!(got.body["request_id"].is_string(), "{name}: {}", got.text);
        assert!(got.text.len() < 10_000, "{name}: {}", got.text);
    }
}

fn suffer(case: &Case, sidecar: &Sidecar, connection: &str) {
    for target in ["/unified/crm/account?page_size=1", "/unified/crm/account/1"] {
        let began = Instant::now();
        let got = sidecar.call(connection, "GET", target, None);
        check(case.name, &got, case.read, began);
    }
    let began = Instant::now();
    let record = json!({ "record": { "name": "A" } });
    let got = sidecar.call(connection, "POST", "/unified/crm/account", Some(&record));
    check(case.name, &got, case.write, began);
    if got.status >= 500 {
        // It was sent, so nobody may say that it was not carried out.
        let outcome = got.body["outcome"].as_str().unwrap_or_default();
        assert!(
            ["unknown", "written"].contains(&outcome),
            "{}: {}",
            case.name,
            got.text
        );
    }
}

/// All attacks on one proxy, some of them at one time, each by a host of its own.
fn suffer_all(cases: &[Case]) {
    let hosts: Vec<Hostile> = cases
        .iter()
        .map(|case| {
            let attack = case.attack;
            Hostile::start(move |_, stream| attack(stream))
        })
        .collect();
    let mut config = format!("{LIMITS}connections:\n");
    for (index, host) in hosts.iter().enumerate() {
        let place = &host.address;
        writeln!(config, "  c{index}: {{ provider: hubspot, base_url: \"http://{place}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }}").unwrap();
    }
    let sidecar = Sidecar::start(&config);
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else {
                        break;
                    };
                    let suffering = std::panic::AssertUnwindSafe(|| {
                        suffer(case, &sidecar, &format!("c{index}"));
                    });
                    if std::panic::catch_unwind(suffering).is_err() {
                        let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
                        faults.push(case.name);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(faults.is_empty(), "{faults:?}");
    let memory = most_memory(&sidecar);
    assert!(memory < MOST_MEMORY, "{memory} kB");
    assert!(!sidecar.process.err.text().contains("panicked"));
}

/// Covers: answer-not-json, answer-retyped, answer-deep
#[test]
fn a_body_that_is_not_what_it_should_be_is_a_bad_gateway() {
    suffer_all(&bodies());
}

/// Covers: answer-bomb, answer-wrong-length, answer-too-large
#[test]
fn a_body_that_grows_or_does_not_end_is_a_bad_gateway() {
    suffer_all(&encodings());
}

/// Covers: answer-not-http
#[test]
fn a_head_that_is_none_or_does_not_end_is_a_bad_gateway() {
    suffer_all(&heads());
}

/// Covers: redirect-of-provider
#[test]
fn no_redirect_is_followed_and_no_credential_goes_to_another_host() {
    let evil = Hostile::start(|_, stream| body(stream, "", EMPTY));
    let at = Arc::new(Mutex::new((301, String::new())));
    let redirecting = Hostile::start({
        let at = Arc::clone(&at);
        move |_, stream| {
            let (status, location) = at.lock().unwrap().clone();
            send(
                stream,
                format!(
                    "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                ),
            );
        }
    });
    let place = &redirecting.address;
    let sidecar = Sidecar::start(&format!(
        "connections:\n  api: {{ provider: hubspot, base_url: \"http://{place}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }}\n  token: {{ provider: hubspot, base_url: \"http://{place}\", oauth: {{ client_id: sandbox-client, client_secret: \"env:CANARY_CLIENT_SECRET\", refresh_token: \"env:CANARY_REFRESH_TOKEN\" }} }}\n{LIMITS}"
    ));
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("http://{}/", evil.address),
            format!("http://{place}/elsewhere"),
            "http://169.254.169.254/latest/meta-data".to_owned(),
        ] {
            *at.lock().unwrap() = (status, location.clone());
            let told = format!("{status} to {location}");
            let got = sidecar.call("api", "GET", "/unified/crm/account/1", None);
            assert_eq!(got.status, 502, "{told}: {}", got.text);
            assert!(!got.text.contains(&evil.address), "{told}: {}", got.text);
            assert_eq!(got.header("location"), None, "{told}");
            let record = json!({ "record": { "name": "A" } });
            let got = sidecar.call("api", "POST", "/unified/crm/account", Some(&record));
            assert_eq!(got.status, 502, "{told}: {}", got.text);
            let got = sidecar.call("token", "GET", "/unified/crm/account/1", None);
            assert!(
                [401, 502, 503].contains(&got.status),
                "{told}: {}",
                got.text
            );
        }
    }
    assert_eq!(evil.seen(), Vec::<String>::new());
    for request in redirecting.seen() {
        assert!(!request.contains("/elsewhere"), "{request}");
        assert!(!request.contains(API_KEY), "{request}");
    }
}

/// Covers: instance-url-foreign, value-breaks-header
#[test]
fn a_token_that_leads_elsewhere_or_cannot_stand_in_a_header_is_refused() {
    let answer = Arc::new(Mutex::new(json!({})));
    let login = Hostile::start({
        let answer = Arc::clone(&answer);
        move |_, stream| {
            let answer = answer.lock().unwrap().to_string();
            body(stream, "", answer);
        }
    });
    for (token, url) in [
        ("good", "https://acme.my.salesforce.com.evil.example"),
        ("good", "http://acme.my.salesforce.com"),
        ("good", "https://evil.example"),
        ("good", "https://user@acme.my.salesforce.com"),
        ("good", "https://acme.my.salesforce.com:8443"),
        ("good", "https://acme.my.salesforce.com/evil"),
        ("good", "https://acme.my.salesforce.com@evil.example"),
        ("good", "https://169.254.169.254"),
        ("good", "https://[::ffff:169.254.169.254]"),
        ("good", "http://10.0.0.1"),
        ("good", "file:///etc/passwd"),
        ("good", "not a url"),
        ("good", ""),
        ("bad\r\nx-evil: 1", "LOGIN"),
        ("bad\n", "LOGIN"),
        ("bad\0", "LOGIN"),
        ("bad\u{7f}", "LOGIN"),
        ("", "LOGIN"),
    ] {
        let url = url.replace("LOGIN", &format!("http://{}", login.address));
        *answer.lock().unwrap() =
            json!({ "access_token": token, "instance_url": url, "token_type": "Bearer" });
        let sidecar = Sidecar::start(&format!(
            "connections: {{ c: {{ provider: salesforce, login_url: \"http://{}\", oauth: {{ client_id: a, client_secret: \"env:CANARY_CLIENT_SECRET\", refresh_token: \"env:CANARY_REFRESH_TOKEN\" }} }} }}\n{LIMITS}",
            login.address
        ));
        let got = sidecar.call("c", "GET", "/unified/crm/account", None);
        assert_eq!(got.status, 502, "{token:?} {url}: {}", got.text);
        assert_eq!(got.body["code"], "BAD_GATEWAY", "{token:?} {url}");
    }
    for request in login.seen() {
        assert!(
            request.starts_with("POST /services/oauth2/token "),
            "{request}"
        );
    }
}
