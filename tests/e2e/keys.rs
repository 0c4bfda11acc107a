//! `crosswalk keys`: who may call, and the key of the store.

use std::{
    fs::{File, read_to_string},
    time::{Duration, Instant},
};

use crosswalk_tests::{Answer, Home, Sandbox, Served, exchange};
use serde_json::json;

use crate::CONTRACT;

fn webhooks(served: &Served, key: &str) -> Answer {
    let answer = served.call(key, "GET", "/core/webhook", None);
    let faults = CONTRACT.faults("core.webhook.list", answer.status, &answer.body);
    assert!(faults.is_empty(), "{faults:#?}");
    answer
}

/// Calls until the answer is another, which has to be within so long.
fn until_refused(served: &Served, key: &str, longest: Duration) -> Answer {
    let since = Instant::now();
    loop {
        let answer = webhooks(served, key);
        if answer.status != 200 {
            return answer;
        }
        assert!(since.elapsed() < longest, "it is refused");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_first_key_is_asked_for_made_listed_and_revoked_while_a_sidecar_runs() {
    let home = Home::new("");
    let served = home.serve();
    let hint = served.process.err.wait_for("there is no API key yet");
    assert!(
        hint.contains("crosswalk keys create --scope admin"),
        "{hint}"
    );
    let made = home.run(&[
        "keys",
        "create",
        "--scope",
        "admin",
        "--name",
        "of the test",
    ]);
    assert_eq!(made.code, 0, "{}", made.err);
    let key = made.out.strip_suffix('\n').unwrap();
    assert!(
        key.starts_with("cwk_") && key.len() == 47,
        "the key and nothing else"
    );
    assert!(
        !made.err.contains(key) && made.err.contains("x-apikey"),
        "{}",
        made.err
    );
    assert_eq!(webhooks(&served, key).status, 200, "it is good at once");

    let listed = home.run(&["keys", "list"]);
    assert_eq!(listed.code, 0);
    let line = listed.out.lines().nth(1).unwrap();
    let id = line.split_whitespace().next().unwrap();
    assert!(id.starts_with("key_"), "{line}");
    for word in ["admin", "good", "of the test"] {
        assert!(line.contains(word), "{line}");
    }
    assert!(!listed.out.contains(&key[4..]) && !listed.err.contains(&key[4..]));

    let revoked = home.run(&["keys", "revoke", id]);
    assert_eq!((revoked.code, revoked.out.as_str()), (0, ""));
    let refused = until_refused(&served, key, Duration::from_secs(3));
    assert_eq!(refused.status, 401);
    assert!(refused.text.contains("was revoked"), "{}", refused.text);
    assert!(home.run(&["keys", "list"]).out.contains("revoked"));
    // With a key there is nothing to be asked for.
    home.key(&["--scope", "unified"]);
    drop(served);
    let served = home.serve();
    assert!(
        !served
            .process
            .err
            .text()
            .contains("there is no API key yet")
    );
}

#[test]
fn a_key_ends_when_it_was_said_to() {
    let home = Home::new("");
    let served = home.serve();
    let key = home.key(&["--scope", "admin", "--expires-in", "5s"]);
    assert_eq!(webhooks(&served, &key).status, 200);
    let refused = until_refused(&served, &key, Duration::from_secs(10));
    assert!(refused.text.contains("has expired"), "{}", refused.text);
    assert!(home.run(&["keys", "list"]).out.contains("expired"));
}

/// Covers: caller-may-not
#[test]
fn a_scope_is_what_a_key_may_do() {
    let sandbox = Sandbox::start();
    let hubspot = sandbox.address("hubspot");
    let home = Home::new(&format!(
        "api_keys: [configured]\nconnections:\n  hubspot: {{ provider: hubspot, base_url: \"http://{hubspot}\", oauth: {{ client_id: sandbox-client, client_secret: sandbox-secret, refresh_token: sandbox-refresh }} }}\n"
    ));
    let served = home.serve();
    let body = json!({ "record": { "name": "Brightwater" } });
    let unified = |key: &str, method: &str, body| {
        let headers = format!("x-apikey: {key}\r\nx-connection-id: hubspot\r\n");
        exchange(
            &served.address,
            method,
            "/unified/crm/account",
            &headers,
            body,
        )
        .status
    };
    for (scope, read, write, manage) in [
        ("admin", 200, 200, 200),
        ("unified", 200, 200, 403),
        ("read", 200, 403, 403),
    ] {
        let key = home.key(&["--scope", scope]);
        assert_eq!(unified(&key, "GET", None), read, "{scope}");
        assert_eq!(unified(&key, "POST", Some(&body)), write, "{scope}");
        assert_eq!(webhooks(&served, &key).status, manage, "{scope}");
        let events = served.call(&key, "GET", "/core/events?since=0", None);
        assert_eq!(events.status, 200, "{scope}");
    }
    assert_eq!(webhooks(&served, "configured").status, 200);
    // Two credentials are none, even where both are good.
    let headers = "x-apikey: configured\r\nauthorization: Bearer cwt_x\r\n";
    let both = exchange(&served.address, "GET", "/core/webhook", headers, None);
    assert_eq!(both.status, 401);
    assert!(both.text.contains("found both"), "{}", both.text);
}

/// Covers: key-rotation
#[test]
fn the_key_of_the_store_is_changed_while_a_sidecar_runs() {
    let home = Home::new("api_keys: [configured]\n");
    let served = home.serve();
    let body = json!({ "url": "https://example.com/hook" });
    let make = || {
        served
            .call("configured", "POST", "/core/webhook", Some(&body))
            .status
    };
    assert_eq!(make(), 200);
    let file = home.state().join("store.key");
    let before = read_to_string(&file).unwrap();
    let rotated = home.run(&["keys", "rotate"]);
    assert_eq!(rotated.code, 0, "{}", rotated.err);
    for words in ["wrapped 1 data keys anew", "store.key", "keep a copy"] {
        assert!(rotated.err.contains(words), "{}", rotated.err);
    }
    let after = read_to_string(&file).unwrap();
    let newest = after.strip_suffix(before.as_str()).unwrap();
    assert_eq!(newest.lines().count(), 1);
    assert_eq!(make(), 200);
    assert!(!rotated.err.contains(newest.trim()) && !rotated.out.contains(newest.trim()));
    // The old key may go: nothing needs it.
    drop(served);
    std::fs::write(&file, newest).unwrap();
    let served = home.serve();
    let found = served.call("configured", "GET", "/core/webhook", None);
    assert_eq!(found.body.as_array().unwrap().len(), 2);
}

#[test]
fn what_cannot_be_done_is_told_with_its_own_exit_code() {
    let home = Home::new("api_keys: [configured]\nstore: none\n");
    let none = home.run(&["keys", "list"]);
    assert_eq!(none.code, 2);
    assert!(
        none.err.contains("this configuration has none"),
        "{}",
        none.err
    );
    let home = Home::new("");
    for (arguments, code, words) in [
        (
            &["keys", "revoke", "key_none"][..],
            1,
            "no API key has the id",
        ),
        (&["keys", "create"], 2, "--scope"),
        (&["keys", "create", "--scope", "root"], 2, "possible values"),
        (
            &["keys", "create", "--scope", "read", "--expires-in", "soon"],
            2,
            "90d",
        ),
        (
            &["keys", "list", "--config", "elsewhere.yaml"],
            2,
            "elsewhere.yaml",
        ),
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "");
    }
    let empty = home.run(&["keys", "list"]);
    assert_eq!((empty.code, empty.out.as_str()), (0, ""));
    assert!(empty.err.contains("there are no API keys"), "{}", empty.err);
}

#[cfg(target_os = "linux")]
#[test]
fn a_key_that_could_not_be_printed_is_good_for_nothing() {
    let home = Home::new("");
    let full = File::create("/dev/full").unwrap();
    let ran = home.run_with_stdout(&["keys", "create", "--scope", "admin"], full.into());
    assert_eq!(ran.code, 1);
    assert!(home.run(&["keys", "list"]).out.contains("revoked"));
}
