//! Operations that are not about records, as typed syntax: steps and an answer, all of them templates.
//!
//! A file without `fields` is such a file. What a template has in it stays a [`Node`] until the checks read it.

use super::{
    Table,
    call::{self, MappingCall},
    entries,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{
        FileId, Spanned, Text,
        yaml::{Node, NodeKind},
    },
};

/// One file of operations.
#[derive(Debug)]
pub struct MappingScripts {
    pub file: FileId,
    pub entity: Text,
    pub bind: Vec<(Text, Text)>,
    pub objects: Option<MappingObjects>,
    pub operations: Vec<(Text, MappingScript)>,
}

/// How names of objects lead to native ones.
#[derive(Debug)]
pub struct MappingObjects {
    pub names: Vec<(Text, Text)>,
    pub listed: Option<MappingListed>,
    pub fields: Option<MappingObjectFields>,
}

#[derive(Debug)]
pub struct MappingListed {
    pub call: MappingCall,
    pub rows: Option<Text>,
    pub name: Text,
    pub aliases: Vec<Text>,
    pub suffix: Option<Text>,
}

#[derive(Debug)]
pub struct MappingObjectFields {
    pub call: MappingCall,
    pub rows: Option<Text>,
    pub name: Text,
}

#[derive(Debug)]
pub struct MappingScript {
    /// The names of objects in the request's body, by role, where they are not in its path.
    pub objects: Vec<(Text, Text)>,
    pub steps: Vec<MappingScriptStep>,
    pub answer: Node,
}

#[derive(Debug)]
pub struct MappingScriptStep {
    pub name: Text,
    pub call: MappingCall,
    pub only_if: Option<Node>,
    pub unless: Option<Node>,
    pub object: Option<Text>,
    pub not_object: Option<Text>,
    pub remembered: bool,
    pub pages: Option<(Text, Text, Text)>,
    pub ignore: Vec<Spanned<u16>>,
    pub failed_if: Option<MappingFailedIf>,
    /// The path to the element that is to hold the credential.
    pub credential: Option<Text>,
}

#[derive(Debug)]
pub struct MappingFailedIf {
    pub path: Text,
    pub equals: Text,
    pub code: Text,
    pub message: Text,
}

/// Whether a file is one of operations that are not about records.
pub(crate) fn is_scripts(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Mapping(entries) if entries.iter().all(|entry| entry.key.value != "fields"))
}

pub(crate) fn scripts(file: FileId, node: &Node, sink: &Sink) -> Option<MappingScripts> {
    let mut table = Table::new(node, sink)?;
    let entity = table.text("entity");
    let bind = table.texts_by_name("bind");
    let objects = table.optional("objects").map(|node| objects(node, sink));
    let operations = table
        .required("operations")
        .map_or_else(Vec::new, |node| entries(node, sink));
    table.finish();
    let operations: Vec<_> = operations
        .into_iter()
        .filter_map(|(name, node)| Some((name, script(&node, sink)?)))
        .collect();
    Some(MappingScripts {
        file,
        entity: entity?,
        bind,
        objects: match objects {
            Some(objects) => Some(objects?),
            None => None,
        },
        operations,
    })
}

pub(crate) fn objects(node: &Node, sink: &Sink) -> Option<MappingObjects> {
    let mut table = Table::new(node, sink)?;
    let names = table.texts_by_name("names");
    let listed = table.optional("listed").and_then(|node| {
        let mut table = Table::new(node, sink)?;
        let call = call::keys(&mut table, sink);
        let rows = table.optional_text("rows");
        let name = table.text("name");
        let aliases = table.texts("aliases");
        let suffix = table.optional_text("suffix");
        table.finish();
        Some(MappingListed {
            call: call?,
            rows,
            name: name?,
            aliases,
            suffix,
        })
    });
    let fields = table.optional("fields").and_then(|node| {
        let mut table = Table::new(node, sink)?;
        let call = call::keys(&mut table, sink);
        let rows = table.optional_text("rows");
        let name = table.text("name");
        table.finish();
        Some(MappingObjectFields {
            call: call?,
            rows,
            name: name?,
        })
    });
    table.finish();
    Some(MappingObjects {
        names,
        listed,
        fields,
    })
}

fn script(node: &Node, sink: &Sink) -> Option<MappingScript> {
    let mut table = Table::new(node, sink)?;
    let objects = table.texts_by_name("objects");
    let steps = table
        .optional("steps")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let answer = table.required("answer").cloned();
    table.finish();
    let steps: Vec<_> = steps
        .into_iter()
        .map(|(name, node)| step(name, &node, sink))
        .collect();
    let steps: Option<Vec<_>> = steps.into_iter().collect();
    Some(MappingScript {
        objects,
        steps: steps?,
        answer: answer?,
    })
}

fn step(name: Text, node: &Node, sink: &Sink) -> Option<MappingScriptStep> {
    let mut table = Table::new(node, sink)?;
    let call = call::keys(&mut table, sink);
    let only_if = table.optional("only_if").cloned();
    let unless = table.optional("unless").cloned();
    let object = table.optional_text("object");
    let not_object = table.optional_text("not_object");
    let remembered = table.flag("remembered");
    let credential = table.optional_text("credential");
    let ignore = table
        .texts("ignore")
        .iter()
        .filter_map(|text| status(text, sink))
        .collect();
    let pages = table.optional("pages").and_then(|node| {
        let mut table = Table::new(node, sink)?;
        let pages = (
            table.text("rows"),
            table.text("next"),
            table.text("parameter"),
        );
        table.finish();
        Some((pages.0?, pages.1?, pages.2?))
    });
    let failed_if = table.optional("failed_if").and_then(|node| {
        let mut table = Table::new(node, sink)?;
        let (path, equals) = (table.text("path"), table.text("equals"));
        let (code, message) = (table.text("code"), table.text("message"));
        table.finish();
        Some(MappingFailedIf {
            path: path?,
            equals: equals?,
            code: code?,
            message: message?,
        })
    });
    table.finish();
    Some(MappingScriptStep {
        name,
        call: call?,
        only_if,
        unless,
        object,
        not_object,
        remembered,
        pages,
        ignore,
        failed_if,
        credential,
    })
}

fn status(text: &Text, sink: &Sink) -> Option<Spanned<u16>> {
    if let Ok(value @ 300..=599) = text.value.parse() {
        return Some(Spanned {
            value,
            span: text.span,
        });
    }
    let message = format!("expected a status from 300 to 599, found `{}`", text.value);
    sink.push(Diagnostic::new("wrong-kind", message, text.span));
    None
}
