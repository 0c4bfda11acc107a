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
        "{}: fine, {}, listens on {}",
        layers.path().display(),
        match config.connections.len() {
            1 => "1 connection".to_owned(),
            count => format!("{count} connections"),
        },
        match &config.listen_unix {
            Some(socket) => format!("unix:{}", socket.path.display()),
            None => config.listen.to_string(),
        }
    ))
}
