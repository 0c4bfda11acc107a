//! A slip of the pen in any word of a mapping is told, but for words that are free: the names of steps and of parts of
//! bundles, and sentences for customers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::support;

const FOLDER: &str = "mappings/orgbook/crm/";

/// The words of a text and their places; none of comments.
fn words(text: &str) -> Vec<(usize, &str)> {
    let is_word = |character: char| character.is_alphanumeric() || "_.$".contains(character);
    let mut words = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let code = line.split('#').next().unwrap_or_default();
        let mut offset = 0;
        for piece in code.split_inclusive(|character| !is_word(character)) {
            let word = piece.trim_end_matches(|character| !is_word(character));
            if word.len() > 2 && word.contains(|first: char| first.is_ascii_alphabetic()) {
                words.push((at + offset, word));
            }
            offset += piece.len();
        }
        at += line.len();
    }
    words
}

/// Covers: mapping-slip
#[test]
fn a_slip_of_the_pen_is_told() {
    let files = support::invented();
    let mut silent: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with(FOLDER)) {
        let mut seen = BTreeSet::new();
        for (at, word) in words(text) {
            // The same word on the same line would be told in the same way.
            let line = text[..at].matches('\n').count();
            if !seen.insert((line, word)) {
                continue;
            }
            let lost = at + word.len() - 2;
            let mut slipped = text.clone();
            slipped.remove(lost);
            let mut files = files.clone();
            files.insert(path.clone(), slipped);
            if support::check(&files).plan.is_some() {
                let line = text.lines().nth(line).unwrap_or_default().trim();
                let place = format!("{}: {line}", &path[FOLDER.len()..]);
                silent.entry(place).or_default().push(word);
            }
        }
    }
    let mut free = String::new();
    for (place, words) in silent {
        let _ = writeln!(free, "{place}\n    {}", words.join(" "));
    }
    insta::assert_snapshot!(free);
}
