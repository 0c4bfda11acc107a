//! The commands that people type, against a demo and against a proxy with a configuration and a store.

use std::process::{Command, Stdio};

use crosswalk_tests::{Demo, Home, Process, Ran, Sandbox, Served, binary};
use serde_json::{Value, json};

use crate::CONNECTIONS;

mod call;
mod connections;
mod doctor;
mod documents;
mod health;
mod socket;

/// Runs a command against the demo, with its key, to its end.
fn against(demo: &Demo, arguments: &[&str]) -> Ran {
    let url = format!("http://{}", demo.address);
    run(
        arguments,
        &[("CROSSWALK_URL", &url), ("CROSSWALK_API_KEY", "demo")],
    )
}

/// Runs a command in a folder where there is nothing.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(arguments, folder.path(), environment);
    Ran {
        code: process.exit_code(),
        out: process.out.text(),
        err: process.err.text(),
    }
}

fn json_of(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
}

/// A proxy with both providers in its configuration, whose secrets are in files, at an address that is known beforehand.
struct Stage {
    sandbox: Sandbox,
    home: Home,
    address: String,
}

impl Stage {
    fn new() -> Self {
        let sandbox = Sandbox::start();
        let home = Home::new("");
        for (name, secret) in [
            ("api.key", "canary-api-key"),
            ("hubspot.token", "pat-na1-sandbox-demo"),
            ("salesforce.token", "00DSANDBOX!demo"),
        ] {
            std::fs::write(home.path().join(name), secret).unwrap();
        }
        // Free a moment ago, and nobody else takes just this one.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        let (hubspot, salesforce) = (sandbox.address("hubspot"), sandbox.address("salesforce"));
        let text = format!(
            "listen: {address}\napi_keys: [\"file:api.key\"]\ntls: {{ roots: bundled }}\nlog: {{ format: json }}\nconnections:\n  hubspot: {{ provider: hubspot, base_url: \"http://{hubspot}\", access_token: \"file:hubspot.token\" }}\n  salesforce: {{ provider: salesforce, instance_url: \"http://{salesforce}\", access_token: \"file:salesforce.token\" }}\n"
        );
        std::fs::write(home.path().join("crosswalk.yaml"), text).unwrap();
        Self {
            sandbox,
            home,
            address,
        }
    }

    fn serve(&self) -> Served {
        self.home.serve()
    }

    /// A connection of the store, made by the commands themselves.
    fn connect(&self, customer: &str) -> String {
        let base_url = format!("http://{}", self.sandbox.address("hubspot"));
        let config = self.home.run(&[
            "call",
            "core.connector_config.upsert",
            "--json",
            "--set",
            "orgId=org_crosswalk",
            "--set",
            "connectorName=hubspot",
            "--set",
            "config.client_id=sandbox-client",
            "--set",
            "config.client_secret=sandbox-secret",
        ]);
        let config = json_of(&config)["id"].as_str().unwrap().to_owned();
        let settings = json!({
            "oauth": { "credentials": { "refresh_token": "sandbox-refresh" } }, "base_url": base_url,
        });
        let made = self.home.run(&[
            "call",
            "core.connection.create",
            "--json",
            "--set",
            &format!("connectorConfigId={config}"),
            "--set",
            &format!("customerId={customer}"),
            "--set",
            &format!("settings:={settings}"),
        ]);
        json_of(&made).as_str().unwrap().to_owned()
    }
}
