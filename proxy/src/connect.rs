//! How customers connect their accounts: tokens, links, and the page behind them.

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
