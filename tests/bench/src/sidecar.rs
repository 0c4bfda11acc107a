//! The proxy that is measured, with a configuration, in a folder of its own.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Failure,
    cores::Cores,
    process::Process,
    stub::{Identity, Stub},
};

/// The key of its callers.
pub(crate) const API_KEY: &str = "bench-key";
/// How long it may take until it listens.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long nobody looks whether it listens.
const PAUSE: Duration = Duration::from_micros(200);

/// What is logged: by both sides of a comparison the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// What is wrong.
    Faults,
    /// A line for each call.
    Calls,
}

/// A proxy's configuration and what it keeps, which outlast its processes.
#[derive(Debug)]
pub(crate) struct Home {
    folder: tempfile::TempDir,
    binary: PathBuf,
    certificates: Option<PathBuf>,
    pub(crate) address: SocketAddr,
}

impl Home {
    /// A home with the rest of a configuration: what it listens on, its key and its log are set. Where there is no TLS it
    /// trusts whom the machine trusts, as everywhere: to read all of those certificates is part of a start.
    pub(crate) fn new(
        binary: &Path,
        trusted: Option<&Identity>,
        log: Log,
        rest: &str,
    ) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let level = match log {
            Log::Faults => "warn",
            Log::Calls => "info",
        };
        let text = format!(
            "listen: {address}\napi_keys: [\"env:BENCH_KEY\"]\nlog: {{ format: json, level: {level} }}\n{rest}"
        );
        fs::write(folder.path().join("crosswalk.yaml"), text)?;
        Ok(Self {
            folder,
            // It is started in another folder.
            binary: std::path::absolute(binary)?,
            certificates: trusted.map(Identity::path),
            address,
        })
    }

    /// Starts the proxy, and returns when it takes connections.
    pub(crate) fn serve(&self, cores: &Cores) -> Result<Process, Failure> {
        self.start(cores.measured(&self.binary))
    }

    /// The same by a program that looks on.
    pub(crate) fn serve_under(&self, mut program: Command) -> Result<Process, Failure> {
        program.arg(&self.binary);
        self.start(program)
    }

    fn start(&self, mut command: Command) -> Result<Process, Failure> {
        command
            .arg("serve")
            .current_dir(self.folder.path())
            .env_remove("CROSSWALK_CONFIG")
            .env_remove("STATE_DIRECTORY")
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("BENCH_KEY", API_KEY)
            .envs(self.certificates.iter().map(|path| ("SSL_CERT_FILE", path)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.log())?);
        let mut process = Process::start(command)?;
        wait_for(self.address, &mut process).map_err(|failure| {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            format!("the proxy {failure}:\n{log}")
        })?;
        Ok(process)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// A connection at each provider, named as it is, both played by one stub.
pub(crate) fn connections(stub: &Stub) -> String {
    let url = stub.url();
    format!(
        "connections:\n  hubspot: {{ provider: hubspot, base_url: \"{url}\", access_token: \"env:BENCH_KEY\" }}\n  salesforce: {{ provider: salesforce, instance_url: \"{url}\", access_token: \"env:BENCH_KEY\" }}\n"
    )
}

/// A free port of loopback. Another process may take it before it is used, which then shows by an error.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// Returns when something listens.
pub(crate) fn wait_for(address: SocketAddr, process: &mut Process) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        if !process.is_running() {
            return Err("ended before it listened".to_owned());
        }
        if Instant::now() > until {
            return Err("does not listen in time".to_owned());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
