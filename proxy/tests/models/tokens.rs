//! The single flight of token refreshes, against a provider that rotates refresh tokens: one that is used twice has
//! killed the grant.

use shuttle::{future, thread};

use crate::{
    explore,
    primitives::{Arc, Landing, Mutex, patiently},
    single::{Asked, Single},
};

type Flight = Arc<Landing<Result<u64, &'static str>>>;

/// A connection as its callers share it. A token is its own generation.
struct Connection {
    single: Mutex<Single<u64, Flight, &'static str, u32>>,
    provider: Mutex<Provider>,
}

/// Issues tokens. A refresh token is good once.
#[derive(Default)]
struct Provider {
    asked: u32,
    refreshing: bool,
    newest: u64,
    fails: u32,
}

impl Connection {
    fn new(fails: u32) -> Arc<Self> {
        let mut single = Single::default();
        single.install(Ok::<u64, ()>).expect("the first token");
        Arc::new(Self {
            single: Mutex::new(single),
            provider: Mutex::new(Provider {
                newest: 1,
                fails,
                ..Provider::default()
            }),
        })
    }

    /// As a caller of the product does it: one look under the lock, then a flight of its own, or that of another.
    async fn newer_than(self: &Arc<Self>, generation: u64, now: u32) -> Result<u64, &'static str> {
        let flight = {
            let mut single = self.single.lock().unwrap();
            match single.ask(generation, &now, false, |_| true) {
                Asked::There(token) => return Ok(token),
                Asked::Failed(failure) => return Err(failure),
                Asked::UnderWay(flight) => flight,
                Asked::Nobody => {
                    let flight: Flight = Arc::new(Landing::new());
                    single.began(Arc::clone(&flight));
                    let (connection, landing) = (Arc::clone(self), Arc::clone(&flight));
                    future::spawn(async move {
                        let result = connection.refresh();
                        let mut single = connection.single.lock().unwrap();
                        let landed = match result {
                            Ok(()) => single.install(Ok),
                            Err(failure) => Err(failure),
                        };
                        single.landed(landed.err().map(|failure| (now + 1, failure)));
                        drop(single);
                        landing.land(landed);
                    });
                    flight
                }
            }
        };
        flight.landed().await
    }

    fn refresh(&self) -> Result<(), &'static str> {
        {
            let mut provider = self.provider.lock().unwrap();
            assert!(
                !provider.refreshing,
                "two refreshes at one time: the grant is dead"
            );
            provider.refreshing = true;
            provider.asked += 1;
        }
        thread::yield_now();
        let mut provider = self.provider.lock().unwrap();
        provider.refreshing = false;
        if provider.fails > 0 {
            provider.fails -= 1;
            return Err("down");
        }
        provider.newest += 1;
        Ok(())
    }

    fn asked(&self) -> u32 {
        self.provider.lock().unwrap().asked
    }
}

#[test]
fn callers_that_meet_the_same_dead_token_cause_one_refresh() {
    explore("token single flight", || {
        let connection = Connection::new(0);
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let connection = Arc::clone(&connection);
                future::spawn(async move {
                    connection.single.lock().unwrap().refuse(1);
                    connection.newer_than(1, 0).await
                })
            })
            .collect();
        future::block_on(async {
            for caller in callers {
                assert_eq!(caller.await.unwrap(), Ok(2));
            }
        });
        assert_eq!(connection.asked(), 1);
        assert_eq!(connection.single.lock().unwrap().current(), Some(&2));
    });
}

#[test]
fn a_late_refusal_of_an_old_token_costs_no_newer_one() {
    explore("token late refusals", || {
        let connection = Connection::new(0);
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let connection = Arc::clone(&connection);
                future::spawn(async move {
                    for refused in [1, 2] {
                        connection.single.lock().unwrap().refuse(refused);
                        let token = connection.newer_than(refused, 0).await.unwrap();
                        assert!(token > refused);
                    }
                })
            })
            .collect();
        future::block_on(async {
            for caller in callers {
                caller.await.unwrap();
            }
        });
        // Two tokens were refused, however often; each was replaced once.
        assert_eq!(connection.asked(), 2);
        assert_eq!(connection.single.lock().unwrap().generation(), 3);
    });
}

#[test]
fn a_flight_lands_although_all_who_waited_have_gone() {
    explore("token hang-ups", || {
        let connection = Connection::new(0);
        let impatient: Vec<_> = (0..2)
            .map(|polls| {
                let connection = Arc::clone(&connection);
                future::spawn(async move {
                    connection.single.lock().unwrap().refuse(1);
                    patiently(connection.newer_than(1, 0), polls).await
                })
            })
            .collect();
        future::block_on(async {
            for caller in impatient {
                if let Some(token) = caller.await.unwrap() {
                    assert_eq!(token, Ok(2));
                }
            }
            // Whoever comes after them finds the flight, or what it brought.
            assert_eq!(connection.newer_than(1, 0).await, Ok(2));
        });
        assert_eq!(connection.asked(), 1);
    });
}

#[test]
fn a_failure_answers_those_who_come_while_it_counts_and_no_longer() {
    explore("token failures", || {
        let connection = Connection::new(1);
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let connection = Arc::clone(&connection);
                future::spawn(async move {
                    connection.single.lock().unwrap().refuse(1);
                    connection.newer_than(1, 0).await
                })
            })
            .collect();
        future::block_on(async {
            for caller in callers {
                assert_eq!(caller.await.unwrap(), Err("down"));
            }
            assert_eq!(connection.asked(), 1);
            // A moment later it is tried again.
            assert_eq!(connection.newer_than(1, 1).await, Ok(2));
        });
        assert_eq!(connection.asked(), 2);
    });
}
