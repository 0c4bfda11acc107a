//! A proxy under callgrind, which counts what the processor does: nearly the same in every run, however busy the machine is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Failure, process::Process, sidecar::Home};

/// A proxy that is looked on.
#[derive(Debug)]
pub(crate) struct Watched {
    process: Process,
    /// What is counted goes to this name and a number.
    file: PathBuf,
    dumps: usize,
}

impl Watched {
    /// Starts a proxy whose counts go to a file in a folder.
    pub(crate) fn serve(home: &Home, folder: &Path) -> Result<Self, Failure> {
        // The proxy is started in another folder.
        let file = std::path::absolute(folder)?.join("callgrind.out");
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--tool=callgrind", "--demangle=no", "--compress-strings=no"])
            .arg(format!("--callgrind-out-file={}", file.display()));
        Ok(Self {
            process: home.serve_under(valgrind)?,
            file,
            dumps: 0,
        })
    }

    /// Forgets what was counted.
    pub(crate) fn zero(&self) -> Result<(), Failure> {
        self.control("--zero")
    }

    /// Writes down what was counted since the last time, and begins anew; the file that has it.
    pub(crate) fn dump(&mut self) -> Result<PathBuf, Failure> {
        self.control("--dump")?;
        self.dumps += 1;
        let mut file = self.file.clone().into_os_string();
        file.push(format!(".{}", self.dumps));
        Ok(file.into())
    }

    fn control(&self, what: &str) -> Result<(), Failure> {
        let output = Command::new("callgrind_control")
            .args([what, &self.process.id().to_string()])
            .output()?;
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("callgrind_control: {}", output.status).into())
        }
    }

    /// Not left to its end, which is cut short where it takes long.
    pub(crate) fn end(mut self) {
        self.process.end();
    }
}

/// What a dump tells, and how many instructions it has in all. It must have come to its end.
pub(crate) fn told(dump: &Path) -> Result<(String, f64), Failure> {
    let told = fs::read_to_string(dump)?;
    let total = total(&told).ok_or_else(|| format!("{} is cut off", dump.display()))?;
    Ok((told, total))
}

fn total(told: &str) -> Option<f64> {
    let line = told
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals: "))?;
    line.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_ends_with_its_total() {
        assert_eq!(total("fn=a\n1 5\n\ntotals: 4375230\n"), Some(4_375_230.0));
        assert_eq!(total("fn=a\n1 5\n"), None);
    }
}
