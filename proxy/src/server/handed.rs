//! Sockets that were opened before this process was: systemd's socket activation.
//!
//! `sd_listen_fds(3)`: `LISTEN_FDS` says how many there are, from descriptor 3 on, `LISTEN_PID` for whom they are and
//! `LISTEN_FDNAMES` what they are called. Taken once, at the very start, before there is a second thread.

use std::{env, io};

use listenfd::ListenFd;

use super::Listener;

/// What a unit calls them by `FileDescriptorName=`.
const API: &str = "api";
const ADMIN: &str = "admin";

/// The sockets that were handed over.
#[derive(Debug, Default)]
pub struct Handed {
    /// For callers of the API.
    pub api: Option<Listener>,
    /// For those who watch.
    pub admin: Option<Listener>,
}

impl Handed {
    /// Takes what is handed over to this process. Needs a tokio runtime.
    pub fn take() -> io::Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut sockets = ListenFd::from_env();
        let mut handed = Self::default();
        for (at, role) in roles(&names, sockets.len())?.into_iter().enumerate() {
            let listener = one(&mut sockets, at)?;
            match role {
                Role::Api => handed.api = Some(listener),
                Role::Admin => handed.admin = Some(listener),
            }
        }
        Ok(handed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Api,
    Admin,
}

/// What each of the sockets is for.
fn roles(names: &str, count: usize) -> io::Result<Vec<Role>> {
    let mut names = names.split(':');
    let mut roles = Vec::with_capacity(count);
    for _ in 0..count {
        let role = match names.next() {
            Some(ADMIN) => Role::Admin,
            Some(API) => Role::Api,
            // The only one is for the API, whatever it is called: systemd gives it the name of its unit.
            _ if count == 1 => Role::Api,
            other => {
                return Err(wrong(&format!(
                    "expected sockets with FileDescriptorName=api or admin, found {}",
                    other.filter(|name| !name.is_empty()).unwrap_or("none")
                )));
            }
        };
        if roles.contains(&role) {
            return Err(wrong(
                "expected one socket for the API and one for those who watch, found several",
            ));
        }
        roles.push(role);
    }
    Ok(roles)
}

fn one(sockets: &mut ListenFd, at: usize) -> io::Result<Listener> {
    if let Ok(Some(listener)) = sockets.take_tcp_listener(at) {
        return Listener::of_tcp(listener);
    }
    match sockets.take_unix_listener(at) {
        Ok(Some(listener)) => Listener::of_unix(listener),
        Ok(None) => Err(wrong("a socket was taken twice")),
        Err(error) => Err(wrong(&format!(
            "expected sockets that listen, found another kind: {error}"
        ))),
    }
}

fn wrong(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_told_apart_by_their_names() {
        for (names, count, expected) in [
            ("", 0, Some(&[][..])),
            ("", 1, Some(&[Role::Api])),
            ("crosswalk.socket", 1, Some(&[Role::Api])),
            ("admin", 1, Some(&[Role::Admin])),
            ("admin:api", 2, Some(&[Role::Admin, Role::Api])),
            ("api:admin", 2, Some(&[Role::Api, Role::Admin])),
            ("", 2, None),
            ("api", 2, None),
            ("api:api", 2, None),
            ("api:crosswalk.socket", 2, None),
            ("api:admin:api", 3, None),
        ] {
            let found = roles(names, count).ok();
            assert_eq!(found.as_deref(), expected, "{names} {count}");
        }
    }
}
