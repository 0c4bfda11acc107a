use std::time::Duration;

use crosswalk::store::{
    AttemptEnd, DeliveryState, EventFilter, NewWebhook, Replayed, Store, StoreError, Webhook,
    WebhookChange,
};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::task::JoinSet;

use super::place::Place;

const SECRET: &str = "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0LTI0";
const CLAIM: Duration = Duration::from_secs(30);
const DONE: AttemptEnd = AttemptEnd {
    state: DeliveryState::Delivered,
    status: Some(200),
    error: None,
    again_in: Duration::ZERO,
};

pub(crate) async fn webhook(store: &Store, url: &str, events: &[&str]) -> Webhook {
    let events: Vec<String> = events.iter().map(|name| (*name).to_owned()).collect();
    let new = NewWebhook {
        url,
        events: &events,
        disabled: false,
        secret: &SECRET.to_owned().into(),
    };
    store.insert_webhook(&new, 100).await.unwrap()
}

pub(crate) async fn event(store: &Store, name: &str) -> String {
    let data = json!({ "connection_id": "conn_1", "connector_name": "orgbook" });
    let event = store.add_event(name, &data, Some("acme")).await.unwrap();
    event.id
}

pub(crate) async fn states(store: &Store, webhook: &Webhook) -> Vec<(String, DeliveryState)> {
    let deliveries = store.deliveries(&webhook.id, None, None, 100).await;
    let mut states: Vec<_> = deliveries
        .unwrap()
        .into_iter()
        .map(|delivery| (delivery.event_id, delivery.state))
        .collect();
    states.reverse();
    states
}

#[tokio::test]
async fn a_webhook_is_sent_what_it_wants_and_what_happens_while_it_is_enabled() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let all = webhook(&store, "https://example.com/all", &[]).await;
        let picky = webhook(&store, "https://example.com/some", &["connection.broken"]).await;
        let created = event(&store, "connection.created").await;
        let broken = event(&store, "connection.broken").await;
        event(&store, "connection.updated").await;
        let disable = WebhookChange {
            disabled: Some(true),
            ..WebhookChange::default()
        };
        store.update_webhook(&all.id, &disable).await.unwrap();
        let last = event(&store, "connection.broken").await;
        let pending = |id: &String| (id.clone(), DeliveryState::Pending);
        assert_eq!(
            states(&store, &all).await,
            [pending(&created), pending(&broken)]
        );
        assert_eq!(
            states(&store, &picky).await,
            [pending(&broken), pending(&last)]
        );
        assert_eq!(
            store.due_webhooks().await.unwrap(),
            std::slice::from_ref(&picky.id)
        );
        assert_eq!(store.begin_attempt(&all.id, CLAIM).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_webhook_is_changed_where_it_was_told_and_its_secret_stays_and_is_sealed() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let made = webhook(&store, "https://example.com/a", &["sync.completed"]).await;
        assert!(!format!("{made:?}").contains("Y2FuYXJ5"));
        let url = WebhookChange {
            url: Some("https://example.com/b".to_owned()),
            ..WebhookChange::default()
        };
        let changed = store.update_webhook(&made.id, &url).await.unwrap().unwrap();
        assert_eq!(changed.url, "https://example.com/b");
        assert_eq!(changed.events, ["sync.completed"]);
        let events = WebhookChange {
            events: Some(Vec::new()),
            ..WebhookChange::default()
        };
        let changed = store.update_webhook(&made.id, &events).await.unwrap();
        assert_eq!(changed.unwrap().events, [""; 0]);
        store.rotate_keys().await.unwrap();
        let found = store.webhook(&made.id).await.unwrap().unwrap();
        let secret = store.webhook_secret(&found).await.unwrap();
        assert_eq!(secret.expose_secret(), SECRET);
        assert_eq!(store.update_webhook("whk_none", &url).await.unwrap(), None);
        let new = NewWebhook {
            url: "https://example.com",
            events: &[],
            disabled: false,
            secret: &SECRET.to_owned().into(),
        };
        let error = store.insert_webhook(&new, 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
}

#[tokio::test]
async fn an_attempt_is_one_sidecars_and_the_oldest_event_goes_first() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let webhook = webhook(&store, "https://example.com", &[]).await;
        let mut events = Vec::new();
        for _ in 0..3 {
            events.push(event(&store, "sync.completed").await);
        }
        let first = store.begin_attempt(&webhook.id, CLAIM).await.unwrap();
        let first = first.unwrap();
        assert_eq!((&first.event.id, first.number), (&events[0], 1));
        let mut others = JoinSet::new();
        for _ in 0..8 {
            let (store, id) = (store.clone(), webhook.id.clone());
            others.spawn(async move { store.begin_attempt(&id, CLAIM).await.unwrap() });
        }
        let others = others.join_all().await;
        let mut got: Vec<_> = others.iter().flatten().map(|it| &it.event.id).collect();
        got.sort();
        assert!(!got.contains(&&events[0]) && got.is_sorted());
        got.dedup();
        assert_eq!(got.len(), others.iter().flatten().count(), "each once");
        store.end_attempt(&first, &DONE).await.unwrap();
        assert_eq!(
            states(&store, &webhook).await[0].1,
            DeliveryState::Delivered
        );
    }
}

