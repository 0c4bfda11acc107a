//! Large pages go to their callers while the provider still sends them. What breaks off behind the status is never taken
//! for a whole answer; what is wrong before it is told as ever.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use crosswalk_tests::{Answer, Hostile, Sidecar, chance::Chance, headers, receive, send};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

const CONTACTS: &str = "/unified/crm/contact?page_size=100&sync_mode=full";
const LIMITS: &str =
    "limits: { native_timeout: 2s, request_timeout: 4s, response_body_bytes: 1MiB }\n";
const LONGEST: Duration = Duration::from_secs(10);
/// Bodies of less are read to their end first.
const LARGE: usize = 32 * 1024;

/// A page of HubSpot's contacts, each of about so many bytes.
fn page(count: usize, bytes: usize) -> String {
    let mut chance = Chance::of(&[7]);
    let results: Vec<Value> = (0..count)
        .map(|index| {
            // So that it does not shrink to nothing.
            let text: String = (0..bytes)
                .map(|_| chance.one(&['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', '\\', '"', 'é', ' ']))
                .collect();
            json!({
                "id": index.to_string(),
                "properties": { "firstname": text, "lastname": format!("{index}") },
                "createdAt": "2026-01-01T00:00:00Z",
                "updatedAt": "2026-01-01T00:00:00Z",
                "archived": false,
            })
        })
        .collect();
    json!({ "results": results, "paging": { "next": { "after": "100" } } }).to_string()
}

fn head(length: usize, headers: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n"
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sidecar(provider: &Hostile) -> Sidecar {
    Sidecar::start(&format!(
        "admin_listen: 127.0.0.1:0\n{LIMITS}connections:\n  c: {{ provider: hubspot, base_url: \"http://{}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }}\n",
        provider.address
    ))
}

fn ask(sidecar: &Sidecar) -> TcpStream {
    send(&sidecar.address, "GET", CONTACTS, &headers("c"), "")
}

fn call(sidecar: &Sidecar) -> Answer {
    receive(&mut ask(sidecar))
}

fn ids(answer: &Answer) -> Vec<&str> {
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["last_name"].as_str().unwrap())
        .collect()
}

/// A page that came whole and flowed.
fn has_flown(answer: &Answer) {
    assert!(answer.header("content-length").is_none(), "{}", answer.head);
    is_whole(answer);
}

/// The page, from its beginning to its end.
fn is_whole(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.is_whole);
    let expected: Vec<String> = (0..100).map(|index| index.to_string()).collect();
    assert_eq!(ids(answer), expected);
    assert_eq!(answer.body["has_next_page"], true);
    assert!(answer.body["next_cursor"].is_string());
}

#[test]
fn a_large_page_reaches_its_caller_before_the_provider_has_sent_it() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let provider = Hostile::start(move |_, stream| {
        let page = page(100, 1000);
        let _ = stream.write_all(head(page.len(), "").as_bytes());
        let (first, rest) = page.as_bytes().split_at(50_000);
        let _ = stream.write_all(first);
        let _ = wait.lock().unwrap().recv_timeout(LONGEST);
        let _ = stream.write_all(rest);
    });
    let sidecar = sidecar(&provider);
    let mut stream = ask(&sidecar);
    let mut first = vec![0; 20_000];
    stream.read_exact(&mut first).unwrap();
    assert!(String::from_utf8_lossy(&first).contains("{\"items\":[{"));
    go_on.send(()).unwrap();
    let mut all = first;
    stream.read_to_end(&mut all).unwrap();
    assert!(all.ends_with(b"}\r\n0\r\n\r\n"));
    let logged = sidecar.logged(1);
    assert_eq!(
        (&logged[0]["status"], &logged[0]["native_calls"]),
        (&json!(200), &json!(1))
    );
}

#[test]
fn a_page_is_the_same_however_it_comes() {
    let turn = AtomicUsize::new(0);
    let provider = Hostile::start(move |_, stream| {
        let page = page(100, 1000);
        let page = page.as_bytes();
        let zipped = gzip(page);
        let (headers, body, piece) = match turn.fetch_add(1, Ordering::Relaxed) {
            0 => ("", page, page.len()),
            1 => ("", page, 777),
            2 => ("content-encoding: gzip\r\n", &zipped[..], zipped.len()),
            _ => ("content-encoding: gzip\r\n", &zipped[..], 97),
        };
        let _ = stream.write_all(head(body.len(), headers).as_bytes());
        for piece in body.chunks(piece) {
            let _ = stream.write_all(piece);
        }
    });
    let sidecar = sidecar(&provider);
    let first = call(&sidecar);
    is_whole(&first);
    for _ in 1..4 {
        let next = call(&sidecar);
        is_whole(&next);
        assert_eq!(next.text, first.text);
    }
}

