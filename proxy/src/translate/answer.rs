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

/// `{items, next_cursor, has_next_page, warnings?}`. The items are first, so that they can be told before the page has
/// been read to its end.
pub fn page(next: &Next, output: &Output) -> Vec<u8> {
    let items = output.json();
    let mut body = Vec::with_capacity(items.len() + 512);
    body.extend_from_slice(PAGE_BEGINS);
    body.extend_from_slice(items);
    page_ends(body, next, &output.warnings)
}

/// What stands before the items of a page.
pub(super) const PAGE_BEGINS: &[u8] = b"{\"items\":[";

/// What stands behind them, appended to `body`.
pub(super) fn page_ends(mut body: Vec<u8>, next: &Next, warnings: &Warnings) -> Vec<u8> {
    body.extend_from_slice(b"],\"next_cursor\":");
    push(&mut body, &next.cursor);
    body.extend_from_slice(b",\"has_next_page\":");
    push(&mut body, &next.has_next_page);
    end(body, warnings)
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
