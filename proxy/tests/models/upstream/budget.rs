//! The budget: never more calls in a window than the limit, and everybody is told.

use std::{sync::Arc, time::Duration};

use shuttle::{future, thread};

use super::{Urgency, provider::LimitKind};
use crate::{
    explore,
    primitives::{Mutex, patiently},
};

#[path = "../../../src/upstream/budget/cell.rs"]
mod cell;
#[path = "../../../src/upstream/budget/core.rs"]
mod core;
#[path = "../../../src/upstream/budget/gauge.rs"]
mod gauge;
#[path = "../../../src/upstream/budget/open.rs"]
mod open;
#[path = "../../../src/upstream/budget/queue.rs"]
mod queue;
#[path = "../../../src/upstream/budget/share.rs"]
mod share;

use cell::{Ask, Cell};
use core::{Core, End};
use gauge::{Gauge, Moment};

const CALLS: u32 = 2;
const WINDOW: Duration = Duration::from_secs(1);

/// An account, its clock, and what reached the provider.
struct Account {
    cell: Cell,
    clock: Mutex<Moment>,
    starts: Mutex<Vec<Moment>>,
    /// Callers that have not ended.
    open: Mutex<usize>,
}

impl Account {
    fn new(callers: usize) -> Arc<Self> {
        let kind = LimitKind::Counted {
            calls: CALLS,
            window_seconds: 1,
        };
        let gauges = vec![Gauge::new("burst", kind, Some(CALLS)), Gauge::pause()];
        Arc::new(Self {
            cell: Cell::new(Core::new(gauges, 100)),
            clock: Mutex::new(Moment::ZERO),
            starts: Mutex::default(),
            open: Mutex::new(callers),
        })
    }

    fn now(&self) -> Moment {
        *self.clock.lock().unwrap()
    }

    /// One call, as `Budget::turn` and `Turn` of the product make it. Says whether it was made.
    async fn call(&self, caller: &str, urgency: Urgency, patience: Option<usize>) -> bool {
        let caller: Arc<str> = caller.into();
        let latest = self.now() + Duration::from_mins(1);
        let id = match self.cell.ask(0b11, &caller, urgency, latest, self.now()) {
            Ask::Goes(id) => id,
            Ask::Refused(refusal) => panic!("there is time enough: {refusal:?}"),
            Ask::Waits(id, hear) => {
                let told = match patience {
                    None => Some(hear.await),
                    Some(polls) => patiently(hear, polls).await,
                };
                let Some(told) = told else {
                    self.cell.leaves(id, self.now());
                    return false;
                };
                told.expect("somebody tells").expect("there is time enough");
                id
            }
        };
        let start = self.now();
        self.starts.lock().unwrap().push(start);
        thread::yield_now();
        self.cell.ends(id, End::Answered, &[], self.now());
        true
    }

    /// As `Budget::look_after`: looks again when something may go, until all have ended. Time passes only while all
    /// wait, since a call that was let go reaches the provider in less than [`gauge::LANDING`].
    fn tick(&self) {
        loop {
            let open = *self.open.lock().unwrap();
            if open == 0 {
                break;
            }
            let now = self.now();
            let (next, waiting) = self.cell.with(|core| {
                let news = core.pump(now);
                ((core.next(now), core.waiting()), news)
            });
            if let Some(next) = next.filter(|_| waiting == open) {
                let mut clock = self.clock.lock().unwrap();
                *clock = next.max(*clock);
            }
            thread::yield_now();
        }
    }

    fn must_have_kept_the_limit(&self) {
        let starts = self.starts.lock().unwrap();
        for start in starts.iter() {
            let in_window = starts
                .iter()
                .filter(|it| (*start..*start + WINDOW).contains(*it));
            assert!(in_window.count() <= CALLS as usize, "{starts:?}");
        }
    }
}

fn run(callers: &[(&'static str, Urgency, Option<usize>)]) -> Arc<Account> {
    let account = Account::new(callers.len());
    let tasks: Vec<_> = callers
        .iter()
        .map(|(caller, urgency, patience)| {
            let (account, caller, urgency, patience) =
                (Arc::clone(&account), *caller, *urgency, *patience);
            future::spawn(async move {
                let was_made = account.call(caller, urgency, patience).await;
                assert!(was_made || patience.is_some(), "who waits is told");
                *account.open.lock().unwrap() -= 1;
            })
        })
        .collect();
    let ticker = {
        let account = Arc::clone(&account);
        thread::spawn(move || account.tick())
    };
    future::block_on(async {
        for task in tasks {
            task.await.expect("a caller that ends");
        }
    });
    ticker.join().expect("a ticker that ends");
    account.must_have_kept_the_limit();
    account
}

#[test]
fn no_window_has_more_calls_than_the_limit_and_everybody_is_told() {
    use Urgency::{Background, Interactive};
    explore("budget", || {
        let account = run(&[
            ("a", Interactive, None),
            ("a", Interactive, None),
            ("b", Interactive, None),
            ("pipeline", Background, None),
            ("pipeline", Background, None),
        ]);
        assert_eq!(account.starts.lock().unwrap().len(), 5);
    });
}

#[test]
fn who_goes_away_gives_the_turn_to_the_next() {
    use Urgency::Interactive;
    explore("budget with hang-ups", || {
        run(&[
            ("a", Interactive, None),
            ("a", Interactive, Some(0)),
            ("b", Interactive, Some(1)),
            ("b", Interactive, Some(2)),
            ("c", Interactive, None),
        ]);
    });
}
