//! Mapping files: one of an invented project's, with anything in its place. It is understood, or refused at a place
//! that exists; never a panic, and never without end.
#![no_main]

use std::{path::Path, sync::LazyLock};

use crosswalk_codegen::{
    check,
    diagnostic::Sink,
    emit,
    load::{self, Files},
    source::Sources,
};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Small, so that most of the time goes into what is different.
static FILES: LazyLock<Files> = LazyLock::new(|| {
    let root = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../codegen/tests/invented"
    ));
    load::read_files(root).expect("the invented specs and mappings")
});

const PLACES: [&str; 4] = [
    "mappings/orgbook/crm/account.yaml",
    "mappings/orgbook/crm/form.yaml",
    "mappings/orgbook/crm/visit.yaml",
    "mappings/orgbook/provider.yaml",
];

fuzz_target!(|input: (u8, &str)| -> Corpus {
    let (place, text) = input;
    if text.len() > 8192 {
        return Corpus::Reject;
    }
    let mut files = FILES.clone();
    let place = PLACES[usize::from(place) % PLACES.len()];
    files.insert(place.to_owned(), text.to_owned());
    let (mut sources, sink) = (Sources::default(), Sink::default());
    if let Some(input) = load::load(&files, &mut sources, &sink)
        && let Some(plan) = check::check(&input, &sources, &sink)
    {
        // What was found good can be written, and is Rust.
        let _ = emit::emit(&plan);
    }
    for fault in sink.into_sorted(&sources) {
        let found = sources.place(fault.primary.span);
        assert!(found.line >= 1 && found.column >= 1 && !fault.message.is_empty());
    }
    Corpus::Keep
});
