//! Events on their way to a real receiver.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crosswalk::{
    config::{Limits, Roots},
    store::{DeliveryState, Store},
    upstream::Trust,
    webhook::{Sender, Worker},
};
use crosswalk_tests::{Received, Receiver, Reply};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    place::Place,
    webhooks::{event, states, webhook},
};

const SECRET: &str = "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0LTI0";
const LONG: Duration = Duration::from_secs(20);
const OK: Reply = Reply::new(200);

/// A sidecar as far as webhooks are concerned.
struct Sidecar {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Sidecar {
    fn start(store: &Store) -> Self {
        let trust = Trust::new(Roots::Bundled).unwrap();
        let sender = Sender::new(&Limits::default(), &trust, false);
        let worker = Worker::new(store.clone(), Arc::new(sender));
        let (stop, stopped) = watch::channel(false);
        Self {
            stop,
            task: tokio::spawn(worker.run(stopped)),
        }
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        tokio::time::timeout(LONG, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so().await {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn received(receiver: &Receiver, count: usize) -> Vec<Received> {
    until("it is posted", async || receiver.seen().len() >= count).await;
    receiver.seen()
}

/// Covers: webhook-signed, webhook-receiver-fails
#[tokio::test]
async fn an_event_is_signed_and_comes_again_with_its_id_until_it_is_taken() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let receiver = Receiver::start(|number| match number {
            0 | 1 => Reply::new(500),
            _ => OK,
        });
        let webhook = webhook(&store, &receiver.url(), &[]).await;
        let id = event(&store, "connection.broken").await;
        let sidecar = Sidecar::start(&store);
        for count in 1..=3 {
            received(&receiver, count).await;
            if count < 3 {
                until("it is put off", async || {
                    let delivery = &store.deliveries(&webhook.id, None, None, 1).await.unwrap()[0];
                    delivery.last_status == Some(500)
                        && delivery.attempts == i64::try_from(count).unwrap()
                })
                .await;
                // Nobody waits for the pause.
                place
                    .execute("UPDATE deliveries SET next_attempt_at = 0")
                    .await;
            }
        }
        sidecar.stop().await;
        let seen = receiver.seen();
        assert_eq!(seen.len(), 3);
        for post in &seen {
            assert_eq!(post.id(), id);
            assert!(post.is_signed_with(SECRET), "{post:?}");
            assert!(!post.is_signed_with("whsec_b3RoZXI="));
            assert_eq!(post.body, seen[0].body);
            assert_eq!(post.header("content-type"), Some("application/json"));
        }
        let body = seen[0].json();
        assert_eq!(
            (&body["name"], &body["id"]),
            (&"connection.broken".into(), &id.clone().into())
        );
        assert_eq!(body["customer_id"], "acme");
        assert_eq!(body["data"]["connection_id"], "conn_1");
        assert_eq!(
            states(&store, &webhook).await,
            [(id, DeliveryState::Delivered)]
        );
    }
}

/// Covers: webhook-order
#[tokio::test]
async fn events_arrive_in_their_order_and_once_from_several_sidecars() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let receiver = Receiver::start(|_| OK);
        let webhook = webhook(&store, &receiver.url(), &[]).await;
        let sidecars = [(); 3].map(|()| Sidecar::start(&store));
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(event(&store, "sync.completed").await);
        }
        received(&receiver, ids.len()).await;
        for sidecar in sidecars {
            sidecar.stop().await;
        }
        let seen: Vec<_> = receiver
            .seen()
            .iter()
            .map(|post| post.id().to_owned())
            .collect();
        assert_eq!(seen, ids);
        let states = states(&store, &webhook).await;
        assert!(
            states
                .iter()
                .all(|(_, state)| *state == DeliveryState::Delivered)
        );
    }
}

/// Covers: webhook-receiver-fails
#[tokio::test]
async fn a_slow_receiver_does_not_hold_up_another_and_is_answered_for_at_shutdown() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let slow = Receiver::start(|_| Reply {
            after: Duration::from_secs(3),
            ..OK
        });
        let quick = Receiver::start(|_| OK);
        let slow_webhook = webhook(&store, &slow.url(), &[]).await;
        webhook(&store, &quick.url(), &[]).await;
        for _ in 0..5 {
            event(&store, "sync.completed").await;
        }
        let started = Instant::now();
        let sidecar = Sidecar::start(&store);
        received(&quick, 5).await;
        received(&slow, 1).await;
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "the quick one is not held up"
        );
        sidecar.stop().await;
        // What was being sent at the end was waited for, and nothing more was begun.
        let done = DeliveryState::Delivered;
        let states = states(&store, &slow_webhook).await;
        let delivered = states.iter().filter(|(_, state)| *state == done).count();
        assert_eq!((slow.seen().len(), delivered), (1, 1));
    }
}

