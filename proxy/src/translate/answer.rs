//! The envelopes of the unified API's answers, written around records that are JSON already.

use super::{entity::Output, paging::Next, warning::Warnings};

/// What stands before the only record of an answer.
pub(super) const RECORD_BEGINS: &[u8] = b"{\"record\":";

/// What stands before the items of a page.
pub(super) const PAGE_BEGINS: &[u8] = b"{\"items\":[";

/// `{record, warnings?}`, of an output that begins so.
pub fn record(output: Output) -> Vec<u8> {
    let (body, warnings) = output.into_parts();
    end(body, &warnings)
}

/// `{items, next_cursor, has_next_page, warnings?}`, of an output that begins so. The items are first, so that they can be
/// told before the page has been read to its end.
pub fn page(next: &Next, output: Output) -> Vec<u8> {
    let (body, warnings) = output.into_parts();
    page_ends(body, next, &warnings)
}

/// What stands behind the items of a page, appended to `body`.
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
