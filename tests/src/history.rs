//! Random histories of concurrent clients, and the judgement of what they were told.
//!
//! A history is drawn from two numbers, a seed and its own: what its clients ask for, and what happens to the proxy's calls
//! to the provider ([`crate::injector`]). It begins with an empty provider. When all clients are done and nothing more can
//! reach the provider, what they were told is compared with what the provider holds:
//!
//! - what was acknowledged is there once, what was refused is not, what nobody knows is there at most once;
//! - a key of an upsert has one record, and nobody is told another one's id;
//! - nothing is there that nobody asked for;
//! - each field of each record is a register: what was read and what is there in the end have an order of writes that
//!   explains them, in which nothing happens outside of the time of its call;
//! - every call has an answer of the contract, in time.
//!
//! Clients' own order is drawn; how the calls of several clients fall together is up to the machine. So a number repeats
//! what is asked and what goes wrong, not every interleaving: a rare fault may need its history more than once.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::task::JoinSet;

mod arena;
mod call;
mod judge;
mod load;
mod play;
mod register;
mod script;
mod tally;
mod told;

pub use arena::{Arena, Failure};
pub use load::{Load, load};
pub use script::{Script, script};
pub use tally::Tally;

/// So many failures are enough to look at.
const ENOUGH: usize = 3;
/// Who waits for thousands of them wants to see that they go on.
const WORD_EVERY: usize = 500;

/// Plays histories, as many at a time as there are lanes, up to a few that fail.
///
/// # Panics
///
/// When a lane does.
pub async fn run(arena: &Arc<Arena>, seed: u64, numbers: &[u64]) -> (Tally, Vec<Failure>) {
    let next = Arc::new(AtomicUsize::new(0));
    let failed = Arc::new(AtomicUsize::new(0));
    let played_so_far = Arc::new(AtomicUsize::new(0));
    let numbers: Arc<[u64]> = numbers.into();
    let mut lanes = JoinSet::new();
    for lane in 0..arena.lanes() {
        let (arena, next, failed, played_so_far, numbers) = (
            Arc::clone(arena),
            Arc::clone(&next),
            Arc::clone(&failed),
            Arc::clone(&played_so_far),
            Arc::clone(&numbers),
        );
        lanes.spawn(async move {
            let mut tally = Tally::default();
            let mut failures = Vec::new();
            loop {
                let number = numbers.get(next.fetch_add(1, Ordering::Relaxed));
                let goes_on = failed.load(Ordering::Relaxed) < ENOUGH;
                let Some(number) = number.filter(|_| goes_on) else {
                    return (tally, failures);
                };
                let (played, failure) = arena.play(lane, &script(seed, *number)).await;
                tally.add(&played);
                let so_far = played_so_far.fetch_add(1, Ordering::Relaxed) + 1;
                if so_far.is_multiple_of(WORD_EVERY) {
                    let failed = failed.load(Ordering::Relaxed);
                    let words = format!("{so_far} histories played, {failed} of them wrong");
                    let _ = writeln!(std::io::stderr(), "{words}");
                }
                failed.fetch_add(usize::from(failure.is_some()), Ordering::Relaxed);
                failures.extend(failure);
            }
        });
    }
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        let (played, failed) = lane.expect("a lane plays to its end");
        tally.add(&played);
        failures.extend(failed);
    }
    failures.sort_by_key(|failure: &Failure| failure.number);
    (tally, failures)
}
