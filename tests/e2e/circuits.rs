//! A host that fails again and again is left alone for a while, and tried again by one call at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crosswalk_tests::{Answer, Sidecar, exchange, headers};

use crate::peer::Peer;

const ACCOUNT: &str = "/unified/crm/account/1";

fn get(sidecar: &Sidecar, connection: &str) -> Answer {
    sidecar.call(connection, "GET", ACCOUNT, None)
}

fn missing() -> (u16, String) {
    (
        404,
        r#"{"status":"error","message":"resource not found"}"#.into(),
    )
}

/// Covers: provider-down
#[test]
fn a_host_in_trouble_is_left_alone_and_probed_and_others_are_not_touched() {
    let is_well = Arc::new(AtomicBool::new(false));
    let ill = {
        let is_well = Arc::clone(&is_well);
        Peer::answering(move |_| {
            if is_well.load(Ordering::SeqCst) {
                missing()
            } else {
                (
                    500,
                    r#"{"status":"error","message":"internal error"}"#.into(),
                )
            }
        })
    };
    let well = Peer::answering(|_| missing());
    let sidecar = Sidecar::start(&format!(
        "connections:\n{}{}",
        ill.connection("ill"),
        well.connection("well")
    ));
    // A read is tried three times: with the second one the fifth call has failed, and there is no sixth.
    for _ in 0..2 {
        let answer = get(&sidecar, "ill");
        assert_eq!(answer.status, 502, "{}", answer.text);
        assert!(answer.text.contains("internal error"), "{}", answer.text);
    }
    assert_eq!(ill.requests(), 5);
    let began = Instant::now();
    let refused = get(&sidecar, "ill");
    assert!(began.elapsed() < Duration::from_millis(200), "at once");
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.body["code"], "SERVICE_UNAVAILABLE");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let message = refused.body["message"].as_str().unwrap();
    for words in [
        "5 of the last 5 calls",
        "nothing was sent",
        ill.address.as_str(),
    ] {
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(ill.requests(), 5, "nothing was sent");
    assert_eq!(
        get(&sidecar, "well").status,
        404,
        "another host is another matter"
    );

    std::thread::sleep(Duration::from_millis(1_100));
    is_well.store(true, Ordering::SeqCst);
    assert_eq!(get(&sidecar, "ill").status, 404, "the probe");
    assert_eq!(get(&sidecar, "ill").status, 404);
    assert_eq!(ill.requests(), 7);
    let log = &sidecar.process.err;
    log.wait_for("its circuit is closed");
    assert_eq!(log.wait_for_count("its circuit is open", 1).len(), 1);
}

#[test]
fn callers_who_do_not_wait_say_nothing_of_a_host() {
    let silent = Peer::start(|mut line| {
        let _ = line.request();
        line.wait_for_end();
    });
    let sidecar = Sidecar::start(&format!("connections:\n{}", silent.connection("silent")));
    let headers = format!("{}x-request-timeout: 100ms\r\n", headers("silent"));
    for _ in 0..8 {
        let answer = exchange(&sidecar.address, "GET", ACCOUNT, &headers, None);
        assert_eq!(answer.status, 504, "{}", answer.text);
    }
    assert_eq!(silent.requests(), 8);
}

#[test]
fn a_token_endpoint_in_trouble_is_left_alone_as_well() {
    let down = Peer::answering(|_| (503, "{}".into()));
    let sidecar = Sidecar::start(&format!(
        "connections:\n  down: {{ provider: hubspot, base_url: \"http://{}\", oauth: {{ client_id: a, client_secret: \"env:CANARY_CLIENT_SECRET\", refresh_token: \"env:CANARY_REFRESH_TOKEN\" }} }}\n",
        down.address
    ));
    let mut last = None;
    for _ in 0..3 {
        last = Some(get(&sidecar, "down"));
        // The failure answers for a second, and the circuit is open for one.
        std::thread::sleep(Duration::from_millis(300));
    }
    let last = last.unwrap();
    assert_eq!(last.status, 503, "{}", last.text);
    assert!(last.header("retry-after").is_some());
    assert!(down.requests() <= 6, "{}", down.requests());
}
