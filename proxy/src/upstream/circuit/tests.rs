use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A breaker with a clock of its own.
struct Bench {
    breaker: Breaker,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            breaker: Breaker::new(now),
            now,
        }
    }

    fn wait(&mut self, pause: Duration) {
        self.now += pause;
    }

    fn admit(&mut self) -> Result<Ticket, Refused> {
        self.breaker.admit(self.now)
    }

    fn ended(&mut self, ticket: Ticket, health: Health) -> Change {
        // The longest pause that chance can make.
        self.breaker.ended(ticket, health, self.now, 1.0)
    }

    fn call(&mut self, health: Health) -> Change {
        let ticket = self.admit().expect("it is let through");
        self.ended(ticket, health)
    }

    /// Makes it open.
    fn fail(&mut self) -> Duration {
        for _ in 1..MOST_IN_A_ROW {
            assert_eq!(self.call(Health::Bad), Change::None);
        }
        match self.call(Health::Bad) {
            Change::Opened { pause, .. } => pause,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn it_opens_after_a_row_of_bad_calls_and_says_when_to_come_back() {
    let mut bench = Bench::new();
    let pause = bench.fail();
    assert_eq!(pause, SECOND);
    let told = Told { bad: 5, calls: 5 };
    let refused = |retry_after| Err(Refused { retry_after, told });
    assert_eq!(bench.admit(), refused(SECOND));
    bench.wait(SECOND / 4);
    assert_eq!(bench.admit(), refused(SECOND * 3 / 4));
}

#[test]
fn a_good_call_ends_the_row() {
    let mut bench = Bench::new();
    for _ in 0..20 {
        // Four of twelve: never a row, never most.
        for health in [Health::Bad; 4].into_iter().chain([Health::Good; 8]) {
            assert_eq!(bench.call(health), Change::None);
        }
    }
}

#[test]
fn it_opens_when_most_of_the_last_calls_were_bad() {
    let mut bench = Bench::new();
    // Two of three, never five in a row; nine calls are too few to tell.
    for index in 0..9 {
        let health = if index % 3 == 0 {
            Health::Good
        } else {
            Health::Bad
        };
        assert_eq!(bench.call(health), Change::None, "{index}");
    }
    assert_eq!(
        bench.call(Health::Good),
        Change::None,
        "a good call never opens it"
    );
    let told = Told { bad: 7, calls: 11 };
    let opened = bench.call(Health::Bad);
    assert_eq!(
        opened,
        Change::Opened {
            pause: SECOND,
            told
        }
    );
}

#[test]
fn what_was_long_ago_does_not_count() {
    let mut bench = Bench::new();
    for _ in 0..6 {
        bench.call(Health::Good);
        bench.call(Health::Bad);
    }
    bench.wait(SECOND * 11);
    // One of two, and 7 of 13 if the old ones counted.
    bench.call(Health::Good);
    assert_eq!(bench.call(Health::Bad), Change::None);
    assert_eq!(
        bench.breaker.window.total(bench.now),
        Told { bad: 1, calls: 2 }
    );
}

#[test]
fn one_call_at_a_time_probes_and_a_good_one_closes_it() {
    let mut bench = Bench::new();
    let pause = bench.fail();
    bench.wait(pause);
    let probe = bench.admit().unwrap();
    assert!(bench.admit().is_err(), "one probe at a time");
    assert_eq!(bench.ended(probe, Health::Good), Change::Closed);
    bench.admit().unwrap();
    bench.admit().unwrap();
}

#[test]
fn a_bad_probe_opens_it_for_twice_as_long_and_never_for_more_than_the_longest() {
    let mut bench = Bench::new();
    let mut pause = bench.fail();
    for _ in 0..10 {
        bench.wait(pause);
        let Change::OpenedAgain { pause: next } = bench.call(Health::Bad) else {
            panic!("a bad probe opens it again");
        };
        assert_eq!(next, (pause * 2).min(LONGEST));
        pause = next;
    }
    assert_eq!(pause, LONGEST);
}

#[test]
fn a_probe_that_is_dropped_gives_its_place_back() {
    let mut bench = Bench::new();
    let pause = bench.fail();
    bench.wait(pause);
    let probe = bench.admit().unwrap();
    bench.breaker.given_back(probe, bench.now);
    let next = bench.admit().unwrap();
    assert_eq!(bench.ended(next, Health::Good), Change::Closed);
}

#[test]
fn calls_from_before_the_opening_say_nothing_after_it() {
    let mut bench = Bench::new();
    let (late, later) = (bench.admit().unwrap(), bench.admit().unwrap());
    let pause = bench.fail();
    assert_eq!(bench.ended(late, Health::Good), Change::None);
    assert!(bench.admit().is_err(), "a late success does not close it");
    bench.wait(pause);
    assert_eq!(bench.call(Health::Good), Change::Closed);
    bench.ended(later, Health::Bad);
    assert_eq!(bench.breaker.in_a_row, 0);
}

#[test]
fn one_that_opens_again_soon_was_not_well() {
    let mut bench = Bench::new();
    let pause = bench.fail();
    bench.wait(pause);
    assert_eq!(bench.call(Health::Good), Change::Closed);
    bench.wait(SECOND);
    assert_eq!(bench.fail(), SECOND * 2);
    bench.wait(SECOND * 2);
    assert_eq!(bench.call(Health::Good), Change::Closed);
    bench.wait(UNSTEADY);
    assert_eq!(bench.fail(), SECOND, "steady for long enough");
}

#[test]
fn it_is_forgotten_only_when_nobody_needs_it() {
    let mut bench = Bench::new();
    let pause = bench.fail();
    assert!(!bench.breaker.may_be_forgotten(bench.now));
    bench.wait(pause);
    let probe = bench.admit().unwrap();
    bench.wait(FORGOTTEN * 2);
    assert!(!bench.breaker.may_be_forgotten(bench.now), "a probe is out");
    bench.ended(probe, Health::Good);
    assert!(!bench.breaker.may_be_forgotten(bench.now));
    bench.wait(FORGOTTEN);
    assert!(bench.breaker.may_be_forgotten(bench.now));
}

#[derive(Debug, Clone)]
enum Act {
    Admit,
    End { which: usize, is_good: bool },
    Drop { which: usize },
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Admit),
        3 => (0..8_usize, any::<bool>()).prop_map(|(which, is_good)| Act::End { which, is_good }),
        1 => (0..8_usize).prop_map(|which| Act::Drop { which }),
        2 => (0..3_000_u64).prop_map(Act::Wait),
    ]
}

