//! `crosswalk mcp`: what an agent sees, over stdin and stdout and over HTTP.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use crosswalk_tests::{Demo, binary};
use serde_json::{Value, json};

use crate::{CONNECTIONS, explorer::admin};

mod guide;
pub(crate) mod http;
mod lifecycle;
mod stdio;
mod writes;

const LONG: Duration = Duration::from_secs(30);
const VERSION: &str = "2025-11-25";

/// A client at the other end of stdin and stdout; the server is killed when it is dropped.
struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Receiver<String>,
    last: u64,
}

/// What a server is started with to reach a demo.
fn environment(demo: &Demo) -> Vec<(&'static str, String)> {
    vec![
        ("CROSSWALK_URL", format!("http://{}", demo.address)),
        ("CROSSWALK_ADMIN_URL", format!("http://{}", admin(demo))),
        ("CROSSWALK_API_KEY", "demo".to_owned()),
    ]
}

/// `crosswalk mcp`, with nothing of the tests' own environment.
fn server(arguments: &[&str], environment: &[(&str, String)]) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("mcp")
        .args(arguments)
        .current_dir(std::env::temp_dir())
        .env_remove("CROSSWALK_CONFIG")
        .env_remove("CROSSWALK_CONNECTION")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

fn end_of(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + LONG;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < until, "the process ends in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn terminate(child: &Child) {
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "it is signalled");
}

fn initialize(version: &str) -> Value {
    json!({
        "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    })
}

impl Client {
    /// A server that nobody has said anything to.
    fn silent(arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let mut child = server(arguments, environment).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let stderr = lines_of(child.stderr.take().unwrap());
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            stderr,
            last: 0,
        }
    }

    /// One that is ready for calls.
    fn start(arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let mut client = Self::silent(arguments, environment);
        let begun = client.ask("initialize", &initialize(VERSION));
        assert_eq!(begun["result"]["protocolVersion"], VERSION, "{begun}");
        client.notify("notifications/initialized", &json!({}));
        client
    }

    fn of(demo: &Demo, arguments: &[&str]) -> Self {
        Self::start(arguments, &environment(demo))
    }

    fn write(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    fn notify(&mut self, method: &str, params: &Value) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string());
    }

    fn send(&mut self, id: u64, method: &str, params: &Value) {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.write(&message.to_string());
    }

    /// The next message; every line of stdout has to be one.
    fn receive(&self) -> Value {
        let line = self.lines.recv_timeout(LONG).expect("it answers in time");
        let message: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("stdout has messages alone: {error}: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(id, method, params);
        let answer = self.receive();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// What comes of a tool.
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let answer = self.ask("tools/call", &params);
        assert!(answer["result"].is_object(), "{tool}: {answer}");
        answer["result"].clone()
    }

    fn tools(&mut self) -> Vec<Value> {
        let listed = self.ask("tools/list", &json!({}));
        listed["result"]["tools"].as_array().unwrap().clone()
    }

    /// Hangs up, and waits for the end; what the server has said for people.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let code = end_of(&mut self.child);
        let mut told = String::new();
        for line in &self.stderr {
            told.push_str(&line);
            told.push('\n');
        }
        (code, told)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the API answered, as the text of a result has it.
fn body(result: &Value) -> Value {
    let text = result["content"][0]["text"].as_str().unwrap();
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

/// The body of a good result.
fn good(result: &Value) -> Value {
    assert_ne!(result["isError"], true, "{result}");
    body(result)
}

/// The API's error.
fn refused(result: &Value) -> Value {
    assert_eq!(result["isError"], true, "{result}");
    assert_eq!(result.get("structuredContent"), None, "{result}");
    body(result)
}

/// Stands where a proxy should be, and does with each connection as it is told.
fn impostor(serve: impl Fn(TcpStream, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            serve(stream, String::from_utf8_lossy(&head).into_owned());
        }
    });
    address
}
