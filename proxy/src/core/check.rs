//! Whether a connection works.
use crate::{
    error::{Code, Error},
    own::{Own, OwnCall},
};
pub(super) async fn answer(_own: &Own, _call: &OwnCall) -> Result<Vec<u8>, Error> {
    Err(Error::new(Code::NotImplemented, "later"))
}
