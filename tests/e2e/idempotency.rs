//! `Idempotency-Key`: a write that is asked for again with its key is carried out once.

use std::{fmt::Write as _, path::Path, time::Duration};

use crosswalk_tests::{Answer, Sandbox, Sidecar, exchange, exchange_text, headers};
use serde_json::{Value, json};

use crate::CONTRACT;

mod crashes;
mod ends;
mod stores;

const ACCOUNT: &str = "/unified/crm/account";
const PROVIDERS: [&str; 2] = ["hubspot", "salesforce"];

/// Providers that are played, and the store that sidecars in front of them share.
struct Stage {
    sandbox: Sandbox,
    store: String,
    folder: tempfile::TempDir,
}

impl Stage {
    /// With a store in a file.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}/shared.db", folder.path().display());
        Self::with(folder, store)
    }

    fn with(folder: tempfile::TempDir, store: String) -> Self {
        Self {
            sandbox: Sandbox::start(),
            store,
            folder,
        }
    }

    fn sidecar(&self) -> Sidecar {
        self.sidecar_with("")
    }

    /// With some of the limits.
    fn sidecar_with(&self, limits: &str) -> Sidecar {
        let mut rest = self.sandbox.with_oauth();
        writeln!(rest, "store: \"{}\"", self.store).unwrap();
        let key = self.folder.path().join("store.key");
        writeln!(rest, "store_key: \"file:{}\"", Path::display(&key)).unwrap();
        writeln!(rest, "limits: {{ {limits} }}").unwrap();
        Sidecar::start(&rest)
    }

    fn fault(&self, provider: &str, fault: &Value) {
        self.sandbox
            .control(provider, "POST", "/_sandbox/faults", Some(fault));
    }
}

/// How many accounts of this name a provider has, by the list of all.
fn accounts(sidecar: &Sidecar, provider: &str, name: &str) -> usize {
    let mut count = 0;
    let mut cursor = String::new();
    loop {
        let target = format!("{ACCOUNT}?sync_mode=full&page_size=100{cursor}");
        let page = sidecar.call(provider, "GET", &target, None);
        assert_eq!(page.status, 200, "{}", page.text);
        let items = page.body["items"].as_array().unwrap();
        count += items.iter().filter(|item| item["name"] == name).count();
        let Some(next) = page.body["next_cursor"].as_str() else {
            return count;
        };
        cursor = format!("&cursor={next}");
    }
}

/// A call with an idempotency key.
fn keyed(
    sidecar: &Sidecar,
    provider: &str,
    key: &str,
    method: &str,
    target: &str,
    body: &Value,
) -> Answer {
    let headers = format!("{}idempotency-key: {key}\r\n", headers(provider));
    exchange(&sidecar.address, method, target, &headers, Some(body))
}

fn create(sidecar: &Sidecar, provider: &str, key: &str, name: &str) -> Answer {
    keyed(sidecar, provider, key, "POST", ACCOUNT, &account(name))
}

fn account(name: &str) -> Value {
    json!({ "record": { "name": name } })
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

/// The same answer, told again.
#[track_caller]
fn assert_replays(again: &Answer, first: &Answer) {
    assert!(is_replay(again), "{}\n{}", again.head, again.text);
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    let head = |answer: &Answer| {
        ["content-type", "cache-control", "retry-after"]
            .map(|name| answer.header(name).map(str::to_owned))
    };
    assert_eq!(head(again), head(first));
}

#[track_caller]
fn assert_refused(answer: &Answer, operation: &str, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.body["code"], code, "{}", answer.text);
    let faults = CONTRACT.faults(operation, status, &answer.body);
    assert!(faults.is_empty(), "{faults:?}");
}

/// Covers: key-same-request
#[test]
fn every_write_is_carried_out_once_and_told_again() {
    let stage = Stage::new();
    let sidecar = stage.sidecar();
    for provider in PROVIDERS {
        let made = create(&sidecar, provider, "seed", "Seed");
        assert_eq!(made.status, 200, "{}", made.text);
        let id = made.body["record"]["id"].as_str().unwrap().to_owned();
        let upsert = json!({"upsert_on": {"key": "website", "values": ["https://keyed.example"]}, "record": {"name": "Keyed"}});
        let person = json!({"upsert_on": {"key": "email", "values": ["keyed@keyed.example"]}, "record": {"last_name": "Keyed"}});
        let property = json!({"name": "keyed_text", "label": "Keyed", "field_type": "text"});
        let mut done = 0;
        for (method, target, body) in [
            ("POST", ACCOUNT.to_owned(), account("Keyed")),
            ("PATCH", format!("{ACCOUNT}/{id}"), account("Renamed")),
            ("POST", format!("{ACCOUNT}/_upsert"), upsert),
            (
                "POST",
                "/unified/crm/contact".to_owned(),
                json!({"record": {"last_name": "Keyed"}}),
            ),
            ("POST", "/unified/crm/contact/_upsert".to_owned(), person),
            (
                "POST",
                "/unified/crm/note".to_owned(),
                json!({"record": {"content": "Keyed", "associations": []}}),
            ),
            (
                "POST",
                "/unified/crm/metadata/object/account/property".to_owned(),
                property,
            ),
        ] {
            let key = format!("{provider}-{done}");
            let first = keyed(&sidecar, provider, &key, method, &target, &body);
            stage.sandbox.native_calls(provider);
            let again = keyed(&sidecar, provider, &key, method, &target, &body);
            if first.status == 200 {
                done += 1;
                assert!(!is_replay(&first));
                assert_replays(&again, &first);
                assert_eq!(stage.sandbox.native_calls(provider), [""; 0]);
            } else {
                assert!(first.body["outcome"].is_null(), "{}", first.text);
            }
        }
        assert!(done >= 5, "{provider}: {done}");
    }
}

