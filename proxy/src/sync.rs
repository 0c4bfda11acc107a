//! Pipelines: from a connection to a provider into a database, and kept up to date.
//!
//! Every sync is a row of the store that is due: asked for by a caller, or by the pipeline's interval. The scheduler of
//! any sidecar takes what is due under the lease `pipeline:<id>` (`schedule`), and runs it (`runner`), stream after
//! stream (`stream`). Whoever asked waits for the event that tells the end. How far a stream is stands in the
//! destination, in the same transaction as its rows (`mark`): a runner may end at any instant, and the next one goes on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

mod api;
mod input;
mod mark;
mod progress;
mod runner;
mod schedule;
mod source;
mod stream;
mod target;

pub use api::answer;
pub use schedule::run;
pub(crate) use target::settings as destination_settings;

use progress::Progress;

/// The syncs that run in this process.
#[derive(Debug, Default)]
pub struct Syncs {
    running: Mutex<HashMap<String, Arc<Progress>>>,
    /// Something may be due.
    asked: Notify,
    /// A sync has ended.
    ended: Notify,
}

impl Syncs {
    fn insert(&self, pipeline: &str, progress: Arc<Progress>) {
        self.lock().insert(pipeline.to_owned(), progress);
    }

    fn remove(&self, pipeline: &str) {
        self.lock().remove(pipeline);
        self.ended.notify_waiters();
    }

    fn get(&self, pipeline: &str) -> Option<Arc<Progress>> {
        self.lock().get(pipeline).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Progress>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
