//! What is read beside records, as typed syntax.

use super::{
    Table,
    call::{self, MappingCall},
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{Spanned, Text, yaml::Node},
};

#[derive(Debug)]
pub struct MappingBeside {
    pub name: Text,
    /// The native field that has the key of what is beside a record.
    pub key: Text,
    pub call: MappingCall,
    pub kind: MappingBesideKind,
}

#[derive(Debug)]
pub enum MappingBesideKind {
    /// Records of another native object.
    Records {
        native: Text,
        rows: Option<Text>,
        id: Text,
        max: Spanned<u32>,
    },
    /// The body of an answer, as text.
    Text,
    /// A table of values and labels.
    Labels {
        rows: Option<Text>,
        inner: Option<Text>,
        value: Text,
        label: Text,
    },
}

pub(crate) fn beside(name: &Text, node: &Node, sink: &Sink) -> Option<MappingBeside> {
    let mut table = Table::new(node, sink)?;
    let call = call::keys(&mut table, sink);
    let key = table.text("key");
    let native = table.optional_text("native");
    let label = table.optional_text("label");
    let is_text = table.flag("text");
    let kind = match (native, label, is_text) {
        (Some(native), None, false) => {
            let (rows, id) = (table.optional_text("rows"), table.text("id"));
            let max = table.required("max").and(table.integer("max"));
            id.zip(max).map(|(id, max)| MappingBesideKind::Records {
                native,
                rows,
                id,
                max,
            })
        }
        (None, Some(label), false) => {
            let (rows, inner) = (table.optional_text("rows"), table.optional_text("inner"));
            table.text("value").map(|value| MappingBesideKind::Labels {
                rows,
                inner,
                value,
                label,
            })
        }
        (None, None, true) => Some(MappingBesideKind::Text),
        _ => {
            let message = format!(
                "`{}` must have one of `native`, `label` and `text: true`",
                name.value
            );
            sink.push(Diagnostic::new("several-sources", message, name.span));
            return None;
        }
    };
    table.finish();
    Some(MappingBeside {
        name: name.clone(),
        key: key?,
        call: call?,
        kind: kind?,
    })
}
