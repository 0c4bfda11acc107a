//! Requests that cost us much more than their senders, and callers who cost others their turn.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crosswalk_tests::{Demo, Sandbox, Sidecar, exchange_text, headers, read_raw};

use super::SOON;

/// The processor's time that a process has used; zero where the system does not tell.
pub(super) fn processor_time(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // Behind the name, which may have spaces: user and system time are the 12th and the 13th, in hundredths.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Twice as much takes about twice as long: nothing that a caller makes long is gone over again and again. Above the
/// noise of a debug build on a busy machine.
const LONG: Duration = Duration::from_secs(3);

#[test]
fn nothing_that_is_long_is_gone_over_again_and_again() {
    let demo = Demo::start();
    let key = "x-apikey: demo\r\nx-connection-id: hubspot-demo\r\n";
    let json = format!("{key}content-type: application/json\r\n");
    let numbered = |count: usize, of: &dyn Fn(usize) -> String, between: &str| {
        (0..count).map(of).collect::<Vec<_>>().join(between)
    };
    let head = |target: String| ("GET", target, key.to_owned(), String::new());
    let post = |target: &str, body: String| ("POST", target.to_owned(), json.clone(), body);
    let account = "/unified/crm/account";
    for (name, (method, target, headers, body)) in [
        (
            "empty parameters",
            head(format!("{account}?{}", "&".repeat(30_000))),
        ),
        (
            "parameters",
            head(format!("{account}?{}", "a=b&".repeat(7_000))),
        ),
        (
            "other parameters",
            head(format!(
                "{account}?{}",
                numbered(3_000, &|index| format!("a{index}=b"), "&")
            )),
        ),
        (
            "fields",
            head(format!(
                "{account}?fields={}",
                numbered(4_000, &|index| format!("f{index}"), ",")
            )),
        ),
        ("segments", head("/a".repeat(15_000))),
        ("empty segments", head("/".repeat(30_000))),
        ("an id", head(format!("{account}/{}", "%41".repeat(9_000)))),
        (
            "a cursor",
            head(format!("{account}?cursor={}", "A".repeat(30_000))),
        ),
        (
            "an object",
            head(format!(
                "/unified/crm/custom_objects/{}",
                "a_".repeat(14_000)
            )),
        ),
        (
            "a state",
            head(format!(
                "/connect/callback?state={}&code={}",
                "A".repeat(14_000),
                "A".repeat(14_000)
            )),
        ),
        (
            "cookies",
            (
                "GET",
                "/connect".to_owned(),
                format!("cookie: {}\r\n", "a=b; ".repeat(6_000)),
                String::new(),
            ),
        ),
        (
            "what is accepted",
            (
                "GET",
                account.to_owned(),
                format!("{key}accept: {}\r\n", "a/b,".repeat(7_000)),
                String::new(),
            ),
        ),
        (
            "unknown members",
            post(
                account,
                format!(
                    "{{\"record\":{{{}}}}}",
                    numbered(100_000, &|index| format!("\"k{index}\":1"), ",")
                ),
            ),
        ),
        (
            "native members",
            post(
                account,
                format!(
                    "{{\"record\":{{\"passthrough_fields\":{{{}}}}}}}",
                    numbered(2_000, &|index| format!("\"k{index}\":1"), ",")
                ),
            ),
        ),
        (
            "one key more",
            post(
                account,
                format!(
                    "{{\"record\":{{\"passthrough_fields\":{{{}}}}}}}",
                    numbered(300_000, &|index| format!("\"{index}\":1"), ",")
                ),
            ),
        ),
        (
            "ids",
            post(
                "/unified/crm/account/_batch_read",
                format!(
                    "{{\"properties\":[],\"ids\":[{}]}}",
                    numbered(200_000, &|index| format!("\"{index}\""), ",")
                ),
            ),
        ),
        (
            "the same id",
            post(
                "/unified/crm/account/_batch_read",
                format!(
                    "{{\"properties\":[],\"ids\":[{}]}}",
                    numbered(200_000, &|_| "\"1\"".to_owned(), ",")
                ),
            ),
        ),
        (
            "properties",
            post(
                "/unified/crm/account/_batch_read",
                format!(
                    "{{\"ids\":[\"1\"],\"properties\":[{}]}}",
                    numbered(200_000, &|index| format!("\"p{index}\""), ",")
                ),
            ),
        ),
        (
            "values",
            post(
                "/unified/crm/account/_upsert",
                format!(
                    "{{\"record\":{{}},\"upsert_on\":{{\"key\":\"website\",\"values\":[{}]}}}}",
                    numbered(200_000, &|index| format!("\"a{index}.example\""), ",")
                ),
            ),
        ),
        (
            "email addresses",
            post(
                "/unified/crm/contact",
                format!(
                    "{{\"record\":{{\"email_addresses\":[{}]}}}}",
                    numbered(
                        40_000,
                        &|index| format!(
                            "{{\"email_address\":\"a{index}@b.example\",\"email_address_type\":\"primary\"}}"
                        ),
                        ","
                    )
                ),
            ),
        ),
        (
            "escapes",
            post(
                account,
                format!(
                    "{{\"record\":{{\"description\":\"{}\"}}}}",
                    "\\u0026<".repeat(9_000)
                ),
            ),
        ),
    ] {
        let before = processor_time(demo.id());
        let began = Instant::now();
        let got = exchange_text(&demo.address, method, &target, &headers, &body);
        let (took, used) = (
            began.elapsed(),
            processor_time(demo.id()).saturating_sub(before),
        );
        assert!(got.status < 500, "{name}: {} {}", got.status, got.text);
        assert!(
            used < LONG,
            "{name}: {used:?} of the processor, {took:?} in all"
        );
    }
}

fn slow_limits() -> String {
    let sandbox_free =
        "limits: { idle_timeout: 1s, body_timeout: 1s, connections: 40, request_timeout: 5s }\n";
    sandbox_free.to_owned()
}

/// Writes a byte now and then until the other side has had enough; how long that took.
fn drip(mut stream: TcpStream, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut answer = [0; 1024];
    for byte in bytes.iter().cycle() {
        if stream.write_all(&[*byte]).is_err() || began.elapsed() > Duration::from_secs(20) {
            break;
        }
        if matches!(stream.read(&mut answer), Ok(0)) {
            break;
        }
    }
    began.elapsed()
}

/// Covers: slow-head, slow-body
#[test]
fn who_sends_byte_by_byte_is_shown_out_and_others_notice_nothing() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&format!("{}{}", slow_limits(), sandbox.with_oauth()));
    let head = format!(
        "GET /unified/crm/account HTTP/1.1\r\nhost: localhost\r\n{}",
        headers("hubspot")
    );
    let body = format!(
        "POST /unified/crm/account HTTP/1.1\r\nhost: localhost\r\n{}content-type: application/json\r\n",
        headers("hubspot")
    );
    let slow = [
        (String::new(), "GET /unified/crm/account HTTP/1.1\r\n"),
        (head.clone(), "x-a: b\r\n"),
        (head, "x"),
        (format!("{body}content-length: 100000\r\n\r\n"), " "),
        (
            format!("{body}transfer-encoding: chunked\r\n\r\n"),
            "1\r\na\r\n",
        ),
        (format!("{body}transfer-encoding: chunked\r\n\r\n"), "1;a="),
        (
            format!("{body}transfer-encoding: chunked\r\n\r\n0\r\n"),
            "a: b\r\n",
        ),
        // Refused at once, and the body is still on its way.
        (
            body.replace("x-apikey", "x-other") + "content-length: 100000\r\n\r\n",
            " ",
        ),
    ];
    std::thread::scope(|scope| {
        let address = &sidecar.address;
        let slow: Vec<_> = slow
            .iter()
            .flat_map(|each| [each, each])
            .map(|(first, then)| {
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(first.as_bytes()).unwrap();
                    (first, drip(stream, then.as_bytes()))
                })
            })
            .collect();
        for _ in 0..20 {
            let began = Instant::now();
            let got = sidecar.call("hubspot", "GET", "/unified/crm/account?page_size=1", None);
            assert_eq!(got.status, 200, "{}", got.text);
            assert!(began.elapsed() < SOON * 2, "{:?}", began.elapsed());
        }
        for slow in slow {
            let (first, took) = slow.join().unwrap();
            assert!(took < Duration::from_secs(10), "{first}: {took:?}");
        }
    });
}

/// Covers: idle-connections
#[test]
fn a_house_full_of_those_who_say_nothing_empties_itself() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&format!("{}{}", slow_limits(), sandbox.with_oauth()));
    let mut silent: Vec<TcpStream> = (0..60)
        .map(|_| TcpStream::connect(&sidecar.address).unwrap())
        .collect();
    // They are asked to leave within their time; who comes then is served.
    let began = Instant::now();
    let first = read_raw(&mut silent[0], SOON * 4);
    assert!(first.is_closed, "{first:?}");
    let until = began + Duration::from_secs(15);
    loop {
        let mut stream = TcpStream::connect(&sidecar.address).unwrap();
        let request = "GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        if read_raw(&mut stream, SOON * 2)
            .bytes
            .starts_with(b"HTTP/1.1 200 ")
        {
            break;
        }
        assert!(Instant::now() < until, "there is a place again");
    }
}