#[tokio::test]
async fn an_attempt_of_which_nothing_was_heard_is_made_again() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let webhook = webhook(&store, "https://example.com", &[]).await;
        event(&store, "sync.completed").await;
        let short = Duration::from_millis(30);
        let lost = store.begin_attempt(&webhook.id, short).await.unwrap();
        let lost = lost.unwrap();
        tokio::time::sleep(short * 2).await;
        let again = store.begin_attempt(&webhook.id, CLAIM).await.unwrap();
        let again = again.unwrap();
        assert_eq!((&again.id, again.number), (&lost.id, 2));
        // The lost one comes back late, and is not listened to any more.
        let dead = AttemptEnd {
            state: DeliveryState::Dead,
            ..DONE
        };
        store.end_attempt(&lost, &dead).await.unwrap();
        assert_eq!(states(&store, &webhook).await[0].1, DeliveryState::Pending);
    }
}

#[tokio::test]
async fn what_is_dead_or_named_is_replayed_and_a_strange_name_changes_nothing() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let webhook = webhook(&store, "https://example.com", &[]).await;
        for state in [DeliveryState::Dead, DeliveryState::Delivered] {
            event(&store, "sync.completed").await;
            let attempt = store.begin_attempt(&webhook.id, CLAIM).await.unwrap();
            let end = AttemptEnd { state, ..DONE };
            store.end_attempt(&attempt.unwrap(), &end).await.unwrap();
        }
        let deliveries = store
            .deliveries(&webhook.id, None, None, 100)
            .await
            .unwrap();
        let [delivered, dead] = &deliveries[..] else {
            panic!("{deliveries:?}");
        };
        assert_eq!((dead.state, dead.attempts), (DeliveryState::Dead, 1));
        let ids = [delivered.id.clone(), "dlv_none".to_owned()];
        let replayed = store.replay_deliveries(&webhook.id, Some(&ids)).await;
        assert_eq!(replayed.unwrap(), Replayed::Unknown(vec![1]));
        let replayed = store.replay_deliveries(&webhook.id, None).await.unwrap();
        assert_eq!(replayed, Replayed::Yes(1));
        let state = |states: Vec<(String, DeliveryState)>| states.into_iter().map(|it| it.1);
        let now: Vec<_> = state(states(&store, &webhook).await).collect();
        assert_eq!(now, [DeliveryState::Pending, DeliveryState::Delivered]);
        let replayed = store.replay_deliveries(&webhook.id, Some(&ids[..1])).await;
        assert_eq!(replayed.unwrap(), Replayed::Yes(1));
        let page = store
            .deliveries(
                &webhook.id,
                Some(DeliveryState::Pending),
                Some(&delivered.id),
                1,
            )
            .await
            .unwrap();
        assert_eq!(page.len(), 1);
        assert_eq!((&page[0].id, page[0].attempts), (&dead.id, 0));
    }
}

#[tokio::test]
async fn a_deleted_webhook_takes_its_deliveries_along_and_no_event() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let webhook = webhook(&store, "https://example.com", &[]).await;
        event(&store, "sync.completed").await;
        assert!(store.delete_webhook(&webhook.id).await.unwrap());
        assert!(!store.delete_webhook(&webhook.id).await.unwrap());
        assert_eq!(states(&store, &webhook).await, []);
        assert!(store.webhook_secret(&webhook).await.is_err());
        let events = store.events(&EventFilter::default(), 0, 10).await.unwrap();
        assert_eq!(events.len(), 1);
    }
}

#[tokio::test]
async fn who_reads_on_from_a_number_misses_no_event_of_many_writers() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let mut writers = JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            writers.spawn(async move {
                for _ in 0..10 {
                    event(&store, "sync.completed").await;
                }
            });
        }
        let (mut seen, mut after) = (Vec::new(), 0);
        while seen.len() < 80 {
            // As the API does: what has a number up to here is there.
            let newest = store.newest_event().await.unwrap();
            let page = store
                .events(&EventFilter::default(), after, 7)
                .await
                .unwrap();
            after = page.last().map_or(after.max(newest), |event| event.seq);
            seen.extend(page.into_iter().map(|event| event.seq));
        }
        writers.join_all().await;
        assert_eq!(seen, (1..=80).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn events_are_found_by_time_name_and_customer_and_removed_when_they_are_old() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let webhook = webhook(&store, "https://example.com", &[]).await;
        event(&store, "sync.completed").await;
        store
            .add_event("sync.failed", &json!({}), None)
            .await
            .unwrap();
        let all = EventFilter::default();
        let count =
            async |filter: EventFilter<'_>| store.events(&filter, 0, 10).await.unwrap().len();
        assert_eq!(count(all).await, 2);
        let name = Some("sync.failed");
        assert_eq!(count(EventFilter { name, ..all }).await, 1);
        let customer_id = Some("acme");
        assert_eq!(count(EventFilter { customer_id, ..all }).await, 1);
        let since = store.now().await.unwrap() + 60_000;
        assert_eq!(count(EventFilter { since, ..all }).await, 0);
        assert_eq!(store.purge_events(Duration::from_mins(1)).await.unwrap(), 0);
        place
            .execute("UPDATE events SET created_at = 0 WHERE name = 'sync.completed'")
            .await;
        assert_eq!(store.purge_events(Duration::from_mins(1)).await.unwrap(), 1);
        assert_eq!(count(all).await, 1);
        assert_eq!(states(&store, &webhook).await, []);
    }
}
