//! The envelopes of the unified API's answers, written around records that are JSON already.

use super::{entity::Output, paging::Next, warning::Warnings};

/// `{record, warnings?}`.
pub fn record(output: &Output) -> Vec<u8> {
    let record = output.json();
    let mut body = Vec::with_capacity(record.len() + 32);
    body.extend_from_slice(b"{\"record\":");
    body.extend_from_slice(record);
    end(body, &output.warnings)
}

/// `{next_cursor, has_next_page, items, warnings?}`.
pub fn page(next: &Next, output: &Output) -> Vec<u8> {
    let items = output.json();
    let mut body = Vec::with_capacity(items.len() + 512);
    body.extend_from_slice(b"{\"next_cursor\":");
    push(&mut body, &next.cursor);
    body.extend_from_slice(b",\"has_next_page\":");
    push(&mut body, &next.has_next_page);
    body.extend_from_slice(b",\"items\":[");
    body.extend_from_slice(items);
    body.push(b']');
    end(body, &output.warnings)
}

fn end(mut body: Vec<u8>, warnings: &Warnings) -> Vec<u8> {
    if !warnings.is_empty() {
        body.extend_from_slice(b",\"warnings\":");
        push(&mut body, &warnings.as_slice());
    }
    body.push(b'}');
    body
}

fn push(body: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(body, value).expect("texts and truth values serialize");
}
