//! Native records that have come, on their way to unified ones.

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    Context, NativeRequest, NativeResponse,
    beside::Reading,
    entity::{Entity, Output},
    native,
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
            reading: Reading::new(entity.beside),
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
            self.warn_of_missing(row, output)?;
        }
        (self.entity.encode)(native::parse(row)?, self.reading.beside(), output)
    }

    /// Some providers leave out what the connected user may not see, or what does not exist, without a word.
    fn warn_of_missing(&self, row: &Bytes, output: &mut Output) -> Result<(), Error> {
        let Some(member) = self.entity.form.fields_in else {
            return Ok(());
        };
        let row: HashMap<Cow<'_, str>, &RawValue> = native::parse(row)?;
        let Some(fields) = row.get(member) else {
            return Ok(());
        };
        let fields: HashMap<Cow<'_, str>, &RawValue> = native::parse(fields.get().as_bytes())?;
        for name in self.entity.selection {
            if !fields.contains_key(*name) {
                output.warnings.hidden(name);
            }
        }
        Ok(())
    }
}
