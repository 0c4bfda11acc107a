//! How it begins and ends, and what it is not begun with.

use super::*;

#[test]
fn it_ends_when_stdin_does_and_at_sigterm() {
    let environment = [("CROSSWALK_URL", "http://127.0.0.1:9".to_owned())];
    // Before anything is said, and in the midst of a session.
    let silent = Client::silent(&[], &environment);
    assert_eq!(silent.end().0, Some(0));
    for has_begun in [false, true] {
        let mut client = if has_begun {
            Client::start(&[], &environment)
        } else {
            let client = Client::silent(&[], &environment);
            client.stderr.recv_timeout(LONG).unwrap();
            client
        };
        terminate(&client.child);
        assert_eq!(end_of(&mut client.child), Some(0), "stdin is open still");
    }
}

#[test]
fn versions_are_negotiated() {
    let environment = [("CROSSWALK_URL", "http://127.0.0.1:9".to_owned())];
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut client = Client::silent(&[], &environment);
        let begun = client.ask("initialize", &initialize(asked));
        assert_eq!(
            begun["result"]["protocolVersion"], agreed,
            "{asked}: {begun}"
        );
        let this = &begun["result"]["serverInfo"];
        assert_eq!(this["name"], "crosswalk");
        assert!(begun["result"]["instructions"].is_string());
    }
}

#[test]
fn what_cannot_be_offered_is_told_before_a_client_waits() {
    for (arguments, told) in [
        (
            &["--only", "crm.acount.list"][..],
            "did you mean crm.account.list?",
        ),
        (&["--only", "crm.note.create"], "--allow-writes"),
        (&["--listen", "nowhere"], "invalid value"),
        (&["--allowed-host", "example.com"], "--listen"),
    ] {
        let mut client = Client::silent(arguments, &[]);
        assert_eq!(end_of(&mut client.child), Some(2), "{arguments:?}");
        let said: Vec<String> = client.stderr.iter().collect();
        assert!(said.join("\n").contains(told), "{arguments:?}: {said:?}");
    }
}
