//! The binary as a process: what it prints, how it is asked to stop, how it ends.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// How long a line or an end is waited for.
const LONG: Duration = Duration::from_secs(30);

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub out: Printed,
    pub err: Printed,
}

/// All that a process has printed on one stream. It is read to its end, so that no pipe fills.
#[derive(Debug, Clone)]
pub struct Printed(Arc<(Mutex<Stream>, Condvar)>);

#[derive(Debug, Default)]
struct Stream {
    text: String,
    /// Nothing more will come.
    has_ended: bool,
}

impl Process {
    /// Starts the binary in a folder, with nothing of the tests' environment that it would read.
    ///
    /// # Panics
    ///
    /// When the binary cannot be built or started.
    pub fn start(arguments: &[&str], folder: &Path, environment: &[(&str, &str)]) -> Self {
        Self::start_program(&binary(), arguments, folder, environment)
    }

    /// The same with another build of the program.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_program(
        program: &Path,
        arguments: &[&str],
        folder: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_remove("CROSSWALK_CONFIG")
            .env_remove("STATE_DIRECTORY")
            // What it keeps ends with the folder.
            .env("XDG_STATE_HOME", folder.join("state"))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let out = Printed::of(child.stdout.take().expect("stdout is piped"));
        let err = Printed::of(child.stderr.take().expect("stderr is piped"));
        Self { child, out, err }
    }

    /// Asks it to stop, as a supervisor does.
    ///
    /// # Panics
    ///
    /// When there is no `kill`.
    pub fn terminate(&self) {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "it is signalled");
    }

    /// Asks it to read its configuration again.
    ///
    /// # Panics
    ///
    /// When there is no `kill`.
    pub fn hang_up(&self) {
        let sent = Command::new("kill")
            .args(["-HUP", &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "it is signalled");
    }

    /// As the system knows it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end, and for all that it has printed.
    ///
    /// # Panics
    ///
    /// When it does not end in time or is ended by a signal.
    pub fn exit_code(&mut self) -> i32 {
        let until = Instant::now() + LONG;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                self.out.wait_for_end();
                self.err.wait_for_end();
                return status.code().expect("it ended by itself");
            }
            assert!(Instant::now() < until, "the process ends in time");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Printed {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let printed = Self(Arc::default());
        let own = printed.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut stream = own.lock();
                stream.text.push_str(&line);
                stream.text.push('\n');
                own.0.1.notify_all();
            }
            own.lock().has_ended = true;
            own.0.1.notify_all();
        });
        printed
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// Waits until all is read that was printed.
    fn wait_for_end(&self) {
        let until = Instant::now() + LONG;
        let mut stream = self.lock();
        while !stream.has_ended {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "what was printed ends with the process");
            let waited = self.0.1.wait_timeout(stream, left);
            stream = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a line with these words in it; the first of them.
    ///
    /// # Panics
    ///
    /// When it does not come.
    pub fn wait_for(&self, words: &str) -> String {
        self.wait_for_count(words, 1).remove(0)
    }

    /// Waits for so many lines with these words in them.
    ///
    /// # Panics
    ///
    /// When they do not come.
    pub fn wait_for_count(&self, words: &str, count: usize) -> Vec<String> {
        let until = Instant::now() + LONG;
        let mut stream = self.lock();
        loop {
            let found: Vec<String> = stream
                .text
                .lines()
                .filter(|line| line.contains(words))
                .map(str::to_owned)
                .collect();
            if found.len() >= count {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "`{words}` is printed:\n{}", stream.text);
            let waited = self.0.1.wait_timeout(stream, left);
            stream = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cargo that these tests were built by. What it has told a test of its own package is not passed on: build scripts
/// that look at it would run again, and all that depends on them would be built again, for each package's tests.
pub fn cargo() -> Command {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The binary, built once: cargo says where it is only to tests of its own package. `CROSSWALK_BINARY` names another one,
/// such as one that was built for release, or with a fault that a test must find.
///
/// # Panics
///
/// When it cannot be built.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| {
            if let Some(given) = std::env::var_os("CROSSWALK_BINARY") {
                return given.into();
            }
            let built = cargo()
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
