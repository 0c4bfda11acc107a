//! nginx, passing everything through: what a plain proxy costs.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Failure,
    cores::Cores,
    process::Process,
    sidecar::{Log, free_address, wait_for},
    stub::Stub,
};

/// An nginx in a folder of its own.
#[derive(Debug)]
pub(crate) struct Nginx {
    folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Its version, where it is installed.
    pub(crate) fn version() -> Option<String> {
        let output = Command::new("nginx").arg("-v").output().ok()?;
        let text = String::from_utf8(output.stderr).ok()?;
        Some(text.trim().rsplit('/').next()?.to_owned())
    }

    /// One worker, connections kept open on both sides.
    pub(crate) fn new(stub: &Stub, trusted: &Path, log: Log) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let text = configuration(folder.path(), address, stub, trusted, log);
        fs::write(folder.path().join("nginx.conf"), text)?;
        Ok(Self { folder, address })
    }

    /// Starts it, and returns when it takes connections.
    pub(crate) fn serve(&self, cores: &Cores) -> Result<Process, Failure> {
        let mut command = cores.measured(Path::new("nginx"));
        command
            .arg("-p")
            .arg(self.folder.path())
            .arg("-c")
            .arg(self.path("nginx.conf"))
            .arg("-e")
            .arg(self.path("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Process::start(command)?;
        wait_for(self.address, &mut process).map_err(|failure| {
            let log = fs::read_to_string(self.path("error.log")).unwrap_or_default();
            format!("nginx {failure}:\n{log}")
        })?;
        Ok(process)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn configuration(
    folder: &Path,
    address: SocketAddr,
    stub: &Stub,
    trusted: &Path,
    log: Log,
) -> String {
    let upstream = stub.address();
    let scheme = if stub.url().starts_with("https") {
        "https"
    } else {
        "http"
    };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    let access_log = match log {
        Log::Faults => "off".to_owned(),
        Log::Calls => format!("{}/access.log", folder.display()),
    };
    // Buffers that hold a page: none of it goes over the disk.
    format!(
        "\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {access_log};
  tcp_nodelay on;
  keepalive_requests 1000000000;
{temporary}  upstream provider {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {address};
    location / {{
      proxy_pass {scheme}://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffer_size 32k;
      proxy_buffers 16 32k;
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {trusted};
    }}
  }}
}}
",
        folder = folder.display(),
        trusted = trusted.display(),
    )
}
