//! SIGTERM: calls in flight end well, new ones are refused, and a second signal ends everything at once.
#![cfg(unix)]

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crosswalk_tests::{Sandbox, Sidecar, headers, receive, send};
use serde_json::{Value, json};

/// Makes every call of the API wait.
fn slow(sandbox: &Sandbox, provider: &str, delay_ms: u32) {
    let fault =
        json!({"match": {"path": "/data/v59.0/"}, "times": 1000, "action": {"delay_ms": delay_ms}});
    sandbox.control(provider, "POST", "/_sandbox/faults", Some(&fault));
}

/// Waits until the provider has seen so many calls of the API.
fn wait_for_calls(sandbox: &Sandbox, count: usize) {
    let until = Instant::now() + Duration::from_secs(20);
    let is_of_the_api = |call: &&Value| call["path"].as_str().unwrap().contains("/data/");
    loop {
        let calls = sandbox.seen("salesforce");
        let seen = calls.iter().filter(is_of_the_api).count();
        if seen >= count {
            return;
        }
        assert!(Instant::now() < until, "{seen} of {count} calls came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn create(sidecar: &Sidecar, last_name: &str) -> TcpStream {
    let body = json!({"record": {"last_name": last_name}}).to_string();
    let headers = format!(
        "{}content-type: application/json\r\n",
        headers("salesforce")
    );
    send(
        &sidecar.address,
        "POST",
        "/unified/crm/contact",
        &headers,
        &body,
    )
}

/// Covers: sigterm-drains, caller-hangs-up-write
#[test]
fn a_signal_lets_calls_end_and_refuses_new_ones() {
    lets_calls_end("", &[]);
}

/// Callers are shared out between the threads, and all of them are waited for.
#[test]
fn a_signal_lets_the_calls_of_all_threads_end() {
    lets_calls_end("limits: { threads: 3 }\n", &["calls-1", "calls-2"]);
}

/// The threads of a process that answer calls, beside the first: their names, and how often each has waited for something.
fn hands(sidecar: &Sidecar) -> Vec<(String, u32)> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", sidecar.process.id())) else {
        return Vec::new();
    };
    let hand = |thread: std::io::Result<std::fs::DirEntry>| {
        let status = std::fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
        let told = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        let waited = told("voluntary_ctxt_switches:")?.parse().ok()?;
        Some((told("Name:")?, waited))
    };
    let mut hands: Vec<_> = threads.filter_map(hand).collect();
    hands.retain(|(name, _)| name.starts_with("calls-"));
    hands.sort();
    hands
}

fn lets_calls_end(settings: &str, expected_hands: &[&str]) {
    let sandbox = Sandbox::start();
    let mut sidecar = Sidecar::start(&format!("{settings}{}", sandbox.with_oauth()));
    let before = hands(&sidecar);
    if cfg!(target_os = "linux") {
        let names: Vec<_> = before.iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected_hands);
    }
    // A connection that is kept open for further calls.
    let mut idle = TcpStream::connect(&sidecar.address).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let host = &sidecar.address;
    write!(idle, "GET /livez HTTP/1.1\r\nhost: {host}\r\n\r\n").unwrap();
    let mut answered = [0; 15];
    idle.read_exact(&mut answered).unwrap();
    assert_eq!(&answered, b"HTTP/1.1 200 OK");
    slow(&sandbox, "salesforce", 3_000);
    // Each another page, or they would be made as one.
    let mut reads: Vec<TcpStream> = (1..=10)
        .map(|size| {
            let target = format!("/unified/crm/contact?page_size={size}");
            send(&sidecar.address, "GET", &target, &headers("salesforce"), "")
        })
        .collect();
    let mut write = create(&sidecar, "Waited for");
    let left_alone = create(&sidecar, "Left alone");
    wait_for_calls(&sandbox, 12);
    for ((name, waited), (_, now)) in before.into_iter().zip(hands(&sidecar)) {
        assert!(now > waited, "{name} has calls of its own");
    }
    // Its caller hangs up, and what it asked for is done all the same.
    drop(left_alone);
    sidecar.process.terminate();
    sidecar.process.err.wait_for("draining");
    let until = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(&sidecar.address).is_ok() {
        assert!(Instant::now() < until, "new connections are refused");
    }
    idle.read_to_end(&mut Vec::new()).unwrap();
    assert!(
        sidecar.process.is_running(),
        "the idle connection is closed while calls are in flight"
    );
    for read in &mut reads {
        let answer = receive(read);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(receive(&mut write).status, 200);
    assert_eq!(sidecar.process.exit_code(), 0);
    assert_eq!(sidecar.logged(12).len(), 12, "each call has its line");

    let fresh = Sidecar::start(&sandbox.with_oauth());
    sandbox.control("salesforce", "DELETE", "/_sandbox/faults", None);
    let target = "/unified/crm/contact?sync_mode=full&page_size=2000";
    let list = fresh.call("salesforce", "GET", target, None).body;
    let names: Vec<&Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["last_name"])
        .collect();
    for name in ["Waited for", "Left alone"] {
        let count = names.iter().filter(|it| **it == name).count();
        assert_eq!(count, 1, "{name}");
    }
}

