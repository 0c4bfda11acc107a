use super::{
    super::share::{Given, Share},
    *,
};

fn shared(calls: u32) -> Core {
    let mut gauge = Gauge::new("one", counted(calls, 10), Some(calls));
    gauge.window_mut().unwrap().share = Some(Share::default());
    Core::new(vec![gauge, Gauge::pause()], 100)
}

fn given(calls: u32) -> Given {
    Given {
        calls,
        others: 0,
        again_after: ms(200),
    }
}

#[test]
fn the_store_is_asked_once_for_several_calls() {
    let mut core = shared(100);
    let waiting: Vec<Id> = (0..7).map(|_| waits(&mut core, "a", ms(0))).collect();
    let asks = core.wants(ms(0));
    assert_eq!(asks.len(), 1);
    assert_eq!((asks[0].1.calls, asks[0].1.limit), (5, 100));
    assert!(core.wants(ms(0)).is_empty(), "somebody asks already");
    assert_eq!(
        gone(&core.given(0, Some(given(5)), ms(0), ms(2))),
        waiting[..5]
    );
    assert_eq!(core.wants(ms(2)).len(), 1);
    // Nothing is left: the store is asked again when there may be.
    assert!(gone(&core.given(0, Some(given(0)), ms(2), ms(4))).is_empty());
    assert!(core.wants(ms(4)).is_empty());
    assert_eq!(core.next(ms(4)), Some(ms(204)));
    assert_eq!(core.wants(ms(204)).len(), 1);
}

#[test]
fn what_was_given_is_good_for_a_short_time_and_then_given_back() {
    let mut core = shared(100);
    waits(&mut core, "a", ms(0));
    core.wants(ms(0));
    core.given(0, Some(given(5)), ms(0), ms(2));
    goes(&mut core, ms(100));
    waits(&mut core, "a", ms(500));
    assert_eq!(core.wants(ms(500))[0].1.unused, 3);
}

#[test]
fn pipelines_are_given_no_more_than_their_part() {
    let mut core = shared(100);
    let asked = ask(&mut core, "sync", Urgency::Background, ms(0));
    assert!(matches!(asked, Asked::Waits(_)), "{asked:?}");
    assert_eq!(core.wants(ms(0))[0].1.limit, 90);
}

#[test]
fn without_the_store_what_is_known_here_counts() {
    let mut core = shared(10);
    let waiting = waits(&mut core, "a", ms(0));
    core.wants(ms(0));
    assert_eq!(gone(&core.given(0, None, ms(0), ms(100))), [waiting]);
    for _ in 0..9 {
        goes(&mut core, ms(100));
    }
    waits(&mut core, "a", ms(100));
}

#[test]
fn what_is_spent_elsewhere_is_spent_here() {
    let mut core = shared(100);
    core.spent_elsewhere(0, ms(3_000), ms(0));
    waits(&mut core, "a", ms(0));
    assert_eq!(core.next(ms(0)), Some(ms(3_000)));
}
