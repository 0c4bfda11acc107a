use std::time::Duration;

use super::place::Place;

const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_lease_has_one_holder_until_it_ends_and_every_new_one_has_a_greater_fence() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let first = store.take_lease("it", "a", LONG).await.unwrap().unwrap();
        assert_eq!(store.take_lease("it", "b", LONG).await.unwrap(), None);
        let again = store.take_lease("it", "a", LONG).await.unwrap().unwrap();
        assert_eq!(again.fence, first.fence, "it is the same holder");
        // Its end has come.
        assert!(store.keep_lease(&first, Duration::ZERO).await.unwrap());
        let second = store.take_lease("it", "b", LONG).await.unwrap().unwrap();
        assert!(second.fence > first.fence);
        assert!(!store.keep_lease(&first, LONG).await.unwrap());
        store.give_lease_back(&first).await.unwrap();
        assert!(store.keep_lease(&second, LONG).await.unwrap());
        store.give_lease_back(&second).await.unwrap();
        let third = store.take_lease("it", "a", LONG).await.unwrap().unwrap();
        assert!(third.fence > second.fence);
    }
}

/// Covers: two-on-one-store
#[tokio::test]
async fn of_many_who_want_a_lease_at_one_time_one_gets_it() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let takers: Vec<_> = (0..32)
            .map(|taker| {
                let store = store.clone();
                tokio::spawn(async move {
                    store
                        .take_lease("it", &format!("taker {taker}"), LONG)
                        .await
                        .unwrap()
                })
            })
            .collect();
        let mut taken = 0;
        for taker in takers {
            taken += u32::from(taker.await.unwrap().is_some());
        }
        assert_eq!(taken, 1);
    }
}
