//! The binary as a user runs it: arguments, exit codes, signals.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "the exception for tests does not reach the helpers of a test crate"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

const LONG: Duration = Duration::from_secs(20);

fn crosswalk(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswalk"));
    command
        .args(arguments)
        .env_remove("CROSSWALK_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> Output {
    crosswalk(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A process that is killed when the test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn signal(&self) {
        let done = Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }

    fn exit_code(&mut self) -> i32 {
        let until = Instant::now() + LONG;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().expect("it ended by itself");
            }
            assert!(Instant::now() < until, "the process ends in time");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The lines of a stream as they come. It is read to its end, so that the pipe never fills.
struct Lines(mpsc::Receiver<String>);

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self(receiver)
    }

    /// Waits for a line with these words in it.
    fn wait_for(&self, words: &str) -> String {
        loop {
            let line = self.0.recv_timeout(LONG).expect("the line comes");
            if line.contains(words) {
                return line;
            }
        }
    }
}

/// A proxy that listens, its address and its log.
fn serve(connections: &str) -> (Running, String, Lines) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        format!(
            "listen: 127.0.0.1:0\napi_keys: [k]\ntls: {{ roots: bundled }}\nlog: {{ format: json }}\n{connections}"
        ),
    )
    .unwrap();
    let mut running = Running(
        crosswalk(&["serve", "--config", file.path().to_str().unwrap()])
            .spawn()
            .unwrap(),
    );
    let log = Lines::of(running.0.stderr.take().unwrap());
    let line: serde_json::Value = serde_json::from_str(&log.wait_for("listening")).unwrap();
    let address = line["address"].as_str().unwrap().to_owned();
    (running, address, log)
}

fn request(address: &str, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Covers: config-broken
#[test]
fn usage_and_configuration_mistakes_exit_with_2() {
    assert_eq!(output(&["nonsense"]).status.code(), Some(2));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "listen: nowhere\napi_keys: [\"env:CROSSWALK_NO_SUCH\"]\n",
    )
    .unwrap();
    let path = file.path().to_str().unwrap();
    for command in ["check-config", "serve"] {
        let output = output(&[command, "--config", path]);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(
            told.contains(&format!("error: {path}:1:9: listen: ")),
            "{told}"
        );
        assert!(
            told.contains(&format!("error: {path}:2:12: api_keys[0]: ")),
            "{told}"
        );
    }
}

#[test]
fn a_fine_configuration_is_called_fine_without_showing_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "api_keys: [top-secret]\n").unwrap();
    let output = output(&["check-config", "--config", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout);
    assert!(told.contains("warning: api_keys[0]: "), "{told}");
    assert!(told.contains("fine, 0 connections"), "{told}");
    assert!(!told.contains("top-secret"), "{told}");
}

/// Covers: port-in-use
#[test]
fn an_address_in_use_exits_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = output(&["demo", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains(&format!("cannot listen on {address}")),
        "{told}"
    );
}

#[test]
fn a_machine_that_trusts_nobody_is_told_so_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = file("listen: 127.0.0.1:0\napi_keys: [k1234567890]\nstore: none\n");
    let serve = ["serve", "--config", config.path().to_str().unwrap()];
    let nothing = folder.path().join("nothing.pem");
    std::fs::write(&nothing, "").unwrap();
    for place in [
        nothing.as_path(),
        folder.path(),
        &folder.path().join("missing"),
    ] {
        let output = crosswalk(&serve)
            .env("SSL_CERT_FILE", place)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", place.display());
        let told = text(&output.stderr);
        assert!(
            told.contains("the system's certificate store cannot be used"),
            "{told}"
        );
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let told = text(&output(&["version"]).stdout);
    assert_eq!(
        told.trim(),
        concat!("crosswalk ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_signal_drains_and_exits_with_0() {
    let (mut running, address, _log) = serve("");
    let mut stream = request(&address, "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    running.signal();
    assert_eq!(running.exit_code(), 0);
}

#[test]
fn a_store_is_whole_in_its_file_when_the_process_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (mut running, _address, _log) = serve(&format!("state_dir: {}\n", folder.path().display()));
    running.signal();
    assert_eq!(running.exit_code(), 0);
    assert!(folder.path().join("crosswalk.db").exists());
    // What is in it the next start would have to read from end to end.
    assert!(!folder.path().join("crosswalk.db-wal").exists());
}

/// Covers: sigterm-twice
#[test]
fn a_second_signal_stops_at_once_with_1() {
    // A provider that takes the connection and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (mut running, address, log) = serve(&format!(
        "connections:\n  c: {{ provider: hubspot, base_url: \"{url}\", access_token: t }}\n"
    ));
    let _open = request(
        &address,
        "GET /unified/crm/account/1 HTTP/1.1\r\nhost: localhost\r\nx-apikey: k\r\nx-connection-id: c\r\n\r\n",
    );
    let _call = silent.accept().unwrap();
    running.signal();
    log.wait_for("draining");
    assert!(
        running.0.try_wait().unwrap().is_none(),
        "it waits for the open call"
    );
    running.signal();
    assert_eq!(running.exit_code(), 1);
}

