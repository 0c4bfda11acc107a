//! OpenAPI documents: read, or refused at a place that exists; never a panic, and never without end.
#![no_main]

use crosswalk_codegen::{diagnostic::Sink, source::Sources, spec::read};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|text: &str| -> Corpus {
    if text.len() > 16384 {
        return Corpus::Reject;
    }
    let mut sources = Sources::default();
    let file = sources.add("specs/example.yaml", text);
    let sink = Sink::default();
    let _ = read(&sources, file, &sink);
    for fault in sink.into_sorted(&sources) {
        let place = sources.place(fault.primary.span);
        assert!(place.line >= 1 && place.column >= 1 && !fault.message.is_empty());
    }
    Corpus::Keep
});
