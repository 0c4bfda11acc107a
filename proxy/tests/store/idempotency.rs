//! Idempotency keys.

use std::time::Duration;

use crosswalk::store::{Claim, KeyedAttempt, Store};

use super::place::Place;

const LEASE: Duration = Duration::from_mins(1);
const KEEP: Duration = Duration::from_hours(24);
const ENDED: &str = "UPDATE idempotency_keys SET held_until = 0";

fn attempt(key: &str) -> KeyedAttempt {
    KeyedAttempt::new("acme", key, b"request")
}

async fn claim(store: &Store, attempt: &KeyedAttempt) -> Claim {
    store.claim_key(attempt, LEASE, KEEP).await.unwrap()
}

/// Covers: key-same-request, key-in-use, key-after-restart
#[tokio::test]
async fn a_key_is_held_by_one_attempt_and_its_answer_is_told_to_the_others() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let first = attempt("k");
        assert_eq!(claim(&store, &first).await, Claim::Fresh);
        assert_eq!(claim(&store, &attempt("k")).await, Claim::Running);
        assert!(store.key_is_writing(&first, LEASE).await.unwrap());
        assert_eq!(claim(&store, &attempt("k")).await, Claim::Running);
        let answer = "{\"a\": \"\u{e4}\"}\n".as_bytes();
        assert!(store.finish_key(&first, answer, KEEP).await.unwrap());
        // Said again, since the first word may have got lost on its way back.
        assert!(store.finish_key(&first, answer, KEEP).await.unwrap());
        let done = Claim::Done(answer.to_vec());
        assert_eq!(claim(&store, &attempt("k")).await, done);
        // What is done is not undone by anybody.
        store.release_key(&first).await.unwrap();
        assert!(!store.key_is_writing(&first, LEASE).await.unwrap());
        // After a restart, and for another process.
        let again = place.open().await.unwrap();
        assert_eq!(claim(&again, &attempt("k")).await, done);
    }
}

#[tokio::test]
async fn a_key_is_a_connections_own() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        assert_eq!(claim(&store, &attempt("k")).await, Claim::Fresh);
        let other = KeyedAttempt::new("other", "k", b"request");
        assert_eq!(claim(&store, &other).await, Claim::Fresh);
        assert_eq!(claim(&store, &attempt("l")).await, Claim::Fresh);
    }
}

/// Covers: key-other-request
#[tokio::test]
async fn another_request_with_the_key_is_told_so_in_every_phase() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let first = attempt("k");
        let other = || KeyedAttempt::new("acme", "k", b"other");
        claim(&store, &first).await;
        assert_eq!(claim(&store, &other()).await, Claim::OtherRequest);
        store.key_is_writing(&first, LEASE).await.unwrap();
        assert_eq!(claim(&store, &other()).await, Claim::OtherRequest);
        place.execute(ENDED).await;
        assert_eq!(claim(&store, &other()).await, Claim::OtherRequest);
        store.finish_key(&first, b"", KEEP).await.unwrap();
        assert_eq!(claim(&store, &other()).await, Claim::OtherRequest);
    }
}

#[tokio::test]
async fn a_key_that_was_given_back_is_new() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let first = attempt("k");
        claim(&store, &first).await;
        store.key_is_writing(&first, LEASE).await.unwrap();
        // Nobody else gives it back.
        store.release_key(&attempt("k")).await.unwrap();
        assert_eq!(claim(&store, &attempt("k")).await, Claim::Running);
        store.release_key(&first).await.unwrap();
        let other = KeyedAttempt::new("acme", "k", b"other");
        assert_eq!(claim(&store, &other).await, Claim::Fresh);
    }
}

/// Covers: key-after-crash
#[tokio::test]
async fn who_follows_a_holder_that_is_gone_is_told_how_far_it_was() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let first = attempt("k");
        claim(&store, &first).await;
        place.execute(ENDED).await;
        let second = attempt("k");
        assert_eq!(claim(&store, &second).await, Claim::Fresh);
        // The first lives all the same, and may not go on.
        assert!(!store.key_is_writing(&first, LEASE).await.unwrap());
        assert!(!store.keep_key(&first, LEASE).await.unwrap());
        assert!(!store.finish_key(&first, b"first", KEEP).await.unwrap());
        store.release_key(&first).await.unwrap();
        assert!(store.key_is_writing(&second, LEASE).await.unwrap());
        place.execute(ENDED).await;
        let third = attempt("k");
        assert_eq!(claim(&store, &third).await, Claim::Abandoned);
        assert_eq!(claim(&store, &attempt("k")).await, Claim::Running);
        // Who follows and ends as well leaves it as uncertain as it was.
        place.execute(ENDED).await;
        assert_eq!(claim(&store, &attempt("k")).await, Claim::Abandoned);
    }
}