/// Covers: sigterm-twice
#[test]
fn a_second_signal_ends_it_at_once() {
    let sandbox = Sandbox::start();
    let mut sidecar = Sidecar::start(&sandbox.with_oauth());
    slow(&sandbox, "salesforce", 20_000);
    let _open = create(&sidecar, "Cut");
    wait_for_calls(&sandbox, 1);
    sidecar.process.terminate();
    sidecar.process.err.wait_for("draining");
    assert!(sidecar.process.is_running());
    let second = Instant::now();
    sidecar.process.terminate();
    assert_eq!(sidecar.process.exit_code(), 1);
    assert!(second.elapsed() < Duration::from_secs(10), "not after 20 s");
    sidecar.process.err.wait_for("stopped at once");
}

/// Sends a signal to the sidecar, by its name.
fn signal(sidecar: &Sidecar, name: &str) {
    let id = sidecar.process.id().to_string();
    let sent = std::process::Command::new("kill")
        .args([name, &id])
        .status();
    assert!(sent.unwrap().success(), "it is signalled");
}

const LIST: &str = "/unified/crm/contact?page_size=1";

#[test]
fn who_has_connected_is_answered_though_nobody_had_accepted() {
    let sandbox = Sandbox::start();
    let mut sidecar = Sidecar::start(&sandbox.with_oauth());
    assert_eq!(sidecar.call("salesforce", "GET", LIST, None).status, 200);
    // While it is stopped, the system lets callers in.
    signal(&sidecar, "-STOP");
    let mut callers: Vec<TcpStream> = (0..40)
        .map(|_| send(&sidecar.address, "GET", LIST, &headers("salesforce"), ""))
        .collect();
    signal(&sidecar, "-TERM");
    signal(&sidecar, "-CONT");
    for caller in &mut callers {
        let answer = receive(caller);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(sidecar.process.exit_code(), 0);
    assert_eq!(sidecar.logged(41).len(), 41);
}

/// A connection that is kept open, on which a call was answered.
fn kept(sidecar: &Sidecar) -> TcpStream {
    let mut stream = TcpStream::connect(&sidecar.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        stream,
        "GET /livez HTTP/1.1\r\nhost: {}\r\n\r\n",
        sidecar.address
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"{\"status\":\"ok\"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    stream
}

/// Asks for a page of so many records, so that no two calls are the same.
fn ask(stream: &mut TcpStream, sidecar: &Sidecar, size: usize) {
    write!(
        stream,
        "GET /unified/crm/contact?page_size={size} HTTP/1.1\r\nhost: {}\r\n{}\r\n",
        sidecar.address,
        headers("salesforce")
    )
    .unwrap();
}

#[test]
fn a_hundred_calls_on_kept_connections_are_answered_and_the_connections_closed() {
    let sandbox = Sandbox::start();
    let mut sidecar = Sidecar::start(&sandbox.with_oauth());
    assert_eq!(sidecar.call("salesforce", "GET", LIST, None).status, 200);
    slow(&sandbox, "salesforce", 2_000);
    let mut callers: Vec<TcpStream> = (0..100).map(|_| kept(&sidecar)).collect();
    for (index, caller) in callers.iter_mut().enumerate() {
        ask(caller, &sidecar, index + 1);
    }
    wait_for_calls(&sandbox, 20);
    // Two that are open and silent: one has called before, one never.
    let mut idle = kept(&sidecar);
    let mut fresh = TcpStream::connect(&sidecar.address).unwrap();
    fresh
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    sidecar.process.terminate();
    // And one whose call is on its way at that very moment.
    let mut last = callers.pop().unwrap();
    let mut late = kept_before(&mut idle, &sidecar);
    for caller in callers.iter_mut().chain([&mut last, &mut late]) {
        let answer = receive(caller);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert_eq!(fresh.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
    assert_eq!(sidecar.process.exit_code(), 0);
}

/// A connection that was idle, with a call sent on it.
fn kept_before(idle: &mut TcpStream, sidecar: &Sidecar) -> TcpStream {
    ask(idle, sidecar, 101);
    idle.try_clone().unwrap()
}

#[test]
fn of_pipelined_calls_the_one_that_was_begun_is_answered_and_says_that_it_is_the_last() {
    let sandbox = Sandbox::start();
    let mut sidecar = Sidecar::start(&sandbox.with_oauth());
    assert_eq!(sidecar.call("salesforce", "GET", LIST, None).status, 200);
    sandbox.native_calls("salesforce");
    slow(&sandbox, "salesforce", 1_500);
    let mut stream = kept(&sidecar);
    ask(&mut stream, &sidecar, 1);
    ask(&mut stream, &sidecar, 2);
    wait_for_calls(&sandbox, 1);
    sidecar.process.terminate();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    assert!(text.contains("connection: close"), "{text}");
    // What comes after a last answer was not looked at, as its caller knows.
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert_eq!(sidecar.process.exit_code(), 0);
    assert_eq!(sandbox.native_calls("salesforce").len(), 1);
}
