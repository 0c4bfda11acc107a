//! What becomes visible after its own time stamp has passed is listed all the same.

use super::*;

/// How late a write shows, in seconds: nearly as late as a window of changes reaches back.
const LATE: i64 = 280;

fn at(demo: &Demo, connection: &str, seconds: i64) {
    let settings = json!({"clock_offset_ms": (seconds - 3_600) * 1_000});
    configure(demo, connection, &settings);
}

/// Every second write shows late; or, where rows are indexed each in its own time, every one between at once and late.
fn lags(connection: &str) -> serde_json::Value {
    if connection.starts_with("hubspot") {
        json!({"search_lag_ms": 20_000, "search_lag_jitter_ms": (LATE - 20) * 1_000})
    } else {
        json!({"commit_lag_seconds": [LATE, 0]})
    }
}

/// One list while the writes are hidden, and one when they show.
fn shows_late(demo: &Demo, connection: &'static str, kind: &Kind) {
    empty(demo, connection, &json!({}));
    at(demo, connection, 0);
    if kind.entity == "thing" {
        make_thing(demo, connection);
    }
    let mut other = Other::new(demo, connection);
    let mut contacts = Truth::default();
    let contact = Kind {
        entity: "contact",
        is_hubspot: kind.is_hubspot,
    };
    other.create(&contact, &mut contacts, 1, 0);
    other.anchors = contacts.unmoved();
    let mut truth = Truth::default();
    other.create(kind, &mut truth, 20, 20);
    let mut copy = Reader::default();
    at(demo, connection, 1_000);
    copy.walk(demo, connection, kind, 2);
    let before: BTreeSet<String> = copy.live.keys().chain(&copy.deleted).cloned().collect();

    at(demo, connection, 2_000);
    configure(demo, connection, &lags(connection));
    other.create(kind, &mut truth, 6, 20);
    for _ in 0..6 {
        other.round(kind, &mut truth);
    }
    at(demo, connection, 2_010);
    let early = copy.walk(demo, connection, kind, 2);
    let hidden = truth
        .live
        .iter()
        .filter(|(id, text)| copy.live.get(*id).is_none_or(|told| !told.contains(*text)))
        .count();
    assert!(hidden > 0, "{connection} {kind:?}: nothing is late");
    // The window has passed the time stamps of all: some of them have been told.
    assert_eq!(early.is_empty(), kind.is_hubspot, "{connection} {kind:?}");
    // Once more while it is hidden, and at last when all of it shows.
    at(demo, connection, 2_100);
    copy.walk(demo, connection, kind, 2);
    at(demo, connection, 2_000 + LATE + 10);
    copy.walk(demo, connection, kind, 2);
    compare(connection, kind, &copy, &truth, &before);
}

/// Covers: late-commit
#[test]
fn what_shows_late_is_listed_within_the_overlap() {
    let demo = Demo::start();
    std::thread::scope(|scope| {
        for connection in CONNECTIONS {
            scope.spawn(|| {
                // Owners are in no index of a search.
                let is_late = |kind: &Kind| !(kind.is_hubspot && kind.entity == "user");
                for kind in kinds(connection).iter().filter(|kind| is_late(kind)) {
                    shows_late(&demo, connection, kind);
                }
            });
        }
    });
}
