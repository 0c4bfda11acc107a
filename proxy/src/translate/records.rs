//! Native records that have come, on their way to unified ones.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Context, NativeRequest, NativeResponse,
    beside::{Beside, Reading},
    entity::{Entity, Output},
    hidden,
    scan::Scan,
};
use crate::{
    error::{Error, ProviderFault},
    upstream::provider::Provider,
};

/// A native record, and the answer that it came in.
#[derive(Debug, Clone)]
pub struct Row {
    json: Bytes,
    answer: Mark,
    /// Less was asked for it than is read of a record.
    is_lean: bool,
}

/// The mark of an answer, for what is wrong with a record in it.
#[derive(Debug, Clone)]
pub struct Mark {
    provider: &'static str,
    status: u16,
    correlation_id: Option<Arc<str>>,
}

impl Mark {
    pub fn of(provider: &Provider, response: &NativeResponse) -> Self {
        Self {
            provider: provider.name,
            status: response.status,
            correlation_id: response.correlation_id.clone(),
        }
    }

    /// Says of an error that it is about something in the answer.
    pub(super) fn put(&self, mut error: Error) -> Error {
        if error.provider.is_none() {
            error.provider = Some(Box::new(ProviderFault {
                name: self.provider,
                status: self.status,
                correlation_id: self.correlation_id.as_deref().map(str::to_owned),
                ..ProviderFault::default()
            }));
        }
        error
    }

    pub fn row(&self, json: Bytes) -> Row {
        Row {
            json,
            answer: self.clone(),
            is_lean: false,
        }
    }
}

impl Row {
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// Says that less was asked for it than is read of a record.
    #[must_use]
    pub fn lean(self) -> Self {
        Self {
            is_lean: true,
            ..self
        }
    }
}

/// Records, and what is still to be read beside them.
#[derive(Debug)]
pub struct Records {
    entity: &'static Entity,
    rows: Vec<Row>,
    reading: Reading,
}

impl Records {
    pub fn new(entity: &'static Entity, rows: Vec<Row>) -> Self {
        Self {
            entity,
            rows,
            reading: Reading::new(entity.beside, entity.form.fields_in),
        }
    }

    /// The calls for what is beside the records; none when all has been read.
    pub fn calls(&mut self, cx: &Context) -> Result<Vec<NativeRequest>, Error> {
        self.reading.calls(cx, &self.rows)
    }

    pub fn read(
        &mut self,
        cx: &Context,
        responses: &[NativeResponse],
        output: &mut Output,
    ) -> Result<(), Error> {
        self.reading.read(cx, responses, &mut output.warnings)
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many bytes the native records have.
    pub fn size(&self) -> usize {
        self.rows.iter().map(|row| row.json.len()).sum()
    }

    /// Writes all records.
    pub fn encode(&self, output: &mut Output) -> Result<(), Error> {
        // One record tells for all: what was asked for is in each of them, as null where it is not set.
        if let Some(row) = self.rows.iter().find(|row| !row.is_lean) {
            warn_of_missing(self.entity, row.json(), output)?;
        }
        self.rows
            .iter()
            .try_for_each(|row| self.encode_one(row, output))
    }

    /// Writes one of the records.
    pub fn encode_one(&self, row: &Row, output: &mut Output) -> Result<(), Error> {
        encode(self.entity, row.json(), self.reading.beside(), output)
            .map_err(|error| row.answer.put(error))
    }
}

/// Warns of fields that were asked for and are not in a record, which tells for all of its answer.
pub(super) fn warn_of_missing(
    entity: &Entity,
    record: &[u8],
    output: &mut Output,
) -> Result<(), Error> {
    let names = entity.selection.iter().copied();
    hidden::warn_of_missing(record, entity.form.fields_in, names, &mut output.warnings)
}

/// Writes the unified record of a native one, which is the whole text.
pub(super) fn encode(
    entity: &Entity,
    record: &[u8],
    beside: &Beside,
    output: &mut Output,
) -> Result<(), Error> {
    let mut scan = Scan::of_bytes(record)?;
    (entity.encode)(&mut scan, beside, output)?;
    scan.end().map_err(|stop| scan.error(stop))
}
