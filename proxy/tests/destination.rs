//! Records in a real PostgreSQL and a real SQLite file: the same tests on both.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the exception for tests does not reach the helpers of a test crate"
)]

/// Each of these, an `async fn` of a [`stage::Stage`], as a test on both databases.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(stage) = crate::stage::Stage::postgres() {
                    super::$name(stage).await;
                }
            })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::stage::Stage::sqlite()).await;
            })+
        }
    };
}

#[path = "destination/crashes.rs"]
mod crashes;
#[path = "destination/pages.rs"]
mod pages;
#[path = "destination/random.rs"]
mod random;
#[path = "destination/rates.rs"]
mod rates;
#[path = "destination/refusals.rs"]
mod refusals;
#[path = "destination/stage.rs"]
mod stage;
#[path = "destination/tables.rs"]
mod tables;
#[path = "destination/walks.rs"]
mod walks;
