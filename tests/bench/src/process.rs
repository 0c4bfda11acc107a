//! A process that is measured: its time on a core and its memory, by the system's own accounting.

use std::{
    fs,
    process::{Child, Command},
    time::{Duration, Instant},
};

use crate::Failure;

/// How long an end is waited for after it was asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running process; ended when dropped, its children as well.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Result<Self, Failure> {
        let child = command.spawn().map_err(|error| {
            format!(
                "{} does not start: {error}",
                command.get_program().display()
            )
        })?;
        Ok(Self { child })
    }

    /// As the system has it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Time on a core, of all its threads and those of its children. A thread's time is lost when it ends, so who is
    /// measured must not end any meanwhile.
    pub(crate) fn cpu(&self) -> Duration {
        let threads = self.family().into_iter().flat_map(|id| {
            let folder = fs::read_dir(format!("/proc/{id}/task"));
            folder.into_iter().flatten().flatten()
        });
        threads
            .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
            .map(|text| ran(&text))
            .sum()
    }

    /// What it has in memory now, in KiB.
    pub(crate) fn resident(&self) -> u32 {
        self.memory("VmRSS")
    }

    /// The most that it has had in memory, in KiB.
    pub(crate) fn peak(&self) -> u32 {
        self.memory("VmHWM")
    }

    fn memory(&self, name: &str) -> u32 {
        let family = self.family().into_iter();
        family
            .filter_map(|id| fs::read_to_string(format!("/proc/{id}/status")).ok())
            .map(|text| kibibytes(&text, name))
            .sum()
    }

    /// Itself and its children: nginx works in one.
    fn family(&self) -> Vec<u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        std::iter::once(id).chain(children).collect()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(&mut self) {
        let id = self.child.id().to_string();
        // Killed outright it could not end its own children.
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let until = Instant::now() + PATIENCE;
        while self.is_running() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() {
            self.end();
        }
    }
}

/// The first number of a `schedstat`: nanoseconds on a core.
fn ran(schedstat: &str) -> Duration {
    let first = schedstat.split_whitespace().next();
    Duration::from_nanos(first.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// A line of a `status`, as in `VmRSS:     1234 kB`.
fn kibibytes(status: &str, name: &str) -> u32 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_on_a_core_is_the_first_number() {
        assert_eq!(ran("1500000 77 3\n"), Duration::from_micros(1_500));
        assert_eq!(ran(""), Duration::ZERO);
    }

    #[test]
    fn memory_is_found_by_its_whole_name() {
        let status = "VmPeak:\t  9 kB\nVmRSS:\t    7720 kB\nVmRSSx:\t 1 kB\n";
        assert_eq!(kibibytes(status, "VmRSS"), 7_720);
        assert_eq!(kibibytes(status, "Vm"), 0);
    }

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let mut busy = Command::new("sh");
        busy.args(["-c", "while :; do :; done"]);
        let mut process = Process::start(busy).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while process.cpu() < Duration::from_millis(5) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(process.cpu() >= Duration::from_millis(5));
        assert!(process.peak() >= process.resident() && process.resident() > 100);
        process.end();
        assert!(!process.is_running());
    }
}
