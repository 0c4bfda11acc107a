use super::*;
use crate::upstream::client::Reached;

fn provider() -> &'static Provider {
    crate::generated::API.providers[0]
}

fn host(name: &str) -> Authority {
    name.parse().unwrap()
}

fn fail(circuits: &Arc<Circuits>, door: Door, authority: &Authority) {
    for _ in 0..breaker::MOST_IN_A_ROW {
        let pass = circuits.admit(provider(), door, authority, Instant::now());
        pass.unwrap().ended(Health::Bad);
    }
}

#[tokio::test(start_paused = true)]
async fn one_host_says_nothing_of_another_nor_tokens_of_the_api() {
    let circuits = Arc::new(Circuits::default());
    let (down, well) = (host("acme.example"), host("other.example"));
    fail(&circuits, Door::Api, &down);
    let refused = circuits
        .admit(provider(), Door::Api, &down, Instant::now())
        .unwrap_err();
    assert_eq!(refused.code, Code::ServiceUnavailable);
    assert!(refused.retry_after.is_some());
    assert!(refused.outcome.is_none());
    for words in ["acme.example", "nothing was sent", "try again in 1 s"] {
        assert!(refused.message.contains(words), "{}", refused.message);
    }
    assert!(circuits.check(provider(), Door::Api, &down).is_err());
    circuits
        .admit(provider(), Door::Api, &well, Instant::now())
        .unwrap();
    circuits
        .admit(provider(), Door::Tokens, &down, Instant::now())
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_dropped_gives_the_probe_back() {
    let circuits = Arc::new(Circuits::default());
    let down = host("acme.example");
    fail(&circuits, Door::Api, &down);
    let open = NotClosed {
        open: 1,
        half_open: 0,
    };
    assert_eq!(circuits.not_closed(provider()), open);
    tokio::time::advance(breaker::LONGEST).await;
    let probe = circuits
        .admit(provider(), Door::Api, &down, Instant::now())
        .unwrap();
    assert!(
        circuits
            .admit(provider(), Door::Api, &down, Instant::now())
            .is_err()
    );
    drop(probe);
    let next = circuits
        .admit(provider(), Door::Api, &down, Instant::now())
        .unwrap();
    next.ended(Health::Good);
    assert_eq!(circuits.not_closed(provider()), NotClosed::default());
    circuits
        .admit(provider(), Door::Api, &down, Instant::now())
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn hosts_that_are_well_take_no_place_and_those_in_trouble_only_so_many() {
    let circuits = Arc::new(Circuits::default());
    for index in 0..100 {
        let well = host(&format!("well{index}.example"));
        let pass = circuits
            .admit(provider(), Door::Api, &well, Instant::now())
            .unwrap();
        pass.ended(Health::Good);
    }
    assert!(circuits.hosts().is_empty());
    let bad_call = |index: usize| {
        let down = host(&format!("down{index}.example"));
        let pass = circuits
            .admit(provider(), Door::Api, &down, Instant::now())
            .unwrap();
        pass.ended(Health::Bad);
    };
    for index in 0..MOST_HOSTS + 10 {
        bad_call(index);
    }
    assert_eq!(circuits.hosts().len(), MOST_HOSTS);
    tokio::time::advance(std::time::Duration::from_mins(2)).await;
    bad_call(MOST_HOSTS + 20);
    assert_eq!(
        circuits.hosts().len(),
        1,
        "those that were well since are forgotten"
    );
}

#[test]
fn an_answer_about_the_request_is_good_health() {
    const FAULT: ErrorRule = ErrorRule::new(Code::Unauthorized);
    const DOWN: ErrorRule = ErrorRule::new(Code::ServiceUnavailable);
    for (status, rule, health) in [
        (200, None, Health::Good),
        (404, None, Health::Good),
        (429, None, Health::Good),
        (
            423,
            Some(&ErrorRule::new(Code::TooManyRequests)),
            Health::Good,
        ),
        // HubSpot's word for an account that is being moved, which says nothing of other accounts.
        (477, Some(&DOWN), Health::Good),
        // A fault of SOAP.
        (500, Some(&FAULT), Health::Good),
        (500, None, Health::Bad),
        (502, None, Health::Bad),
        (503, Some(&DOWN), Health::Bad),
    ] {
        assert_eq!(Health::of_answer(status, rule), health, "{status} {rule:?}");
    }
}

#[test]
fn a_callers_own_deadline_says_nothing() {
    let timed_out = || Failure::TimedOut(Reached::Sent);
    assert_eq!(Health::of_failure(&timed_out(), true), None);
    assert_eq!(Health::of_failure(&timed_out(), false), Some(Health::Bad));
    let lost = Failure::Lost(String::new());
    assert_eq!(Health::of_failure(&lost, true), Some(Health::Bad));
    assert_eq!(
        Health::of_failure(&Failure::TooLarge(1), false),
        Some(Health::Good)
    );
}
