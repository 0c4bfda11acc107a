//! `native_door` of `provider.yaml`, what callers may ask of the provider's own API, as typed syntax.

use super::Table;
use crate::{
    diagnostic::Sink,
    source::{Text, yaml::Node},
};

/// Which paths and headers pass.
#[derive(Debug, Default)]
pub struct MappingNativeDoor {
    /// What paths begin with; empty: every path may be asked for.
    pub open: Vec<Text>,
    /// What the paths of those begin with that may not.
    pub closed: Vec<Text>,
    /// Headers of requests, beside those that mean the same everywhere.
    pub request_headers: Vec<Text>,
    /// The same of answers.
    pub answer_headers: Vec<Text>,
}

pub(super) fn native_door(node: &Node, sink: &Sink) -> Option<MappingNativeDoor> {
    let mut table = Table::new(node, sink)?;
    let door = MappingNativeDoor {
        open: table.texts("open"),
        closed: table.texts("closed"),
        request_headers: table.texts("request_headers"),
        answer_headers: table.texts("answer_headers"),
    };
    table.finish();
    Some(door)
}
