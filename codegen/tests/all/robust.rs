//! No text, however broken, makes loading or checking panic.

use std::sync::LazyLock;

use crosswalk_codegen::{
    diagnostic::{Format, render},
    load::Files,
};
use proptest::prelude::*;

use crate::support;

static REAL: LazyLock<Files> = LazyLock::new(support::real);

/// What is put into a file: the characters that mean something to YAML and to the mapping language, and others.
fn scrap() -> impl Strategy<Value = String> {
    let marks = prop::sample::select(vec![
        ":", "- ", "{", "}", "[", "]", "\"", "'", "$", "?", ".", "#", "\n", "\n  ", "  ", "|", ">",
        "&a", "*a", "!t", "---\n", "\t", "$record", "%", ",", "~", "\u{feff}", "ä", "\u{0}",
    ]);
    prop_oneof![marks.prop_map(str::to_owned), "\\PC{0,4}", "[a-z.]{1,12}"]
}

#[derive(Debug, Clone)]
enum Damage {
    Insert(usize, String),
    Remove(usize, usize),
    Repeat(usize, usize),
    Swap(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>().prop_map(|index| index.index(1 << 20));
    prop_oneof![
        (at.clone(), scrap()).prop_map(|(at, text)| Damage::Insert(at, text)),
        (at.clone(), 1..60usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (at.clone(), 1..60usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        (at.clone(), at).prop_map(|(one, other)| Damage::Swap(one, other)),
    ]
}

fn apply(text: &mut String, damage: &Damage) {
    let mut characters: Vec<char> = text.chars().collect();
    let length = characters.len().max(1);
    let range = |at: usize, count: usize| {
        let at = at % length;
        at..(at + count).min(length)
    };
    match damage {
        Damage::Insert(at, scrap) => {
            let at = at % length;
            characters.splice(at..at, scrap.chars());
        }
        Damage::Remove(at, count) => drop(characters.drain(range(*at, *count))),
        Damage::Repeat(at, count) => {
            let part = characters[range(*at, *count)].to_vec();
            let at = at % length;
            characters.splice(at..at, part);
        }
        Damage::Swap(one, other) => {
            // Lines, so that what comes out is often still YAML.
            let mut lines: Vec<&str> = text.split('\n').collect();
            let count = lines.len();
            lines.swap(one % count, other % count);
            *text = lines.join("\n");
            return;
        }
    }
    *text = characters.into_iter().collect();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Covers: mapping-odd-yaml
    #[test]
    fn damaged_files_are_told_about(
        file in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let mut files = REAL.clone();
        let paths: Vec<String> = files.keys().cloned().collect();
        let path = &paths[file.index(paths.len())];
        let text = files.get_mut(path).expect("the path is from the files");
        for damage in &damages {
            apply(text, damage);
        }
        let checked = support::check(&files);
        // Rendering shows any place, too; and there is a plan or a reason.
        let rendered = render(&checked.diagnostics, &checked.sources, Format::Human);
        render(&checked.diagnostics, &checked.sources, Format::Json);
        prop_assert_eq!(checked.plan.is_none(), !rendered.is_empty());
    }

    /// Covers: mapping-odd-yaml
    #[test]
    fn any_text_is_told_about(text in "\\PC{0,200}") {
        let mut files = REAL.clone();
        for found in files.values_mut() {
            found.clone_from(&text);
        }
        prop_assert!(!support::check(&files).diagnostics.is_empty());
    }
}
