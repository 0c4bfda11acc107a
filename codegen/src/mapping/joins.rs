//! `joins` of `provider.yaml`: single reads that one call carries out together, as typed syntax.

use super::Table;
use crate::{
    diagnostic::Sink,
    source::{Span, Spanned, Text, yaml::Node},
};

/// A native call that reads one record, and the one that reads many.
#[derive(Debug)]
pub struct MappingJoin {
    pub single: MappingSingle,
    pub many: MappingMany,
}

#[derive(Debug)]
pub struct MappingSingle {
    pub call: Text,
    /// The parameter of the path that is the record's id.
    pub id: Text,
    /// The parameter of the query that lists the fields.
    pub fields: Text,
}

#[derive(Debug)]
pub struct MappingMany {
    pub span: Span,
    pub call: Text,
    pub body: Node,
    pub max: Spanned<u32>,
    pub rows: Option<Text>,
    /// Where a row has its id.
    pub id: Option<Text>,
    /// Whether there is a row, or null, for each id, in their order.
    pub in_order: bool,
}

pub(super) fn join(node: &Node, sink: &Sink) -> Option<MappingJoin> {
    let mut table = Table::new(node, sink)?;
    let single = table.required("single").and_then(|it| single(it, sink));
    let many = table.required("many").and_then(|it| many(it, sink));
    table.finish();
    Some(MappingJoin {
        single: single?,
        many: many?,
    })
}

fn single(node: &Node, sink: &Sink) -> Option<MappingSingle> {
    let mut table = Table::new(node, sink)?;
    let call = table.text("call");
    let (id, fields) = (table.text("id"), table.text("fields"));
    table.finish();
    Some(MappingSingle {
        call: call?,
        id: id?,
        fields: fields?,
    })
}

fn many(node: &Node, sink: &Sink) -> Option<MappingMany> {
    let mut table = Table::new(node, sink)?;
    let call = table.text("call");
    let body = table.required("body").cloned();
    let max = table.required("max").and(table.integer("max"));
    let rows = table.optional_text("rows");
    let id = table.optional_text("id");
    let in_order = table.flag("in_order");
    table.finish();
    Some(MappingMany {
        span: node.span,
        call: call?,
        body: body?,
        max: max?,
        rows,
        id,
        in_order,
    })
}
