//! `crosswalk check-config`

use crosswalk::route::Api;

use super::{Failure, ServeArguments, say};

pub(super) fn run(api: &Api, arguments: &ServeArguments) -> Result<(), Failure> {
    let layers = arguments.layers();
    let config = layers.read(api)?;
    for warning in &config.warnings {
        say(&format!("warning: {warning}"))?;
    }
    say(&format!(
        "{}: fine, {} connections, listens on {}",
        layers.path().display(),
        config.connections.len(),
        config.listen
    ))
}
