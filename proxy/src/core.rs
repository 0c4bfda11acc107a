//! The operations under `/core` on customers, connector configs and connections.

use serde::Serialize;

use crate::{
    error::{Code, Error},
    own::{Own, OwnCall},
    store::StoreError,
};

pub(crate) mod input;

/// The body of the answer to an operation of this room.
pub async fn answer(_own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    Err(Error::new(
        Code::NotImplemented,
        format!(
            "the operation `{}` is not implemented by this version of Crosswalk",
            call.operation
        ),
    ))
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
