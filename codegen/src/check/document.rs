//! `document` of `provider.yaml`: what it speaks of is in our spec.

use super::versions::Roots;
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::document::MappingDocument,
    source::Text,
    spec::Spec,
};

pub(super) fn check(document: &MappingDocument, roots: &Roots, spec: &Spec, sink: &Sink) {
    for (root, _) in &document.paths {
        roots.known(root, spec, sink);
    }
    for (name, _) in &document.schemas {
        if !spec.schemas.contains_key(&name.value) {
            let known = spec.schemas.keys().map(String::as_str);
            unknown("unknown-native-schema", "schema", name, known, spec, sink);
        }
    }
    for (name, _) in &document.not_described {
        if !spec.operations.contains_key(&name.value) && !spec.schemas.contains_key(&name.value) {
            let known = spec.operations.keys().chain(spec.schemas.keys());
            let (id, what) = ("unknown-native-operation", "operation or schema");
            unknown(id, what, name, known.map(String::as_str), spec, sink);
        }
    }
}

fn unknown<'a>(
    id: &'static str,
    what: &str,
    name: &Text,
    known: impl Iterator<Item = &'a str>,
    spec: &Spec,
    sink: &Sink,
) {
    let message = format!("there is no {what} `{}`", name.value);
    sink.push(
        Diagnostic::new(id, message, name.span)
            .label(format!("not in {}", spec.path))
            .nearest(&name.value, known),
    );
}
