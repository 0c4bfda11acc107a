//! What incremental lists tell of records that are not there any more.

use super::Table;
use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{Span, Text, yaml::Node},
};

/// Both are said of every entity that has a list.
#[derive(Debug)]
pub struct MappingGone {
    pub deleted: MappingTold,
    pub merged: MappingTold,
}

#[derive(Debug)]
pub struct MappingTold {
    pub span: Span,
    pub how: MappingTelling,
}

#[derive(Debug)]
pub enum MappingTelling {
    /// The unified field that tells, and which of these records are not told all the same, in words for a customer.
    By { field: Text, except: Option<Text> },
    /// Why they are not told, in words for a customer.
    Not(Text),
}

/// Reads `gone`; none where it has a fault, which has been reported.
pub(super) fn gone(node: &Node, sink: &Sink) -> Option<MappingGone> {
    let mut table = Table::new(node, sink)?;
    let [deleted, merged] = ["deleted", "merged"].map(|key| table.required(key));
    table.finish();
    let [deleted, merged] = [deleted, merged].map(|node| told(node?, sink));
    Some(MappingGone {
        deleted: deleted?,
        merged: merged?,
    })
}

fn told(node: &Node, sink: &Sink) -> Option<MappingTold> {
    let mut table = Table::new(node, sink)?;
    let field = table.optional_text("told_by");
    let except = table.optional_text("except");
    let reason = table.optional_text("not_told");
    table.finish();
    let how = match (field, reason, except) {
        (Some(field), None, except) => MappingTelling::By { field, except },
        (None, Some(reason), None) => MappingTelling::Not(reason),
        (None, None, _) => {
            let message = "expected `told_by` with a unified field, or `not_told` with a reason";
            sink.push(Diagnostic::new("missing-key", message, node.span));
            return None;
        }
        (_, Some(reason), _) => {
            let message = "`not_told` stands alone: there is nothing that tells";
            sink.push(Diagnostic::new("several-sources", message, reason.span));
            return None;
        }
    };
    Some(MappingTold {
        span: node.span,
        how,
    })
}
