use super::*;

#[test]
fn a_window_is_used_and_no_more() {
    let mut core = one(counted(3, 10));
    for _ in 0..3 {
        let id = goes(&mut core, ms(0));
        answered(&mut core, id, ms(100));
    }
    let fourth = waits(&mut core, "a", ms(100));
    assert_eq!(core.next(ms(100)), Some(ms(10_100)));
    assert_eq!(run(&mut core, ms(100), ms(20_000)), [(ms(10_100), fourth)]);
}

#[test]
fn a_call_counts_until_it_was_certainly_taken() {
    // It might have been on its way for as long as it had no answer.
    let mut core = one(counted(1, 10));
    let first = goes(&mut core, ms(0));
    waits(&mut core, "a", ms(0));
    assert_eq!(core.next(ms(0)), Some(ms(11_000)));
    answered(&mut core, first, ms(400));
    assert_eq!(core.next(ms(400)), Some(ms(10_400)));
    // Long calls have been taken long before they are answered.
    let mut core = one(counted(1, 10));
    let first = goes(&mut core, ms(0));
    answered(&mut core, first, ms(30_000));
    goes(&mut core, ms(30_000));
}

/// Covers: budget-kept
#[test]
fn callers_take_turns() {
    let mut core = one(counted(1, 1));
    let first = goes(&mut core, ms(0));
    answered(&mut core, first, ms(0));
    let greedy: Vec<Id> = (0..5).map(|_| waits(&mut core, "greedy", ms(0))).collect();
    let modest = waits(&mut core, "modest", ms(0));
    let mut order = Vec::new();
    let mut now = ms(0);
    for _ in 0..6 {
        now = core.next(now).unwrap();
        for id in gone(&core.pump(now)) {
            order.push(id);
            answered(&mut core, id, now);
        }
    }
    let mut expected = greedy;
    expected.insert(1, modest);
    assert_eq!(order, expected);
}

#[test]
fn a_caller_that_comes_again_at_once_does_not_go_before_others() {
    let mut core = one(counted(1, 1));
    let first = goes(&mut core, ms(0));
    answered(&mut core, first, ms(0));
    let patient: Vec<Id> = (0..3).map(|_| waits(&mut core, "patient", ms(0))).collect();
    let mut again = waits(&mut core, "again", ms(0));
    let mut order = Vec::new();
    let mut now = ms(0);
    for _ in 0..6 {
        now = core.next(now).unwrap();
        for id in gone(&core.pump(now)) {
            order.push(id);
            answered(&mut core, id, now);
            if id == again {
                again = waits(&mut core, "again", now);
            }
        }
    }
    assert_eq!(order[0], patient[0]);
    assert_eq!(order[2], patient[1]);
    assert_eq!(order[4], patient[2]);
}

/// Covers: budget-kept
#[test]
fn what_somebody_waits_for_goes_first() {
    let mut core = one(counted(1, 1));
    let first = goes(&mut core, ms(0));
    answered(&mut core, first, ms(0));
    assert!(matches!(
        ask(&mut core, "sync", Urgency::Background, ms(0)),
        Asked::Waits(_)
    ));
    let urgent = waits(&mut core, "a", ms(0));
    assert_eq!(gone(&core.pump(ms(1000))), [urgent]);
}

#[test]
fn the_last_part_of_a_window_is_not_for_pipelines() {
    let mut core = one(counted(20, 10));
    let mut starts = 0;
    let mut now = ms(0);
    while now < ms(10_000) {
        match ask(&mut core, "sync", Urgency::Background, now) {
            Asked::Goes(id) => {
                starts += 1;
                answered(&mut core, id, now);
            }
            Asked::Waits(id) => {
                core.leaves(id, now);
            }
            Asked::Refused(refusal) => panic!("{refusal:?}"),
        }
        now += ms(10);
    }
    assert_eq!(starts, 18);
    goes(&mut core, ms(9_999));
    goes(&mut core, ms(9_999));
}

