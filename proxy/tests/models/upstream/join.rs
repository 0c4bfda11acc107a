//! Joined reads: everybody is answered once, by a read that had not begun before a write ended that he may know of.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use crosswalk::{translate::NativeResponse, upstream::Behalf};
use http::Method;
use shuttle::{future, rand::Rng, thread};
use tokio::time::Instant;

use super::provider::{Content, Effect, NativeOperation};
use crate::{explore, primitives::patiently};

#[path = "../../../src/upstream/join/cell.rs"]
mod cell;
#[path = "../../../src/upstream/join/core.rs"]
mod core;
#[path = "../../../src/upstream/join/told.rs"]
mod told;

use cell::{Conducting, Joins, Leading, Tell, Turn};
use core::{Departed, Place, Waiting, Wanted};
use told::{From, Told};

static READ: NativeOperation = NativeOperation {
    id: "read",
    method: Method::GET,
    effect: Effect::Read,
    content: Content::Json,
};

/// A provider with one record for all ids: the number of the last write.
#[derive(Default)]
struct Provider {
    written: AtomicU64,
    reads: AtomicU64,
}

impl Provider {
    /// The call takes a while, and looks at the record somewhere in it.
    fn read(&self) -> u64 {
        self.reads.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        let found = self.written.load(Ordering::SeqCst);
        // Long enough for somebody to write, and for somebody who knows of it to ask.
        for _ in 0..8 {
            thread::yield_now();
        }
        found
    }
}

fn answer(version: u64) -> Told {
    Told::Answer {
        result: Ok(NativeResponse {
            status: 200,
            body: Bytes::copy_from_slice(&version.to_be_bytes()),
            date: None,
            correlation_id: None,
            parts: Vec::new(),
        }),
        from: From::default(),
    }
}

fn tell(waiting: Vec<Waiting<Tell>>, version: u64) {
    for reader in waiting {
        let _ = reader.told.send(answer(version));
    }
}

fn lead(leading: Leading<'_>, provider: &Provider) -> u64 {
    let version = provider.read();
    tell(leading.ended(true), version);
    version
}

/// As `conduct` of the product: waits for more, or for its time, which may come at any moment.
async fn conduct(mut conducting: Conducting, provider: Arc<Provider>) {
    let moments = shuttle::rand::thread_rng().gen_range(0..3);
    patiently(conducting.woken(), moments).await;
    match conducting.depart() {
        Departed::Gone => {}
        Departed::Single(reader) => {
            conducting.hand_over();
            let _ = reader.send(Told::Lead);
        }
        Departed::Batch(batch) => {
            assert!((2..=3).contains(&batch.ids.len()), "{:?}", batch.ids);
            let version = provider.read();
            tell(conducting.ended(true), version);
        }
    }
}

/// As `Upstream::joined` of the product.
async fn read(joins: &Arc<Joins>, provider: &Arc<Provider>, id: &str) -> u64 {
    let target = format!("/cats/{id}");
    let behalf = Behalf::proxy();
    let wanted = Wanted {
        operation: &READ,
        target: &target,
        body: None,
        place: Some(Place {
            join: 0,
            max: 3,
            at: 6..target.len(),
            id: Cow::Borrowed(id),
            gathers: true,
        }),
        deadline: Instant::now() + Duration::from_mins(1),
        behalf: &behalf,
        renewed: false,
    };
    for _ in 0..8 {
        let mut waits = match joins.ask(&wanted) {
            Turn::Alone => return provider.read(),
            Turn::Lead(leading) => return lead(leading, provider),
            Turn::Wait(waits) => waits,
            Turn::Conduct(waits, conducting, _) => {
                future::spawn(conduct(conducting, Arc::clone(provider)));
                waits
            }
        };
        match (&mut waits.told).await {
            Ok(Told::Lead) => return lead(waits.lead(), provider),
            Ok(Told::Answer { result, .. }) => {
                let body = result.expect("an answer").body;
                return u64::from_be_bytes(body[..].try_into().expect("eight bytes"));
            }
            Ok(Told::Again(_) | Told::Single(_)) | Err(_) => {}
        }
    }
    provider.read()
}

#[test]
fn readers_are_answered_once_and_know_of_what_was_written_before() {
    explore("joined reads", || {
        let (joins, provider) = (Arc::new(Joins::default()), Arc::new(Provider::default()));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let readers: Vec<_> = ["a", "b", "a", "c"]
            .map(|id| {
                let (joins, provider) = (Arc::clone(&joins), Arc::clone(&provider));
                let acknowledged = Arc::clone(&acknowledged);
                future::spawn(async move {
                    for _ in 0..2 {
                        let known = acknowledged.load(Ordering::SeqCst);
                        let found = read(&joins, &provider, id).await;
                        assert!(
                            found >= known,
                            "found {found}, and {known} was acknowledged"
                        );
                    }
                })
            })
            .into_iter()
            .collect();
        let writer = {
            let (joins, provider) = (Arc::clone(&joins), Arc::clone(&provider));
            future::spawn(async move {
                for version in 1..=2 {
                    let writing = joins.writing();
                    thread::yield_now();
                    provider.written.store(version, Ordering::SeqCst);
                    thread::yield_now();
                    drop(writing);
                    acknowledged.store(version, Ordering::SeqCst);
                }
            })
        };
        future::block_on(async {
            for reader in readers {
                reader.await.expect("a reader that ends");
            }
            writer.await.expect("a writer that ends");
        });
        assert!(
            provider.reads.load(Ordering::SeqCst) <= 8,
            "more calls than readers"
        );
    });
}

#[test]
fn readers_that_go_take_nobody_with_them() {
    explore("joined reads with hang-ups", || {
        let (joins, provider) = (Arc::new(Joins::default()), Arc::new(Provider::default()));
        let readers: Vec<_> = [
            ("a", None),
            ("a", Some(0)),
            ("b", Some(1)),
            ("b", None),
            ("c", None),
        ]
        .map(|(id, patience)| {
            let (joins, provider) = (Arc::clone(&joins), Arc::clone(&provider));
            future::spawn(async move {
                match patience {
                    None => assert_eq!(read(&joins, &provider, id).await, 0),
                    Some(polls) => {
                        patiently(read(&joins, &provider, id), polls).await;
                    }
                }
            })
        })
        .into_iter()
        .collect();
        future::block_on(async {
            for reader in readers {
                reader.await.expect("a reader that ends");
            }
        });
    });
}
