//! Locks and wake-ups of the cells that calls share. They are taken from here, so that the models in `tests/models` can
//! put others in their place, which run every step in any order.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
pub(crate) use tokio::sync::{Notify, oneshot};
