//! The harness of the end-to-end tests: the real binary, a small HTTP client, the unified contract.

pub mod chance;
mod contract;
mod curl;
mod demo;
pub mod guide;
pub mod history;
mod home;
mod hostile;
mod http;
pub mod injector;
mod postgres;
mod process;
mod raw;
mod receiver;
mod stage;

pub use contract::Contract;
pub use curl::Curl;
pub use demo::Demo;
pub use guide::Reader;
pub use home::{Home, Ran, Served};
pub use hostile::Hostile;
pub use http::{Answer, exchange, exchange_text, receive, send};
pub use postgres::{POSTGRES_PASSWORD, Postgres};
pub use process::{Printed, Process, binary, cargo};
pub use raw::{Raw, raw, read_raw};
pub use receiver::{Received, Receiver, Reply};
pub use stage::{API_KEY, Sandbox, Sidecar, headers};