#[test]
fn pipelines_use_a_window_evenly() {
    let mut core = one(counted(100, 10));
    let mut starts = Vec::new();
    let mut now = ms(0);
    while now < ms(30_000) {
        if let Asked::Goes(id) = ask(&mut core, "sync", Urgency::Background, now) {
            starts.push(now);
            answered(&mut core, id, now + ms(5));
        } else {
            let next = core.next(now).unwrap();
            let went = core.pump(next);
            assert_eq!(went.len(), 1);
            starts.push(next);
            answered(&mut core, went[0].id, next + ms(5));
            now = next;
        }
    }
    // Ten at once and then one each 125 ms, and no pause at the end of a window.
    let gaps = starts
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]));
    assert!(gaps.max().unwrap() <= ms(250), "{starts:?}");
    assert!(starts.len() >= 240, "{}", starts.len());
}

#[test]
fn a_call_that_would_wait_too_long_is_refused_at_once() {
    let mut core = one(counted(2, 10));
    for _ in 0..2 {
        let id = goes(&mut core, ms(0));
        answered(&mut core, id, ms(0));
    }
    let caller = Arc::from("a");
    let latest = ms(9_000);
    let (asked, _) = core.ask(ONE, &caller, Urgency::Interactive, latest, ms(1_000));
    let Asked::Refused(refusal) = asked else {
        panic!("{asked:?}")
    };
    assert_eq!((refusal.limit, refusal.after), ("one", ms(9_000)));
    assert_eq!(core.waiting(), 0);
    // With more time it waits; two go before the third, which waits for a second window.
    for _ in 0..2 {
        waits(&mut core, "a", ms(1_000));
    }
    let (asked, _) = core.ask(ONE, &caller, Urgency::Interactive, ms(19_000), ms(1_000));
    let Asked::Refused(refusal) = asked else {
        panic!("{asked:?}")
    };
    assert_eq!(refusal.after, ms(19_000));
}

#[test]
fn a_queue_that_is_full_refuses() {
    let limits = vec![Gauge::new("one", counted(1, 10), Some(1)), Gauge::pause()];
    let mut core = Core::new(limits, 1);
    goes(&mut core, ms(0));
    waits(&mut core, "a", ms(0));
    let Asked::Refused(refusal) = ask(&mut core, "b", Urgency::Interactive, ms(0)) else {
        panic!()
    };
    assert!(refusal.is_full);
}

#[test]
fn who_goes_away_makes_room() {
    let mut core = one(counted(1, 10));
    let first = goes(&mut core, ms(0));
    let second = waits(&mut core, "a", ms(0));
    let third = waits(&mut core, "b", ms(0));
    assert!(core.leaves(second, ms(1)).is_empty());
    // The first was let go and never made.
    assert_eq!(gone(&core.leaves(first, ms(2))), [third]);
}

#[test]
fn who_left_is_none_the_worse_for_it() {
    let mut core = one(counted(1, 1));
    let first = goes(&mut core, ms(0));
    answered(&mut core, first, ms(0));
    let left: Vec<Id> = (0..50).map(|_| waits(&mut core, "a", ms(0))).collect();
    for id in left {
        core.leaves(id, ms(0));
    }
    for _ in 0..3 {
        waits(&mut core, "b", ms(0));
    }
    let again = waits(&mut core, "a", ms(0));
    let now = core.next(ms(0)).unwrap();
    let news = core.pump(now);
    answered(&mut core, news[0].id, now);
    let now = core.next(now).unwrap();
    assert_eq!(gone(&core.pump(now)), [again]);
}

#[test]
fn a_limit_of_some_calls_does_not_hold_back_others() {
    let gauges = vec![
        Gauge::new("burst", counted(100, 10), Some(100)),
        Gauge::new("search", counted(1, 1), Some(1)),
        Gauge::pause(),
    ];
    let mut core = Core::new(gauges, 100);
    let caller = Arc::from("a");
    let mut ask = |mask| core.ask(mask, &caller, Urgency::Interactive, LATE, ms(0)).0;
    assert!(matches!(ask(0b111), Asked::Goes(_)));
    assert!(matches!(ask(0b111), Asked::Waits(_)));
    assert!(matches!(ask(0b101), Asked::Goes(_)));
}

#[test]
fn only_long_calls_count_at_one_time() {
    let mut core = one(LimitKind::Lasting {
        calls: 2,
        seconds: 20,
    });
    let long: Vec<Id> = (0..2).map(|_| goes(&mut core, ms(0))).collect();
    for _ in 0..100 {
        goes(&mut core, ms(19_999));
    }
    let waiting = waits(&mut core, "a", ms(20_000));
    assert_eq!(gone(&answered(&mut core, long[0], ms(20_500))), [waiting]);
}
