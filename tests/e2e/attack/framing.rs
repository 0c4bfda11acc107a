//! Requests of which two readers could think differently: where they end, and whom they are for.

use crosswalk_tests::{Demo, Raw, raw};

use super::SOON;

const POST: &str = "POST /unified/crm/account HTTP/1.1\r\n";
const GET: &str = "GET /unified/crm/account?page_size=1 HTTP/1.1\r\n";
const HEADERS: &str = "host: localhost\r\nx-apikey: demo\r\nx-connection-id: hubspot-demo\r\ncontent-type: application/json\r\n";
const BODY: &str = "{\"record\":{\"name\":\"A\"}}";
const CHUNKS: &str = "17\r\n{\"record\":{\"name\":\"A\"}}\r\n0\r\n\r\n";
/// What a smuggler hides: it must never be answered.
const HIDDEN: &str =
    "GET /unified/crm/nothing-like-it HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// What must become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// One of these statuses, the end of the connection, and nothing of it reaches a provider.
    Closed(&'static [u16]),
    /// The same, and the connection may go on.
    Refused(&'static [u16]),
    /// No answer before the time is up, and nothing of it reaches a provider.
    Silent,
    /// It is as good as any: an answer, and the connection goes on.
    Fine,
}

use Fate::{Closed, Fine, Refused, Silent};

fn post(fields: &str, body: &str) -> Vec<u8> {
    format!("{POST}{HEADERS}{fields}\r\n{body}").into_bytes()
}

fn get(fields: &str) -> Vec<u8> {
    format!("{GET}{HEADERS}{fields}\r\n").into_bytes()
}

fn line(line: &str) -> Vec<u8> {
    format!("{line}\r\n{HEADERS}\r\n").into_bytes()
}

const BAD: Fate = Closed(&[400]);

/// Two ways to say how long a body is, or one that is not clear.
fn lengths() -> Vec<(&'static str, Vec<u8>, Fate)> {
    const LENGTH: &str = "content-length: 23\r\n";
    const CHUNKED: &str = "transfer-encoding: chunked\r\n";
    let both = [LENGTH, CHUNKED].concat();
    let turned = [CHUNKED, LENGTH].concat();
    vec![
        ("length, then chunked", post(&both, CHUNKS), BAD),
        ("chunked, then length", post(&turned, CHUNKS), BAD),
        (
            "no length, then chunked",
            post(&format!("content-length: 0\r\n{CHUNKED}"), CHUNKS),
            BAD,
        ),
        (
            "chunked that ends before the length does",
            post(
                &format!("content-length: {}\r\n{CHUNKED}", 5 + HIDDEN.len()),
                &format!("0\r\n\r\n{HIDDEN}"),
            ),
            BAD,
        ),
        (
            "a read with both",
            get(&format!("content-length: 5\r\n{CHUNKED}")),
            BAD,
        ),
        (
            "the same length twice",
            post(&[LENGTH, LENGTH].concat(), BODY),
            BAD,
        ),
        (
            "two lengths",
            post(&[LENGTH, "content-length: 5\r\n"].concat(), BODY),
            BAD,
        ),
        (
            "a list of lengths",
            post("content-length: 23, 23\r\n", BODY),
            BAD,
        ),
        (
            "a signed length",
            post("content-length: +23\r\n", BODY),
            BAD,
        ),
        (
            "a negative length",
            post("content-length: -1\r\n", BODY),
            BAD,
        ),
        (
            "a length in hexadecimal",
            post("content-length: 0x17\r\n", BODY),
            BAD,
        ),
        (
            "a length with a space",
            post("content-length: 2 3\r\n", BODY),
            BAD,
        ),
        ("an empty length", post("content-length:\r\n", BODY), BAD),
        (
            "a length that overflows",
            post("content-length: 18446744073709551639\r\n", BODY),
            BAD,
        ),
        (
            "the largest length",
            post("content-length: 18446744073709551615\r\n", BODY),
            Closed(&[400, 413, 431]),
        ),
        (
            "a length behind a tab",
            post("content-length:\t23\r\n", BODY),
            Fine,
        ),
        (
            "a length with zeros",
            post("content-length: 0023\r\n", BODY),
            Fine,
        ),
    ]
}

/// Encodings, and what is in chunks.
fn chunks() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let encoded = |encoding: &str| post(&format!("transfer-encoding:{encoding}\r\n"), CHUNKS);
    let chunked = |body: &str| post("transfer-encoding: chunked\r\n", body);
    let sized = |size: &str| chunked(&format!("{size}\r\n{BODY}\r\n0\r\n\r\n"));
    let old = String::from_utf8(encoded(" chunked")).unwrap();
    vec![
        ("chunked", encoded(" chunked"), Fine),
        ("chunked behind a tab", encoded("\tchunked"), Fine),
        ("chunked in capitals", encoded(" CHUNKED"), Fine),
        ("chunked, identity", encoded(" chunked, identity"), BAD),
        ("identity, chunked", encoded(" identity, chunked"), BAD),
        ("gzip, chunked", encoded(" gzip, chunked"), BAD),
        ("chunked, chunked", encoded(" chunked, chunked"), BAD),
        (
            "chunked twice",
            encoded(" chunked\r\ntransfer-encoding: chunked"),
            BAD,
        ),
        (
            "something, then chunked",
            encoded(" x\r\ntransfer-encoding: chunked"),
            BAD,
        ),
        (
            "chunked, then something",
            encoded(" chunked\r\ntransfer-encoding: x"),
            BAD,
        ),
        ("xchunked", encoded(" xchunked"), BAD),
        ("identity", encoded(" identity"), BAD),
        ("chunked in quotes", encoded(" \"chunked\""), BAD),
        ("chunked with a parameter", encoded(" chunked;q=1"), BAD),
        (
            "chunked behind a vertical tab",
            encoded(" \x0bchunked"),
            BAD,
        ),
        (
            "an encoding whose name has a space",
            post("transfer-encoding : chunked\r\n", CHUNKS),
            BAD,
        ),
        (
            "chunked in the old HTTP",
            old.replace("HTTP/1.1", "HTTP/1.0").into_bytes(),
            BAD,
        ),
        (
            "a chunk's size that overflows",
            sized("fffffffffffffffff"),
            BAD,
        ),
        (
            "a chunk's size that wraps around",
            sized("10000000000000017"),
            BAD,
        ),
        ("a signed size", sized("+17"), BAD),
        ("a size with 0x", sized("0x17"), BAD),
        ("a size behind a space", sized(" 17"), BAD),
        ("no size", sized(""), BAD),
        ("an extension", sized("17;a=\"b\""), Fine),
        ("an extension with a line feed", sized("17;a\nb"), BAD),
        ("an extension with a carriage return", sized("17;a\rb"), BAD),
        ("an extension with a NUL", sized("17;a\0b"), BAD),
        (
            "a size that ends with a line feed",
            chunked(&format!("17\n{BODY}\r\n0\r\n\r\n")),
            BAD,
        ),
        (
            "a chunk without its end",
            chunked(&format!("17\r\n{BODY}0\r\n\r\n")),
            BAD,
        ),
        ("a chunk that is longer than its size", sized("5"), BAD),
        (
            "no last chunk",
            chunked(&format!("17\r\n{BODY}\r\n")),
            Silent,
        ),
        (
            "a trailer",
            chunked(&format!("17\r\n{BODY}\r\n0\r\na: b\r\n\r\n")),
            Fine,
        ),
        (
            "a trailer that is a length",
            chunked(&format!("17\r\n{BODY}\r\n0\r\nContent-Length: 5\r\n\r\n")),
            BAD,
        ),
        (
            "a trailer that is none",
            chunked(&format!("17\r\n{BODY}\r\n0\r\ngarbage\r\n\r\n")),
            BAD,
        ),
    ]
}

