//! `crosswalk demo` as a user starts it: the proxy, and both providers played behind it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use serde_json::Value;

/// A running demo; killed when dropped.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    /// `127.0.0.1:…` of the proxy.
    address: String,
    /// The addresses of the played providers, by connection.
    sandboxes: Vec<(String, String)>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Demo {
    /// Starts a demo on free ports.
    ///
    /// # Panics
    ///
    /// When the binary cannot be built or does not say where it listens.
    pub fn start() -> Self {
        let mut child = Command::new(binary())
            .args(["demo", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let out = child.stdout.take().expect("stdout is piped");
        let mut address = None;
        let mut sandboxes = Vec::new();
        for line in BufReader::new(out).lines() {
            let line = line.expect("the demo writes text");
            if let Some((_, rest)) = line.split_once("Crosswalk listens on http://") {
                address = rest.split_once(". ").map(|(address, _)| address.to_owned());
            } else if let Some((name, url)) = line
                .trim()
                .split_once("http://")
                .filter(|_| line.starts_with("  "))
            {
                let connection = format!("{}-demo", name.trim().to_lowercase());
                sandboxes.push((connection, url.trim().to_owned()));
            } else if line.starts_with("Ctrl-C") {
                break;
            }
        }
        Self {
            child,
            address: address.expect("the demo says where it listens"),
            sandboxes,
        }
    }

    /// A unified call through a connection.
    pub fn call(
        &self,
        connection: &str,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Answer {
        let headers = format!("x-apikey: demo\r\nx-connection-id: {connection}\r\n");
        exchange(&self.address, method, target, &headers, body)
    }

    /// A call with headers of the test's own.
    pub fn call_with(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: Option<&Value>,
    ) -> Answer {
        exchange(&self.address, method, target, headers, body)
    }

    /// A call to the control endpoints of a connection's sandbox.
    ///
    /// # Panics
    ///
    /// When the connection is not one of the demo's.
    pub fn sandbox(
        &self,
        connection: &str,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Answer {
        let (_, address) = self
            .sandboxes
            .iter()
            .find(|(known, _)| known == connection)
            .expect("a connection of the demo");
        exchange(address, method, target, "", body)
    }

    /// The native calls that a connection's sandbox has seen since it was last asked, as `METHOD /path`.
    pub fn native_calls(&self, connection: &str) -> Vec<String> {
        let calls = self
            .sandbox(connection, "GET", "/_sandbox/calls", None)
            .body;
        self.sandbox(connection, "DELETE", "/_sandbox/calls", None);
        let text = |call: &Value, name: &str| call[name].as_str().unwrap_or_default().to_owned();
        let list = calls["calls"].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|call| format!("{} {}", text(call, "method"), text(call, "path")))
            .collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn exchange(
    address: &str,
    method: &str,
    target: &str,
    headers: &str,
    body: Option<&Value>,
) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout can be set");
    let body = body.map(Value::to_string).unwrap_or_default();
    let content = if body.is_empty() {
        String::new()
    } else {
        format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        )
    };
    let host = if headers.contains("host:") {
        String::new()
    } else {
        format!("host: {address}\r\n")
    };
    let request = format!(
        "{method} {target} HTTP/1.1\r\n{host}{headers}{content}connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers in time");
    let text = String::from_utf8(answer).expect("answers are text");
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status line");
    Answer {
        status,
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

/// The binary, built once: cargo says where it is only to tests of its own package.
///
/// # Panics
///
/// When it cannot be built.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| {
            let cargo = option_env!("CARGO").unwrap_or("cargo");
            let built = Command::new(cargo)
                .args(["build", "--quiet", "--workspace", "--bin", "crosswalk"])
                .status();
            assert!(
                built.is_ok_and(|status| status.success()),
                "the binary builds"
            );
            // target/debug/deps/e2e-… → target/debug/crosswalk
            let test = std::env::current_exe().expect("a test has a path");
            let folder = test.ancestors().nth(2).expect("a test is two folders deep");
            folder.join("crosswalk")
        })
        .clone()
}
