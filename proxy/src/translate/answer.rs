//! The envelopes of the unified API's answers.

use serde::Serialize;

use super::{
    paging::Next,
    warning::{Warning, Warnings},
};

#[derive(Debug, Serialize)]
struct RecordAnswer<'w, T> {
    record: T,
    #[serde(skip_serializing_if = "<[Warning]>::is_empty")]
    warnings: &'w [Warning],
}

#[derive(Debug, Serialize)]
struct PageAnswer<'w, T> {
    next_cursor: Option<String>,
    has_next_page: bool,
    items: Vec<T>,
    #[serde(skip_serializing_if = "<[Warning]>::is_empty")]
    warnings: &'w [Warning],
}

/// `{record, warnings?}`.
pub fn record<T: Serialize>(record: T, warnings: &Warnings) -> Vec<u8> {
    to_json(&RecordAnswer {
        record,
        warnings: warnings.as_slice(),
    })
}

/// `{next_cursor, has_next_page, items, warnings?}`.
pub fn page<T: Serialize>(next: Next, items: Vec<T>, warnings: &Warnings) -> Vec<u8> {
    to_json(&PageAnswer {
        next_cursor: next.cursor,
        has_next_page: next.has_next_page,
        items,
        warnings: warnings.as_slice(),
    })
}

/// The records alone.
pub fn list<T: Serialize>(items: &[T]) -> Vec<u8> {
    to_json(&items)
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("records of texts, numbers and truth values serialize")
}
