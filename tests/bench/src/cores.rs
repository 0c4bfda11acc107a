//! Which core belongs to whom: the first to who is measured, the others to all else, so that neither waits for the other.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

/// Where `taskset` is missing, or there is one core alone, nothing is pinned.
#[derive(Debug, Clone)]
pub(crate) struct Cores {
    count: usize,
    is_pinned: bool,
}

impl Cores {
    /// Pins this process, and what it starts, to all cores but the first. To be called while it has one thread.
    pub(crate) fn pin() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let is_pinned = count > 1
            && Command::new("taskset")
                .args(["-cp", &others(count), &std::process::id().to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        Self { count, is_pinned }
    }

    /// A command for who is measured.
    pub(crate) fn measured(&self, program: &Path) -> Command {
        self.on("0", program.as_os_str())
    }

    /// A command that may use all cores.
    pub(crate) fn all(&self, program: &Path) -> Command {
        self.on(&format!("0-{}", self.count - 1), program.as_os_str())
    }

    /// In words.
    pub(crate) fn told(&self) -> String {
        match (self.count, self.is_pinned) {
            (1, _) => "one core".to_owned(),
            (count, true) => format!("{count} cores, one of them for the proxy alone"),
            (count, false) => format!("{count} cores, none pinned"),
        }
    }

    fn on(&self, cores: &str, program: &OsStr) -> Command {
        if !self.is_pinned {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(program);
        command
    }
}

fn others(count: usize) -> String {
    format!("1-{}", count - 1)
}
