//! Links of the pages that are read, within the project: to a file that is there, and to a heading in it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn project() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn pages() -> Vec<PathBuf> {
    let root = project();
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "proxy/packaging/README.md",
        "mappings/COVERAGE.md",
        "tests/FAULTS.md",
        "tests/BENCHMARKS.md",
    ]
    .iter()
    .map(|path| root.join(path))
    .collect();
    let docs = fs::read_dir(root.join("proxy/docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|it| it == "md")));
    pages
}

/// A page without its code: what is indented, fenced or in backticks has no links.
fn prose(text: &str) -> String {
    let mut prose = String::new();
    let mut is_fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced && !line.starts_with("    ") {
            let parts = line.split('`').step_by(2);
            prose.extend(parts.map(|part| format!("{part}`")));
            prose.push('\n');
        }
    }
    prose
}

/// What is linked to and shown, as `](target)`.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let links = prose.split("](").skip(1);
    let targets = links.filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// The names of a page's headings in links, as those make them who show pages: lower case, hyphens, nothing else.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let names = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    names
        .map(|name| {
            name.chars()
                .filter(|it| it.is_alphanumeric() || "-_ ".contains(*it))
                .map(|it| if it == ' ' { '-' } else { it })
                .collect()
        })
        .collect()
}

/// What is wrong with a page's links.
fn dead(page: &Path, text: &str) -> Vec<String> {
    let folder = page.parent().unwrap();
    let own = |target: &String| !target.contains("://") && !target.starts_with("mailto:");
    let mut dead = Vec::new();
    for target in targets(text).into_iter().filter(own) {
        let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let file = match path {
            "" => page.to_owned(),
            path => folder.join(path),
        };
        let linked = match path {
            "" => text.to_owned(),
            _ => fs::read_to_string(&file).unwrap_or_default(),
        };
        if !file.exists() {
            dead.push(format!("{}: {target} is not there", page.display()));
        } else if !anchor.is_empty() && !anchors(&linked).contains(anchor) {
            dead.push(format!("{}: {target} has no such heading", page.display()));
        }
    }
    dead
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    let mut all_dead = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        count += targets(&text).len();
        all_dead.extend(dead(&page, &text));
    }
    assert!(all_dead.is_empty(), "{all_dead:#?}");
    assert!(count > 20, "links are found: {count}");
}

#[test]
fn a_dead_link_is_found_and_code_has_none() {
    let page = project().join("README.md");
    for (text, is_dead) in [
        ("[a](proxy/docs/start.md)", false),
        ("[a](proxy/docs/started.md)", true),
        ("[a](CONTRIBUTING.md#the-mapping-language)", false),
        ("[a](CONTRIBUTING.md#the-mapping-tongue)", true),
        ("# One, two!\n[a](#one-two)", false),
        ("# One, two!\n[a](#one)", true),
        ("`[a](nowhere.md)` and\n\n    [a](nowhere.md)", false),
        ("`x` [a](nowhere.md)", true),
        ("[a](https://nowhere.example/x.md)", false),
    ] {
        assert_eq!(!dead(&page, text).is_empty(), is_dead, "{text}");
    }
}

/// A guide that nobody is sent to is not read.
#[test]
fn the_readme_leads_to_every_page_of_the_docs() {
    let readme = fs::read_to_string(project().join("README.md")).unwrap();
    let found = targets(&readme);
    for page in pages() {
        let path = page.strip_prefix(project()).unwrap();
        if path.starts_with("proxy/docs") {
            let path = path.display().to_string();
            assert!(found.contains(&path), "README.md leads to {path}");
        }
    }
}