/// Covers: key-other-request
#[test]
fn the_same_key_with_anything_else_is_refused_and_nothing_is_done() {
    let stage = Stage::new();
    let sidecar = stage.sidecar();
    for provider in PROVIDERS {
        let first = create(&sidecar, provider, "k", "One");
        assert_eq!(first.status, 200, "{}", first.text);
        stage.sandbox.native_calls(provider);
        let id = first.body["record"]["id"].as_str().unwrap();
        for (operation, method, target, text) in [
            (
                "crm.account.create",
                "POST",
                ACCOUNT.to_owned(),
                account("Two").to_string(),
            ),
            // The same JSON in other bytes: nothing is read into it.
            (
                "crm.account.create",
                "POST",
                ACCOUNT.to_owned(),
                " {\"record\":{\"name\":\"One\"}}".to_owned(),
            ),
            (
                "crm.account.create",
                "POST",
                format!("{ACCOUNT}?a=b"),
                account("One").to_string(),
            ),
            (
                "crm.contact.create",
                "POST",
                "/unified/crm/contact".to_owned(),
                account("One").to_string(),
            ),
            (
                "crm.account.update",
                "PATCH",
                format!("{ACCOUNT}/{id}"),
                account("One").to_string(),
            ),
        ] {
            let headers = format!(
                "{}idempotency-key: k\r\ncontent-type: application/json\r\n",
                headers(provider)
            );
            let answer = exchange_text(&sidecar.address, method, &target, &headers, &text);
            assert_refused(&answer, operation, 422, "UNPROCESSABLE_CONTENT");
            assert!(!is_replay(&answer));
        }
        assert_eq!(stage.sandbox.native_calls(provider), [""; 0]);
        assert_replays(&create(&sidecar, provider, "k", "One"), &first);
        // Another connection has keys of its own.
    }
    assert_eq!(accounts(&sidecar, "hubspot", "One"), 1);
    assert_eq!(accounts(&sidecar, "salesforce", "One"), 1);
}

/// Covers: key-odd
#[test]
fn a_key_in_quotes_is_the_same_and_what_is_no_key_is_refused() {
    let stage = Stage::new();
    let sidecar = stage.sidecar();
    let first = create(&sidecar, "hubspot", "\"k-1\"", "One");
    assert_eq!(first.status, 200, "{}", first.text);
    assert_replays(&create(&sidecar, "hubspot", "k-1", "One"), &first);
    stage.sandbox.native_calls("hubspot");
    let too_long = "k".repeat(256);
    for key in [
        "",
        "\"\"",
        "a b",
        "\"a",
        "\"a\";b=c",
        "a\r\nidempotency-key: b",
        "a\r\nidempotency-key: a",
        &too_long,
    ] {
        let answer = create(&sidecar, "hubspot", key, "Never");
        assert_refused(&answer, "crm.account.create", 400, "BAD_REQUEST");
        assert!(answer.text.contains("idempotency-key"), "{}", answer.text);
    }
    assert_eq!(stage.sandbox.native_calls("hubspot"), [""; 0]);
    // A read is what it is, however often it is made.
    for page in [1, 2] {
        let target = format!("{ACCOUNT}?page_size={page}");
        let read = format!("{}idempotency-key: k-1\r\n", headers("hubspot"));
        let answer = exchange(&sidecar.address, "GET", &target, &read, None);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// Covers: key-in-use
#[test]
fn a_key_in_use_is_told_so_and_replayed_when_it_has_ended() {
    let stage = Stage::new();
    let sidecar = stage.sidecar();
    for provider in PROVIDERS {
        let slow = json!({"match": {"method": "POST"}, "times": 1, "action": {"delay_ms": 1_500}});
        // The token first, so that it is the write that waits.
        sidecar.call(provider, "GET", &format!("{ACCOUNT}?page_size=1"), None);
        stage.fault(provider, &slow);
        let first = std::thread::scope(|scope| {
            let first = scope.spawn(|| create(&sidecar, provider, "k", "Slow"));
            std::thread::sleep(Duration::from_millis(500));
            let busy = create(&sidecar, provider, "k", "Slow");
            assert_refused(&busy, "crm.account.create", 409, "CONFLICT");
            assert_eq!(busy.header("retry-after"), Some("1"));
            assert!(busy.body["outcome"].is_null() && !is_replay(&busy));
            // Another body is no less wrong meanwhile.
            let other = create(&sidecar, provider, "k", "Other");
            assert_refused(&other, "crm.account.create", 422, "UNPROCESSABLE_CONTENT");
            first.join().unwrap()
        });
        assert_eq!(first.status, 200, "{}", first.text);
        assert_replays(&create(&sidecar, provider, "k", "Slow"), &first);
        assert_eq!(accounts(&sidecar, provider, "Slow"), 1);
    }
}
