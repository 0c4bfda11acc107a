//! What the figures were taken on.

use std::{fs, path::Path, process::Command};

use jiff::Timestamp;

use crate::{cores::Cores, nginx::Nginx};

/// In one sentence, for those who compare. A binary that was not built here is told by its name.
pub(crate) fn told(root: &Path, given: Option<&Path>, cores: &Cores) -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = model(&processor)
        .unwrap_or("an unknown processor")
        .to_owned();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let binary = match given {
        Some(binary) => binary.display().to_string(),
        None => commit(root),
    };
    let nginx = Nginx::version().map_or_else(
        || "without nginx, which is not installed".to_owned(),
        |version| format!("nginx {version}"),
    );
    format!(
        "{}, {binary}; {processor}, {}; Linux {}; {nginx}.",
        Timestamp::now().strftime("%Y-%m-%d"),
        cores.told(),
        kernel.trim(),
    )
}

fn commit(root: &Path) -> String {
    let commit = git(root, &["rev-parse", "--short=10", "HEAD"]).unwrap_or_default();
    let status = git(root, &["status", "--porcelain", "--untracked-files=no"]);
    let is_changed = status.is_some_and(|text| !text.is_empty());
    format!(
        "commit {commit}{}",
        if is_changed { " with changes" } else { "" }
    )
}

fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    let output = git.current_dir(root).args(arguments).output().ok()?;
    let is_well = output.status.success();
    is_well.then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_told_by_its_model() {
        let text = "processor\t: 0\nmodel\t\t: 167\nmodel name\t: Some(R) CPU\n";
        assert_eq!(model(text), Some("Some(R) CPU"));
        assert_eq!(model("processor\t: 0\n"), None);
    }
}