/// Lines that some read as one header and some as two.
fn lines() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let bytes = |field: &[u8]| [GET.as_bytes(), HEADERS.as_bytes(), field, b"\r\n\r\n"].concat();
    let all = String::from_utf8(get("")).unwrap();
    vec![
        ("a folded line", get("a: b\r\n c\r\n"), BAD),
        (
            "line feeds alone",
            all.replace("\r\n", "\n").into_bytes(),
            BAD,
        ),
        ("one line feed alone", get("a: b\nc: d\r\n"), BAD),
        (
            "a length behind a line feed",
            get(&format!("a: b\ncontent-length: {}\r\n", HIDDEN.len())),
            BAD,
        ),
        (
            "an end with a line feed",
            format!("{GET}{HEADERS}\n").into_bytes(),
            BAD,
        ),
        ("a carriage return alone", get("a: b\rc: d\r\n"), BAD),
        ("a NUL in a value", get("a: b\0c\r\n"), BAD),
        ("a NUL in a name", get("a\0b: c\r\n"), BAD),
        ("a space before the colon", get("a : b\r\n"), BAD),
        ("a tab before the colon", get("a\t: b\r\n"), BAD),
        ("a name of 8 bits", bytes(b"a\xe9: b"), BAD),
        ("a value of 8 bits", bytes(b"a: \xe9"), Fine),
        ("no colon", get("garbage\r\n"), BAD),
        ("no name", get(": b\r\n"), BAD),
        (
            "an empty line first",
            [b"\r\n".to_vec(), get("")].concat(),
            Fine,
        ),
        ("a space first", [b" ".to_vec(), get("")].concat(), BAD),
    ]
}

