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
    let sandbox = Sandbox::start();
    let mut sidecar = Sidecar::start(&sandbox.with_oauth());
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
    let mut reads: Vec<TcpStream> = (0..10)
        .map(|_| {
            let target = "/unified/crm/contact?page_size=1";
            send(&sidecar.address, "GET", target, &headers("salesforce"), "")
        })
        .collect();
    let mut write = create(&sidecar, "Waited for");
    let left_alone = create(&sidecar, "Left alone");
    wait_for_calls(&sandbox, 12);
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
