//! `limits` of `provider.yaml`, how many calls an account may make, as typed syntax.

use super::{Table, entries};
use crate::{
    diagnostic::Sink,
    source::{Span, Spanned, Text, yaml::Node},
};

/// One limit.
#[derive(Debug)]
pub struct MappingLimit {
    pub name: Text,
    pub span: Span,
    pub calls: Option<Spanned<u32>>,
    pub window_seconds: Option<Spanned<u32>>,
    pub lasting_seconds: Option<Spanned<u32>>,
    pub probe_after_seconds: Option<Spanned<u32>>,
    pub soft: bool,
    pub operations: Vec<Text>,
    pub told: Option<MappingTold>,
}

/// Headers that tell what is left of a limit.
#[derive(Debug)]
pub struct MappingTold {
    pub span: Span,
    pub limit: Option<Text>,
    pub remaining: Option<Text>,
    pub header: Option<Text>,
    pub form: Option<Text>,
}

pub(super) fn limits(node: &Node, sink: &Sink) -> Vec<MappingLimit> {
    entries(node, sink)
        .into_iter()
        .filter_map(|(name, node)| limit(name, &node, sink))
        .collect()
}

fn limit(name: Text, node: &Node, sink: &Sink) -> Option<MappingLimit> {
    let mut table = Table::new(node, sink)?;
    let limit = MappingLimit {
        name,
        span: node.span,
        calls: table.integer("calls"),
        window_seconds: table.integer("window_seconds"),
        lasting_seconds: table.integer("lasting_seconds"),
        probe_after_seconds: table.integer("probe_after_seconds"),
        soft: table.flag("soft"),
        operations: table.texts("operations"),
        told: table.optional("told").and_then(|node| told(node, sink)),
    };
    table.finish();
    Some(limit)
}

fn told(node: &Node, sink: &Sink) -> Option<MappingTold> {
    let mut table = Table::new(node, sink)?;
    let told = MappingTold {
        span: node.span,
        limit: table.optional_text("limit"),
        remaining: table.optional_text("remaining"),
        header: table.optional_text("header"),
        form: table.optional_text("form"),
    };
    table.finish();
    Some(told)
}
