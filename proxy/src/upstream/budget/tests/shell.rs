//! The clock, the timer and the words, with tokio's time stopped.

use std::{
    future::{Future, poll_fn},
    sync::Mutex,
    task::Poll,
};

use http::{HeaderMap, HeaderValue};
use tokio::time::{Instant, sleep};

use super::{super::Budget, *};
use crate::{
    error::Code,
    generated::API,
    upstream::{
        Behalf,
        provider::{ErrorRule, LimitKind, NativeOperation, Provider},
    },
};

fn hubspot() -> &'static Provider {
    API.provider("hubspot").unwrap()
}

fn operation() -> &'static NativeOperation {
    hubspot().check.as_ref().unwrap().call.operation
}

fn budget() -> Arc<Budget> {
    let assume = |limit: &super::super::Limit| match limit.kind {
        LimitKind::Counted { calls, .. } => Some(calls),
        _ => None,
    };
    let queue = (1000, Duration::from_secs(30));
    Arc::new(Budget::new(hubspot(), &assume, queue, None))
}

fn caller(name: &str) -> Behalf {
    Behalf::new(name, Urgency::Interactive)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

fn rule(policy: &str) -> Option<&'static ErrorRule> {
    let mut rules = hubspot().errors.classify.iter();
    rules.find(|rule| rule.with.iter().any(|(_, values)| values.contains(&policy)))
}

#[tokio::test(start_paused = true)]
async fn callers_that_come_and_go_never_exceed_the_limit_and_all_hear() {
    let budget = budget();
    let starts = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..600_u64 {
        let (budget, starts) = (Arc::clone(&budget), Arc::clone(&starts));
        let task = tokio::spawn(async move {
            sleep(ms(number * 13 % 7_000)).await;
            let behalf = caller(&(number % 7).to_string());
            match budget
                .turn(operation(), &behalf, Instant::now(), soon())
                .await
            {
                Ok(turn) => {
                    starts.lock().unwrap().push(Instant::now());
                    sleep(ms(number % 900)).await;
                    if number % 5 > 0 {
                        turn.answered(Instant::now(), 200_u16, &HeaderMap::new(), None);
                    }
                    true
                }
                Err(refused) => {
                    assert_eq!(refused.error.code, Code::TooManyRequests);
                    false
                }
            }
        });
        if number % 3 == 0 {
            let abort = task.abort_handle();
            tokio::spawn(async move {
                sleep(ms(number * 31 % 20_000)).await;
                abort.abort();
            });
        }
        tasks.push(task);
    }
    let mut went = 0;
    for task in tasks {
        // Some hung up; nobody waits for ever.
        went += usize::from(task.await.unwrap_or(false));
    }
    assert!(went > 300, "{went}");
    assert_eq!(budget.snapshot().waiting, 0);
    let starts = starts.lock().unwrap();
    for pair in starts.windows(101) {
        assert!(pair[100] - pair[0] >= Duration::from_secs(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_that_is_dropped_gives_its_place_to_the_next() {
    let budget = budget();
    for _ in 0..100 {
        let turn = budget
            .turn(operation(), &caller("a"), Instant::now(), soon())
            .await
            .unwrap();
        turn.answered(Instant::now(), 200_u16, &HeaderMap::new(), None);
    }
    let nobody = caller("nobody");
    let mut dropped = Box::pin(budget.turn(operation(), &nobody, Instant::now(), soon()));
    let is_waiting = poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx).is_pending()));
    assert!(is_waiting.await);
    // It is told, and goes away before it reads it.
    tokio::time::advance(ms(10_000)).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    drop(dropped);
    assert_eq!(budget.snapshot().waiting, 0);
    for _ in 0..100 {
        let turn = budget
            .turn(
                operation(),
                &caller("b"),
                Instant::now(),
                Instant::now() + ms(300),
            )
            .await;
        turn.unwrap()
            .answered(Instant::now(), 200_u16, &HeaderMap::new(), None);
    }
}

/// lessons.md §4d, row 25: `Retry-After` in its forms.
#[tokio::test(start_paused = true)]
async fn retry_after_is_seconds_a_date_or_nothing_that_counts() {
    let day = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(30));
    for (value, least, most) in [
        (Some("7"), 7.0, 7.0),
        (Some(day.as_str()), 28.0, 30.0),
        // What the rule says.
        (None, 10.0, 10.0),
        (Some("-5"), 10.0, 10.0),
        (Some("soon"), 10.0, 10.0),
        // Not at once, and not for a day without looking.
        (Some("0"), 0.5, 0.5),
        (Some("Sun, 06 Nov 1994 08:49:37 GMT"), 0.5, 0.5),
        (Some("86400"), 900.0, 900.0),
    ] {
        let budget = budget();
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert("retry-after", HeaderValue::from_str(value).unwrap());
        }
        let turn = budget
            .turn(operation(), &caller("a"), Instant::now(), soon())
            .await
            .unwrap();
        turn.answered(
            Instant::now(),
            429_u16,
            &headers,
            rule("TEN_SECONDLY_ROLLING"),
        );
        let left = budget.snapshot().limits;
        let burst = left.iter().find(|it| it.name == "burst").unwrap();
        let after = burst.more_after.unwrap().as_secs_f64();
        assert!(
            after >= least - 0.001 && after <= most,
            "{value:?}: {after}"
        );
        assert_eq!(burst.remaining, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_limit_and_when_to_come_back() {
    let budget = budget();
    let turn = budget
        .turn(operation(), &caller("a"), Instant::now(), soon())
        .await
        .unwrap();
    turn.answered(Instant::now(), 429_u16, &HeaderMap::new(), rule("DAILY"));
    let error = budget
        .turn(operation(), &caller("b"), Instant::now(), soon())
        .await
        .unwrap_err()
        .error;
    assert_eq!(error.code, Code::TooManyRequests);
    assert_eq!(error.retry_after, Some(Duration::from_mins(1)));
    assert_eq!(
        error.message,
        "this account's calls at HubSpot are used up (`daily`); this is the provider's limit, nothing was sent, try again in 60 seconds"
    );
    // A check asks all the same, and what it hears counts.
    let turn = budget.at_once(operation());
    drop(turn);
    sleep(Duration::from_mins(1)).await;
    let turn = budget
        .turn(operation(), &caller("b"), Instant::now(), soon())
        .await
        .unwrap();
    turn.answered(Instant::now(), 200_u16, &HeaderMap::new(), None);
    budget
        .turn(operation(), &caller("c"), Instant::now(), soon())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_written_as_the_draft_has_it() {
    let budget = budget();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-hubspot-ratelimit-daily", "250000"),
        ("x-hubspot-ratelimit-daily-remaining", "249000"),
        ("x-hubspot-ratelimit-max", "110"),
        ("x-hubspot-ratelimit-remaining", "109"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let turn = budget
        .turn(operation(), &caller("a"), Instant::now(), soon())
        .await
        .unwrap();
    sleep(ms(100)).await;
    turn.answered(Instant::now(), 200_u16, &headers, None);
    let (policy, left) = budget.snapshot().headers().unwrap();
    assert_eq!(
        policy,
        "\"daily\";q=250000, \"burst\";q=110;w=10, \"search\";q=5;w=1"
    );
    assert_eq!(
        left,
        "\"daily\";r=249000, \"burst\";r=109;t=10, \"search\";r=5"
    );
}
