use std::time::{Duration, Instant};

use crosswalk::store::{BudgetAsk, BudgetLimit, Store};

use super::place::Place;

const WINDOW: Duration = Duration::from_secs(2);

fn of(holder: &str) -> BudgetLimit<'_> {
    BudgetLimit {
        account: "hubspot/one",
        limit: "burst",
        holder,
    }
}

fn ask(calls: u32, before: Option<(&str, u32)>) -> BudgetAsk<'_> {
    BudgetAsk {
        calls,
        limit: 20,
        window: WINDOW,
        lives: Duration::from_millis(100),
        slack: Duration::ZERO,
        before,
    }
}

async fn take(store: &Store, holder: &str, calls: u32) -> u32 {
    let chunk = store.take_calls(of(holder), ask(calls, None)).await;
    chunk.unwrap().calls
}

#[tokio::test]
async fn together_nobody_gets_more_than_the_limit_in_a_window() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let started = Instant::now();
        let takers: Vec<_> = (0..16)
            .map(|taker| {
                let store = store.clone();
                tokio::spawn(async move { take(&store, &format!("taker {taker}"), 3).await })
            })
            .collect();
        let mut given = 0;
        for taker in takers {
            given += taker.await.unwrap();
        }
        assert!(started.elapsed() < WINDOW, "a window holds them all");
        assert_eq!(given, 20);
        let none = store.take_calls(of("late"), ask(3, None)).await.unwrap();
        assert_eq!((none.calls, none.id, none.others), (0, None, 20));
        assert!(
            none.again_after > Duration::ZERO
                && none.again_after <= WINDOW + Duration::from_millis(100)
        );
        tokio::time::sleep(WINDOW + Duration::from_millis(150)).await;
        assert_eq!(take(&store, "late", 30).await, 20);
    }
}

#[tokio::test]
async fn what_was_not_used_is_given_back() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let first = store.take_calls(of("a"), ask(15, None)).await.unwrap();
        assert_eq!(take(&store, "b", 15).await, 5);
        let id = first.id.unwrap();
        let again = store.take_calls(of("a"), ask(15, Some((&id, 9)))).await;
        assert_eq!(again.unwrap().calls, 9);
        assert_eq!(take(&store, "b", 15).await, 0);
    }
}

#[tokio::test]
async fn accounts_and_limits_have_nothing_to_do_with_each_other() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        assert_eq!(take(&store, "a", 20).await, 20);
        let other = BudgetLimit {
            account: "hubspot/other",
            ..of("a")
        };
        assert_eq!(
            store.take_calls(other, ask(5, None)).await.unwrap().calls,
            5
        );
        let search = BudgetLimit {
            limit: "search",
            ..of("a")
        };
        assert_eq!(
            store.take_calls(search, ask(5, None)).await.unwrap().calls,
            5
        );
    }
}

#[tokio::test]
async fn others_hear_what_is_spent() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let daily = BudgetLimit {
            limit: "daily",
            ..of("a")
        };
        store
            .calls_are_spent(daily, Duration::from_mins(1))
            .await
            .unwrap();
        // A shorter word does not take back a longer one.
        store
            .calls_are_spent(daily, Duration::from_secs(1))
            .await
            .unwrap();
        let chunk = store.take_calls(of("b"), ask(1, None)).await.unwrap();
        let (name, after) = &chunk.spent[0];
        assert_eq!(name, "daily");
        assert!(*after > Duration::from_secs(50) && *after <= Duration::from_mins(1));
    }
}
