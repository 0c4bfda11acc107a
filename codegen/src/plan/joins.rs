//! The plan of joined reads.

use super::{PlanJson, PlanPath};

/// A native call that reads one record, and the one that reads many.
#[derive(Debug, Clone)]
pub struct PlanJoin {
    /// Index into [`super::PlanProvider::operations`], as `many` is.
    pub single: usize,
    pub root: usize,
    pub path: Vec<PlanJoinPart>,
    /// The parameter of the query that lists the fields.
    pub fields: String,
    pub many: usize,
    pub many_root: usize,
    pub many_path: Vec<PlanJoinPart>,
    pub body: PlanJson,
    pub max: usize,
    pub rows: PlanPath,
    pub row_id: Option<PlanPath>,
    pub in_order: bool,
}

/// A part of a path, as it follows a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanJoinPart {
    Text(String),
    Id,
    /// A parameter that both calls have.
    Same(String),
}
