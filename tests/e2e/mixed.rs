//! Thousands of records are listed, in full and by what changes, while another client writes at the provider itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crosswalk_tests::Demo;
use serde_json::json;

use crate::{
    CONNECTIONS,
    natives::{configure, empty},
};

mod kinds;
mod late;
mod other;
mod reader;

use kinds::{ENTITIES, Kind};
use other::{Other, Truth};
use reader::Reader;

/// Records of each entity before anything changes.
const RECORDS: usize = 3_000;
/// Of these, so many may change; the others stay as they are.
const MOVABLE: usize = 2_500;
/// The other client goes on for at most so many rounds.
const ROUNDS: usize = 400;
/// More pages than any walk may need: all records, all that is made anew, and those that are told once more.
const MOST_PAGES: usize = 40;

type Truths = BTreeMap<&'static str, Truth>;

fn kinds(connection: &str) -> Vec<Kind> {
    let is_hubspot = connection.starts_with("hubspot");
    let kind = |entity| Kind { entity, is_hubspot };
    ENTITIES.into_iter().map(kind).collect()
}

/// An object of the customer's own.
fn make_thing(demo: &Demo, connection: &str) {
    let (name, field) = if connection.starts_with("hubspot") {
        ("mixed_thing", "title")
    } else {
        ("Mixed_Thing", "Name")
    };
    let object = json!({
        "name": name, "description": "D", "labels": {"singular": "Thing", "plural": "Things"},
        "primary_field_id": field, "fields": [{"id": field, "label": "Title", "type": "text", "is_required": true}],
    });
    let made = demo.call(
        connection,
        "POST",
        "/unified/crm/metadata/objects",
        Some(&object),
    );
    assert_eq!(made.status, 200, "{connection}: {}", made.text);
}

/// What a copy has must be what has become of the records.
fn compare(connection: &str, kind: &Kind, copy: &Reader, truth: &Truth, before: &BTreeSet<String>) {
    let name = format!("{connection} {}", kind.entity);
    for (id, text) in &truth.live {
        let copied = copy.live.get(id);
        assert!(copied.is_some(), "{name}: {id} is lost: {text}");
        assert!(
            copied.is_some_and(|copied| copied.contains(text)),
            "{name}: {id} says {text}, and was told as {copied:?}"
        );
    }
    let surplus: Vec<&String> = copy
        .live
        .keys()
        .filter(|id| !truth.live.contains_key(*id) && !before.contains(*id))
        .collect();
    if kind.tells_deleted() {
        assert_eq!(surplus, Vec::<&String>::new(), "{name}: these are gone");
    } else {
        assert!(surplus.iter().all(|id| truth.deleted.contains(*id)));
    }
    for (id, into) in &copy.merged {
        assert_eq!(truth.end_of(id), truth.end_of(into), "{name}: {id}");
        assert!(truth.merged.contains_key(id), "{name}: {id}");
    }
    for id in &copy.deleted {
        let is_gone = truth.deleted.contains(id) || before.contains(id);
        assert!(is_gone || truth.merged.contains_key(id), "{name}: {id}");
    }
}

/// A copy that knew all records before anything changed has been told of each that is gone, and how.
fn knows_what_is_gone(connection: &str, kind: &Kind, copy: &Reader, truth: &Truth) {
    if !kind.tells_deleted() {
        return;
    }
    for id in &truth.deleted {
        assert!(copy.deleted.contains(id), "{connection} {kind:?}: {id}");
    }
    for id in truth.merged.keys() {
        assert!(copy.merged.contains_key(id), "{connection} {kind:?}: {id}");
    }
}