#[test]
fn the_demo_prints_calls_that_work() {
    let mut running = Running(
        crosswalk(&["demo", "--listen", "127.0.0.1:0"])
            .spawn()
            .unwrap(),
    );
    let out = Lines::of(running.0.stdout.take().unwrap());
    // Read, so that the log has somewhere to go.
    let _log = Lines::of(running.0.stderr.take().unwrap());
    for heading in ["# HubSpot", "# Salesforce"] {
        out.wait_for(heading);
        let answer = paste(&out.wait_for("curl "));
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("Brightwater Analytics"), "{answer}");
    }
    running.signal();
    assert_eq!(running.exit_code(), 0);
}

/// Does what the printed line would do.
fn paste(curl: &str) -> String {
    let (_, rest) = curl.split_once("--url http://").unwrap();
    let (address, rest) = rest.split_once('/').unwrap();
    let (path, rest) = rest.split_once(' ').unwrap();
    let (_, rest) = rest.split_once("x-connection-id: ").unwrap();
    let (connection, rest) = rest.split_once('\'').unwrap();
    let (_, body) = rest.split_once("--data '").unwrap();
    let body = body.strip_suffix('\'').unwrap();
    let mut stream = request(
        address,
        &format!(
            "POST /{path} HTTP/1.1\r\nhost: {address}\r\nx-apikey: demo\r\nx-connection-id: {connection}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ),
    );
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A file that is there as long as the test.
fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn each_value_is_shown_with_its_origin_and_no_secret() {
    let file = file("api_keys: [top-secret]\nlimits: { threads: 2 }\n");
    let path = file.path().to_str().unwrap();
    let shown = crosswalk(&[
        "print-config",
        "--config",
        path,
        "--set",
        "limits.headers=50",
    ])
    .args(["--listen", "127.0.0.1:4", "--store", "none"])
    .env("CROSSWALK_LOG_LEVEL", "debug")
    .output()
    .unwrap();
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
    let shown = text(&shown.stdout);
    for line in [
        "listen: 127.0.0.1:4 # --listen",
        "store: none # --store",
        "  headers: 50 # --set",
        "  level: debug # CROSSWALK_LOG_LEVEL",
        "  connections: 1024 # default",
    ] {
        assert!(shown.lines().any(|it| it == line), "{line}\n{shown}");
    }
    assert!(
        shown.contains(&format!("  threads: 2 # {path}:2")),
        "{shown}"
    );
    assert!(!shown.contains("top-secret"), "{shown}");
    let json = output(&["print-config", "--config", path, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(json["settings"].as_array().unwrap().len() > 30);
}

#[test]
fn mistakes_in_variables_and_flags_exit_with_2_and_are_named() {
    let file = file("api_keys: [k]\n");
    let path = file.path().to_str().unwrap();
    let told = crosswalk(&["check-config", "--config", path, "--set", "limits.thread=5"])
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(2));
    let told = text(&told.stderr);
    assert!(
        told.contains(
            "error: --set: limits.thread: unknown setting; did you mean `limits.threads`?"
        ),
        "{told}"
    );
    let told = crosswalk(&["serve", "--config", path])
        .env("CROSSWALK_LISTEN", "nowhere")
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(2));
    let told = text(&told.stderr);
    assert!(
        told.contains("error: CROSSWALK_LISTEN: listen: expected an address"),
        "{told}"
    );
}

#[test]
fn a_variable_for_a_command_is_no_setting_and_a_slip_is_warned_about() {
    let file = file("api_keys: [\"env:CROSSWALK_KEY\"]\n");
    let path = file.path().to_str().unwrap();
    let told = crosswalk(&["check-config", "--config", path])
        .envs([
            ("CROSSWALK_KEY", "k"),
            ("CROSSWALK_API_KEY", "k"),
            ("CROSSWALK_URL", "http://x"),
        ])
        .env("CROSSWALK_LISTENS", "127.0.0.1:4")
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(0));
    let told = text(&told.stdout);
    let warnings: Vec<_> = told
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    assert_eq!(
        warnings,
        [
            "warning: CROSSWALK_LISTENS: no setting has this variable; did you mean CROSSWALK_LISTEN?"
        ]
    );
}

#[test]
fn the_example_and_the_schema_are_printed() {
    let example = text(&output(&["example-config"]).stdout);
    assert!(example.contains("\nlisten: 127.0.0.1:4040\n"), "{example}");
    let schema = output(&["schema", "config"]);
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert_eq!(schema["properties"]["listen"]["default"], "127.0.0.1:4040");
    for (of, title) in [
        (
            "mapping",
            "A mapping of Crosswalk: one entity of one provider",
        ),
        ("provider", "A provider of Crosswalk"),
    ] {
        let schema = output(&["schema", of]);
        let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
        assert_eq!(schema["title"], title);
    }
}

#[test]
fn the_environment_alone_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crosswalk(&["check-config"]);
    let command = command
        .current_dir(folder.path())
        .env("XDG_STATE_HOME", folder.path());
    let without = command.output().unwrap();
    assert_eq!(without.status.code(), Some(2));
    assert!(text(&without.stderr).contains("crosswalk example-config"));
    let with = command.env("CROSSWALK_API_KEYS", "k").output().unwrap();
    assert_eq!(with.status.code(), Some(0), "{}", text(&with.stderr));
}
