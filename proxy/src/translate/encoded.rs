//! One native record as a unified one, without a call around it: what tests hold against their own version of a mapping.

use super::{
    beside::Beside,
    entity::{Entity, Output},
    native,
    warning::{Warning, Warnings},
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

/// Encodes one native record. `with_losers` says that the records that were merged into it are told too, as lists of
/// changes do.
pub fn encode_record(
    entity: &Entity,
    record: &[u8],
    beside: &Beside,
    with_losers: bool,
) -> Result<EncodedRecord, Error> {
    let mut output = Output::new(Warnings::default());
    if with_losers {
        output = output.with_losers();
    }
    (entity.encode)(native::parse(record)?, beside, &mut output)?;
    Ok(EncodedRecord {
        json: output.json().to_vec(),
        warnings: output.warnings.as_slice().to_vec(),
        last_id: output.last_id().to_owned(),
    })
}