/// Rounds of changes until the readers are done, within bounds.
fn write(
    other: &mut Other<'_>,
    kinds: &[Kind],
    truths: &Mutex<Truths>,
    done: &AtomicBool,
) -> usize {
    for round in 0..ROUNDS {
        if done.load(Ordering::Relaxed) {
            return round;
        }
        for kind in kinds {
            let mut truths = truths.lock().unwrap_or_else(PoisonError::into_inner);
            other.round(kind, truths.get_mut(kind.entity).unwrap());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    ROUNDS
}

/// Ends the other client's rounds, however the readers end.
struct Done<'d>(&'d AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn scenario(demo: &Demo, connection: &'static str) {
    // An hour ago, so that what is seeded is not in the overlap of what is listed now.
    empty(demo, connection, &json!({"clock_offset_ms": -3_600_000}));
    if connection.starts_with("salesforce") {
        // A note's body is a call of its own, and a developer's org has few a day.
        configure(demo, connection, &json!({"daily_limit": 1_000_000}));
    }
    make_thing(demo, connection);
    let kinds = kinds(connection);
    let mut truths = Truths::new();
    let mut before: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut followers = BTreeMap::new();
    let mut other = Other::new(demo, connection);
    for kind in &kinds {
        // Its cursor is older than all records.
        let mut follower = Reader::default();
        follower.walk(demo, connection, kind, 2);
        let known = follower.live.keys().chain(&follower.deleted).cloned();
        before.insert(kind.entity, known.collect());
        followers.insert(kind.entity, follower);
        let mut truth = Truth::default();
        other.create(kind, &mut truth, RECORDS, MOVABLE);
        if kind.entity == "contact" {
            other.anchors = truth.unmoved();
        }
        truths.insert(kind.entity, truth);
    }
    // From now on, what is written shows late, and not in the order in which it was written.
    let lags = if connection.starts_with("hubspot") {
        json!({"clock_offset_ms": -1_800_000, "search_lag_ms": 300, "search_lag_jitter_ms": 1_500})
    } else {
        json!({"clock_offset_ms": -1_800_000, "commit_lag_seconds": [1, 0, 2]})
    };
    configure(demo, connection, &lags);
    let seeded = truths.clone();

    let truths = Mutex::new(truths);
    let done = AtomicBool::new(false);
    let snapshot = |entity: &str| {
        let truths = truths.lock().unwrap_or_else(PoisonError::into_inner);
        truths[entity].clone()
    };
    let mut copies = BTreeMap::new();
    let rounds = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&mut other, &kinds, &truths, &done));
        let done = Done(&done);
        for kind in &kinds {
            let mut copy = Reader::default();
            let ids = copy.walk(demo, connection, kind, MOST_PAGES);
            let at_last = snapshot(kind.entity);
            let different: BTreeSet<&String> = ids.iter().collect();
            assert_eq!(
                different.len(),
                ids.len(),
                "{connection} {kind:?}: each once"
            );
            for (id, text) in &seeded[kind.entity].live {
                let stayed = at_last.live.get(id) == Some(text);
                assert!(
                    !stayed || different.contains(id),
                    "{connection} {kind:?}: {id}"
                );
            }
            let follower = followers.get_mut(kind.entity).unwrap();
            follower.walk(demo, connection, kind, MOST_PAGES);
            copies.insert(kind.entity, copy);
        }
        drop(done);
        rounds.store(writer.join().unwrap(), Ordering::Relaxed);
    });
    let rounds = rounds.into_inner();
    assert!(rounds >= 10, "{connection}: {rounds} rounds");

    // All lags are over, and so is the second of the last change.
    configure(demo, connection, &json!({"clock_offset_ms": -1_790_000}));
    let mut truths = truths.into_inner().unwrap();
    for kind in &kinds {
        let truth = truths.remove(kind.entity).unwrap();
        let known = &before[kind.entity];
        let copy = copies.get_mut(kind.entity).unwrap();
        copy.walk(demo, connection, kind, MOST_PAGES);
        compare(connection, kind, copy, &truth, known);
        let follower = followers.get_mut(kind.entity).unwrap();
        follower.walk(demo, connection, kind, MOST_PAGES);
        compare(connection, kind, follower, &truth, known);
        knows_what_is_gone(connection, kind, copy, &truth);
    }
    // Past all overlaps nothing is told any more.
    configure(demo, connection, &json!({"clock_offset_ms": -1_000_000}));
    for kind in &kinds {
        let copy = copies.get_mut(kind.entity).unwrap();
        copy.walk(demo, connection, kind, MOST_PAGES);
        let quiet = copy.walk(demo, connection, kind, 1);
        assert_eq!(quiet, Vec::<String>::new(), "{connection} {kind:?}");
    }
}

/// Covers: page-shift, deleted-and-merged, late-commit
#[test]
fn nothing_is_lost_while_another_client_writes() {
    let demo = Demo::start();
    std::thread::scope(|scope| {
        for connection in CONNECTIONS {
            scope.spawn(|| scenario(&demo, connection));
        }
    });
}
