//! A proxy's home: its configuration and what it keeps, which outlasts the processes that run there.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    http::{Answer, exchange},
    process::{Process, binary},
};

/// A folder with a configuration; gone when dropped.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
}

/// `crosswalk serve` in a home; killed when dropped.
#[derive(Debug)]
pub struct Served {
    pub process: Process,
    /// `127.0.0.1:…`
    pub address: String,
}

/// What a command that ends by itself has printed.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    /// Loopback, any port, logs for machines; then the rest of a configuration.
    ///
    /// # Panics
    ///
    /// When no folder can be made.
    pub fn new(rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let text = format!(
            "listen: 127.0.0.1:0\ntls: {{ roots: bundled }}\nlog: {{ format: json, level: debug }}\n{rest}"
        );
        std::fs::write(folder.path().join("crosswalk.yaml"), text).expect("a file can be written");
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the store and its key are.
    pub fn state(&self) -> std::path::PathBuf {
        self.path().join("state/crosswalk")
    }

    /// Starts a proxy, and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn serve(&self) -> Served {
        let process = Process::start(&["serve"], self.path(), &[]);
        let line = process.err.wait_for("listening");
        let line: Value = serde_json::from_str(&line).expect("the log is JSON");
        let address = line["address"].as_str().expect("an address").to_owned();
        Served { process, address }
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_stdout(arguments, Stdio::piped())
    }

    /// The same with another stdout.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn run_with_stdout(&self, arguments: &[&str], stdout: Stdio) -> Ran {
        let output = Command::new(binary())
            .args(arguments)
            .current_dir(self.path())
            .env_remove("CROSSWALK_CONFIG")
            .env_remove("STATE_DIRECTORY")
            .env("XDG_STATE_HOME", self.path().join("state"))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .expect("the binary runs");
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Makes an API key.
    ///
    /// # Panics
    ///
    /// When it is not made.
    pub fn key(&self, arguments: &[&str]) -> String {
        let ran = self.run(&[&["keys", "create"], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.trim_end().to_owned()
    }
}

impl Served {
    /// A call with an API key.
    pub fn call(&self, key: &str, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let headers = format!("x-apikey: {key}\r\n");
        exchange(&self.address, method, target, &headers, body)
    }
}
