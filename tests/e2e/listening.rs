//! Where the proxy listens beside a port: a socket that is a file, sockets that are handed over, and what a service manager
//! is told.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::{UnixDatagram, UnixListener, UnixStream},
        },
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crosswalk_tests::{Process, binary, exchange};

const REST: &str =
    "api_keys: [a-key]\nstore: none\nlog: { format: json, level: info }\ntls: { roots: bundled }\n";

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let config = format!("{}{REST}", config.replace("HERE", &place));
    fs::write(folder.path().join("crosswalk.yaml"), config).unwrap();
    folder
}

/// Asks over a socket that is a file.
fn ask(socket: &Path, target: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nhost: localhost\r\nx-apikey: a-key\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Covers: unix-socket-stale
#[test]
fn a_socket_has_its_mode_is_replaced_when_stale_refused_when_live_and_removed_at_the_end() {
    let folder = folder("listen: unix:HERE/api.sock\nlisten_mode: \"0600\"\n");
    let socket = folder.path().join("api.sock");
    let start = || {
        let process = Process::start(&["serve"], folder.path(), &[]);
        let line = process.err.wait_for("listening");
        assert!(
            line.contains(&format!("unix:{}", socket.display())),
            "{line}"
        );
        process
    };
    let mut first = start();
    let metadata = fs::metadata(&socket).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert!(ask(&socket, "/readyz").starts_with("HTTP/1.1 200"));
    let answer = ask(&socket, "/capabilities");
    assert!(
        answer.starts_with("HTTP/1.1 400"),
        "the API answers: {answer}"
    );
    // A second one must not take it away from the first.
    let mut second = Process::start(&["serve"], folder.path(), &[]);
    assert_eq!(second.exit_code(), 1);
    let said = second.err.text();
    assert!(said.contains("another process listens there"), "{said}");
    assert!(ask(&socket, "/livez").starts_with("HTTP/1.1 200"));
    first.terminate();
    assert_eq!(first.exit_code(), 0);
    assert!(!socket.exists(), "nothing is left");
    // One that is killed leaves its file behind.
    let killed = start();
    drop(killed);
    assert!(socket.exists());
    let third = start();
    assert!(ask(&socket, "/livez").starts_with("HTTP/1.1 200"));
    // What somebody else has put in the place of ours is not ours to remove.
    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "mine").unwrap();
    let mut third = third;
    third.terminate();
    assert_eq!(third.exit_code(), 0);
    assert_eq!(fs::read_to_string(&socket).unwrap(), "mine");
    let mut fourth = Process::start(&["serve"], folder.path(), &[]);
    assert_eq!(fourth.exit_code(), 1);
    let said = fourth.err.text();
    assert!(said.contains("something else than a socket"), "{said}");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "mine");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// A shell hands its standard input and output over as systemd would.
fn activated(folder: &Path, sockets: (OwnedFd, OwnedFd), names: &str) -> (Child, String) {
    let script =
        "exec 3<&0 4<&1 0</dev/null 1>/dev/null; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" serve";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(binary())
        .current_dir(folder)
        .env("LISTEN_FDNAMES", names)
        .stdin(Stdio::from(sockets.0))
        .stdout(Stdio::from(sockets.1))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        said.push_str(&line);
        said.push('\n');
        if line.contains("listening") {
            break;
        }
    }
    (child, said)
}

#[test]
fn sockets_that_are_handed_over_are_told_apart_by_their_names() {
    let folder = folder("listen: 127.0.0.1:1\n");
    let socket = folder.path().join("handed.sock");
    let api = || UnixListener::bind(&socket).unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = admin.local_addr().unwrap().to_string();
    let (mut child, said) = activated(
        folder.path(),
        (admin.try_clone().unwrap().into(), api().into()),
        "admin:api",
    );
    assert!(
        said.contains(&format!("unix:{}", socket.display())),
        "{said}"
    );
    assert!(ask(&socket, "/livez").starts_with("HTTP/1.1 200"));
    let metrics = exchange(&address, "GET", "/metrics", "", None);
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("crosswalk_store_up 1"));
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(socket.exists(), "it belongs to who made it");
    fs::remove_file(&socket).unwrap();
    let (mut child, said) = activated(folder.path(), (admin.into(), api().into()), "one:another");
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(
        said.contains("FileDescriptorName=api or admin, found one"),
        "{said}"
    );
}

#[test]
fn a_service_manager_is_told_of_readiness_life_and_the_end() {
    let folder = folder("listen: 127.0.0.1:0\n");
    let told = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let notify = folder.path().join("notify").display().to_string();
    let mut process = Process::start(
        &["serve"],
        folder.path(),
        &[("NOTIFY_SOCKET", &notify), ("WATCHDOG_USEC", "200000")],
    );
    let next = || {
        let mut buffer = [0; 1024];
        let length = told.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let first = next();
    assert!(first.contains("READY=1\n"), "{first}");
    assert!(first.contains("STATUS=listens on 127.0.0.1:"), "{first}");
    for _ in 0..3 {
        assert!(next().contains("WATCHDOG=1"));
    }
    process.terminate();
    let last = loop {
        let word = next();
        if !word.contains("WATCHDOG=1") {
            break word;
        }
    };
    assert!(last.contains("STOPPING=1"), "{last}");
    assert_eq!(process.exit_code(), 0);
}
