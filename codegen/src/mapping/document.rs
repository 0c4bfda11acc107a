//! `document` of `provider.yaml`: how the provider's own `OpenAPI` document says what our spec says.
//!
//! Only `cargo xtask spec-diff` reads it. Nothing is generated from it.

use super::Table;
use crate::{
    diagnostic::Sink,
    source::{Text, yaml::Node},
};

#[derive(Debug)]
pub struct MappingDocument {
    /// Beginnings of our paths, up to the version, and theirs.
    pub paths: Vec<(Text, Text)>,
    /// Names of our schemas, and theirs.
    pub schemas: Vec<(Text, Text)>,
    /// Operations and schemas that their document is known to leave out, and why.
    pub not_described: Vec<(Text, Text)>,
    /// What their document is known to say wrongly, as in `field-required Company.name`, and what is true.
    pub wrong: Vec<(Text, Text)>,
}

pub(super) fn document(node: &Node, sink: &Sink) -> Option<MappingDocument> {
    let mut table = Table::new(node, sink)?;
    let document = MappingDocument {
        paths: table.texts_by_name("paths"),
        schemas: table.texts_by_name("schemas"),
        not_described: table.texts_by_name("not_described"),
        wrong: table.texts_by_name("wrong"),
    };
    table.finish();
    Some(document)
}
