//! Native records that have come, on their way to unified ones.

use bytes::Bytes;

use super::{
    Context, NativeRequest, NativeResponse,
    beside::Reading,
    entity::{Entity, Output},
    hidden, native,
};
use crate::error::Error;

/// Records, and what is still to be read beside them.
#[derive(Debug)]
pub struct Records {
    entity: &'static Entity,
    rows: Vec<Bytes>,
    reading: Reading,
}

impl Records {
    pub fn new(entity: &'static Entity, rows: Vec<Bytes>) -> Self {
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

    pub fn rows(&self) -> &[Bytes] {
        &self.rows
    }

    /// Writes all records.
    pub fn encode(&self, output: &mut Output) -> Result<(), Error> {
        self.rows
            .iter()
            .try_for_each(|row| self.encode_one(row, output))
    }

    /// Writes one of the records.
    pub fn encode_one(&self, row: &Bytes, output: &mut Output) -> Result<(), Error> {
        // One record tells for all: what was asked for is in each of them, as null where it is not set.
        if output.is_empty() {
            let names = self.entity.selection.iter().copied();
            let fields_in = self.entity.form.fields_in;
            hidden::warn_of_missing(native::parse(row)?, fields_in, names, &mut output.warnings)?;
        }
        (self.entity.encode)(native::parse(row)?, self.reading.beside(), output)
    }
}
