//! The machine: whether the ports are free, or held by a proxy that runs; whether there is room for what is kept.

use std::{
    io, net::SocketAddr, os::unix::fs::FileTypeExt as _, path::Path, sync::Arc, time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    time::timeout,
};

use super::{Finding, Found, Group, State};
use crate::config::Config;

/// Whoever holds a port is on this machine, and answers at once or not at all.
const ANSWERS: Duration = Duration::from_secs(2);
/// Below this the store cannot go on for long; below the second it is about to end.
const LITTLE: u64 = 500 << 20;
const LEAST: u64 = 50 << 20;

pub(super) async fn ports(config: Arc<Config>) -> Found {
    let mut found = vec![match &config.listen_unix {
        Some(socket) => place(&socket.path).await,
        None => port("listen", config.listen).await,
    }];
    if let Some(address) = config.admin_listen {
        found.push(port("admin_listen", address).await);
    }
    found
}

/// The place of a socket.
async fn place(path: &Path) -> Finding {
    let finding = |state, message: &str| {
        let subject = format!("listen unix:{}", path.display());
        Finding::new(Group::Machine, subject, state, message.to_owned())
    };
    match UnixStream::connect(path).await {
        Ok(stream) => {
            return if answers(stream).await {
                finding(State::Ok, "held by a proxy that runs and answers")
            } else {
                finding(
                    State::Fail,
                    "held by another program, so no proxy can start",
                )
                .help("end that program, or set `listen` to another path")
            };
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return finding(State::Warn, "somebody's, and this user may not connect").help(
                "run this as the user of the proxy or one of the socket's group (`listen_mode`)",
            );
        }
        Err(_) => {}
    }
    let folder = path.parent().filter(|folder| folder.is_dir());
    match (folder, std::fs::symlink_metadata(path)) {
        (None, _) => finding(State::Fail, "its folder is not there")
            .help("make it, for the user that runs the proxy; systemd does by RuntimeDirectory="),
        (Some(_), Err(_)) => finding(State::Ok, "free: no proxy runs there"),
        (Some(_), Ok(there)) if there.file_type().is_socket() => finding(
            State::Ok,
            "left by a proxy that ended; the next one takes its place",
        ),
        (Some(_), Ok(_)) => finding(State::Fail, "there is a file that is no socket")
            .help("move it away, or set `listen` to another path"),
    }
}

async fn port(setting: &str, address: SocketAddr) -> Finding {
    let finding = |state, message: String| {
        Finding::new(
            Group::Machine,
            format!("{setting} {address}"),
            state,
            message,
        )
    };
    if address.port() == 0 {
        return finding(State::Ok, "any port that is free".to_owned());
    }
    let Err(error) = TcpListener::bind(address).await else {
        return finding(State::Ok, "free: no proxy runs there".to_owned());
    };
    match error.kind() {
        io::ErrorKind::AddrInUse if is_crosswalk(address).await => finding(
            State::Ok,
            "held by a proxy that runs and answers".to_owned(),
        ),
        io::ErrorKind::AddrInUse => finding(
            State::Fail,
            "held by another program, so no proxy can start".to_owned(),
        )
        .help(format!(
            "`ss -ltnp 'sport = :{}'` names it; end it, or set `{setting}` to another port",
            address.port()
        )),
        io::ErrorKind::PermissionDenied => {
            finding(State::Fail, format!("cannot be taken: {error}"))
                .help("ports below 1024 are for root; set another one")
        }
        io::ErrorKind::AddrNotAvailable => {
            finding(State::Fail, format!("cannot be taken: {error}"))
                .help("no interface of this machine has that address; 127.0.0.1 is always there")
        }
        _ => finding(State::Fail, format!("cannot be taken: {error}")),
    }
}

