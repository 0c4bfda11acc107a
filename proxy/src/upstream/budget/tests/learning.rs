use super::*;

const DAY: LimitKind = LimitKind::Told {
    probe_after_seconds: 60,
    is_soft: false,
};
const SOFT_DAY: LimitKind = LimitKind::Told {
    probe_after_seconds: 60,
    is_soft: true,
};

fn refused(core: &mut Core, id: Id, after: Option<Duration>, now: Moment) -> Vec<News> {
    core.ends(id, End::Refused(Some(0), after), &[], now)
}

#[test]
fn nothing_is_held_back_before_a_limit_is_known() {
    let mut core = Core::new(
        vec![Gauge::new("one", counted(1, 10), None), Gauge::pause()],
        10,
    );
    for _ in 0..1000 {
        goes(&mut core, ms(0));
    }
    let id = goes(&mut core, ms(0));
    core.ends(id, End::Answered, &told(1100, 98), ms(1));
    // What was used is told, and what is left is used.
    for _ in 0..98 {
        goes(&mut core, ms(2));
    }
    waits(&mut core, "a", ms(2));
}

#[test]
fn the_providers_number_takes_the_place_of_the_assumed_one() {
    let mut core = one(counted(1, 10));
    let id = goes(&mut core, ms(0));
    core.ends(id, End::Answered, &told(190, 189), ms(1));
    for _ in 0..189 {
        goes(&mut core, ms(2));
    }
    waits(&mut core, "a", ms(2));
}

#[test]
fn calls_of_other_apps_count() {
    let mut core = one(counted(100, 10));
    let id = goes(&mut core, ms(0));
    core.ends(id, End::Answered, &told(100, 9), ms(0));
    for _ in 0..9 {
        goes(&mut core, ms(0));
    }
    waits(&mut core, "a", ms(0));
    // For no longer than the window is.
    assert_eq!(core.next(ms(0)), Some(ms(10_000)));
}

#[test]
fn older_answers_do_not_take_back_what_newer_ones_told() {
    let mut core = one(counted(100, 10));
    let (old, new) = (goes(&mut core, ms(0)), goes(&mut core, ms(5)));
    core.ends(new, End::Answered, &told(100, 50), ms(10));
    core.ends(old, End::Answered, &told(100, 99), ms(20));
    assert_eq!(core.left(ms(20)).next().unwrap().2, 50);
}

#[test]
fn after_a_refusal_all_wait_and_one_tries() {
    let mut core = one(counted(100, 10));
    let flying: Vec<Id> = (0..20).map(|_| goes(&mut core, ms(0))).collect();
    for id in flying {
        refused(&mut core, id, Some(ms(3_000)), ms(100));
    }
    let waiting: Vec<Id> = (0..20).map(|_| waits(&mut core, "a", ms(100))).collect();
    assert_eq!(
        run(&mut core, ms(100), ms(3_100)),
        [(ms(3_100), waiting[0])]
    );
    // It is refused again, and so nobody else was.
    refused(&mut core, waiting[0], Some(ms(3_000)), ms(3_200));
    assert_eq!(
        run(&mut core, ms(3_200), ms(6_200)),
        [(ms(6_200), waiting[1])]
    );
    // It is not, and all go.
    let went = gone(&answered(&mut core, waiting[1], ms(6_300)));
    assert_eq!(went, waiting[2..]);
}

#[test]
fn a_probe_that_nobody_hears_of_does_not_hold_the_others() {
    let mut core = one(counted(100, 10));
    let id = goes(&mut core, ms(0));
    refused(&mut core, id, Some(ms(1_000)), ms(0));
    let probe = goes(&mut core, ms(1_000));
    let next = waits(&mut core, "a", ms(1_000));
    // It was lost: the next one tries.
    let went = gone(&core.ends(probe, End::Unanswered, &[], ms(1_100)));
    assert_eq!(went, [next]);
    // It takes long: it was not refused.
    let last = waits(&mut core, "a", ms(1_100));
    assert_eq!(run(&mut core, ms(1_100), ms(5_000)), [(ms(3_100), last)]);
}

#[test]
fn a_refusal_that_does_not_say_for_which_limit_holds_all_calls() {
    let mut core = one(counted(100, 10));
    let id = goes(&mut core, ms(0));
    core.ends(id, End::Refused(None, None), &[], ms(0));
    waits(&mut core, "a", ms(0));
    assert_eq!(core.next(ms(0)), Some(ms(1_000)));
}

#[test]
fn who_cannot_wait_for_so_long_hears_it_at_once() {
    let mut core = one(counted(1, 10));
    let flying = goes(&mut core, ms(0));
    let caller = Arc::from("b");
    let latest = ms(15_000);
    let (asked, _) = core.ask(ONE, &caller, Urgency::Interactive, latest, ms(0));
    let Asked::Waits(hurried) = asked else {
        panic!("{asked:?}")
    };
    let patient = waits(&mut core, "a", ms(0));
    let news = refused(&mut core, flying, Some(Duration::from_mins(1)), ms(10));
    assert_eq!(news.len(), 1);
    assert_eq!(news[0].id, hurried);
    assert_eq!(news[0].refused.unwrap().after, Duration::from_mins(1));
    assert_eq!(core.waiting(), 1);
    let went = run(&mut core, ms(10), Duration::from_mins(2));
    assert_eq!(went, [(Duration::from_mins(1) + ms(10), patient)]);
}

#[test]
fn a_day_that_is_spent_is_tried_once_in_a_while() {
    let mut core = one(DAY);
    let id = goes(&mut core, ms(0));
    core.ends(id, End::Answered, &told(1000, 0), ms(0));
    let waiting: Vec<Id> = (0..3).map(|_| waits(&mut core, "a", ms(0))).collect();
    assert_eq!(core.left(ms(0)).next().unwrap().2, 0);
    assert_eq!(
        run(&mut core, ms(0), ms(60_000)),
        [(ms(60_000), waiting[0])]
    );
    core.ends(waiting[0], End::Answered, &told(1000, 0), ms(60_100));
    assert_eq!(
        run(&mut core, ms(60_100), ms(120_100)),
        [(ms(120_100), waiting[1])]
    );
    // Midnight.
    let went = core.ends(waiting[1], End::Answered, &told(1000, 999), ms(120_200));
    assert_eq!(gone(&went), [waiting[2]]);
}

#[test]
fn more_than_a_soft_limit_may_be_used_until_it_is_refused() {
    let mut core = one(SOFT_DAY);
    let id = goes(&mut core, ms(0));
    core.ends(id, End::Answered, &told(1000, 0), ms(0));
    let id = goes(&mut core, ms(0));
    refused(&mut core, id, None, ms(0));
    waits(&mut core, "a", ms(0));
    assert_eq!(core.next(ms(0)), Some(ms(60_000)));
}

#[test]
fn the_last_part_of_a_day_is_not_for_pipelines() {
    let mut core = one(SOFT_DAY);
    let id = goes(&mut core, ms(0));
    core.ends(id, End::Answered, &told(1000, 99), ms(0));
    // One, which finds out how it is.
    assert!(matches!(
        ask(&mut core, "sync", Urgency::Background, ms(0)),
        Asked::Goes(_)
    ));
    assert!(matches!(
        ask(&mut core, "sync", Urgency::Background, ms(0)),
        Asked::Waits(_)
    ));
    assert_eq!(core.next(ms(0)), Some(ms(60_000)));
    goes(&mut core, ms(0));
}
