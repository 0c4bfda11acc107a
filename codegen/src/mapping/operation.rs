//! Unified operations as typed syntax: lists, batches, steps and upserts.

use super::{
    Table,
    call::{self, MappingCall},
    entries, texts,
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{
        Span, Spanned, Text,
        yaml::{Node, NodeKind},
    },
};

#[derive(Debug)]
pub struct MappingList {
    pub default_size: Spanned<u32>,
    pub max_size: Spanned<u32>,
    /// One native list, or several that are read one after the other.
    pub full: Vec<MappingPager>,
    pub changes: Vec<MappingPager>,
    pub complete: Option<MappingComplete>,
}

#[derive(Debug)]
pub struct MappingPager {
    pub call: MappingCall,
    pub max: Option<Spanned<u32>>,
    pub rows: Option<Text>,
    pub next: Option<Text>,
    pub more: Option<Text>,
    pub keep: Option<Text>,
    pub overlap_seconds: Option<Spanned<u32>>,
}

#[derive(Debug)]
pub struct MappingComplete {
    pub over: Spanned<u32>,
    pub lean: Vec<Text>,
    pub batch: MappingBatch,
}

#[derive(Debug)]
pub struct MappingBatch {
    pub call: MappingCall,
    pub max: Spanned<u32>,
    pub rows: Option<Text>,
}

#[derive(Debug)]
pub struct MappingStep {
    pub name: Text,
    /// The parts of a bundle, each with its name; a lone call has none.
    pub calls: Vec<(Option<Text>, MappingStepCall)>,
    /// Where `bundle` stands, if the calls go in one round trip.
    pub bundle: Option<Span>,
    /// Where `atomic: true` stands, if nothing of the bundle is to be carried out when one part fails.
    pub atomic: Option<Span>,
    pub if_empty: Option<Text>,
    pub on: Vec<(Spanned<u16>, Text)>,
    pub otherwise: Option<Text>,
    pub then: Option<Text>,
}

#[derive(Debug)]
pub struct MappingStepCall {
    pub call: MappingCall,
    pub id: Option<Text>,
    pub record: bool,
    /// The list in the answer whose only row the record is.
    pub rows: Option<Text>,
    pub on: Vec<(Spanned<u16>, Text)>,
    /// The input without which a part of a bundle is left out.
    pub only_if: Option<Text>,
}

#[derive(Debug)]
pub struct MappingUpsert {
    pub span: Span,
    /// Without a key where it has a fault, which has been reported.
    pub keys: Vec<(Text, Option<MappingKey>)>,
    pub refused_keys: Vec<(Text, Text)>,
    pub recent: Option<MappingCall>,
    pub none: Text,
    pub one: Text,
    pub steps: Vec<MappingStep>,
}

#[derive(Debug)]
pub struct MappingKey {
    pub name: Text,
    pub normalize: &'static str,
    pub set: Text,
    pub omit_from_changes: bool,
    /// The native fields in which a row that was found must have the key; none where every row counts.
    pub matches: Vec<Text>,
    pub find: MappingFind,
    pub direct: Option<MappingDirect>,
}

#[derive(Debug)]
pub struct MappingFind {
    pub call: MappingCall,
    pub rows: Option<Text>,
    pub next: Option<Text>,
    /// Where it says that the rows may be old.
    pub stale: Option<Span>,
    pub id: Option<Text>,
    pub split: Option<Spanned<u32>>,
    pub max: Option<Spanned<u32>>,
}

#[derive(Debug)]
pub struct MappingDirect {
    pub step: Text,
    pub plain_value: bool,
    pub record_keeps_key: bool,
}

pub(crate) fn list(node: &Node, sink: &Sink) -> Option<MappingList> {
    let mut table = Table::new(node, sink)?;
    let page_size = table.required("page_size");
    let full = table.required("full").map(|node| pagers(node, sink));
    let changes = table.optional("changes").map(|node| pagers(node, sink));
    let complete = table.optional("complete").map(|node| complete(node, sink));
    table.finish();
    let mut page_size = Table::new(page_size?, sink)?;
    let default_size = required_integer(&mut page_size, "default");
    let max_size = required_integer(&mut page_size, "max");
    page_size.finish();
    Some(MappingList {
        default_size: default_size?,
        max_size: max_size?,
        full: full??,
        changes: match changes {
            Some(changes) => changes?,
            None => Vec::new(),
        },
        complete: match complete {
            Some(complete) => Some(complete?),
            None => None,
        },
    })
}