/// Whether what listens there answers `/livez` as a proxy does.
async fn is_crosswalk(address: SocketAddr) -> bool {
    let mut reached = address;
    if reached.ip().is_unspecified() {
        reached.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    match timeout(ANSWERS, TcpStream::connect(reached)).await {
        Ok(Ok(stream)) => answers(stream).await,
        _ => false,
    }
}

async fn answers(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> bool {
    let asking = async {
        let request = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut answer = Vec::new();
        // The whole of it is some hundred bytes; whoever sends more is none of ours.
        stream.take(4096).read_to_end(&mut answer).await.ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Some(answer.starts_with("HTTP/1.1 200") && answer.contains("{\"status\":\"ok\""))
    };
    timeout(ANSWERS, asking)
        .await
        .ok()
        .flatten()
        .unwrap_or(false)
}

pub(super) async fn disk(config: Arc<Config>) -> Found {
    let Some(folder) = config.state.folder.clone() else {
        let message = "there is no folder for what lasts; nothing is kept on this machine";
        return vec![Finding::new(
            Group::Machine,
            "state_dir",
            State::Ok,
            message,
        )];
    };
    tokio::task::spawn_blocking(move || vec![room(&folder)])
        .await
        .unwrap_or_default()
}

/// Whether a folder, or the one that it will be made in, can be written, and how much.
fn room(folder: &Path) -> Finding {
    let subject = format!("state_dir {}", folder.display());
    let finding = |state, message: String| Finding::new(Group::Machine, &subject, state, message);
    let Some(there) = folder.ancestors().find(|place| place.exists()) else {
        return finding(State::Fail, "no part of this path exists".to_owned())
            .help("set `state_dir` to a folder that can be written, or `store: none`");
    };
    // A path without a beginning is one in the working folder.
    let there = if there.as_os_str().is_empty() {
        Path::new(".")
    } else {
        there
    };
    if !there.is_dir() {
        return finding(State::Fail, format!("{} is no folder", there.display()))
            .help("set `state_dir` to a folder");
    }
    if let Err(error) = rustix::fs::access(there, rustix::fs::Access::WRITE_OK) {
        return finding(
            State::Fail,
            format!("{} cannot be written: {error}", there.display()),
        )
        .help("give it to the user that the proxy runs as, or set `state_dir` to another folder");
    }
    let free = match rustix::fs::statvfs(there) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => {
            return finding(
                State::Warn,
                format!("how much is free is not known: {error}"),
            );
        }
    };
    judged(free, finding)
}

fn judged(free: u64, finding: impl Fn(State, String) -> Finding) -> Finding {
    let message = format!("{} MiB are free", free >> 20);
    match free {
        ..LEAST => finding(State::Fail, message)
            .help("make room: without it no token that was renewed can be kept"),
        LEAST..LITTLE => finding(State::Warn, message).help("make room before it is full"),
        _ => finding(State::Ok, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_free_or_held_by_somebody_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Takes the call and says something else.
        let other = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-nobody\r\n").await.unwrap();
        });
        let held = port("listen", address).await;
        assert_eq!(held.state, State::Fail);
        assert!(held.message.contains("another program"), "{}", held.message);
        other.await.unwrap();
        assert_eq!(port("listen", address).await.state, State::Ok);
    }

    #[tokio::test]
    async fn the_place_of_a_socket_is_free_held_left_or_taken_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        assert_eq!(place(&path.join("b")).await.state, State::Fail);
        let told = |finding: Finding| {
            (
                finding.state,
                finding.message.split(':').next().unwrap().to_owned(),
            )
        };
        assert_eq!(told(place(&path).await), (State::Ok, "free".to_owned()));
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}";
            stream.write_all(answer).await.unwrap();
            // Whoever has asked reads to the end.
            stream.shutdown().await.unwrap();
            let (another, _) = listener.accept().await.unwrap();
            drop(another);
        });
        let held = place(&path).await;
        assert_eq!(held.state, State::Ok, "{}", held.message);
        assert!(held.message.contains("a proxy that runs and answers"));
        let another = place(&path).await;
        assert_eq!(another.state, State::Fail);
        assert!(another.message.contains("held by another program"));
        answering.await.unwrap();
        assert!(place(&path).await.message.starts_with("left by"));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(place(&path).await.state, State::Fail);
    }

    #[test]
    fn room_is_judged_by_what_is_left() {
        let finding = |state, message| Finding::new(Group::Machine, "state_dir", state, message);
        for (mib, state) in [(10, State::Fail), (100, State::Warn), (5000, State::Ok)] {
            assert_eq!(judged(mib << 20, finding).state, state, "{mib}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_where_it_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let found = room(&folder.path().join("not/yet"));
        assert!(found.message.contains("MiB are free"), "{}", found.message);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(room(&file.path().join("below")).state, State::Fail);
    }
}
