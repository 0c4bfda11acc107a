//! Never lost, never twice: random histories of concurrent clients over a bad network, against both providers.
//!
//! | variable | |
//! | --- | --- |
//! | `CROSSWALK_HISTORIES=10000` | so many histories |
//! | `CROSSWALK_SEED=7` | of another seed |
//! | `CROSSWALK_HISTORY=123` | one history alone, some times over |
//! | `CROSSWALK_LANES=16` | so many at one time |

use std::{sync::Arc, time::Instant};

use crosswalk_tests::history::{Arena, run};

/// The seed of every day, so that a run that fails can be repeated.
const SEED: u64 = 20_261_126;
/// As many as a short run has time for.
const FEW: u64 = 400;
/// What one machine plays side by side: most of the time is spent waiting.
const LANES: u64 = 16;
/// How often a history is repeated alone: not every interleaving shows its fault.
const REPETITIONS: usize = 25;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a whole number"))
}

/// Covers: write-cut, write-not-carried-out, read-cut, failure-after-write, search-lags, upsert-race, reads-joined
/// Covers: key-same-request, caller-hangs-up-write, deadline, answer-not-json, answer-wrong-length, throttled
/// Covers: key-after-refusal
#[test]
fn what_clients_are_told_is_what_the_provider_holds() {
    let seed = number("CROSSWALK_SEED").unwrap_or(SEED);
    let numbers: Vec<u64> = match number("CROSSWALK_HISTORY") {
        Some(one) => vec![one; REPETITIONS],
        None => (0..number("CROSSWALK_HISTORIES").unwrap_or(FEW)).collect(),
    };
    let lanes = number("CROSSWALK_LANES").unwrap_or(LANES);
    let lanes = usize::try_from(lanes).expect("a few").min(numbers.len());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let (tally, failures) = runtime.block_on(async {
        let arena = Arc::new(Arena::start(lanes).await);
        let began = Instant::now();
        let (tally, failures) = run(&arena, seed, &numbers).await;
        println!(
            "seed {seed}, {lanes} lanes, {:.1} s: {tally}",
            began.elapsed().as_secs_f64()
        );
        (tally, failures)
    });
    let texts: Vec<&str> = failures
        .iter()
        .map(|failure| failure.text.as_str())
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} histories are wrong\n{}",
        failures.len(),
        tally.histories,
        texts.join("\n")
    );
    assert_eq!(tally.histories, numbers.len() as u64);
    // Something of each kind has happened, or nothing was tried.
    if numbers.len() >= 100 && number("CROSSWALK_HISTORY").is_none() {
        for (what, count) in [
            ("acknowledged", tally.acknowledged),
            ("refused", tally.refused),
            ("unknown", tally.unknown),
            ("written", tally.written),
            ("hung up", tally.hung_up),
        ] {
            assert!(count > 0, "no write was {what}");
        }
        assert!(tally.faults.len() >= 18, "{:?}", tally.faults);
    }
}