/// Sends a page that goes wrong.
type Breaks = fn(&mut TcpStream, &str);

fn send_whole(stream: &mut TcpStream, body: &[u8], headers: &str) {
    let _ = stream.write_all(head(body.len(), headers).as_bytes());
    send_parts(stream, body);
}

/// Sends the end of a large body when what is before it has long been told.
fn send_parts(stream: &mut TcpStream, body: &[u8]) {
    let (first, rest) = body.split_at(body.len() * 3 / 4);
    let _ = stream.write_all(first);
    if body.len() > LARGE {
        std::thread::sleep(Duration::from_millis(300));
    }
    let _ = stream.write_all(rest);
}

const BREAKS: [(&str, Breaks); 7] = [
    ("cut short", |stream, page| {
        let _ = stream.write_all(head(page.len(), "").as_bytes());
        send_parts(stream, &page.as_bytes()[..page.len() - 10]);
    }),
    ("JSON that ends early", |stream, page| {
        send_whole(stream, &page.as_bytes()[..page.len() - 1], "");
    }),
    ("a record that is none", |stream, page| {
        let page = page.replace("],\"paging\"", ",{\"id\":[],\"properties\":7}],\"paging\"");
        send_whole(stream, page.as_bytes(), "");
    }),
    ("records twice", |stream, page| {
        let page = page.replace("\"paging\"", "\"results\":[],\"paging\"");
        send_whole(stream, page.as_bytes(), "");
    }),
    ("gzip that is cut", |stream, page| {
        let zipped = gzip(page.as_bytes());
        send_whole(
            stream,
            &zipped[..zipped.len() - 4],
            "content-encoding: gzip\r\n",
        );
    }),
    ("gzip with a wrong sum", |stream, page| {
        let mut zipped = gzip(page.as_bytes());
        let end = zipped.len() - 6;
        zipped[end] ^= 1;
        send_whole(stream, &zipped, "content-encoding: gzip\r\n");
    }),
    ("too slow", |stream, page| {
        let _ = stream.write_all(head(page.len(), "").as_bytes());
        let _ = stream.write_all(&page.as_bytes()[..page.len() - 10]);
        std::thread::sleep(Duration::from_secs(3));
    }),
];

/// Covers: answer-breaks-while-told
#[test]
fn an_answer_that_breaks_while_it_is_told_is_never_taken_for_a_whole_one() {
    for (name, breaks) in BREAKS {
        let large = Arc::new(AtomicUsize::new(1));
        let is_large = Arc::clone(&large);
        let provider = Hostile::start(move |_, stream| {
            let bytes = if is_large.load(Ordering::Relaxed) == 1 {
                1000
            } else {
                5
            };
            breaks(stream, &page(100, bytes));
        });
        let sidecar = sidecar(&provider);
        let answer = call(&sidecar);
        assert_eq!(answer.status, 200, "{name}");
        assert!(!answer.is_whole, "{name}: {}", answer.text);
        assert_eq!(provider.seen().len(), 1, "{name}: it cannot be asked again");
        let line = &sidecar.logged(1)[0];
        assert_eq!(line["status"], 200, "{name}: {line}");
        assert!(line["code"].is_string(), "{name}: {line}");
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.contains("cut off behind"), "{name}: {line}");
        assert_eq!(line["level"], "WARN", "{name}");

        large.store(0, Ordering::Relaxed);
        let answer = call(&sidecar);
        // As a whole, the records that come last count.
        if name == "records twice" {
            assert_eq!((answer.status, &answer.body["items"]), (200, &json!([])));
            continue;
        }
        assert!(
            [502, 504].contains(&answer.status),
            "{name}: {}",
            answer.text
        );
        assert!(
            answer.is_whole && answer.body["message"].is_string(),
            "{name}"
        );
    }
}

