//! One native record as a unified one, without a call around it: what tests hold against their own version of a mapping.

use super::{
    beside::Beside,
    entity::{Entity, Output},
    records,
    warning::Warning,
};
use crate::error::Error;

/// A unified record as it goes into an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedRecord {
    /// JSON; with commas between them the record and those that it has swallowed.
    pub json: Vec<u8>,
    pub warnings: Vec<Warning>,
    /// The id that a list goes on after.
    pub last_id: String,
}

/// Encodes one native record into an `output` that is empty, and says whether native records and those that were merged
/// into others are told.
pub fn encode_record(
    entity: &Entity,
    record: &[u8],
    beside: &Beside,
    mut output: Output,
) -> Result<EncodedRecord, Error> {
    records::encode(entity, record, beside, &mut output)?;
    Ok(EncodedRecord {
        json: output.json().to_vec(),
        warnings: output.warnings.as_slice().to_vec(),
        last_id: output.last_id().into_owned(),
    })
}
