//! The providers' own client libraries drive the sandbox: code that was written for the real thing proves it. And the
//! usual generators make typed clients of the API's document, which call a demo; and an agent's client has its tools.
//!
//! `tests/clients/install` puts the libraries into `target/clients`; no test installs anything. Where they are missing
//! a test says so and passes, for who has neither Python nor Node.js; but where `CI` is set it fails.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crosswalk_tests::{Demo, binary};

use crate::{explorer::admin, mcp::http::Listening};

/// Where the scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");
/// A script takes a second; one that hangs must not hang the tests.
const LONGEST: Duration = Duration::from_mins(2);

#[test]
fn hubspots_python_client_works() {
    drive("HubSpot", Language::Python, "hubspot_client.py");
}

#[test]
fn hubspots_node_client_works() {
    drive("HubSpot", Language::Node, "hubspot_client.mjs");
}

#[test]
fn simple_salesforce_works() {
    drive("Salesforce", Language::Python, "salesforce_client.py");
}

#[test]
fn jsforce_works() {
    drive("Salesforce", Language::Node, "salesforce_client.mjs");
}

#[test]
fn a_client_with_generated_types_works_in_typescript() {
    run(Language::Node, "typed_client.mjs", demo);
}

#[test]
fn a_generated_client_works_in_python() {
    run(Language::Python, "unified_client.py", demo);
}

/// Over stdin and stdout and over HTTP, by versions of the protocol before and after its change of 2026.
#[test]
fn the_client_of_the_protocol_s_makers_reads_and_writes_by_mcp() {
    run(Language::Python, "mcp_client.py", || {
        let (demo, mut settings) = demo();
        let listening = Listening::of(&demo, &[]);
        let admin = format!("http://{}", admin(&demo));
        for (name, value) in [
            ("CROSSWALK_ADMIN_URL", admin),
            ("CROSSWALK_PROGRAM", binary().display().to_string()),
            ("MCP_URL", format!("http://{}/mcp", listening.address)),
        ] {
            settings.push((name.to_owned(), value));
        }
        ((demo, listening), settings)
    });
}

fn demo() -> (Demo, Vec<(String, String)>) {
    let demo = Demo::start();
    let settings = [
        ("CROSSWALK_URL", format!("http://{}", demo.address)),
        ("CROSSWALK_KEY", "demo".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    (demo, settings.into())
}

#[derive(Debug, Clone, Copy)]
enum Language {
    Python,
    Node,
}

impl Language {
    /// The interpreter with its libraries, or why they cannot be used.
    fn interpreter(self) -> Result<Command, String> {
        let (pinned, installed) = match self {
            Self::Python => ("requirements.txt", "venv/requirements.txt"),
            Self::Node => ("package-lock.json", "node_modules/package-lock.json"),
        };
        let pinned = fs::read(Path::new(SCRIPTS).join(pinned)).expect("libraries are pinned");
        let installed = libraries().join(installed);
        match fs::read(&installed) {
            Err(error) => return Err(format!("{}: {error}", installed.display())),
            Ok(found) if found != pinned => {
                return Err(format!("{} is of other versions", installed.display()));
            }
            Ok(_) => {}
        }
        let program = match self {
            Self::Python => libraries().join("venv/bin/python"),
            Self::Node => PathBuf::from("node"),
        };
        let runs = Command::new(&program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match runs {
            Ok(status) if status.success() => Ok(Command::new(program)),
            Ok(status) => Err(format!("{}: {status}", program.display())),
            Err(error) => Err(format!("{}: {error}", program.display())),
        }
    }
}

/// Where the libraries are: the same folder as in the script that installs them.
fn libraries() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("clients")
}

/// Runs a script against a sandbox of its own.
fn drive(provider: &str, language: Language, script: &str) {
    run(language, script, || {
        let mut sandbox = Sandbox::start(provider);
        let settings = std::mem::take(&mut sandbox.settings);
        (sandbox, settings)
    });
}

/// Runs a script with what it is to call, which is started only where the script can run.
fn run<T>(language: Language, script: &str, stage: impl FnOnce() -> (T, Vec<(String, String)>)) {
    let mut command = match language.interpreter() {
        Ok(command) => command,
        Err(missing) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{script} cannot run: {missing}; tests/clients/install installs it"
            );
            // Not by a macro: what those print is shown of failed tests only.
            let _ = writeln!(
                std::io::stderr(),
                "\nNOT TESTED: {script}: {missing}; tests/clients/install installs it\n"
            );
            return;
        }
    };
    let (_stage, settings) = stage();
    let mut printed = tempfile::tempfile().expect("there is room for a temporary file");
    let file = || printed.try_clone().expect("a file can be shared").into();
    if matches!(language, Language::Python) {
        // No bytecode in the source tree.
        command.arg("-B");
    }
    let mut child = command
        .arg(Path::new(SCRIPTS).join(script))
        .env("CLIENT_LIBRARIES", libraries())
        .envs(settings)
        // Loopback is reached directly, whatever the machine's proxy.
        .env("NO_PROXY", "*")
        .env("no_proxy", "*")
        .stdin(Stdio::null())
        .stdout::<Stdio>(file())
        .stderr::<Stdio>(file())
        .spawn()
        .expect("an interpreter that tells its version starts");
    let until = Instant::now() + LONGEST;
    let status = loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break Some(status),
            None if Instant::now() > until => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut text = String::new();
    printed.rewind().expect("a file can be read again");
    printed
        .read_to_string(&mut text)
        .expect("scripts print text");
    match status {
        None => panic!("{script} did not end within {LONGEST:?}:\n{text}"),
        Some(status) => assert!(status.success(), "{script}, {status}:\n{text}"),
    }
    // A script that ends early with success has shown nothing.
    assert!(text.contains("all as expected"), "{script}:\n{text}");
}

/// `crosswalk sandbox` as a user starts it; stops when dropped.
struct Sandbox {
    child: Child,
    /// What it prints of one provider, `url` and credentials, as `SANDBOX_URL` and so on.
    settings: Vec<(String, String)>,
}

impl Sandbox {
    fn start(provider: &str) -> Self {
        let mut child = Command::new(binary())
            .args(["sandbox", "--any-port"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let out = child.stdout.take().expect("stdout is piped");
        let mut settings = Vec::new();
        let mut is_meant = false;
        for line in BufReader::new(out).lines() {
            let line = line.expect("the sandbox writes text");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["Everything", ..] => break,
                [title] => is_meant = *title == provider,
                [name, value] if is_meant => {
                    let name = format!("SANDBOX_{}", name.to_uppercase());
                    settings.push((name, (*value).to_owned()));
                }
                _ => {}
            }
        }
        Self { child, settings }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