/// Covers: webhook-redirect
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    let elsewhere = Receiver::start(|_| OK);
    let location: &'static str = format!("location: {}\r\n", elsewhere.url()).leak();
    let receiver = Receiver::start(move |_| Reply {
        headers: location,
        ..Reply::new(307)
    });
    let webhook = webhook(&store, &receiver.url(), &[]).await;
    event(&store, "sync.completed").await;
    let sidecar = Sidecar::start(&store);
    received(&receiver, 1).await;
    sidecar.stop().await;
    let delivery = &store.deliveries(&webhook.id, None, None, 1).await.unwrap()[0];
    assert_eq!(
        (delivery.state, delivery.last_status),
        (DeliveryState::Pending, Some(307))
    );
    assert!(delivery.last_error.as_deref().unwrap().contains("redirect"));
    assert_eq!(elsewhere.seen().len(), 0);
}

/// Covers: webhook-receiver-fails
#[tokio::test]
async fn an_event_is_given_up_after_the_last_attempt_and_can_be_replayed() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let receiver = Receiver::start(|number| if number == 0 { Reply::new(503) } else { OK });
        let webhook = webhook(&store, &receiver.url(), &[]).await;
        let id = event(&store, "sync.completed").await;
        place.execute("UPDATE deliveries SET attempts = 9").await;
        let sidecar = Sidecar::start(&store);
        until("it is given up", async || {
            states(&store, &webhook).await == [(id.clone(), DeliveryState::Dead)]
        })
        .await;
        store.replay_deliveries(&webhook.id, None).await.unwrap();
        until("it is delivered", async || {
            states(&store, &webhook).await == [(id.clone(), DeliveryState::Delivered)]
        })
        .await;
        sidecar.stop().await;
        let seen = receiver.seen();
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|post| post.id() == id));
    }
}

/// Covers: webhook-receiver-fails
#[tokio::test]
async fn a_receiver_that_is_gone_is_sent_no_more() {
    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    let receiver = Receiver::start(|_| Reply::new(410));
    let webhook = webhook(&store, &receiver.url(), &[]).await;
    let first = event(&store, "sync.completed").await;
    let second = event(&store, "sync.completed").await;
    let sidecar = Sidecar::start(&store);
    until("it is disabled", async || {
        store.webhook(&webhook.id).await.unwrap().unwrap().disabled
    })
    .await;
    event(&store, "sync.completed").await;
    sidecar.stop().await;
    assert_eq!(receiver.seen().len(), 1);
    assert_eq!(
        states(&store, &webhook).await,
        [
            (first, DeliveryState::Dead),
            (second, DeliveryState::Pending)
        ]
    );
}

/// Covers: webhook-receiver-fails
#[tokio::test]
async fn a_receiver_that_is_not_there_or_asks_for_time_is_tried_later() {
    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    // Bound and not listened to by anybody who answers: closed at once.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let asking = Receiver::start(|_| Reply {
        headers: "retry-after: 600\r\n",
        ..Reply::new(429)
    });
    let absent = webhook(&store, &nobody, &[]).await;
    let asking_webhook = webhook(&store, &asking.url(), &[]).await;
    event(&store, "sync.completed").await;
    let sidecar = Sidecar::start(&store);
    until("both were tried", async || {
        let mut all = store.deliveries(&absent.id, None, None, 1).await.unwrap();
        all.extend(
            store
                .deliveries(&asking_webhook.id, None, None, 1)
                .await
                .unwrap(),
        );
        all.iter().all(|delivery| delivery.last_error.is_some())
    })
    .await;
    sidecar.stop().await;
    let now = store.now().await.unwrap();
    let delivery = &store.deliveries(&absent.id, None, None, 1).await.unwrap()[0];
    assert_eq!((delivery.last_status, delivery.attempts), (None, 1));
    assert!(
        delivery
            .last_error
            .as_deref()
            .unwrap()
            .contains("no connection")
    );
    assert!(delivery.next_attempt_at < now + 6500);
    let delivery = &store
        .deliveries(&asking_webhook.id, None, None, 1)
        .await
        .unwrap()[0];
    assert_eq!(delivery.last_status, Some(429));
    assert!(delivery.next_attempt_at > now + 590_000);
}
