//! Concurrency models: the cells that calls share, run under thousands of schedules of their own by shuttle.
//!
//! The files of the product are compiled here a second time, with primitives that shuttle schedules
//! ([`primitives`]). A failing schedule is printed, and `shuttle::replay` runs it again.

// The models do not use all that the product's files have.
#![allow(dead_code)]
// As in every test; clippy takes helpers of tests for something else.
#![allow(clippy::unwrap_used)]
// How many schedules there were is a figure that people ask for.
#![allow(clippy::print_stdout)]

#[path = "../../src/upstream/token/single.rs"]
mod single;

mod primitives;
mod tokens;
mod upstream;

/// What the product's files take from the crate.
mod error {
    pub(crate) use crosswalk::error::Error;
}
mod translate {
    pub(crate) use crosswalk::translate::NativeResponse;
}

/// Schedules of each model, unless `CROSSWALK_SCHEDULES` says otherwise.
const SCHEDULES: usize = 1_000;

/// Runs a model under many schedules, chosen at random, and says how many those were and how long they took. A failure
/// prints the schedule, for `shuttle::replay`.
fn explore(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let schedules = std::env::var("CROSSWALK_SCHEDULES");
    let schedules = schedules.map_or(SCHEDULES, |text| text.parse().expect("a number"));
    let began = std::time::Instant::now();
    shuttle::check_random(model, schedules);
    println!("{name}: {schedules} schedules in {:?}", began.elapsed());
}
