//! `cargo xtask package notes`: one section of the changelog.

use std::fs;

use crate::{Failure, Outcome, project::Project};

pub(crate) fn run(project: &Project, version: &str) -> Result<Outcome, Failure> {
    let text = fs::read_to_string(project.root().join("CHANGELOG.md"))?;
    let version = version.strip_prefix('v').unwrap_or(version);
    let Some(section) = section(&text, version) else {
        let known: Vec<_> = text.lines().filter_map(headed).collect();
        eprintln!(
            "CHANGELOG.md has no section {version}; it has {}",
            known.join(", ")
        );
        return Ok(Outcome::Wrong);
    };
    if section.is_empty() {
        eprintln!("CHANGELOG.md says nothing of {version}");
        return Ok(Outcome::Wrong);
    }
    println!("{section}");
    Ok(Outcome::Well)
}

/// The version of a heading: `## 0.1.0 (2026-11-26)`.
fn headed(line: &str) -> Option<&str> {
    line.strip_prefix("## ")?.split_whitespace().next()
}

fn section<'a>(text: &'a str, version: &str) -> Option<&'a str> {
    let mut begin = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        match (headed(line), begin) {
            (Some(_), Some(begin)) => return Some(text[begin..at].trim()),
            (Some(found), None) if found == version => begin = Some(next),
            _ => {}
        }
        at = next;
    }
    begin.map(|begin| text[begin..].trim())
}
