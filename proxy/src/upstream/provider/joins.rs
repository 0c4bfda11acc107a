//! Single reads that a provider answers together, as data.

use super::NativeOperation;
use crate::translate::{call::Fields, json::Json, record_id::RecordIdForm};

/// A native call that reads one record, and the one that reads many.
#[derive(Debug)]
pub struct Join {
    pub single: &'static NativeOperation,
    /// The beginning of its path: a number into the connection's roots.
    pub root: usize,
    /// What follows in its path.
    pub path: &'static [JoinPart],
    /// The parameter of its query that lists the fields. A call with any other, or without it, stands alone.
    pub fields: &'static str,
    /// The form of ids; another one would spoil the call for others.
    pub record_id: RecordIdForm,
    pub many: &'static NativeOperation,
    pub many_root: usize,
    pub many_path: &'static [JoinPart],
    /// Writes the body of the call for many.
    pub body: fn(&mut Json, &[String], &Fields),
    /// The most ids of one call.
    pub max: usize,
    /// Where the rows are; empty: the body itself is the list.
    pub rows: &'static [&'static str],
    /// Where a row has its id.
    pub row_id: Option<&'static [&'static str]>,
    /// Whether there is one row for each id, in their order, and null for one without a record.
    pub in_order: bool,
}

/// A part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinPart {
    Text(&'static str),
    /// The record's id.
    Id,
    /// A parameter that both calls have: only those where it is the same are joined.
    Same(&'static str),
}
