//! A real PostgreSQL for tests: a private server on loopback, gone when the test process is, however it ends.
//!
//! Writes are not forced to disk: that protects from a machine that loses power, not from processes that are killed, and
//! only these are tested. All else is as in production, commits included.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::{fs::PermissionsExt, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

const USER: &str = "crosswalk";
/// What must never be in a log or an error.
pub const POSTGRES_PASSWORD: &str = "canary-postgres-password";
const LONGEST_START: Duration = Duration::from_mins(1);
const HOW_TO_INSTALL: &str =
    "PostgreSQL's server is needed (initdb and postgres): `apt-get install postgresql`";

/// Starts and stops the server as it is told, and for good when nobody is left to tell: the pipe's end is the end of
/// the tests, also of those that were killed. Arguments: the folder, then the server and its arguments.
const KEEPER: &str = r#"
folder=$1; shift
stop() { [ -z "$pid" ] || { kill -QUIT "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; pid=; }; }
while read -r command; do
  case $command in
    start) "$@" >>"$folder/log" 2>&1 </dev/null & pid=$! ;;
    stop) stop ;;
  esac
  echo done
done
stop
rm -rf "$folder"
"#;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    binaries: PathBuf,
    port: u16,
    log: PathBuf,
    keeper: Mutex<Keeper>,
    databases: AtomicU32,
}

#[derive(Debug)]
struct Keeper {
    child: Child,
    /// Gone once the server is to end.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Postgres {
    /// The server of this test process, started when it is first asked for. `None`, and a line that says so, where no
    /// PostgreSQL is installed; but where `CI` is set, the tests fail.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A server of its own, for tests that stop it.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(std::env::var_os("CI").is_none(), "{HOW_TO_INSTALL}");
            // Not by a macro: what those print is shown of failed tests only.
            let _ = writeln!(std::io::stderr(), "\nNOT TESTED: {HOW_TO_INSTALL}\n");
            return None;
        };
        Some(Self::start_from(binaries))
    }

    fn start_from(binaries: PathBuf) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("crosswalk-postgres-")
            .permissions(PermissionsExt::from_mode(0o755))
            .tempdir()
            .expect("there is room for a server's folder")
            .keep();
        let owner = Owner::of_servers();
        owner.give(&folder);
        let password = folder.join("password");
        std::fs::write(&password, POSTGRES_PASSWORD).expect("the folder can be written");
        owner.give(&password);
        let data = folder.join("data");
        let made = owner
            .command(&binaries.join("initdb"))
            .arg("--pgdata")
            .arg(&data)
            .arg("--pwfile")
            .arg(&password)
            .args(["--username", USER, "--auth", "scram-sha-256"])
            .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("there is a free port")
            .port();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&folder);
        for part in owner.words(&binaries.join("postgres")) {
            command.arg(part);
        }
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string()])
            .arg("-k")
            .arg(&folder);
        for setting in [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "full_page_writes=off",
            "shared_buffers=32MB",
            "max_connections=100",
        ] {
            command.args(["-c", setting]);
        }
        let mut child = command
            // A group of its own: a signal to the tests' group must not end who cleans up after them.
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let keeper = Keeper {
            commands: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().expect("stdout is piped")),
            child,
        };
        let server = Self {
            binaries,
            port,
            log: folder.join("log"),
            keeper: Mutex::new(keeper),
            databases: AtomicU32::new(0),
        };
        server.resume();
        server
    }

    /// A new, empty database; its URL.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.psql(&self.url("postgres"), &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database of this name.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{POSTGRES_PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL as a user would with `psql`; what it prints, columns with `|` between them.
    ///
    /// # Panics
    ///
    /// When the SQL is refused.
    pub fn psql(&self, url: &str, sql: &str) -> String {
        let output = Command::new(self.binaries.join("psql"))
            .args([
                "-X",
                "-A",
                "-t",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                sql,
                url,
            ])
            .stdin(Stdio::null())
            .output()
            .expect("psql runs");
        assert!(
            output.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Stops it at once, as a crash does: nothing is written any more, every connection is cut.
    pub fn crash(&self) {
        self.tell("stop");
    }

    /// Starts it again, with what it had; returns when it answers.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn resume(&self) {
        self.tell("start");
        let until = Instant::now() + LONGEST_START;
        loop {
            let ready = Command::new(self.binaries.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()
                .expect("pg_isready runs");
            if ready.success() {
                return;
            }
            assert!(
                Instant::now() < until,
                "PostgreSQL does not start:\n{}",
                std::fs::read_to_string(&self.log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn tell(&self, command: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = keeper.commands.as_mut().expect("it is told until dropped");
        writeln!(commands, "{command}").expect("the keeper reads");
        let mut answer = String::new();
        keeper
            .answers
            .read_line(&mut answer)
            .expect("the keeper answers");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let keeper = self
            .keeper
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        keeper.commands = None;
        let _ = keeper.child.wait();
    }
}

/// Where `initdb` and `postgres` are; Debian has them outside of `PATH`.
fn binaries() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    for root in [
        "/usr/lib/postgresql",
        "/usr/local/pgsql",
        "/opt/homebrew/opt",
    ] {
        let Ok(entries) = std::fs::read_dir(root) else {
            continue;
        };
        let mut versions: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    let is_complete = |folder: &PathBuf| {
        ["initdb", "postgres", "psql", "pg_isready"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    folders.into_iter().find(is_complete)
}

/// Who runs the server. It refuses root; then another user does.
#[derive(Debug, Clone, Copy)]
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn of_servers() -> Self {
        if id(&["-u"]) != Some(0) {
            return Self(None);
        }
        let user = ["postgres", "nobody"]
            .into_iter()
            .find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)));
        Self(Some(user.expect("there is a user `nobody`")))
    }

    fn give(self, path: &Path) {
        if let Some((user, group)) = self.0 {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root gives files away");
        }
    }

    /// A program's command line as this user.
    fn words(self, program: &Path) -> Vec<std::ffi::OsString> {
        let mut words = Vec::new();
        if let Some((user, group)) = self.0 {
            words.extend([
                "setpriv".into(),
                format!("--reuid={user}").into(),
                format!("--regid={group}").into(),
                "--clear-groups".into(),
                "--".into(),
            ]);
        }
        words.push(program.into());
        words
    }

    fn command(self, program: &Path) -> Command {
        let words = self.words(program);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }
}

fn id(arguments: &[impl AsRef<OsStr>]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
