//! `crosswalk demo` as a user starts it: the proxy, and both providers played behind it.

use std::path::Path;

use serde_json::Value;

use crate::{
    http::{Answer, exchange},
    process::{Process, binary},
    stage::native_calls,
};

/// A running demo; killed when dropped.
#[derive(Debug)]
pub struct Demo {
    process: Process,
    /// `127.0.0.1:…` of the proxy.
    pub address: String,
    /// The addresses of the played providers, by connection.
    sandboxes: Vec<(String, String)>,
    /// Where it puts what is temporary: one that is killed leaves it there.
    folder: tempfile::TempDir,
}

impl Demo {
    /// Starts a demo on free ports.
    ///
    /// # Panics
    ///
    /// When the binary cannot be built or does not say where it listens.
    pub fn start() -> Self {
        Self::start_with(&["demo"])
    }

    /// Starts a demo with arguments of the test's own, on free ports.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_program(&binary(), arguments)
    }

    /// The same with another build of the program.
    ///
    /// # Panics
    ///
    /// When it does not say where it listens.
    pub fn start_program(program: &Path, arguments: &[&str]) -> Self {
        let arguments = [arguments, &["--listen", "127.0.0.1:0"]].concat();
        let folder = tempfile::tempdir().expect("a folder can be made");
        let place = folder.path().display().to_string();
        let process =
            Process::start_program(program, &arguments, folder.path(), &[("TMPDIR", &place)]);
        process.out.wait_for("Ctrl-C");
        let mut address = None;
        let mut sandboxes = Vec::new();
        for line in process.out.text().lines() {
            if let Some((_, rest)) = line.split_once("Crosswalk listens on http://") {
                address = rest.split_once(". ").map(|(address, _)| address.to_owned());
            } else if let Some((name, url)) = line
                .strip_prefix("  ")
                .and_then(|line| line.split_once("http://"))
            {
                let connection = format!("{}-demo", name.trim().to_lowercase());
                sandboxes.push((connection, url.trim().to_owned()));
            }
        }
        Self {
            process,
            address: address.expect("the demo says where it listens"),
            sandboxes,
            folder,
        }
    }

    /// The names of what it has put into the folder for what is temporary.
    ///
    /// # Panics
    ///
    /// When the folder is gone.
    pub fn temporary(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder is there");
        entries
            .map(|entry| entry.expect("it can be read").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    /// Ends it as Ctrl-C does, and waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end well.
    pub fn end(&mut self) {
        self.process.terminate();
        assert_eq!(self.process.exit_code(), 0, "it ends well");
    }

    /// As the system knows it.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has printed for people.
    pub fn printed(&self) -> String {
        self.process.out.text()
    }

    /// Waits until it has printed so many lines with these words in them.
    ///
    /// # Panics
    ///
    /// When they do not come.
    pub fn wait_for(&self, words: &str, count: usize) {
        self.process.out.wait_for_count(words, count);
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
        exchange(self.sandbox_address(connection), method, target, "", body)
    }

    /// Where a connection's sandbox listens.
    ///
    /// # Panics
    ///
    /// When the connection is not one of the demo's.
    pub fn sandbox_address(&self, connection: &str) -> &str {
        let (_, address) = self
            .sandboxes
            .iter()
            .find(|(known, _)| known == connection)
            .expect("a connection of the demo");
        address
    }

    /// The native calls that a connection's sandbox has seen since it was last asked, as `METHOD /path`.
    pub fn native_calls(&self, connection: &str) -> Vec<String> {
        native_calls(self.sandbox_address(connection))
    }
}
