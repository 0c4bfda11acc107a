//! `crosswalk serve` with a configuration, and `crosswalk sandbox` behind it: what a user runs who has customers.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    http::{Answer, exchange},
    process::Process,
};

/// The providers that are played; stops when dropped.
#[derive(Debug)]
pub struct Sandbox {
    _process: Process,
    hubspot: String,
    salesforce: String,
}

/// A proxy with a configuration; stops when dropped.
#[derive(Debug)]
pub struct Sidecar {
    pub process: Process,
    /// `127.0.0.1:…` of the proxy.
    pub address: String,
    _folder: tempfile::TempDir,
}

/// The key that callers of a [`Sidecar`] have.
pub const API_KEY: &str = "canary-api-key";

impl Sandbox {
    /// Starts both providers on free ports.
    ///
    /// # Panics
    ///
    /// When the sandbox does not say where it listens.
    pub fn start() -> Self {
        let process = Process::start(&["sandbox", "--any-port"], &std::env::temp_dir(), &[]);
        process.out.wait_for("Ctrl-C");
        let text = process.out.text();
        let mut urls = text.lines().filter_map(|line| {
            line.trim()
                .strip_prefix("url")
                .and_then(|rest| rest.trim().strip_prefix("http://"))
                .map(str::to_owned)
        });
        let (Some(hubspot), Some(salesforce)) = (urls.next(), urls.next()) else {
            panic!("the sandbox says where it listens: {text}");
        };
        Self {
            _process: process,
            hubspot,
            salesforce,
        }
    }

    /// Where a provider is played.
    pub fn address(&self, provider: &str) -> &str {
        if provider == "hubspot" {
            &self.hubspot
        } else {
            &self.salesforce
        }
    }

    /// A call to a provider's control endpoints.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub fn control(&self, provider: &str, method: &str, target: &str, body: Option<&Value>) {
        let answer = exchange(self.address(provider), method, target, "", body);
        assert!(answer.status < 300, "{target}: {}", answer.text);
    }

    /// The native calls that have not been forgotten, with all that the sandbox has noted of each.
    pub fn seen(&self, provider: &str) -> Vec<Value> {
        let address = self.address(provider);
        let seen = exchange(address, "GET", "/_sandbox/calls", "", None).body;
        seen["calls"].as_array().cloned().unwrap_or_default()
    }

    /// The native calls since it was last asked, as `METHOD /path`; they are forgotten.
    pub fn native_calls(&self, provider: &str) -> Vec<String> {
        native_calls(self.address(provider))
    }

    /// Connections by OAuth, named as their providers are, with the sandbox's client and refresh token.
    pub fn with_oauth(&self) -> String {
        let oauth = "oauth: { client_id: sandbox-client, client_secret: \"env:CANARY_CLIENT_SECRET\", refresh_token: \"env:CANARY_REFRESH_TOKEN\" }";
        let Self {
            hubspot,
            salesforce,
            ..
        } = self;
        format!(
            "connections:\n  hubspot: {{ provider: hubspot, base_url: \"http://{hubspot}\", {oauth} }}\n  salesforce: {{ provider: salesforce, login_url: \"http://{salesforce}\", instance_url: \"http://{salesforce}\", {oauth} }}\n"
        )
    }
}

impl Sidecar {
    /// Starts a proxy with the rest of a configuration; its secrets come from the environment.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(rest: &str) -> Self {
        Self::start_logging(rest, "debug")
    }

    /// The same, where so much happens that the log would be in the way: one line for each call.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_quiet(rest: &str) -> Self {
        Self::start_logging(rest, "info")
    }

    fn start_logging(rest: &str, level: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut text = format!(
            "listen: 127.0.0.1:0\napi_keys: [\"env:CANARY_API_KEY\"]\ntls: {{ roots: bundled }}\nlog: {{ format: json, level: {level} }}\n"
        );
        text.write_str(rest).expect("a String takes all");
        std::fs::write(folder.path().join("crosswalk.yaml"), text).expect("a file can be written");
        let environment = [
            ("CANARY_API_KEY", API_KEY),
            ("CANARY_CLIENT_SECRET", "sandbox-secret"),
            ("CANARY_REFRESH_TOKEN", "sandbox-refresh"),
        ];
        let process = Process::start(&["serve"], folder.path(), &environment);
        let line = process.err.wait_for("listening");
        let line: Value = serde_json::from_str(&line).expect("the log is JSON");
        let address = line["address"].as_str().expect("an address").to_owned();
        Self {
            process,
            address,
            _folder: folder,
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
        exchange(&self.address, method, target, &headers(connection), body)
    }

    /// The log's lines of calls, when there are so many.
    ///
    /// # Panics
    ///
    /// When they do not come or are not JSON.
    pub fn logged(&self, count: usize) -> Vec<Value> {
        let lines = self
            .process
            .err
            .wait_for_count("\"message\":\"call\"", count);
        lines
            .iter()
            .map(|line| serde_json::from_str(line).expect("the log is JSON"))
            .collect()
    }
}

/// Who calls, and for which connection.
pub fn headers(connection: &str) -> String {
    format!("x-apikey: {API_KEY}\r\nx-connection-id: {connection}\r\n")
}

pub(crate) fn native_calls(address: &str) -> Vec<String> {
    let calls = exchange(address, "GET", "/_sandbox/calls", "", None).body;
    exchange(address, "DELETE", "/_sandbox/calls", "", None);
    let text = |call: &Value, name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let list = calls["calls"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|call| format!("{} {}", text(call, "method"), text(call, "path")))
        .collect()
}
