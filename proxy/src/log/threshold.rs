//! The least that is logged, which may change while the process runs.
//!
//! Whoever logs asks once for each line of the program and remembers the answer, so a level that can change costs no more
//! than one that cannot: after a change everybody is told to ask again.

use std::sync::atomic::{AtomicU8, Ordering};

use tracing::{Metadata, Subscriber, callsite, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::{Layer, layer::Context};

use crate::config::Level;

static LEVEL: AtomicU8 = AtomicU8::new(2);

/// From now on nothing below `level` is logged.
pub(super) fn set(level: Level) {
    let number = match level {
        Level::Error => 0,
        Level::Warn => 1,
        Level::Info => 2,
        Level::Debug => 3,
    };
    if LEVEL.swap(number, Ordering::SeqCst) != number {
        callsite::rebuild_interest_cache();
    }
}

fn level() -> LevelFilter {
    match LEVEL.load(Ordering::SeqCst) {
        0 => LevelFilter::ERROR,
        1 => LevelFilter::WARN,
        2 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    }
}

/// Lets through what is to be logged.
#[derive(Debug)]
pub(super) struct Threshold;

impl<S: Subscriber> Layer<S> for Threshold {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if *metadata.level() <= level() {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(level())
    }
}
