//! The operations under `/core` on customers, connector configs and connections.
//!
//! Each is checked whole before anything is changed, and what it changes is one transaction, with the events that tell
//! of it. Secrets go into the store sealed and come out for the provider alone: no answer has a member that could hold
//! one.

use serde::Serialize;

use crate::{
    auth::Principal,
    error::{Code, Error},
    own::{Own, OwnCall},
    store::StoreError,
};

mod check;
mod connection;
mod connector;
mod connector_config;
mod customer;
pub(crate) mod input;

pub use connection::{keep as keep_connection, make_pipelines};

/// The body of the answer to an operation of this room.
pub async fn answer(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    match call.operation {
        "core.customer.list" => customer::list(own, call).await,
        "core.customer.get" => customer::get(own, call).await,
        "core.customer.upsert" => customer::upsert(own, call).await,
        "core.connector_config.list" => connector_config::list(own, call).await,
        "core.connector_config.get" => connector_config::get(own, call).await,
        "core.connector_config.upsert" => connector_config::upsert(own, call).await,
        "core.connector_config.update" => connector_config::update(own, call).await,
        "core.connector_config.delete" => connector_config::delete(own, call).await,
        "core.connector_config_info.list" => connector_config::infos(own, call).await,
        "core.connection.list" => connection::list(own, call).await,
        "core.connection.get" => connection::get(own, call).await,
        "core.connection.create" => connection::create(own, call).await,
        "core.connection.update" => connection::update(own, call).await,
        "core.connection.delete" => connection::delete(own, call).await,
        "core.connection.check" => check::answer(own, call).await,
        operation => Err(Error::new(
            Code::NotImplemented,
            format!("the operation `{operation}` is not implemented by this version of Crosswalk"),
        )),
    }
}

/// An answer as JSON.
pub(crate) fn json<T: Serialize>(answer: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(answer).map_err(|error| {
        Error::new(
            Code::InternalServerError,
            "the answer could not be written as JSON",
        )
        .with_detail(error.to_string())
    })
}

/// What the store could not do, as the caller is told.
pub(crate) fn kept(error: StoreError) -> Error {
    match error {
        StoreError::Conflict(message) => Error::new(Code::Conflict, message),
        StoreError::Unreachable(_) | StoreError::Database(_) => Error::new(
            Code::ServiceUnavailable,
            "the store does not answer; try again",
        )
        .with_detail(error.to_string()),
        error => Error::new(
            Code::InternalServerError,
            "what is kept could not be read or written",
        )
        .with_detail(error.to_string()),
    }
}

/// Refuses a customer, where an operation is about more than that customer.
fn must_see_all(caller: &Principal) -> Result<(), Error> {
    match caller.customer() {
        None => Ok(()),
        Some(_) => Err(Error::new(
            Code::Forbidden,
            "expected an API key; a connect token is for the customer's own connections",
        )),
    }
}