/// Targets, methods and versions that are for others.
fn targets() -> Vec<(&'static str, Vec<u8>, Fate)> {
    const NOT_HERE: Fate = Refused(&[400, 404, 405, 421]);
    vec![
        (
            "a whole URL of ours",
            line("GET http://localhost/unified/crm/account?page_size=1 HTTP/1.1"),
            Fine,
        ),
        (
            "a whole URL of another",
            line("GET http://evil.example/unified/crm/account HTTP/1.1"),
            Refused(&[421]),
        ),
        (
            "a whole URL with a user",
            line("GET http://a@localhost/unified/crm/account HTTP/1.1"),
            Refused(&[421]),
        ),
        (
            "a whole URL that ends like ours",
            line("GET http://localhost.evil.example/unified/crm/account HTTP/1.1"),
            Refused(&[421]),
        ),
        (
            "a path that could be a host",
            line("GET //evil.example/unified/crm/account HTTP/1.1"),
            NOT_HERE,
        ),
        (
            "CONNECT",
            line("CONNECT evil.example:443 HTTP/1.1"),
            NOT_HERE,
        ),
        (
            "CONNECT to us",
            line("CONNECT localhost:80 HTTP/1.1"),
            NOT_HERE,
        ),
        (
            "TRACE",
            line("TRACE /unified/crm/account HTTP/1.1"),
            NOT_HERE,
        ),
        ("OPTIONS of all", line("OPTIONS * HTTP/1.1"), NOT_HERE),
        ("PRI", line("PRI * HTTP/1.1"), NOT_HERE),
        (
            "a method in small letters",
            line("get /unified/crm/account HTTP/1.1"),
            NOT_HERE,
        ),
        (
            "the preface of HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            Closed(&[400]),
        ),
        ("HTTP/2.0", line("GET /unified/crm/account HTTP/2.0"), BAD),
        ("HTTP/1.2", line("GET /unified/crm/account HTTP/1.2"), BAD),
        (
            "HTTP/0.9",
            b"GET /unified/crm/account\r\n\r\n".to_vec(),
            BAD,
        ),
        (
            "TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            BAD,
        ),
        (
            "two targets",
            line("GET /unified/crm/account /livez HTTP/1.1"),
            BAD,
        ),
        (
            "tabs between",
            line("GET\t/unified/crm/account\tHTTP/1.1"),
            BAD,
        ),
        (
            "a NUL in the target",
            line("GET /unified/\0crm HTTP/1.1"),
            BAD,
        ),
        (
            "a long target",
            line(&format!("GET /{} HTTP/1.1", "a".repeat(1 << 20))),
            Closed(&[414, 431]),
        ),
        (
            "a long header",
            get(&format!("a: {}\r\n", "b".repeat(100_000))),
            Closed(&[431]),
        ),
        (
            "many headers",
            get(&"a: b\r\n".repeat(10_000)),
            Closed(&[431]),
        ),
        (
            "h2c",
            get(
                "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
            ),
            Fine,
        ),
    ]
}

/// What came back is what it should be, with the hidden request behind it.
fn check(name: &str, fate: Fate, got: &Raw) {
    let statuses = got.statuses();
    let told = format!("{name}: {}", String::from_utf8_lossy(&got.bytes));
    match fate {
        Closed(expected) => {
            assert!(got.is_closed, "{told}");
            // Some of it is so far from HTTP that nothing is said.
            let is_expected = statuses.is_empty() || expected.contains(&statuses[0]);
            assert!(is_expected && statuses.len() < 2, "{told}");
        }
        Refused(expected) => {
            assert!(expected.contains(&statuses[0]), "{told}");
            let next = statuses.get(1).copied();
            assert_eq!(next.unwrap_or(404), 404, "{told}");
        }
        Silent => assert!(statuses.is_empty(), "{told}"),
        Fine => assert_eq!(statuses, [200, 404], "{told}"),
    }
}

