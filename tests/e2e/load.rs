//! Load with faults: nothing lost, nothing doubled, no growth of memory.
//!
//! | variable | |
//! | --- | --- |
//! | `CROSSWALK_LOAD_SECONDS=60` | so long; without it only long enough to see that it works |
//! | `CROSSWALK_LOAD_CLIENTS=256` | so many clients |

use std::time::Duration;

use crosswalk_tests::history::load;

const SEED: u64 = 20_261_126;
const CLIENTS: u64 = 256;
const SECONDS: u64 = 5;
/// Of 100 native calls.
const FAULTS: u64 = 5;
/// After warm-up memory may still rise by a quarter and this: allocators keep what peaks needed, and a page of the answer
/// store is not a leak.
const LEEWAY_KB: u64 = 24 * 1024;
/// What is measured only over a longer time.
const LONG: u64 = 30;

fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().expect("a whole number"))
}

/// Covers: write-cut, read-cut, memory-bounded
#[test]
fn a_load_with_faults_loses_and_doubles_nothing() {
    let seconds = number("CROSSWALK_LOAD_SECONDS", SECONDS);
    let clients = number("CROSSWALK_LOAD_CLIENTS", CLIENTS);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let load = runtime.block_on(load(clients, Duration::from_secs(seconds), FAULTS, SEED));
    let calls = load.tally.reads + load.tally.writes;
    let warm = load.memory.len() / 3;
    let (start, warmed) = (load.memory[0], load.memory[warm]);
    let (before, after) = load.memory.split_at(warm);
    let before = before.iter().max().copied().unwrap_or_default().max(warmed);
    let peak = after.iter().max().copied().unwrap_or_default();
    let end = load.memory.last().copied().unwrap_or_default();
    println!(
        "{clients} clients, {seconds} s, {FAULTS} % faults: {calls} calls, {} a second; p50 {:?}, p99 {:?}, longest {:?}",
        calls / seconds.max(1),
        load.within(500),
        load.within(990),
        load.within(1_000)
    );
    println!("answers by status: {:?}", load.statuses);
    println!(
        "memory of the proxy in kB: {start} at the start, {before} after warm-up, {peak} at most, {end} at the end"
    );
    println!("{}", load.tally);
    assert!(
        load.wrong.is_empty(),
        "{} are wrong:\n{}",
        load.wrong.len(),
        load.wrong
            .iter()
            .take(20)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    assert!(calls >= clients, "every client was answered");
    assert!(load.faults > 0);
    assert!(
        load.own_errors <= load.faults,
        "{} errors, {} faults",
        load.own_errors,
        load.faults
    );
    let told = |status: u16| load.statuses.get(&status).copied().unwrap_or_default();
    assert_eq!(told(500), 0);
    if seconds >= LONG {
        assert!(
            peak <= before + before / 4 + LEEWAY_KB,
            "memory grows: {:?}",
            load.memory
        );
    }
}
