//! One native call as typed syntax.

use super::{Table, entries};
use crate::{
    diagnostic::Sink,
    source::{Span, Text, yaml::Node},
};

/// A call and what it is given. The values are literals, slots and templates.
#[derive(Debug)]
pub struct MappingCall {
    pub span: Span,
    /// The native operation's id.
    pub operation: Text,
    pub path: Vec<(Text, Node)>,
    pub query: Vec<(Text, Node)>,
    pub body: Option<Node>,
}

/// Reads the keys of a call out of a mapping that may have more.
pub(super) fn keys(table: &mut Table<'_>, sink: &Sink) -> Option<MappingCall> {
    let operation = table.text("call");
    let path = table
        .optional("path")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let query = table
        .optional("query")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let body = table.optional("body").cloned();
    Some(MappingCall {
        span: table.span,
        operation: operation?,
        path,
        query,
        body,
    })
}

/// A call that is nothing but a call.
pub(super) fn call(node: &Node, sink: &Sink) -> Option<MappingCall> {
    let mut table = Table::new(node, sink)?;
    let call = keys(&mut table, sink);
    table.finish();
    call
}
