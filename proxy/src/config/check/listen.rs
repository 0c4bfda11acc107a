//! Where to listen: a port, or a socket that is a file.

use std::{net::SocketAddr, path::PathBuf};

use super::{Check, DEFAULT_LISTEN, Map};
use crate::config::UnixSocket;

/// For the owner and the group, as with the sockets of other services.
const DEFAULT_MODE: u32 = 0o660;

impl Check<'_> {
    /// The port, and the socket in its place, where one is wanted.
    pub(super) fn listen(&mut self, root: &mut Map) -> (SocketAddr, Option<UnixSocket>) {
        let mode = root.take("listen_mode").and_then(|value| {
            let mode = value.parse(
                &mut self.source,
                "the mode of a file in quotes, as in \"0660\"",
                |text| {
                    let is_octal = (3..=4).contains(&text.len());
                    let mode = u32::from_str_radix(text, 8).ok().filter(|_| is_octal)?;
                    (mode <= 0o777).then_some(mode)
                },
            );
            Some((value.at, value.path.clone(), mode?))
        });
        let given = root.take("listen").and_then(|value| {
            value.parse(
                &mut self.source,
                "an address with a port, as in 127.0.0.1:4040, or a socket, as in unix:/run/crosswalk.sock",
                |text| match text.strip_prefix("unix:") {
                    Some(path) => {
                        let path = PathBuf::from(path);
                        (path.is_absolute() && path.file_name().is_some())
                            .then_some((DEFAULT_LISTEN, Some(path)))
                    }
                    None => text.parse().ok().map(|address| (address, None)),
                },
            )
        });
        let (address, path) = given.unwrap_or((DEFAULT_LISTEN, None));
        let socket = match (path, mode) {
            (Some(path), mode) => {
                let mode = mode.map_or(DEFAULT_MODE, |(.., mode)| mode);
                if mode & 0o007 != 0 {
                    self.warnings.push(format!(
                        "listen_mode: {mode:04o} lets everybody on this machine connect; whoever does and knows an API key acts for every connection"
                    ));
                }
                Some(UnixSocket { path, mode })
            }
            (None, Some((at, path, _))) => {
                self.source.mistake(
                    at,
                    &path,
                    "only a socket has a mode, as with `listen: unix:/run/crosswalk.sock`",
                );
                None
            }
            (None, None) => None,
        };
        if socket.is_none() && !address.ip().is_loopback() {
            self.warnings.push(format!(
                "listen: {address} is not loopback; whoever reaches it and knows an API key acts for every connection"
            ));
        }
        (address, socket)
    }
}