proptest! {
    /// Whatever happens: at most one probe is out, nobody is told to wait longer than the longest pause, and when all
    /// calls have ended and that pause is over, a call is let through.
    #[test]
    fn it_never_stays_shut(acts in prop::collection::vec(act(), 0..200), chance in 0.0..1.0_f64) {
        let mut bench = Bench::new();
        let mut out: Vec<Ticket> = Vec::new();
        for act in acts {
            match act {
                Act::Admit => match bench.admit() {
                    Ok(ticket) => out.push(ticket),
                    Err(refused) => prop_assert!(refused.retry_after <= LONGEST),
                },
                Act::End { which, is_good } if !out.is_empty() => {
                    let ticket = out.remove(which % out.len());
                    let health = if is_good { Health::Good } else { Health::Bad };
                    bench.breaker.ended(ticket, health, bench.now, chance);
                }
                Act::Drop { which } if !out.is_empty() => {
                    let ticket = out.remove(which % out.len());
                    bench.breaker.given_back(ticket, bench.now);
                }
                Act::Wait(millis) => bench.wait(Duration::from_millis(millis)),
                Act::End { .. } | Act::Drop { .. } => {}
            }
            prop_assert!(out.iter().filter(|ticket| ticket.is_probe).count() <= 1);
        }
        for ticket in out {
            bench.breaker.given_back(ticket, bench.now);
        }
        bench.wait(LONGEST);
        prop_assert!(bench.admit().is_ok());
    }
}