/// One native list or several.
fn pagers(node: &Node, sink: &Sink) -> Option<Vec<MappingPager>> {
    let nodes = match &node.kind {
        NodeKind::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    // All of them are read, so that each says what is wrong with it.
    let pagers: Vec<_> = nodes.iter().map(|node| pager(node, sink)).collect();
    pagers.into_iter().collect()
}

fn complete(node: &Node, sink: &Sink) -> Option<MappingComplete> {
    let mut table = Table::new(node, sink)?;
    let over = required_integer(&mut table, "over");
    let lean = table.texts("lean");
    let batch = batch_keys(&mut table, sink);
    table.finish();
    Some(MappingComplete {
        over: over?,
        lean,
        batch: batch?,
    })
}

fn pager(node: &Node, sink: &Sink) -> Option<MappingPager> {
    let mut table = Table::new(node, sink)?;
    let call = call::keys(&mut table, sink);
    let max = table.integer("max");
    let rows = table.optional_text("rows");
    let next = table.optional_text("next");
    let more = table.optional_text("more");
    let keep = table.optional_text("keep");
    let overlap_seconds = table.integer("overlap_seconds");
    table.finish();
    Some(MappingPager {
        call: call?,
        max,
        rows,
        next,
        more,
        keep,
        overlap_seconds,
    })
}

pub(crate) fn batch(node: &Node, sink: &Sink) -> Option<MappingBatch> {
    let mut table = Table::new(node, sink)?;
    let batch = table.required("batch");
    table.finish();
    let mut table = Table::new(batch?, sink)?;
    let batch = batch_keys(&mut table, sink);
    table.finish();
    batch
}

/// The keys of a call that reads records by their ids.
fn batch_keys(table: &mut Table<'_>, sink: &Sink) -> Option<MappingBatch> {
    let call = call::keys(table, sink);
    let max = required_integer(table, "max");
    let rows = table.optional_text("rows");
    Some(MappingBatch {
        call: call?,
        max: max?,
        rows,
    })
}

/// Without any fault: a step that is left out would be missed by others.
pub(crate) fn steps(node: &Node, sink: &Sink) -> Option<Vec<MappingStep>> {
    let steps = entries(node, sink);
    steps
        .into_iter()
        .map(|(name, node)| step(name, &node, sink))
        // All of them are read, so that each says what is wrong with it.
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

fn step(name: Text, node: &Node, sink: &Sink) -> Option<MappingStep> {
    let mut table = Table::new(node, sink)?;
    let bundle = table.optional("bundle");
    let is_atomic = table.flag("atomic");
    let atomic = table.optional("atomic").map(|node| node.span);
    let then = table.optional_text("then");
    let otherwise = table.optional_text("otherwise");
    let if_empty = table.optional_text("if_empty");
    let (calls, on) = if let Some(bundle) = bundle {
        let parts: Vec<Option<_>> = entries(bundle, sink)
            .into_iter()
            .map(|(name, node)| {
                let mut table = Table::new(&node, sink)?;
                let call = step_call(&mut table, sink);
                table.finish();
                Some((Some(name), call?))
            })
            .collect();
        let calls: Option<Vec<_>> = parts.into_iter().collect();
        (calls.unwrap_or_default(), routes(&mut table, sink))
    } else {
        // A lone call: its `on` is the step's.
        let mut call = step_call(&mut table, sink);
        let on = call
            .as_mut()
            .map_or_else(Vec::new, |call| std::mem::take(&mut call.on));
        (call.into_iter().map(|call| (None, call)).collect(), on)
    };
    table.finish();
    if calls.is_empty() {
        return None;
    }
    let bundle = bundle.map(|node| node.span);
    Some(MappingStep {
        name,
        calls,
        bundle,
        atomic: atomic.filter(|_| is_atomic),
        if_empty,
        on,
        otherwise,
        then,
    })
}

fn step_call(table: &mut Table<'_>, sink: &Sink) -> Option<MappingStepCall> {
    let call = call::keys(table, sink);
    let id = table.optional_text("id");
    let record = table.flag("record");
    let rows = table.optional_text("rows");
    let on = routes(table, sink);
    let only_if = table.optional_text("only_if");
    Some(MappingStepCall {
        call: call?,
        id,
        record,
        rows,
        on,
        only_if,
    })
}

/// `on: { 404: create }`.
fn routes(table: &mut Table<'_>, sink: &Sink) -> Vec<(Spanned<u16>, Text)> {
    let mut routes = Vec::new();
    for (status, step) in table.texts_by_name("on") {
        if let Ok(code @ 300..=599) = status.value.parse() {
            routes.push((
                Spanned {
                    value: code,
                    span: status.span,
                },
                step,
            ));
        } else {
            let message = format!(
                "expected a status from 300 to 599, found `{}`",
                status.value
            );
            sink.push(Diagnostic::new("wrong-kind", message, status.span));
        }
    }
    routes
}

pub(crate) fn upsert(node: &Node, sink: &Sink) -> Option<MappingUpsert> {
    let mut table = Table::new(node, sink)?;
    let keys = table
        .required("keys")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let refused_keys = table.texts_by_name("refused_keys");
    let recent = table.optional("recent").map(|node| call::call(node, sink));
    let created_by = table.text("none");
    let updated_by = table.text("one");
    let steps_node = table.required("steps");
    let span = table.span;
    table.finish();
    let keys = keys
        .into_iter()
        .map(|(name, node)| {
            let key = key(&name, &node, sink);
            (name, key)
        })
        .collect();
    let steps = steps(steps_node?, sink)?;
    let recent = match recent {
        Some(recent) => Some(recent?),
        None => None,
    };
    Some(MappingUpsert {
        span,
        keys,
        refused_keys,
        recent,
        none: created_by?,
        one: updated_by?,
        steps,
    })
}

fn key(name: &Text, node: &Node, sink: &Sink) -> Option<MappingKey> {
    let mut table = Table::new(node, sink)?;
    let normalize = table.choice("normalize", &["host", "website", "email", "exact"]);
    let set = table.text("set");
    let omit_from_changes = table.flag("omit_from_changes");
    let matches = table.required("match").and_then(|node| matches(node, sink));
    let find = table.required("find").and_then(|node| find(node, sink));
    let direct = table.optional("direct").map(|node| direct(node, sink));
    table.finish();
    let direct = match direct {
        Some(direct) => Some(direct?),
        None => None,
    };
    Some(MappingKey {
        name: name.clone(),
        normalize: normalize?,
        set: set?,
        omit_from_changes,
        // A fault in it has been told.
        matches: matches.unwrap_or_default(),
        find: find?,
        direct,
    })
}

/// `match: [Website]`, or `match: every_row`.
fn matches(node: &Node, sink: &Sink) -> Option<Vec<Text>> {
    match &node.kind {
        NodeKind::List(elements) if !elements.is_empty() => Some(texts(node, sink)),
        NodeKind::Scalar { text, .. } if text == "every_row" => Some(Vec::new()),
        _ => {
            let message = "expected a list of native fields that must have the key, or `every_row`";
            let help = "`every_row` trusts the provider to find nothing but exact matches";
            sink.push(Diagnostic::new("unknown-choice", message, node.span).help(help));
            None
        }
    }
}

fn find(node: &Node, sink: &Sink) -> Option<MappingFind> {
    let mut table = Table::new(node, sink)?;
    let call = call::keys(&mut table, sink);
    let rows = table.optional_text("rows");
    let next = table.optional_text("next");
    let stale_at = table.optional("stale").map(|node| node.span);
    let stale = table.flag("stale");
    let id = table.optional_text("id");
    let split = table.integer("split");
    let max = table.integer("max");
    table.finish();
    Some(MappingFind {
        call: call?,
        rows,
        next,
        stale: stale_at.filter(|_| stale),
        id,
        split,
        max,
    })
}

fn direct(node: &Node, sink: &Sink) -> Option<MappingDirect> {
    let mut table = Table::new(node, sink)?;
    let step = table.text("step");
    let conditions = table.texts("only_if");
    table.finish();
    let known = ["plain_value", "record_keeps_key"];
    for condition in conditions
        .iter()
        .filter(|condition| !known.contains(&condition.as_str()))
    {
        let message = format!("`{}` is not a condition of `only_if`", condition.value);
        sink.push(
            Diagnostic::new("unknown-choice", message, condition.span)
                .nearest(&condition.value, known),
        );
    }
    let has = |name: &str| conditions.iter().any(|condition| condition.value == name);
    Some(MappingDirect {
        step: step?,
        plain_value: has("plain_value"),
        record_keeps_key: has("record_keeps_key"),
    })
}

fn required_integer(table: &mut Table<'_>, key: &'static str) -> Option<Spanned<u32>> {
    table.required(key)?;
    table.integer(key)
}