#[test]
fn a_page_beyond_the_limit_breaks_off() {
    let provider = Hostile::start(|_, stream| {
        let page = page(1500, 1000);
        send_whole(stream, page.as_bytes(), "");
    });
    let sidecar = sidecar(&provider);
    let answer = call(&sidecar);
    assert_eq!((answer.status, answer.is_whole), (200, false));
    let line = &sidecar.logged(1)[0];
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.contains("limits.response_body_bytes"), "{line}");
}

/// Covers: caller-slow-or-gone-while-told
#[test]
fn nothing_is_read_faster_than_the_caller_takes_it_and_nothing_when_he_is_gone() {
    let sent = Arc::new(AtomicUsize::new(0));
    let (counted, ended) = (Arc::clone(&sent), Arc::new(AtomicUsize::new(0)));
    let has_ended = Arc::clone(&ended);
    let provider = Hostile::start(move |_, stream| {
        let record = page(1, 1000);
        let record = &record["{\"results\":[".len()..record.find("],\"paging\"").unwrap()];
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"results\":[");
        while stream.write_all(format!("{record},").as_bytes()).is_ok() {
            counted.fetch_add(record.len() + 1, Ordering::Relaxed);
        }
        has_ended.store(1, Ordering::Relaxed);
    });
    let rest = format!(
        "limits: {{ native_timeout: 30s, request_timeout: 60s, response_body_bytes: 1GiB }}\nconnections:\n  c: {{ provider: hubspot, base_url: \"http://{}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }}\n",
        provider.address
    );
    let sidecar = Sidecar::start(&rest);
    let stream = ask(&sidecar);
    let mut before = usize::MAX;
    let began = Instant::now();
    // Until the buffers of the system are full, on both sides.
    while sent.load(Ordering::Relaxed) != before || before == 0 {
        before = sent.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(300));
        assert!(began.elapsed() < LONGEST, "{before} bytes and no end");
    }
    assert!(before < 32 << 20, "{before} bytes were read for nobody");
    assert_eq!(ended.load(Ordering::Relaxed), 0);
    drop(stream);
    let began = Instant::now();
    while ended.load(Ordering::Relaxed) == 0 {
        assert!(began.elapsed() < LONGEST, "it is still read");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(sidecar.logged(1)[0]["status"], 499);
}

#[test]
fn an_answer_for_several_callers_is_told_whole_and_one_that_flows_is_joined_by_nobody() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let provider = Hostile::start(move |_, stream| {
        let page = page(100, 1000);
        let _ = stream.write_all(head(page.len(), "").as_bytes());
        for part in [0..10_000, 10_000..60_000, 60_000..page.len()] {
            let _ = stream.write_all(&page.as_bytes()[part]);
            let _ = wait.lock().unwrap().recv_timeout(LONGEST);
        }
    });
    let sidecar = sidecar(&provider);
    let until_asked = |count| {
        let began = Instant::now();
        while provider.seen().len() < count {
            assert!(began.elapsed() < LONGEST);
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    // The second comes while less is there than makes it flow.
    let mut both = [ask(&sidecar), {
        until_asked(1);
        ask(&sidecar)
    }];
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..3 {
        go_on.send(()).unwrap();
    }
    for stream in &mut both {
        let answer = receive(stream);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.header("content-length").is_some(), "{}", answer.head);
        assert_eq!(ids(&answer).len(), 100);
    }
    assert_eq!(provider.seen().len(), 1);

    let mut first = ask(&sidecar);
    until_asked(2);
    go_on.send(()).unwrap();
    let mut begun = [0; 1000];
    first.read_exact(&mut begun).unwrap();
    let mut second = ask(&sidecar);
    until_asked(3);
    for _ in 0..5 {
        go_on.send(()).unwrap();
    }
    has_flown(&receive(&mut second));
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"\r\n0\r\n\r\n"));
}

#[test]
fn a_caller_of_an_older_version_is_told_whole_pages() {
    let provider = Hostile::start(|_, stream| {
        send_whole(stream, page(100, 1000).as_bytes(), "");
    });
    let sidecar = sidecar(&provider);
    let mut stream = TcpStream::connect(&sidecar.address).unwrap();
    let request = format!(
        "GET {CONTACTS} HTTP/1.0\r\nhost: {}\r\n{}\r\n",
        sidecar.address,
        headers("c")
    );
    stream.write_all(request.as_bytes()).unwrap();
    let answer = receive(&mut stream);
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-length").is_some(), "{}", answer.head);
    assert_eq!(ids(&answer).len(), 100);
}