fn attack(cases: Vec<(&'static str, Vec<u8>, Fate)>) {
    let demo = Demo::start();
    for (name, mut bytes, fate) in cases {
        demo.native_calls("hubspot-demo");
        // Of a body without an end, whatever comes is a part.
        let patience = if fate == Silent { SOON / 3 } else { SOON * 4 };
        bytes.extend_from_slice(if fate == Silent {
            b""
        } else {
            HIDDEN.as_bytes()
        });
        let got = raw(&demo.address, &bytes, patience);
        check(name, fate, &got);
        let has_reached = !demo.native_calls("hubspot-demo").is_empty();
        assert_eq!(has_reached, fate == Fine, "{name}");
        // Whatever it did, it did it to nobody else.
        let after = raw(&demo.address, &get("connection: close\r\n"), SOON * 4);
        assert_eq!(after.statuses(), [200], "after {name}");
    }
}

/// Covers: framing-conflicting-lengths, framing-odd-length
#[test]
fn a_length_that_can_be_read_in_two_ways_ends_the_connection() {
    attack(lengths());
}

/// Covers: framing-odd-transfer-encoding, framing-bad-chunks
#[test]
fn an_encoding_that_is_not_plain_chunked_ends_the_connection() {
    attack(chunks());
}

/// Covers: head-obs-fold, head-bad-bytes
#[test]
fn a_line_that_can_be_read_in_two_ways_ends_the_connection() {
    attack(lines());
}

/// Covers: target-odd-form, head-too-large
#[test]
fn what_is_for_others_is_not_passed_on() {
    attack(targets());
}

#[test]
fn a_refusal_says_what_was_expected_and_is_logged() {
    let demo = Demo::start();
    let fields = "content-length: 23\r\ntransfer-encoding: chunked\r\nx-request-id: both\r\n";
    let got = raw(&demo.address, &post(fields, CHUNKS), SOON * 4);
    let answers = got.answers();
    assert_eq!(answers[0].body["code"], "BAD_REQUEST");
    assert_eq!(answers[0].body["request_id"], "both");
    assert_eq!(answers[0].header("x-request-id"), Some("both"));
    let message = answers[0].body["message"].as_str().unwrap();
    assert!(message.contains("found both of them"), "{message}");
}

/// Covers: framing-pipelined
#[test]
fn requests_in_one_piece_do_not_touch_each_other() {
    let demo = Demo::start();
    let no_key = "host: localhost\r\ncontent-type: application/json\r\n";
    for (first, status) in [
        // Refused before the body is looked at: the body is not the next request.
        (format!("{POST}{no_key}"), 401),
        (format!("POST /unified/nothing HTTP/1.1\r\n{HEADERS}"), 404),
        (
            format!("PUT /unified/crm/account HTTP/1.1\r\n{HEADERS}"),
            405,
        ),
        (
            format!(
                "{POST}{}",
                HEADERS.replace("application/json", "text/plain")
            ),
            415,
        ),
        (
            format!("{POST}{}", HEADERS.replace("localhost", "evil.example")),
            421,
        ),
        (
            format!("{POST}{HEADERS}origin: https://evil.example\r\n"),
            403,
        ),
        (
            format!("{POST}{}", HEADERS.replace("hubspot-demo", "nobody")),
            404,
        ),
        // With these a body means nothing.
        (format!("{GET}{HEADERS}"), 200),
        (format!("GET /livez HTTP/1.1\r\n{HEADERS}"), 200),
        (format!("POST /livez HTTP/1.1\r\n{HEADERS}"), 200),
        (format!("POST /connect HTTP/1.1\r\n{HEADERS}"), 403),
    ] {
        for body in [HIDDEN.to_owned(), HIDDEN.repeat(2000)] {
            let sized = format!("content-length: {}\r\n\r\n{body}", body.len());
            let chunked = format!(
                "transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            );
            for body in [sized, chunked] {
                let bytes = format!("{first}{body}{GET}{HEADERS}connection: close\r\n\r\n");
                let got = raw(&demo.address, bytes.as_bytes(), SOON * 4);
                let statuses = got.statuses();
                assert_eq!(statuses[0], status, "{first}");
                // Either the next one is answered or the connection has ended; never is the body taken for a request.
                assert!(
                    got.is_closed && (statuses.len() == 1 || statuses[1..] == [200]),
                    "{first}: {statuses:?}"
                );
            }
        }
    }
}