#[tokio::test]
async fn a_holder_that_says_that_it_goes_on_is_not_followed() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let first = attempt("k");
        claim(&store, &first).await;
        place.execute(ENDED).await;
        assert!(store.keep_key(&first, LEASE).await.unwrap());
        assert_eq!(claim(&store, &attempt("k")).await, Claim::Running);
    }
}

/// Covers: key-after-its-time
#[tokio::test]
async fn a_key_is_new_when_its_time_is_over_and_what_is_over_is_removed_in_portions() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let first = attempt("k");
        claim(&store, &first).await;
        store.finish_key(&first, b"first", KEEP).await.unwrap();
        let almost = "UPDATE idempotency_keys SET expires_at = expires_at - 86390000";
        place.execute(almost).await;
        assert_eq!(
            claim(&store, &attempt("k")).await,
            Claim::Done(b"first".to_vec())
        );
        assert_eq!(store.purge_keys().await.unwrap().removed, 0);
        place
            .execute("UPDATE idempotency_keys SET expires_at = expires_at - 10001")
            .await;
        let other = KeyedAttempt::new("acme", "k", b"other");
        assert_eq!(claim(&store, &other).await, Claim::Fresh);
        // It is held, so it stays.
        place
            .execute("UPDATE idempotency_keys SET expires_at = 0")
            .await;
        assert_eq!(store.purge_keys().await.unwrap().removed, 0);
        store.finish_key(&other, b"", KEEP).await.unwrap();
        place
            .execute("UPDATE idempotency_keys SET expires_at = 0")
            .await;
        assert_eq!(store.purge_keys().await.unwrap().removed, 1);

        for number in 0..250 {
            claim(&store, &attempt(&number.to_string())).await;
        }
        place
            .execute("UPDATE idempotency_keys SET expires_at = 0, held_until = 0")
            .await;
        let portion = store.purge_keys().await.unwrap();
        assert!(
            portion.may_have_left && portion.removed == 200,
            "{portion:?}"
        );
        let portion = store.purge_keys().await.unwrap();
        assert!(
            !portion.may_have_left && portion.removed == 50,
            "{portion:?}"
        );
    }
}

/// Covers: key-in-use
#[tokio::test]
async fn of_many_attempts_at_one_time_one_gets_the_key() {
    for place in Place::all() {
        let stores = [place.open().await.unwrap(), place.open().await.unwrap()];
        for round in 0..5 {
            let attempts: Vec<_> = (0..20)
                .map(|number| {
                    let store = stores[number % 2].clone();
                    tokio::spawn(async move { claim(&store, &attempt(&format!("k{round}"))).await })
                })
                .collect();
            let mut fresh = 0;
            for attempt in attempts {
                match attempt.await.unwrap() {
                    Claim::Fresh => fresh += 1,
                    other => assert_eq!(other, Claim::Running),
                }
            }
            assert_eq!(fresh, 1);
        }
    }
}

/// Covers: key-secret
#[tokio::test]
async fn neither_a_key_nor_an_answer_is_in_the_database() {
    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    let attempt = attempt("canary-idempotency-key");
    claim(&store, &attempt).await;
    store
        .finish_key(&attempt, b"canary-customers-data", KEEP)
        .await
        .unwrap();
    drop(store);
    let crosswalk::store::Location::Sqlite(path) = &place.location else {
        unreachable!("it is SQLite");
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        seen += bytes.len();
        for canary in ["canary-idempotency-key", "canary-customers-data"] {
            assert!(
                !bytes
                    .windows(canary.len())
                    .any(|it| it == canary.as_bytes())
            );
        }
    }
    assert!(seen > 10_000, "{seen}");
}

/// Covers: key-secret
#[tokio::test]
async fn an_answer_that_was_changed_or_moved_does_not_open() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let (one, two) = (attempt("one"), attempt("two"));
        for (attempt, answer) in [(&one, b"1"), (&two, b"2")] {
            claim(&store, attempt).await;
            store.finish_key(attempt, answer, KEEP).await.unwrap();
        }
        place
            .execute(
                "UPDATE idempotency_keys SET answer = (SELECT MAX(answer) FROM idempotency_keys)",
            )
            .await;
        let mut opened = 0;
        for key in ["one", "two"] {
            let claimed = store.claim_key(&attempt(key), LEASE, KEEP).await;
            opened += u32::from(claimed.is_ok());
        }
        assert_eq!(opened, 1);
    }
}
