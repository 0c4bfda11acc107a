//! The operations under `/core` on customers, connector configs and connections.

use crate::{
    error::{Code, Error},
    own::{Own, OwnCall},
};

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
