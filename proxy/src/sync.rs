//! Pipelines: from a connection into a database, and kept up to date.

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

/// Does what is to be done by itself, until `stop` says so.
pub async fn run(_own: std::sync::Arc<Own>, mut stop: tokio::sync::watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
