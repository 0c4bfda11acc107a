//! Writes with an `Idempotency-Key` through the native door.

use std::path::Path;

use crosswalk_tests::{Sandbox, Sidecar};
use serde_json::json;

use super::{PROVIDERS, accounts, ask, started};

fn with_store() -> (Sandbox, Sidecar, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let place = Path::display(folder.path());
    let (sandbox, sidecar) = started(&format!(
        "store: \"sqlite:{place}/store.db\"\nstore_key: \"file:{place}/store.key\"\n"
    ));
    (sandbox, sidecar, folder)
}

fn key(word: &str) -> String {
    format!("idempotency-key: {word}\r\n")
}

/// Covers: key-same-request, key-other-request
#[test]
fn a_write_with_a_key_is_carried_out_once_and_its_answer_told_again() {
    let (sandbox, sidecar, _folder) = with_store();
    for provider in PROVIDERS {
        let (place, record) = accounts(provider);
        let more = key(provider);
        let first = ask(&sidecar, provider, ("POST", place, &more), Some(&record));
        assert_eq!(first.status, 201, "{}", first.text);
        assert_eq!(first.header("idempotency-replayed"), None);
        sandbox.native_calls(provider);
        let again = ask(&sidecar, provider, ("POST", place, &more), Some(&record));
        assert_eq!((again.status, &again.text), (201, &first.text));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        for name in ["content-type", "location", "x-answered-by"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
        let other = ask(&sidecar, provider, ("POST", place, &more), Some(&json!({})));
        assert_eq!(other.status, 422, "{}", other.text);
        // A refusal of the provider is final as well.
        let more = key(&format!("{provider}-wrong"));
        let wrong = json!({"properties": {"no_such": "1"}, "NoSuch": 1});
        let refused = ask(&sidecar, provider, ("POST", place, &more), Some(&wrong));
        assert_eq!(refused.status, 400, "{}", refused.text);
        let again = ask(&sidecar, provider, ("POST", place, &more), Some(&wrong));
        assert_eq!((again.status, &again.text), (400, &refused.text));
        assert_eq!(sandbox.native_calls(provider).len(), 1);
        // A read has no use for it.
        let read = ask(&sidecar, provider, ("GET", place, &more), None);
        assert_eq!(read.header("idempotency-replayed"), None);
    }
}

/// Covers: key-after-refusal
#[test]
fn what_may_pass_gives_the_key_back() {
    let (sandbox, sidecar, _folder) = with_store();
    let (place, record) = accounts("hubspot");
    let locked = json!({"status": "error", "message": "locked", "category": "LOCKED"});
    let fault = json!({
        "match": {"method": "POST", "path": "/companies"},
        "action": {"reply": {"status": 423, "body": locked}}
    });
    sandbox.control("hubspot", "POST", "/_sandbox/faults", Some(&fault));
    // There is no time for another try.
    let short = format!("{}x-request-timeout: 900ms\r\n", key("later"));
    let refused = ask(&sidecar, "hubspot", ("POST", place, &short), Some(&record));
    assert_eq!(refused.status, 423, "{}", refused.text);
    assert_eq!(refused.header("x-answered-by"), Some("hubspot"));
    assert_eq!(refused.body["category"], "LOCKED");
    let more = key("later");
    for replayed in [None, Some("true")] {
        let made = ask(&sidecar, "hubspot", ("POST", place, &more), Some(&record));
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.header("idempotency-replayed"), replayed);
    }
}

/// Covers: key-without-store, key-odd
#[test]
fn a_key_needs_a_store() {
    let (sandbox, sidecar) = started("store: none\n");
    let (place, record) = accounts("hubspot");
    let got = ask(
        &sidecar,
        "hubspot",
        ("POST", place, &key("k")),
        Some(&record),
    );
    assert_eq!(got.status, 501, "{}", got.text);
    let got = ask(
        &sidecar,
        "hubspot",
        ("POST", place, &key("")),
        Some(&record),
    );
    assert_eq!(got.status, 400, "{}", got.text);
    assert!(sandbox.native_calls("hubspot").is_empty());
}
