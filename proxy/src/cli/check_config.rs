//! `crosswalk check-config`

use std::path::Path;

use crosswalk::{config, route::Api};

use super::{Failure, say};

pub(super) fn run(api: &Api, path: &Path) -> Result<(), Failure> {
    let config = config::read(path, api)?;
    for warning in &config.warnings {
        say(&format!("warning: {warning}"))?;
    }
    say(&format!(
        "{}: fine, {} connections, listens on {}",
        path.display(),
        config.connections.len(),
        match &config.listen_unix {
            Some(socket) => format!("unix:{}", socket.path.display()),
            None => config.listen.to_string(),
        }
    ))
}
